"""One writer at a time: the lock on a data folder.

``serve`` holds it as long as it runs; a changing command holds it while there is no server. It is an ``flock`` on
``<data_dir>/state/lock``, so it ends with the process, however that ends; the number in the file is for people.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import SetupError

LOCK_NAME = "lock"


@contextmanager
def data_lock(state: Path) -> Iterator[None]:
    """Hold the lock of the data folder with that ``state/``.

    Raises:
        SetupError: another process holds it, or it cannot be made.
    """
    path = state / LOCK_NAME
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"Another sekisho process ({_holder(descriptor)}) is working with {state.parent}.",
                "If it is a server that is starting, wait for it; if it is stuck, end it.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_locked(state: Path) -> bool:
    """Whether some process holds the lock now. Takes no lock that anybody could notice."""
    try:
        descriptor = os.open(state / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"The lock {path} cannot be opened.", "Check the owner of the data folder.") from error


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 64, 0).decode("ascii", "replace").strip() or "pid unknown"
