"""Whether the book was kept without a break: gaps, recoveries, silences, attempts that were cut off. Pure.

A server writes at least one record a minute, a heartbeat where there is nothing else. So a longer pause between two
records is a silence: the server was stopped (the record before says so), or it did not run, or its clock jumped, or
records are missing; the Merkle tree rules out the last as far as heads are witnessed. Logs whose writer knew no
heartbeats, and those of commands without a server (``…/admin``), promise nothing, and no silence is told of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    """A pause. ``stopped``: the last record before it says that the server was ended in order."""

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
        self.silences: list[Silence] = []
        self.news: list[News] = []
        self.interrupted = 0
        self.first = self.last = ""
        self._log = ""
        self._before: tuple[str, str] | None = None  # time and type of the record before
        self._promised = False

    @property
    def breaks(self) -> int:
        """How many breaks there are that nobody made in order."""
        told = sum(1 for news in self.news if news.type in BREAKS)
        return told + sum(1 for silence in self.silences if not silence.stopped)

    def begin(self, log: str) -> None:
        self._log, self._before, self._promised = log, None, False

    def read(self, record: Mapping[str, Any]) -> None:
        time, kind = str(record["time"]), str(record["type"])
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)
        self.interrupted += kind == "outcome" and record.get("status") == "interrupted"
        if kind in NEWS and len(self.news) < MOST_KEPT:
            self.news.append(News(self._log, time, kind, record.get("details") or {}))
        if self._promised and self._before:
            self._pause(*self._before, time)
        self._promised = self.whole and (self._promised or kind == _HEARTBEAT)
        self._before = (time, kind)

    def _pause(self, before: str, kind: str, time: str) -> None:
        seconds = (_instant(time) - _instant(before)).total_seconds()
        if seconds > SILENCE_SECONDS and len(self.silences) < MOST_KEPT:
            self.silences.append(Silence(self._log, before, time, round(seconds), kind == _STOPPED))


def _instant(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))
