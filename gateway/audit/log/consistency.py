"""Proofs that an older tree is a prefix of a newer one, from a log's hash tiles: beside the writer, at any size.

A few dozen reads, whatever the length of the log. The algorithm is RFC 9162's (2.1.4.1), with the roots of subtrees
taken from tiles (:class:`gateway.audit.log.proof.Tiles`) in place of leaves.

::

    proof = prove_consistency(folder, 1284, 2071)
    verify_consistency(1284, 2071, proof, root_at(folder, 1284), root_at(folder, 2071))    # True
"""

from __future__ import annotations

from pathlib import Path

from gateway.audit.log.merkle import EMPTY_ROOT
from gateway.audit.log.proof import Tiles


def root_at(folder: Path, size: int) -> bytes:
    """Return the root over the first ``size`` records, as the hash tiles have them.

    Raises:
        ValueError: the tiles end before that.
        OSError: a tile cannot be read; FileNotFoundError also where the log is shorter.
    """
    return Tiles(folder).root(0, size) if size else EMPTY_ROOT


def prove_consistency(folder: Path, old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the first ``old_size`` records are a prefix of the first ``new_size``.

    It is empty when both are the same, and when the old tree is.

    Raises:
        ValueError: ``old_size`` is larger than ``new_size``, or the tiles end before that.
        OSError: a tile cannot be read.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError("the old tree is larger than the new one")
    if old_size in (0, new_size):
        return []
    return _subproof(Tiles(folder), old_size, 0, new_size)


def _subproof(tiles: Tiles, old_size: int, start: int, end: int) -> list[bytes]:
    """Return SUBPROOF of RFC 9162, 2.1.4.1, for the leaves ``start`` to ``end``, lowest hash first."""
    proof: list[bytes] = []
    whole = True  # the old tree is one subtree so far, and the verifier knows its root
    while old_size != end:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if old_size <= split:
            proof.append(tiles.root(split, end))
            end = split
        else:
            proof.append(tiles.root(start, split))
            start, whole = split, False
    if not whole:
        proof.append(tiles.root(start, end))
    return proof[::-1]
