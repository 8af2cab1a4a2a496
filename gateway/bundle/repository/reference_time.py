"""What time it is at least, for one who may turn back the clock but not take back what is written.

Example: the clock says 1970, the log's newest record is of today; metadata that ended yesterday have ended.
"""

from __future__ import annotations

from datetime import UTC, datetime


def latest(clock: datetime, *witnesses: datetime | None) -> datetime:
    """Return the latest of the clock and of what else bears witness, in UTC.

    Args:
        witnesses: the newest record of the audit log, when metadata were last accepted, when the running release was
            built; ``None`` where there is no such thing yet.

    Raises:
        ValueError: a time without a zone.
    """
    said = [clock, *(one for one in witnesses if one is not None)]
    if any(one.tzinfo is None for one in said):
        raise ValueError("a time needs a zone")
    return max(said).astimezone(UTC)
