"""One file that only grows, and notices when somebody else touches it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.audit.log.disk import Disk


class Tampered(Exception):
    """A file of the log is not what was written: moved, deleted, cut, or too long. ``str()`` names it."""


class GrowingFile:
    """An open file with a known length. Not safe for use by several threads at once.

    Args:
        size: bytes it must have; a new file has none and must not exist yet.
    """

    def __init__(self, path: Path, disk: Disk, *, size: int = 0) -> None:
        self.path = path
        self.size = size
        self._disk = disk
        create = 0 if size or path.exists() else os.O_CREAT | os.O_EXCL
        self.is_new = bool(create)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | create, 0o600)

    def append(self, data: bytes) -> None:
        """Append all or nothing. Raises OSError."""
        self._disk.append(self._descriptor, data, self.size)
        self.size += len(data)

    def begin_writing(self) -> None:
        """Let the disk begin with what was appended. Promises nothing."""
        self._disk.begin_writing(self._descriptor)

    def sync(self) -> None:
        """Return once everything appended is on stable storage. Raises OSError."""
        self._disk.sync(self._descriptor)

    def check(self) -> None:
        """Raise Tampered unless the open file is the one at its path, with the length that was written."""
        here = os.fstat(self._descriptor)
        if here.st_nlink == 0:
            raise Tampered(f"{self.path.name} was deleted")
        if here.st_size != self.size:
            raise Tampered(f"{self.path.name} has {here.st_size} bytes; {self.size} were written")
        try:
            there = os.stat(self.path)
        except OSError as error:
            raise Tampered(f"{self.path.name} was moved") from error
        if (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev):
            raise Tampered(f"{self.path.name} was replaced")

    def close(self) -> None:
        os.close(self._descriptor)
