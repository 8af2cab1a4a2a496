"""Where a log stands with those who saw it: how far it is witnessed, and since when the rest is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.anchor.heads import LogHead, log_heads
from gateway.audit.anchor.witnesses import Witnessed, witnessed, witnessed_size
from gateway.audit.log.proof import record_at


@dataclass(frozen=True)
class Standing:
    """One log. ``since`` is the time of the oldest record that nobody saw elsewhere; empty when there is none.

    What follows the last signed head is not counted: it is at most a second old beside a server.
    """

    head: LogHead
    witnessed: Witnessed
    since: str

    @property
    def unwitnessed(self) -> int:
        return max(0, self.head.size - self.witnessed.size)

    def unwitnessed_seconds(self) -> float:
        return max(0.0, age_seconds(self.since)) if self.since else 0.0


def standings(base: Path) -> list[Standing]:
    """Return how all logs below the audit folder stand, by name. Raises OSError, NoteError."""
    return [standing(head) for head in log_heads(base)]


def standing(head: LogHead) -> Standing:
    """Return how a log stands. Raises OSError."""
    found = witnessed(head.folder, head.size)
    since = time_of(head.folder, found.size) if found.size < head.size else ""
    return Standing(head, found, since)


def unwitnessed_since(base: Path) -> str:
    """Return the time of the oldest record, of any log, that nobody saw elsewhere; empty when there is none.

    Reads the ends of files only. Raises OSError, NoteError.
    """
    found = ((head, witnessed_size(head.folder, head.size)) for head in log_heads(base))
    return min((time_of(head.folder, size) for head, size in found if size < head.size), default="")


def time_of(folder: Path, index: int) -> str:
    """Return the time of a record; empty where it is pruned or cannot be read. Raises OSError."""
    data = record_at(folder, index)
    try:
        return str(json.loads(data)["time"]) if data else ""
    except (ValueError, KeyError, TypeError):
        return ""


def age_seconds(time: str) -> float:
    """Return how long ago an RFC 3339 time was; 0 where it is none."""
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()
