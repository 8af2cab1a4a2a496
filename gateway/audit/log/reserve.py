"""Space kept back for the closing records, for the day the disk is full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gateway.audit.log.growing import Tampered

RESERVE_BYTES = 1024 * 1024
"""About 2,000 outcome records, more than can be in flight."""


class Reserve:
    """A file that holds nothing but its place."""

    def __init__(self, folder: Path, size_bytes: int = RESERVE_BYTES) -> None:
        self._path = folder / "reserve"
        self._bytes = size_bytes

    def take(self) -> bool:
        """Take the space, if as much again stays free. Returns whether the reserve is there."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, self._bytes)
            disk = os.fstatvfs(descriptor)
            enough = disk.f_bavail * disk.f_frsize >= self._bytes
        except OSError:
            enough = False
        finally:
            os.close(descriptor)
        if not enough:
            self.release()
        return enough

    def check(self) -> None:
        """Raise Tampered unless the space is kept back."""
        try:
            found = self._path.stat().st_size
        except OSError:
            found = 0
        if found != self._bytes:
            raise Tampered(f"{self._path.name} is gone or was cut")

    def release(self) -> None:
        """Give the space back. Never raises."""
        with contextlib.suppress(OSError):
            os.truncate(self._path, 0)
