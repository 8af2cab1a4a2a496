"""Whether the book was kept without a break: gaps, recoveries, silences, attempts that were cut off. Pure.

A server writes at least one record a minute, a heartbeat where there is nothing else. So a longer pause between two
records is a silence: the server was stopped (the record before says so), or it did not run, or its clock jumped, or
records are missing; the Merkle tree rules out the last as far as heads are witnessed. Logs whose writer knew no
heartbeats, and those of commands without a server (``…/admin``), promise nothing, and no silence is told of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

SILENCE_SECONDS = 150.0
"""Two heartbeats and half a minute."""

MOST_KEPT = 1000
NEWS = (
    "gap",
    "recovered",
    "admin.clock_went_back",
    "admin.stopped",
    "admin.anchor_lost",
    "admin.anchor_back",
    "admin.anchor_conflict",
)
"""Events that tell of breaks, or of what keeps the book from being witnessed."""

BREAKS = frozenset({"gap", "recovered", "admin.anchor_conflict"})
"""Those after which something may be missing, or in doubt."""

_STOPPED = "admin.stopped"
_HEARTBEAT = "heartbeat"


@dataclass(frozen=True)
class Silence:
    """A pause. ``stopped``: within it the server was ended in order."""

    log: str
    since: str
    until: str
    seconds: int
    stopped: bool


@dataclass(frozen=True)
class News:
    """A record that tells of a break."""

    log: str
    time: str
    type: str
    details: Mapping[str, Any]


class Continuity:
    """Reads the records of one log, in order, then those of the next: :meth:`begin` says which.

    Args:
        whole: every record of a period is read; of some of them no silence can be told.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self.whole = whole
        self._pauses: list[Silence] = []
        self._stops: dict[str, list[str]] = {}  # times by origin: a server says it once, in one of its logs
        self.news: list[News] = []
        self.interrupted = 0
        self.first = self.last = ""
        self._log = self._origin = ""
        self._before = ""  # time of the record before
        self._promised = False

    @property
    def silences(self) -> list[Silence]:
        """Return all pauses, in the order of logs."""
        return [replace(each, stopped=self._was_stopped(each)) for each in self._pauses]

    @property
    def breaks(self) -> int:
        """How many breaks there are that nobody made in order."""
        told = sum(1 for news in self.news if news.type in BREAKS)
        return told + sum(1 for silence in self.silences if not silence.stopped)

    def begin(self, log: str) -> None:
        self._log, self._before, self._promised = log, "", False
        self._origin = log.rpartition("/")[0]

    def read(self, record: Mapping[str, Any]) -> None:
        time, kind = str(record["time"]), str(record["type"])
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)
        self.interrupted += kind == "outcome" and record.get("status") == "interrupted"
        if kind in NEWS and len(self.news) < MOST_KEPT:
            self.news.append(News(self._log, time, kind, record.get("details") or {}))
        if self._promised and self._before:
            self._pause(self._before, time)
        if kind == _STOPPED:
            self._stops.setdefault(self._origin, []).append(time)
        promises = kind == _HEARTBEAT and self.whole and not self._origin.endswith("/admin")
        self._promised = self._promised or promises
        self._before = time

    def _pause(self, before: str, time: str) -> None:
        seconds = (_instant(time) - _instant(before)).total_seconds()
        if seconds > SILENCE_SECONDS and len(self._pauses) < MOST_KEPT:
            self._pauses.append(Silence(self._log, before, time, round(seconds), stopped=False))

    def _was_stopped(self, pause: Silence) -> bool:
        return any(pause.since <= time <= pause.until for time in self._stops.get(pause.log.rpartition("/")[0], ()))


def _instant(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))
