"""Files that follow from the records: hash tiles, and the sizes of full bundles.

They make a start fast (one tile per level instead of every record) and name a changed record (its hash is here). They
are written before a checkpoint that covers them is signed, and synced before it is published: after a power cut, what
follows the published checkpoint is made again.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gateway.audit.log import layout
from gateway.audit.log.growing import Tampered
from gateway.audit.log.merkle import CompactRange, root_hash

FULL_TILE_BYTES = layout.BUNDLE_RECORDS * layout.HASH_BYTES
_SIZE_BYTES = 8


class _Tile:
    """The last tile of one level: all its hashes, and how many bytes of them are in the file."""

    def __init__(self, index: int, hashes: bytes = b"") -> None:
        self.index = index
        self.hashes = bytearray(hashes)
        self.written = 0


class HashTiles:
    """The right edge of the tile tree, and its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._levels: list[_Tile] = []
        self._full: list[tuple[int, _Tile]] = []  # not written yet
        self._unsynced: set[Path] = set()
        self.roots: dict[int, bytes] = {}  # hash of each full bundle, by its index

    def load(self, bundles: int, first: int = 0) -> CompactRange | None:
        """Take up from the files, as they are after ``bundles`` full bundles; return the tree they make.

        Reads one tile per level, and all of level 1. ``None`` when a file is missing or short, or is not the one that
        the level above speaks of; then call :meth:`add` for every leaf.

        Args:
            first: how many bundles were pruned; tiles that lie wholly below are gone.
        """
        if not self._complete(bundles, first) or not self._load_roots(bundles, first):
            return None
        self._levels = [_Tile(bundles)]
        level, count = 1, bundles
        while count:
            index, width = divmod(count, layout.BUNDLE_RECORDS)
            hashes = self._read(level, index, width)
            if hashes is None:
                self._levels = []
                return None
            self._levels.append(_Tile(index, hashes))
            level, count = level + 1, index
        return self._tree()

    def _complete(self, bundles: int, first: int) -> bool:
        """Whether every full tile is there, at its full length."""
        level, count = 0, bundles
        while count:
            paths = (self._folder / layout.tile_path(level, index) for index in range(first, count))
            if not all(path.exists() and path.stat().st_size == FULL_TILE_BYTES for path in paths):
                return False
            level, count, first = level + 1, count // layout.BUNDLE_RECORDS, first // layout.BUNDLE_RECORDS
        return True

    def _load_roots(self, bundles: int, first: int) -> bool:
        """Read the hashes of all full bundles; the full tiles of them must be those that level 2 has the hashes of."""
        roots: dict[int, bytes] = {}
        full, width = divmod(bundles, layout.BUNDLE_RECORDS)
        for index in range(first // layout.BUNDLE_RECORDS, full + bool(width)):
            hashes = hashes_of(self._read(1, index, width if index == full else layout.BUNDLE_RECORDS) or b"")
            above, place = divmod(index, layout.BUNDLE_RECORDS)
            if not hashes or (
                index < full and hashes_of(self._read(2, above, place + 1) or b"")[place:] != [root_hash(hashes)]
            ):
                return False
            roots.update(enumerate(hashes, index * layout.BUNDLE_RECORDS))
        self.roots = roots
        return True

    def _tree(self) -> CompactRange:
        tree = CompactRange()
        for level in range(len(self._levels) - 1, 0, -1):
            for digest in hashes_of(self._levels[level].hashes):
                tree.append_subtree(digest, 8 * level)
        return tree

    def _read(self, level: int, index: int, width: int) -> bytes | None:
        if not width:
            return b""
        try:
            hashes = (self._folder / layout.tile_path(level, index)).read_bytes()[: width * layout.HASH_BYTES]
        except FileNotFoundError:
            return None
        return hashes if len(hashes) == width * layout.HASH_BYTES else None

    def add(self, digest: bytes, level: int = 0) -> None:
        """Add the next hash of a level; one that makes its tile full is hashed into the level above. In memory only."""
        if level == len(self._levels):
            self._levels.append(_Tile(0))
        tile = self._levels[level]
        tile.hashes += digest
        if len(tile.hashes) == FULL_TILE_BYTES:
            self._full.append((level, tile))
            self._levels[level] = _Tile(tile.index + 1)
            root = root_hash(hashes_of(tile.hashes))
            if level == 0:
                self.roots[tile.index] = root
            self.add(root, level + 1)

    def flush(self) -> None:
        """Write what is not in the files yet. Raises OSError; may be called again."""
        while self._full:
            self._write(*self._full[0])
            self._full.pop(0)
        for level, tile in enumerate(self._levels):
            self._write(level, tile)

    def take_unsynced(self) -> set[Path]:
        """Return the files that :meth:`flush` wrote since the last call: they are to be synced."""
        paths, self._unsynced = self._unsynced, set()
        return paths

    def written(self) -> Iterator[tuple[int, int]]:
        """Yield, for each level, how many full tiles are in their files, and the bytes of the one that grows."""
        waiting = Counter(level for level, _ in self._full)
        for level, tile in enumerate(self._levels):
            yield tile.index - waiting[level], 0 if waiting[level] else tile.written

    def knows(self, level: int, index: int, hashes: list[bytes]) -> bool:
        """Whether a full tile's hashes make what the tree has; of the lowest two levels, which all others rest on."""
        if level == 0:
            return self.roots.get(index, b"") == root_hash(hashes)
        first = index * layout.BUNDLE_RECORDS
        return level > 1 or hashes == [self.roots.get(at) for at in range(first, first + layout.BUNDLE_RECORDS)]

    def put_back(self, paths: set[Path]) -> None:
        """These were taken, and could not be synced."""
        self._unsynced |= paths

    def _write(self, level: int, tile: _Tile) -> None:
        if tile.written < len(tile.hashes):
            path = self._folder / layout.tile_path(level, tile.index)
            _put(path, bytes(tile.hashes[tile.written :]), tile.written)
            self._unsynced.add(path)
            tile.written = len(tile.hashes)


class BundleSizes:
    """The file ``sizes``: how long each full bundle is when it is plain, so that one cut short is noticed unread.

    It begins with the first bundle there ever was, also where the beginning was pruned: the place of a size is its
    bundle's index.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sizes"
        self._written = 0  # so that a start writes the file anew

    def check(self) -> None:
        """Raise Tampered unless the file has as many bytes as were written."""
        try:
            found = self._path.stat().st_size if self._written else 0
        except OSError as error:
            raise Tampered(f"{self._path.name} is gone") from error
        if found != self._written * _SIZE_BYTES:
            raise Tampered(f"{self._path.name} has {found} bytes; {self._written * _SIZE_BYTES} were written")

    def load(self) -> list[int]:
        """Return the sizes on file, by bundle index; a torn last one is left out."""
        raw = self._path.read_bytes() if self._path.exists() else b""
        whole = len(raw) - len(raw) % _SIZE_BYTES
        return [int.from_bytes(raw[at : at + _SIZE_BYTES], "big") for at in range(0, whole, _SIZE_BYTES)]

    def flush(self, sizes: list[int]) -> None:
        """Write those sizes that are not in the file yet. Raises OSError."""
        new = sizes[self._written :]
        if new:
            _put(self._path, b"".join(size.to_bytes(_SIZE_BYTES, "big") for size in new), self._written * _SIZE_BYTES)
            sync_file(self._path)
            self._written += len(new)


def hashes_of(tile: bytes | bytearray) -> list[bytes]:
    """Return the hashes in a tile, 32 bytes each."""
    return [bytes(tile[at : at + layout.HASH_BYTES]) for at in range(0, len(tile), layout.HASH_BYTES)]


def sync_file(path: Path) -> None:
    """Put a file on stable storage. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(path: Path, data: bytes, offset: int) -> None:
    """Write ``data`` at ``offset`` and end the file there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.pwrite(descriptor, data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, offset + len(data))
    finally:
        os.close(descriptor)
