"""Files of the rule table are replaced whole: a reader sees the old one or the new one, also after a power cut."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gateway.durable import sync_folder
from gateway.errors import SetupError


def replace(path: Path, content: bytes, *, keep: bool = False) -> Path | None:
    """Replace the file, or make it. MUST NOT return before the new content is on stable storage.

    Mode and, where that is allowed, owner of the file stay. A link is followed: what it names is replaced.

    Args:
        keep: leave the content from before beside it, as ``NAME.before``.

    Returns:
        Where the content from before is; ``None`` when there was none, or it was not kept.

    Raises:
        SetupError: it could not be written; the old content still stands.
    """
    path = path.resolve()
    fresh, before = path.with_name(path.name + ".new"), path.with_name(path.name + ".before")
    there = path.is_file()
    try:
        fresh.unlink(missing_ok=True)
        _write(fresh, content)
        if there:
            _like(path, fresh)
        if there and keep:
            shutil.copy2(path, before)
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise SetupError(f"{path} cannot be written ({error.strerror}).", "Check its folder and space.") from error
    return before if there and keep else None


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _like(path: Path, fresh: Path) -> None:
    state = path.stat()
    fresh.chmod(state.st_mode & 0o777)
    if os.geteuid() == 0:
        os.chown(fresh, state.st_uid, state.st_gid)
