"""What a failure means for a log: which ones pass by themselves, and which stop it until a restart has looked at it.

=============================  ====================================================
no space                       *full*: the reserve is given back, tried again each second
the key is silent              *unsigned*: tried again each second
descriptors or memory short    *short*: tried again each second
a file or its folder is gone   *broken*: tampering
a sync failed                  *broken*: nobody knows what is on the disk
anything else                  *broken*
=============================  ====================================================
"""

from __future__ import annotations

from gateway.audit.log.disk import SHORT, SyncFailed
from gateway.audit.log.note import KeySilent
from gateway.audit.log.reserve import Reserve
from gateway.audit.log.trouble import DISK_FULL, GONE, KEY_SILENT, NO_SPACE, TAMPERED, UNAVAILABLE, Trouble


class Failing:
    """Judges failures of one log, and puts it into the state that follows."""

    def __init__(self, trouble: Trouble, reserve: Reserve) -> None:
        self._trouble, self._reserve = trouble, reserve

    def write(self, error: OSError) -> None:
        """A write failed, or what belongs to one."""
        if isinstance(error, SyncFailed):
            self.sync(error)
        elif error.errno in NO_SPACE:
            self.full()
        elif error.errno in GONE:  # what was written into is not there any more
            self._trouble.stop(TAMPERED, "a file or its folder is gone")
        elif isinstance(error, KeySilent):  # new requests are refused, closing records are written
            self._trouble.wait(KEY_SILENT, f"it cannot be signed: {error}")
        elif error.errno in SHORT:
            self._trouble.wait(UNAVAILABLE, f"a file cannot be opened now, {error.strerror}")
        else:
            self._trouble.stop(UNAVAILABLE, f"a write failed, {error.strerror}")

    def sync(self, error: OSError) -> None:
        """A sync failed. It is never tried again."""
        self._trouble.stop(DISK_FULL if error.errno in NO_SPACE else UNAVAILABLE, f"a sync failed, {error.strerror}")

    def full(self) -> None:
        """The disk has no room: the reserve makes some, for closing records."""
        self._reserve.release()
        self._trouble.wait(DISK_FULL, "its disk is full")

    def tampered(self, problem: Exception) -> None:
        """Something is not what was written."""
        self._trouble.stop(TAMPERED, str(problem))

    def bug(self, what: str) -> None:
        """A thread of ours has ended by an error of the program."""
        self._trouble.stop(UNAVAILABLE, what)
