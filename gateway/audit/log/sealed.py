"""Watches full bundles: they are final, so whatever touches one is noticed, and what merely looks like it is not.

A bundle that was looked at has a look: inode, length, times of change. As long as the look is the same, so are the
bytes. With another look (a backup that linked it, somebody who wrote into it, one of the same length in its place) it
is read, and must make the hash that the tree has for it. The folder of up to 1,000 bundles has a look too, which
changes with each name that comes or goes: so a bundle deleted, moved or replaced is noticed at the next pass, in a log
of any length. What is changed in place is noticed in turn, 1,024 bundles a pass, twice a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.audit.log import bundles, layout
from gateway.audit.log.disk import SHORT
from gateway.audit.log.growing import Tampered
from gateway.audit.log.merkle import leaf_hash, root_hash

MOST_PER_PASS = 1024
_BREATH = 64
_PER_FOLDER = 1000

_Look = tuple[int, int, int, int]


class SealedBundles:
    """The full bundles of one log. Belongs to one thread, but for ``sizes`` and ``roots``, which others make longer.

    Args:
        first: how many bundles were pruned.
        sizes: plain length of every full bundle.
        roots: the hash of every full bundle, as far as the hash tiles have it.
    """

    def __init__(self, folder: Path, first: int, sizes: list[int], roots: Mapping[int, bytes]) -> None:
        self.first = first
        self._folder = folder
        self._name = str(folder)
        self._sizes = sizes
        self._roots = roots
        self._looks: dict[int, _Look] = {}
        self._folders: dict[int, tuple[int, int]] = {}
        self._next = first

    def check(self) -> None:
        """Look at folders, at everything in those that changed, and at some more in turn. Raises Tampered."""
        end = len(self._sizes)
        for count, index in enumerate(self._due(end)):
            self._check(index)
            if count % _BREATH == 0:
                time.sleep(0)  # whoever waits for the interpreter goes first

    def note(self, index: int) -> None:
        """Take a bundle as it looks now for the right one: it was packed just now. Raises Tampered."""
        self._looks[index] = self._look(index)

    def prune(self, first: int) -> None:
        """Let go of bundles below ``first``."""
        for index in range(self.first, first):
            self._looks.pop(index, None)
        self.first, self._next = first, max(first, self._next)

    def _due(self, end: int) -> Iterator[int]:
        for number in range(self.first // _PER_FOLDER, -(-end // _PER_FOLDER)):
            look = self._folder_look(number)
            if look != self._folders.get(number):
                self._folders[number] = look
                yield from self._renamed(number, end)
        for _ in range(min(MOST_PER_PASS, end - self.first)):
            self._next = self._next if self.first <= self._next < end else self.first
            yield self._next
            self._next += 1

    def _renamed(self, number: int, end: int) -> Iterator[int]:
        """Yield the bundles of a folder that are gone, or are another file than they were; asks once for all names."""
        first = number * _PER_FOLDER
        with os.scandir(bundles.plain_path(self._folder, first).parent) as entries:
            found = {entry.name.removesuffix(layout.PACKED): entry.inode() for entry in entries}
        for index in range(max(self.first, first), min(end, first + _PER_FOLDER)):
            known = self._looks.get(index)
            if known and found.get(f"{index % _PER_FOLDER:03d}") != known[0]:
                yield index

    def _folder_look(self, number: int) -> tuple[int, int]:
        path = bundles.plain_path(self._folder, number * _PER_FOLDER).parent
        try:
            found = os.stat(path)
        except OSError as error:
            raise Tampered(f"{path.relative_to(self._folder)} is gone") from error
        return found.st_ino, found.st_mtime_ns

    def _check(self, index: int) -> None:
        look, known = self._look(index), self._looks.get(index)
        if look == known:
            return
        if known is None:
            check_size(self._folder, index, self._sizes[index])
        elif not self._is_same(index):
            raise Tampered(f"{layout.tile_path('entries', index)} is not what was written")
        self._looks[index] = look

    def _is_same(self, index: int) -> bool:
        """Whether the bundle has the records that it had; by its length alone while the tiles lack its hash."""
        raw, root = read(self._folder, index), self._roots.get(index)
        if len(raw) != self._sizes[index]:
            return False
        return root is None or root == root_of(raw)

    def _look(self, index: int) -> _Look:
        found = _stat(self._name, index)
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read(folder: Path, index: int) -> bytes:
    """Return a full bundle's plain bytes. Raises Tampered; OSError for want of descriptors or memory."""
    name = layout.tile_path("entries", index)
    try:
        raw = bundles.read(folder, index)
    except OSError as error:
        if error.errno in SHORT:
            raise
        raise Tampered(f"{name} cannot be read ({os.strerror(error.errno or 0)})") from error
    if raw is None:
        raise Tampered(f"{name} is gone")
    return raw


def root_of(raw: bytes) -> bytes:
    """Return the hash of a bundle: the root over its records."""
    return root_hash([leaf_hash(frame.data) for frame in layout.frames(raw)])


def check_size(folder: Path, index: int, size: int) -> None:
    """Raise Tampered unless a full bundle is there with that plain length."""
    name, found = layout.tile_path("entries", index), _stat(str(folder), index).st_size
    if not bundles.plain_path(folder, index).exists():
        try:
            found = bundles.packed_size(bundles.packed_path(folder, index))
        except OSError as error:
            if error.errno in SHORT:
                raise
            raise Tampered(f"{name} is gone") from error
    if found != size:
        raise Tampered(f"{name} has {found} bytes; {size} were written")


def _stat(folder: str, index: int) -> os.stat_result:
    """Return what the system says of a bundle, in either form; thousands are asked for, so paths stay text."""
    name = layout.tile_path("entries", index)
    try:
        return os.stat(f"{folder}/{name}")
    except OSError:
        try:
            return os.stat(f"{folder}/{name}{layout.PACKED}")
        except OSError as error:
            raise Tampered(f"{name} is gone") from error
