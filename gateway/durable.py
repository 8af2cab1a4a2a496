"""Small files written so that a power cut leaves the old one or the new one, whole: beside, synced, renamed, synced.
And secrets overwritten before their name goes.

What is below the rooms, for all of them: each says in its own words what could not be written.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file, or make it, and its folder (mode 0700) where there is none.

    MUST NOT return before content and name are on stable storage. Not for two writers at once.

    Raises:
        OSError: it could not be written; the old content still stands.
    """
    fresh = path.with_name(f".{path.name}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh.unlink(missing_ok=True)
    write_new(fresh, content, mode=mode)
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put names made, changed or removed in a folder on stable storage. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def overwrite(path: Path, size: int) -> None:
    """Write zeros over the first ``size`` bytes of a file, all of them, and wait for the disk.

    As far as the disk heeds that: one that writes elsewhere keeps the old bytes until it uses their place again.

    Raises:
        OSError: it is not there, is a link, or not all bytes could be overwritten.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        done = 0
        while done < size:
            done += os.pwrite(descriptor, bytes(size - done), done)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file that is not there yet, and wait for the disk; its name is not on stable storage by that.

    Raises:
        OSError: it is there already, or could not be written whole.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
