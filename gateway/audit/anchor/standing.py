"""Where a log stands with those who saw it: how far it is witnessed, and since when the rest is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.anchor.heads import LogHead, log_heads
from gateway.audit.anchor.witnesses import Witnessed, witnessed, witnessed_size
from gateway.audit.log.proof import record_at
from gateway.audit.log.pruned import begin


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
    """Return how all logs below the audit folder stand, by name. Raises OSError, ValueError."""
    return [standing(head) for head in log_heads(base)]


def standing(head: LogHead) -> Standing:
    """Return how a log stands. Raises OSError, ValueError."""
    found = witnessed(head.folder, head.size)
    since = _oldest(head, found.size)
    return Standing(head, found, since)


def unwitnessed_since(base: Path) -> str:
    """Return the time of the oldest record, of any log, that nobody saw elsewhere; empty when there is none.

    Reads the ends of files only. Raises OSError, ValueError.
    """
    oldest = (_oldest(head, witnessed_size(head.folder, head.size)) for head in log_heads(base))
    return min(filter(None, oldest), default="")


def _oldest(head: LogHead, witnessed: int) -> str:
    """Return the time of the first record, from ``witnessed`` on, that is still here; empty where there is none.

    Raises:
        OSError, ValueError: it should be here, and cannot be read.
    """
    if witnessed >= head.size:
        return ""
    time = time_of(head.folder, max(witnessed, begin(head.folder).first))
    if not time:
        raise ValueError("a record under a signed head cannot be read")
    return time


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
