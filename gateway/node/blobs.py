"""Files that a gateway brings, range by range, into this node's content store.

Rules:

1. A file counts only when it is whole, of the SHA-256 that it was announced by, hashed here from end to end, a GGUF
   file, on stable storage and read-only. Then, and in one step, it gets its name in the store.
2. Ranges come in order. What is there stays there: after a cut the next range begins where the last one ended.
3. Room on the disk is looked for before the first byte, for the whole rest, and some is left to others.
4. A file that turns out to be another one is taken away.
5. What a gateway brought is marked as such beside it, and that alone can be taken away again from outside.

Example::

    blobs = Blobs(settings.store / "sha256")
    blobs.held(digest)                              # (0, False)
    await blobs.take(digest, 0, 10, 10, body)       # Took(held=10, whole=True)
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from gateway.engines.node_wire import MAX_PIECE_BYTES, Took

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAGIC = b"GGUF"
_KEPT_FREE_BYTES = 64 * 1024 * 1024
_PARTIAL = ".pushed-"
_BROUGHT = ".brought-"
_T = TypeVar("_T")


class BlobRefused(Exception):
    """A range that is not taken: HTTP status, stable code, one line."""

    def __init__(self, status: int, code: str, line: str) -> None:
        self.status, self.code, self.line = status, code, line
        super().__init__(line)


class Blobs:
    """A folder's files, as the store's. ``free_bytes`` says what its disk has left, ``magic`` how a file begins."""

    def __init__(self, folder: Path, free_bytes: Callable[[Path], int] | None = None, *, magic: bytes = _MAGIC) -> None:
        self._folder = folder
        self._magic = magic
        self._free_bytes = free_bytes or _free_bytes
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        folder.mkdir(parents=True, exist_ok=True)

    def all(self) -> tuple[str, ...]:
        """Return the SHA-256 of every whole file, sorted."""
        with suppress(OSError):
            return tuple(sorted(name for name in os.listdir(self._folder) if _DIGEST.fullmatch(name)))
        return ()

    def brought(self) -> tuple[str, ...]:
        """Return the SHA-256 of every whole file that a gateway brought, sorted."""
        return tuple(name for name in self.all() if (self._folder / f"{_BROUGHT}{name}").exists())

    def partial(self) -> tuple[tuple[str, int], ...]:
        """Return SHA-256 and bytes of what is there of each file that is not whole, sorted."""
        names: list[str] = []
        with suppress(OSError):
            names = sorted(
                name.removeprefix(_PARTIAL) for name in os.listdir(self._folder) if name.startswith(_PARTIAL)
            )
        sizes = [(name, _size(self._partial(name))) for name in names if _DIGEST.fullmatch(name)]
        return tuple((name, size) for name, size in sizes if size is not None)

    async def forget(self, digest: str) -> None:
        """Take a file away that a gateway brought, and what there is of one that is not whole; one that is gone is.

        Raises:
            BlobRefused: it was not brought by a gateway, or cannot be removed.
        """
        _check(digest)
        async with self._locks[digest]:
            try:
                await asyncio.to_thread(self._forget, digest)
            except OSError as error:
                raise BlobRefused(507, "node.disk", f"It cannot be removed ({error.strerror}).") from error

    def _forget(self, digest: str) -> None:
        whole, mark = self._folder / digest, self._folder / f"{_BROUGHT}{digest}"
        if whole.exists() and not mark.exists():  # rule 5
            raise BlobRefused(409, "node.not_brought", "No gateway has brought it.")
        self._partial(digest).unlink(missing_ok=True)
        whole.unlink(missing_ok=True)
        mark.unlink(missing_ok=True)
        _sync_folder(self._folder)

    def held(self, digest: str) -> tuple[int, bool]:
        """Return how many bytes of a file are there, and whether it is whole. Raises BlobRefused."""
        _check(digest)
        whole, partial = _size(self._folder / digest), _size(self._partial(digest))
        return (whole, True) if whole is not None else (partial or 0, False)

    def disk_free(self) -> int:
        """Return the bytes that a file may take here."""
        return max(0, self._free_bytes(self._folder) - _KEPT_FREE_BYTES)

    async def take(self, digest: str, first: int, length: int, total: int, body: AsyncIterator[bytes]) -> Took:
        """Take the range from ``first``, of ``length`` bytes, of a file of ``total`` bytes.

        Raises:
            BlobRefused: the range is not the next one, is not as long as it said, or ends a file of another hash; the
                disk is full.
        """
        _check(digest)
        async with self._locks[digest]:
            held, whole = self.held(digest)
            if whole:
                return Took(held, True)
            self._check_range(held, first, length, total)
            try:
                await self._append(digest, held, length, body)
                if held + length < total:
                    return Took(held + length, False)
                await asyncio.to_thread(self._finish, digest)
            except OSError as error:
                raise BlobRefused(507, "node.disk", f"Its store cannot be written ({error.strerror}).") from error
            return Took(total, True)

    def _check_range(self, held: int, first: int, length: int, total: int) -> None:
        if first != held:
            raise BlobRefused(409, "node.wrong_range", f"{held} bytes are there, not {first}.")
        if not 0 < length <= MAX_PIECE_BYTES or first + length > total:
            raise BlobRefused(400, "node.wrong_range", "A range has 1 byte to 16 MiB, and ends within its file.")
        free = self.disk_free()
        if free < total - held:
            raise BlobRefused(
                507, "node.disk_full", f"The file takes {total - held:,} bytes more; its disk has {free:,} for it."
            )

    async def _append(self, digest: str, held: int, length: int, body: AsyncIterator[bytes]) -> None:
        """Write one range behind what is there. Of one that was cut off, what came stays; of one too long, nothing."""
        came = 0
        with self._partial(digest).open("ab") as file:
            async for part in body:
                came += len(part)
                if came > length:
                    file.flush()
                    os.ftruncate(file.fileno(), held)
                    break
                await to_its_end(asyncio.to_thread(file.write, part))
        if came != length:
            raise BlobRefused(400, "node.wrong_length", f"The range said {length} bytes and had {came}.")

    def _finish(self, digest: str) -> None:
        """Rules 1 and 4."""
        partial = self._partial(digest)
        with partial.open("rb") as file:
            magic = file.read(len(self._magic))
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest or magic != self._magic:
                partial.unlink()
                why = f"its SHA-256 is {found}" if found != digest else "it is no GGUF file"
                raise BlobRefused(422, "node.wrong_file", f"It is not the file that was announced: {why}.")
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
        (self._folder / f"{_BROUGHT}{digest}").touch(mode=0o600)  # first: a mark without its file says nothing
        os.replace(partial, self._folder / digest)
        _sync_folder(self._folder)

    def _partial(self, digest: str) -> Path:
        return self._folder / f"{_PARTIAL}{digest}"


async def to_its_end(writing: Coroutine[Any, Any, _T]) -> _T:
    """Await what a thread does also where this is cancelled: nobody else may touch the file before."""
    task = asyncio.ensure_future(writing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _check(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise BlobRefused(400, "node.wrong_digest", "A file is named by its SHA-256, in hex.")


def _size(path: Path) -> int | None:
    try:
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return None


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
