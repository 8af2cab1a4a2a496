"""The files of an identity: one folder, mode 0700; keys and what leads to them, mode 0600; each written whole.

A file with a private key that others could read is refused at its use, as in ``keys/``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gateway import durable
from gateway.errors import SetupError

_MOST_BYTES = 4 * 1024 * 1024


def read_private(path: Path) -> bytes:
    """Return the bytes of a file that is nobody else's.

    Raises:
        FileNotFoundError: there is none.
        SetupError: it cannot be read, is no plain file, or is open to group or world.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SetupError(f"{path} cannot be read.", "Check its owner; it must be a plain file.") from error
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise SetupError(f"{path} is not a plain file.", "Put it back from your backup.")
        if mode & 0o077:
            raise SetupError(f"{path} is open to other users.", f"Run: chmod go-rwx {path}")
        return file.read(_MOST_BYTES)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file, mode 0600. MUST NOT return before the new content is on stable storage.

    Raises:
        SetupError: it could not be written; the old content still stands.
    """
    try:
        durable.replace(path, content)
    except OSError as error:
        mend = "Check free space and the owner of the data folder."
        raise SetupError(f"{path} cannot be written.", mend) from error


def remove_private(path: Path) -> None:
    """Take a secret off the disk, durably: overwritten, as far as the disk heeds that, and gone. Raises SetupError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb") as file:
            file.write(bytes(os.fstat(descriptor).st_size))
            file.flush()
            os.fsync(descriptor)
        path.unlink()
        durable.sync_folder(path.parent)
    except OSError as error:
        raise SetupError(f"{path} cannot be removed.", "Check the owner of the data folder.") from error
