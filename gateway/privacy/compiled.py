"""Compiled Vectorscan databases, kept in folders between starts: compiling all rules takes many seconds.

Set-up compiles the rules that ship (:data:`PREPARED`); what else is needed, such as a customer's own rules, is compiled
at its first start and kept with the state. A file is named after what it was compiled from and by which Vectorscan, and
begins with the digest of the rest. One that is missing, cut, or of another processor is compiled anew. Whether a
database finds what it should is shown by the self-tests that every search passes before it serves.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import hyperscan

MODE = hyperscan.HS_MODE_BLOCK
PREPARED = Path(sys.prefix) / "share" / "sekisho" / "detectors" / "patterns"
_DIGEST_BYTES = 32


class Compiler:
    """Compiles, or takes what was compiled before.

    Args:
        folder: where compiled databases are kept, mode 0700; None keeps none.
        prepared: where set-up put those of the rules that ship.

    ``used`` are the names of the files that were asked for.
    """

    def __init__(self, folder: Path | None = None, prepared: Path = PREPARED) -> None:
        self._folder = folder
        self._prepared = prepared
        self.used: set[str] = set()

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
        name = f"{_name(expressions, flags, ids)}.hdb"
        self.used.add(name)
        for folder in filter(None, (self._folder, self._prepared)):
            kept = _read(folder / name)
            if kept is not None:
                return kept
        database = hyperscan.Database(mode=MODE)
        database.compile(expressions=list(expressions), ids=ids, elements=len(ids), flags=list(flags))
        if self._folder:
            _write(self._folder / name, hyperscan.dumpb(database))
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
