"""Proofs of inclusion from a log's files: standard library only, beside the writer, a few dozen reads at any size.

The tree is RFC 6962's; its hashes stand in tiles of 256 (:mod:`gateway.audit.log.layout`). The hash of a perfect
subtree of ``2**level`` leaves is folded from the tile of level ``level // 8``, which is in its file before a head
covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gateway.audit.log import bundles, layout
from gateway.audit.log.merkle import CompactRange, leaf_hash, verify_inclusion
from gateway.audit.log.note import Checkpoint, Verifier, open_checkpoint

_TILE_LEVELS = 8  # of the tree, in one level of tiles


@dataclass(frozen=True)
class Inclusion:
    """That a record is under a signed head. ``hashes`` lead from its leaf to the root, lowest first."""

    checkpoint: bytes  # the signed note, whole
    hashes: list[bytes]


def prove(folder: Path, index: int, data: bytes, verifier: Verifier) -> Inclusion | None:
    """Return the proof for the record ``data`` at ``index``; ``None`` when no published head covers it yet.

    Raises:
        NoteError: the published head is not signed by this key.
        ValueError: the files do not lead from this record to the head: the log is not as it was written.
        OSError: a file cannot be read.
    """
    path = folder / layout.CHECKPOINT
    note = path.read_bytes() if path.exists() else b""
    head = open_checkpoint(note, verifier) if note else Checkpoint("", 0, b"")
    if head.size <= index:
        return None
    hashes = Tiles(folder).path(index, head.size)
    if not verify_inclusion(leaf_hash(data), index, head.size, hashes, head.root):
        raise ValueError("the hash tiles do not lead from the record to the signed head")
    return Inclusion(note, hashes)


def record_at(folder: Path, index: int) -> bytes | None:
    """Return the bytes of the record at ``index``; ``None`` when it is not there. Raises OSError."""
    bundle, number = divmod(index, layout.BUNDLE_RECORDS)
    raw = bundles.read(folder, bundle)
    if raw is None:
        return None
    frame = next(islice(layout.frames(raw), number, None), None)
    return frame.data if frame else None


class Tiles:
    """The hash tiles of one log, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, bytes] = {}

    def path(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of leaf ``index`` in the tree of the first ``size`` leaves (RFC 6962, 2.1.1)."""
        start, end, siblings = 0, size, []
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                siblings.append(self.root(middle, end))
                end = middle
            else:
                siblings.append(self.root(start, middle))
                start = middle
        return siblings[::-1]

    def root(self, start: int, end: int) -> bytes:
        """Return the root over leaves ``start`` to ``end``; ``start`` is a multiple of any subtree that fits."""
        tree = CompactRange()
        while start < end:
            level = (end - start).bit_length() - 1
            tree.append_subtree(self._subtree(level, start >> level), level)
            start += 1 << level
        return tree.root()

    def _subtree(self, level: int, index: int) -> bytes:
        """Return the root of the perfect subtree of ``2**level`` leaves with that index."""
        height, below = divmod(level, _TILE_LEVELS)
        first = index << below
        tile, offset = divmod(first, layout.BUNDLE_RECORDS)
        tree = CompactRange()
        for number in range(offset, offset + (1 << below)):
            tree.append(self._hash(height, tile, number))
        return tree.root()

    def _hash(self, height: int, tile: int, number: int) -> bytes:
        name = layout.tile_path(height, tile)
        if name not in self._read:
            self._read[name] = (self._folder / name).read_bytes()
        start = number * layout.HASH_BYTES
        digest = self._read[name][start : start + layout.HASH_BYTES]
        if len(digest) != layout.HASH_BYTES:
            raise ValueError("a hash tile is shorter than the signed head needs")
        return digest
