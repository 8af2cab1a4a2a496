"""``sekisho audit index``: what makes searching fast. It can be made again from the log at any time.

The running server keeps it up to date; without one a search does so itself, and these commands do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.past import log_folders
from gateway.cli.session import ANSWERED_NO, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.index.build import Done
    from gateway.settings import Settings

View = dict[str, Any]

app = group("index", "The index that makes searching fast; made again from the log at any time.")

_COLUMNS = ("log", "records", "in the index", "not readable")
_NEAR = 1024  # records that a search reads beside the index without being slower
_WAIT_SECONDS = 15.0  # for the server to let go of an index: it works on it for five seconds at a time

Check = Annotated[bool, typer.Option("--check", help="Look through the whole database for damage.")]


@command(app, "status", examples=["sekisho audit index status", "sekisho audit index status --check --json"])
def status(session: Session, check: Check = False) -> None:
    """Say how far the index is. Leaves with 1 when it is damaged, or behind by more than searches make up for."""
    from gateway.audit.index.state import state_of

    log_folders(session.settings)  # says so where there is none
    with session.output.progress("Looking at the index"):
        sites = [state_of(*_folders(session.settings), site, check=check) for site in _sites(session.settings)]
    good = all(site.good for site in sites)
    rows = [(log.name, str(log.records), str(log.indexed), str(log.unread)) for site in sites for log in site.logs]
    for site in sites:
        session.output.note(f"{site.site}: {site.problem or f'{site.bytes / 1e6:.1f} MB, {site.records} records'}")
    data = {"ok": good, "sites": [site.as_dict() for site in sites]}
    session.output.table("Index", _COLUMNS, rows, data)
    if not good:
        raise typer.Exit(ANSWERED_NO)


@command(app, "rebuild", examples=["sekisho audit index rebuild"])
def rebuild(session: Session) -> None:
    """Throw the index away and make it again from the log. Searches read the log meanwhile; requests notice nothing."""
    log_folders(session.settings)
    data = []
    for site in _sites(session.settings):
        done = _run(session, site, again=True)
        if done is None:
            mend = "Try again when it is done: sekisho audit index status"
            raise SetupError("Another process is working on the index.", mend)
        data.append({"site": site, "records": done.rows})
    session.output.result(
        {"sites": data}, *(f"{one['site']}: {one['records']} records are in the index." for one in data)
    )


def bring_up_to_date(session: Session, seconds: float) -> None:
    """Add to the index what is new in the logs, for so long at most; says what it had to make again.

    Nothing is done where the index cannot be written, or another process does it: then a search reads the log.
    """
    from gateway.audit.index.source import sites

    for site in sites(session.settings.data / "audit"):
        with suppress(OSError):
            done = _run(session, site, seconds=seconds)
            if done and done.rebuilt and done.rows > _NEAR:
                session.output.note(f"The index of {site} was made again: {done.rebuilt}.")
            if done and not done.whole:
                mend = "sekisho audit index rebuild"
                session.output.note(f"The index of {site} is not whole yet; the log is read. To finish it: {mend}")


def _run(session: Session, site: str, *, seconds: float = float("inf"), again: bool = False) -> Done | None:
    """Update or rebuild the index of a site; ``None`` when another process is at it. Raises OSError, SetupError.

    To rebuild it, the server's next pause is waited for.
    """
    from gateway.audit.index import build, store

    audit, folder = _folders(session.settings)
    with store.locked(folder, site, within_seconds=_WAIT_SECONDS if again else 0.0) as free:
        if not free:
            return None
        work = build.rebuild if again else build.update
        total = sum(log.records for log in _lengths(session.settings, site)) if again else 0
        if not again:
            return work(audit, folder, site, seconds=seconds)
        with session.output.bar(f"Indexing {site}") as progress:
            return work(audit, folder, site, seconds=seconds, progress=_of(progress, total))


def _of(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    return lambda rows: progress(rows, total)


def _lengths(settings: Settings, site: str) -> Any:
    from gateway.audit.index.state import state_of

    return state_of(*_folders(settings), site).logs


def _sites(settings: Settings) -> list[str]:
    from gateway.audit.index.source import sites

    return sites(settings.data / "audit")


def _folders(settings: Settings) -> tuple[Any, Any]:
    return settings.data / "audit", settings.state / "audit-index"
