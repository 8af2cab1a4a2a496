"""A ZIP archive that is the same for the same content, written to disk as it comes, with the digest of every file.

Entries carry no time, no owner and no extra field, and stand in the order in which they were added. The archive gets
its name when it is whole and on stable storage; whatever fails before leaves nothing under that name.

::

    with Archive(Path("pack.zip")) as archive:
        archive.add("VERIFY.txt", b"...")
        archive.add_file("logs/berlin/node1/w0/default/records.jsonl", exported)
        archive.files                        # [Entry(path, sha256, bytes), ...] so far
        archive.keep()                       # without this, nothing is left
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_NEVER = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP can say
_MODE = 0o100644 << 16
_UNIX = 3
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file of the archive. ``sha256`` is hex."""

    path: str
    sha256: str
    bytes: int


class Archive:
    """See the module. Not safe for use by several threads at once."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._fresh = out.with_name(f".{out.name}.{os.getpid()}")
        self.files: list[Entry] = []

    def __enter__(self) -> Self:
        """Raises OSError."""
        self._file = self._fresh.open("w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=6)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        with suppress(OSError, ValueError):  # a disk that is full, or a file cut short: it goes anyway
            self._zip.close()
        self._file.close()
        self._fresh.unlink(missing_ok=True)

    def add(self, path: str, content: bytes) -> None:
        """Add a file that is small. Raises OSError; ValueError when there is one of that name."""
        self._write(path, [content])

    def add_file(self, path: str, source: Path) -> None:
        """Add a file of any size. Raises as :meth:`add`."""
        self._write(path, _blocks(source))

    def stream(self, path: str, blocks: Iterable[bytes]) -> None:
        """Add a file of any size as it comes. Raises as :meth:`add`, and what ``blocks`` raises."""
        self._write(path, blocks)

    def keep(self) -> None:
        """Finish the archive and give it its name; on stable storage when this returns. Raises OSError."""
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._fresh.replace(self._out)
        folder = os.open(self._out.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, path: str, blocks: Iterable[bytes]) -> None:
        if any(entry.path == path for entry in self.files):
            raise ValueError(f"{path} is in the archive already")
        info = zipfile.ZipInfo(path, _NEVER)
        info.create_system, info.external_attr, info.compress_type = _UNIX, _MODE, zipfile.ZIP_DEFLATED
        digest, length = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as entry:
            for block in blocks:
                entry.write(block)
                digest.update(block)
                length += len(block)
        self.files.append(Entry(path, digest.hexdigest(), length))


def _blocks(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
