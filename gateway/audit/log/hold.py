"""A legal hold: the file ``hold`` in a log's folder. While it is there, nothing of that log is pruned.

Nor is it while the log itself says that a hold was set and not that it ended: who deletes the file frees nothing.
"""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec

from gateway.audit.log import layout
from gateway.audit.log.disk import replace
from gateway.audit.log.reader import Filter, newest
from gateway.durable import sync_folder

SET, CLEARED = _EVENTS = ("admin.hold_set", "admin.hold_cleared")


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Since when (RFC 3339, UTC), by whom and why."""

    since: str
    by: str
    reason: str


def read(folder: Path) -> Hold | None:
    """Return the hold on a log, ``None`` when there is none. Raises OSError; EBADMSG where the file is damaged.

    A damaged file holds too: nobody may prune who cannot read it.
    """
    path = folder / layout.HOLD
    try:
        return msgspec.json.decode(path.read_bytes(), type=Hold)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise OSError(errno.EBADMSG, "damaged", str(path)) from error


def is_on_record(folder: Path) -> bool:
    """Whether the log's newest word is that it is held. Its records are there: nothing is pruned of a log that is held.

    Reads the log from its end to the event in question. Raises OSError.
    """
    latest = {type: [r["sequence"] for r in newest(folder, 1, Filter(type=type, text=f'"{type}"'))] for type in _EVENTS}
    return latest[SET] > latest[CLEARED]


def write(folder: Path, hold: Hold) -> None:
    """Hold a log, durably. Raises OSError."""
    replace(folder / layout.HOLD, msgspec.json.encode(hold), durable=True)


def clear(folder: Path) -> None:
    """End the hold, durably. Raises OSError."""
    (folder / layout.HOLD).unlink(missing_ok=True)
    sync_folder(folder)
