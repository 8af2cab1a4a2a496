"""Watches the hash tiles and what else follows from the records: one that is gone, cut or changed is noticed.

They could be made again from the records at any time. But receipts and proofs are read from them, and a log that lost
a file was touched: so whoever writes it stops, as for a bundle. It works as :mod:`gateway.audit.log.sealed` does: the
folder of up to 1,000 tiles has a look, which changes with each name that comes or goes; what is changed in place is
noticed in turn, and must then still have the hashes that the tree has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gateway.audit.log import layout
from gateway.audit.log.disk import SHORT
from gateway.audit.log.growing import Tampered
from gateway.audit.log.tiles import FULL_TILE_BYTES, HashTiles, hashes_of

MOST_PER_PASS = 512
_PER_FOLDER = 1000


class TileWatch:
    """The tiles of one log. Not for two threads at once, nor beside whoever writes tiles.

    Args:
        first: how many bundles were pruned.
    """

    def __init__(self, folder: Path, tiles: HashTiles, first: int) -> None:
        self._folder = folder
        self._tiles = tiles
        self._first = first
        self._looks: dict[tuple[int, int], int] = {}
        self._folders: dict[Path, tuple[int, int]] = {}
        self._next = 0

    def prune(self, first: int) -> None:
        """Let go of the tiles that lie wholly below bundle ``first``."""
        self._first = first
        self._looks = {(level, at): look for (level, at), look in self._looks.items() if at >= self._begin(level)}

    def check(self) -> None:
        """Look at every level's names and last tile, and at some full tiles in turn.

        Raises:
            Tampered: one is gone, or is not what was written.
            OSError: one cannot be opened now, for want of descriptors or memory.
        """
        for level, (full, last_bytes) in enumerate(self._tiles.written()):
            self._check_names(level, full)
            if last_bytes:
                self._check_size(level, full, last_bytes)
            for index in self._due(level, full):
                self._check_full(level, index)
        self._next += MOST_PER_PASS

    def _begin(self, level: int) -> int:
        return self._first >> (8 * level)

    def _due(self, level: int, full: int) -> Iterator[int]:
        begin, count = self._begin(level), full - self._begin(level)
        for step in range(min(MOST_PER_PASS, count)):
            yield begin + (self._next + step) % count

    def _check_names(self, level: int, full: int) -> None:
        for number in range(self._begin(level) // _PER_FOLDER, -(-full // _PER_FOLDER)):
            first = number * _PER_FOLDER
            folder = (self._folder / layout.tile_path(level, first)).parent
            try:
                found = folder.stat()
                look = (found.st_ino, found.st_mtime_ns)
                if look == self._folders.get(folder):
                    continue
                names = set(os.listdir(folder))
            except OSError as error:
                if error.errno in SHORT:
                    raise
                raise Tampered(f"{folder.relative_to(self._folder)} is gone") from error
            for index in range(max(self._begin(level), first), min(full, first + _PER_FOLDER)):
                if f"{index % _PER_FOLDER:03d}" not in names:
                    raise Tampered(f"{layout.tile_path(level, index)} is gone")
            self._folders[folder] = look

    def _check_size(self, level: int, index: int, size_bytes: int) -> os.stat_result:
        name = layout.tile_path(level, index)
        try:
            found = os.stat(f"{self._folder}/{name}")
        except OSError as error:
            raise Tampered(f"{name} is gone") from error
        if found.st_size != size_bytes:
            raise Tampered(f"{name} has {found.st_size} bytes; {size_bytes} were written")
        return found

    def _check_full(self, level: int, index: int) -> None:
        found = self._check_size(level, index, FULL_TILE_BYTES)
        look = hash((found.st_ino, found.st_mtime_ns, found.st_ctime_ns))
        known = self._looks.get((level, index))
        if known is not None and known != look:
            try:
                raw = (self._folder / layout.tile_path(level, index)).read_bytes()
            except OSError as error:
                if error.errno in SHORT:
                    raise
                raise Tampered(f"{layout.tile_path(level, index)} is gone") from error
            if not self._tiles.knows(level, index, hashes_of(raw)):
                raise Tampered(f"{layout.tile_path(level, index)} is not what was written")
        self._looks[(level, index)] = look
