"""What a folder holds while a server writes in it: files that are renamed or removed meanwhile are read again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

ROUNDS = 50


def files_of(folder: Path, without: Collection[str] = ()) -> dict[str, bytes]:
    """Return each file's bytes by its path below ``folder``; ``without``: names of folders that are left out.

    A writer puts a file in place by renaming it: who listed the old name reads nothing, and the new one was not listed.
    So all is listed and read until nothing that was listed is gone; no file that stays is missed.
    """
    for _ in range(ROUNDS):
        paths = [
            path
            for path in folder.rglob("*")
            if not path.is_symlink() and path.is_file() and not set(without) & set(path.parts)
        ]
        try:
            return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
        except FileNotFoundError:
            continue
    raise AssertionError(f"files below {folder} come and go too fast to be read")
