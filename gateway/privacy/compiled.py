"""Compiled Vectorscan databases, kept in a folder between starts: compiling all rules takes seconds.

A file is named after what it was compiled from and by which Vectorscan, and begins with the digest of the rest. One
that is missing, cut, or of another processor is compiled anew; so is everything where no folder is named. Whether a
database finds what it should is shown by the self-tests that every search passes before it serves.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import hyperscan

MODE = hyperscan.HS_MODE_BLOCK
_DIGEST_BYTES = 32


class Compiler:
    """Compiles, or takes what was compiled before.

    Args:
        folder: where compiled databases are kept, mode 0700; None keeps none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def compile(
        self, expressions: Sequence[bytes], flags: Sequence[int], numbers: Sequence[int] | None = None
    ) -> hyperscan.Database:
        """Return a database.

        Args:
            numbers: what each expression reports as; else its index.

        Raises:
            hyperscan.error: Vectorscan refuses one.
        """
        ids = list(range(len(expressions)) if numbers is None else numbers)
        path = self._folder / f"{_name(expressions, flags, ids)}.hdb" if self._folder else None
        kept = _read(path) if path else None
        if kept is not None:
            return kept
        database = hyperscan.Database(mode=MODE)
        database.compile(expressions=list(expressions), ids=ids, elements=len(ids), flags=list(flags))
        if path:
            _write(path, hyperscan.dumpb(database))
        return database


def _name(expressions: Sequence[bytes], flags: Sequence[int], ids: Sequence[int]) -> str:
    made_of = (version("hyperscan"), [*zip(expressions, flags, ids, strict=True)])
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:40]


def _read(path: Path) -> hyperscan.Database | None:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data[_DIGEST_BYTES:]).digest() == data[:_DIGEST_BYTES]:
            return hyperscan.loadb(data[_DIGEST_BYTES:], MODE)
    except (OSError, hyperscan.error):
        pass
    return None


def _write(path: Path, data: bytes) -> None:
    """Keep a database. It can be compiled again, so a folder that cannot be written is no error."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(data).digest() + data)
        part.replace(path)
