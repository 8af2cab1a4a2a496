"""Files with secrets: one folder, mode 0700, one file each, mode 0600.

A secret is written whole or not at all. A file that others could read is refused at its use.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from gateway.durable import overwrite, sync_folder
from gateway.errors import SetupError

RESTORE = "Put it back from the backup of your keys."


def read_secret(path: Path) -> bytes:
    """Return the file's bytes. Raises SetupError when it is missing, not a plain file, or open to group or world."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise SetupError(f"There is no key file {path}.", "Run: sekisho init, or restore your keys.") from error
    except OSError as error:
        raise SetupError(f"The key file {path} cannot be read.", "Check its owner; it must be a plain file.") from error
    with os.fdopen(descriptor, "rb") as file:
        for holder, mode in ((path, os.fstat(descriptor).st_mode), (path.parent, path.parent.stat().st_mode)):
            if mode & 0o077:
                raise SetupError(f"{holder} is open to other users.", f"Run: chmod go-rwx {holder}")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SetupError(f"The key file {path} is not a plain file.", RESTORE)
        return file.read()


def write_once(path: Path, content: bytes | Callable[[], bytes], mode: int = 0o600) -> None:
    """Write a new file whole and durably; leave an existing one alone, with nothing made for it.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        if not path.exists():
            _write(path, content() if callable(content) else content, mode, over=False)
    except OSError as error:
        raise _unwritable(path) from error


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file whole and durably: a reader sees the old or the new one. Raises SetupError."""
    try:
        _write(path, content, mode, over=True)
    except OSError as error:
        raise _unwritable(path) from error


def destroy(path: Path) -> None:
    """Take a secret off the disk, durably: overwritten, as far as the disk heeds that, and gone. Raises SetupError."""
    try:
        overwrite(path, path.lstat().st_size)
        path.unlink()
        sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path) from error


def make(folder: Path) -> None:
    """Make the key folder, mode 0700, where there is none. Raises SetupError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder / "x") from error


def _write(path: Path, content: bytes, mode: int, *, over: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if over:
            temporary.replace(path)
        else:
            try:
                os.link(temporary, path)
            except FileExistsError:  # another process was faster; its secret stands
                return
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(path: Path) -> SetupError:
    mend = "Check who owns it and whether its disk is full."
    return SetupError(f"The key folder {path.parent} cannot be written.", mend)
