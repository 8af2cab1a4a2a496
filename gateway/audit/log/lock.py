"""One writer per log: an exclusive lock on its folder."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from gateway.errors import SetupError

_TRIES = 10
_PAUSE_SECONDS = 0.02


class FolderLock:
    """``flock`` on the file ``lock``; the kernel gives it back when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._descriptor = -1

    def take(self) -> None:
        """Take the lock. Raises SetupError when another process writes this log.

        Tried for a fifth of a second, since a verifier holds it for an instant to see whether there is a writer.
        """
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_SECONDS)
            else:
                return
        self.release()
        problem = f"Another process writes the audit log {self.path.parent}."
        raise SetupError(problem, "Stop it first, or give this worker another name (site.worker).")

    def held(self) -> bool:
        """Whether the lock is still the one that others would take."""
        try:
            there = os.stat(self.path)
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == (os.fstat(self._descriptor).st_ino, os.fstat(self._descriptor).st_dev)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
