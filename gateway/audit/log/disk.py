"""The few calls by which the log touches its disk, in one place, so that a test can make any of them fail."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from gateway.durable import sync_folder

SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Nothing is wrong with the disk, and nothing was done: the process or the machine is out of descriptors or memory."""
_AT_ONCE = 64
_WRITE = 2  # SYNC_FILE_RANGE_WRITE, sync_file_range(2)
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)


class SyncFailed(OSError):
    """What was written may or may not be on the disk: the same sync tried again says nothing of it."""


class Disk:
    """Appending, truncating and syncing. All raise OSError."""

    def append(self, descriptor: int, data: bytes, at: int) -> None:
        """Append all of ``data`` to a file of ``at`` bytes, or nothing: a part that was written is cut off again."""
        written = 0
        try:
            written = os.write(descriptor, data)
            if written < len(data):  # the disk became full within the record
                written += os.write(descriptor, data[written:])
        except OSError:
            if written:
                os.ftruncate(descriptor, at)
            raise
        if written < len(data):
            os.ftruncate(descriptor, at)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def begin_writing(self, descriptor: int) -> None:
        """Let the disk begin; what is written and named now shares one commit of the file system's journal."""
        _begin_writing(descriptor)

    def sync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)


def sync_files(paths: Iterable[Path]) -> None:
    """Put files on stable storage. Raises OSError.

    Writing of all of them is begun before the first is waited for: so they share a commit of the file system's journal,
    instead of holding up those who wait for a record with one each.
    """
    left = iter(paths)
    while some := list(islice(left, _AT_ONCE)):
        with contextlib.ExitStack() as opened:
            files = []
            for path in some:
                files.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                opened.callback(os.close, files[-1])
                _begin_writing(files[-1])
            for descriptor in files:
                os.fsync(descriptor)


def _begin_writing(descriptor: int) -> None:
    """Ask the kernel to begin. Only a hint: where there is no such call, or no such range, syncing does all of it."""
    if _sync_file_range:
        _sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _WRITE)


def replace(path: Path, content: bytes, *, durable: bool) -> None:
    """Replace a file as a whole, so that a reader sees the old or the new one. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)
