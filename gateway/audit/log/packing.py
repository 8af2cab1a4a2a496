"""Packs full bundles: ``NNN`` becomes ``NNN.gz``, in idle time, each step of it repaired at the next start.

A bundle is packed once it is full, synced, and under a published head. Its records are compared with the hash that the
tree has for it first, so that what was changed on the disk is noticed instead of packed. Steps: pack into ``packing``
and sync it; give it its name, and sync the folder; take the plain file away. A crash leaves ``packing``, which nobody
reads, or both forms, which must then hold the same.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.audit.log import bundles, layout
from gateway.audit.log.growing import Tampered
from gateway.audit.log.sealed import read, root_of
from gateway.durable import sync_folder

PACK_AFTER_SECONDS = 60.0
"""The newest bundles stay plain for so long: they are read most."""


class Packer:
    """Packs the bundles of one log, oldest first. Belongs to one thread.

    Args:
        first: how many bundles were pruned.
        roots: the hash of every full bundle, as far as the hash tiles have it.
    """

    def __init__(self, folder: Path, first: int, roots: Mapping[int, bytes]) -> None:
        self._folder = folder
        self._roots = roots
        self._next = first
        self._covered: deque[tuple[float, int]] = deque()
        self._old_enough = 0

    def pack_next(self, covered: int) -> int | None:
        """Pack the next bundle that is plain and old enough, and return its index; ``None`` when there is none.

        Args:
            covered: how many bundles are full, synced and under a published head.

        Raises:
            Tampered: it is not what was written.
            OSError: the disk refused it; the plain bundle stays.
        """
        self._age(covered)
        while self._next < self._old_enough:
            index, self._next = self._next, self._next + 1
            if bundles.plain_path(self._folder, index).exists():
                pack(self._folder, index, self._roots.get(index))
                return index
        return None

    def _age(self, covered: int) -> None:
        now = time.monotonic()
        if covered and (not self._covered or self._covered[-1][1] < covered):
            self._covered.append((now, covered))
        while self._covered and now - self._covered[0][0] >= PACK_AFTER_SECONDS:
            self._old_enough = self._covered.popleft()[1]

    def prune(self, first: int) -> None:
        """Let go of bundles below ``first``."""
        self._next = max(self._next, first)


def pack(folder: Path, index: int, root: bytes | None) -> None:
    """Pack one bundle; see :meth:`Packer.pack_next`. ``root`` is its hash; ``None``: not known, so it is left alone."""
    raw = read(folder, index)
    if root is None:
        return
    if root_of(raw) != root:
        raise Tampered(f"{layout.tile_path('entries', index)} is not what was written")
    plain, packed, temporary = (
        bundles.plain_path(folder, index),
        bundles.packed_path(folder, index),
        folder / layout.PACKING,
    )
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(bundles.pack(raw))
            file.flush()
            os.fsync(descriptor)
    except OSError:
        temporary.unlink(missing_ok=True)  # what it took of a full disk is given back
        raise
    temporary.rename(packed)
    sync_folder(packed.parent)
    plain.unlink()


def settle_packing(folder: Path, indexes: Iterable[int]) -> None:
    """Finish what a crash left half packed. Raises Tampered when two forms of a bundle differ; OSError."""
    for index in indexes:
        plain, packed = bundles.plain_path(folder, index), bundles.packed_path(folder, index)
        if not (packed.exists() and plain.exists()):
            continue
        if bundles.unpack(packed) != plain.read_bytes():
            raise Tampered(f"{layout.tile_path('entries', index)} is there twice, and differs")
        plain.unlink()
    (folder / layout.PACKING).unlink(missing_ok=True)
