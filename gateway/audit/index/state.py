"""How far an index is, and whether it is sound."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.audit.index import source, store
from gateway.audit.log import reader

NEAR = 8192
"""Records that an index may be behind: searches read so many beside it."""


@dataclass(frozen=True)
class LogState:
    """One log: its records that are still here, how many of them are in the index, how many are none."""

    name: str
    records: int
    indexed: int
    unread: int


@dataclass
class State:
    """The index of one site. ``problem`` says why it cannot be used, empty when it can.

    It is ``good`` when a search is whole and fast: a short log needs no index for that.
    """

    site: str
    problem: str = ""
    missing: bool = False
    bytes: int = 0
    logs: list[LogState] = field(default_factory=list)

    @property
    def records(self) -> int:
        return sum(log.indexed for log in self.logs)

    @property
    def behind(self) -> int:
        return sum(log.records - log.indexed for log in self.logs)

    @property
    def good(self) -> bool:
        return (self.missing or not self.problem) and self.behind <= NEAR

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "records": self.records, "behind": self.behind}


def state_of(audit: Path, folder: Path, site: str, *, check: bool = False) -> State:
    """Return how far the index of a site is. Raises OSError: a log cannot be read.

    Args:
        check: have SQLite look through the whole file.
    """
    state, path = State(site), store.path_of(folder, site)
    known: dict[str, tuple[int, int]] = {}
    try:
        with closing(store.open_to_read(path)) as database, store.fitness():
            rows = database.execute("SELECT name, next, unread FROM log")
            known = {name: (following, unread) for name, following, unread in rows}
            if check and database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise store.Unfit("it is damaged")
        state.bytes = path.stat().st_size
    except store.NoIndex:
        state.problem, state.missing = "there is no index yet", True
    except (store.Unfit, store.Trouble) as trouble:
        state.problem = f"the index cannot be used: {trouble}"
    for name, log in source.log_folders(audit, site).items():
        following, unread = known.get(name, (0, 0))
        first = reader.first_record(log)
        size = source.size_of(log, following)
        state.logs.append(LogState(name, size - first, max(0, following - first), unread))
    return state
