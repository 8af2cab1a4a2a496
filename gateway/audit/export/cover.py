"""What an export leaves out, as hashes: the fewest perfect subtrees that stand for a run of leaves. Values only.

A tree of RFC 6962 can be computed from any mixture of leaves and roots of perfect subtrees that follow one another
without a gap. So an export names, for every run of leaves that it leaves out, the roots of the largest aligned perfect
subtrees in it: at most two for each level, ``2 * log2(count)`` hashes::

    run = Run(5)                        # leaves 5, 6, 7, 8, 9
    for leaf in leaves[5:10]:
        run.append(leaf)
    levels(5, 5)                        # [0, 1, 1]: leaf 5, leaves 6 and 7, leaves 8 and 9
    run.hashes                          # their three roots, in this order

    tree = Cover()                      # computes the root back
    tree.leaves(leaves[:5])
    tree.omitted(5, 5, run.hashes)
    tree.root()

A run that begins at 0 is the compact range of what lies before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.audit.log.merkle import CompactRange, node_hash


class CoverError(ValueError):
    """The pieces do not lie one after the other, or a run has another number of hashes than it must have."""


def levels(first: int, count: int) -> list[int]:
    """Return the levels of the largest perfect subtrees that cover leaves ``first`` to ``first + count``, in order.

    A subtree of level ``n`` has ``2**n`` leaves, and its first leaf's index is a multiple of that.
    """
    found, end = [], first + count
    while first < end:
        fits = (end - first).bit_length() - 1
        aligned = (first & -first).bit_length() - 1 if first else fits
        level = min(fits, aligned)
        found.append(level)
        first += 1 << level
    return found


class Run:
    """A run of leaves, folded as it comes: ``2 * log2(count)`` hashes are kept."""

    __slots__ = ("_roots", "count", "first")

    def __init__(self, first: int, hashes: Sequence[bytes] = (), count: int = 0) -> None:
        """Go on with a run that was taken down as ``hashes`` and ``count``; else begin one. Raises CoverError."""
        sizes = levels(first, count)
        if len(sizes) != len(hashes):
            raise CoverError("a run has another number of hashes than it must have")
        self.first, self.count = first, count
        self._roots = list(zip(sizes, hashes, strict=True))

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        level, root, start = 0, leaf, self.first + self.count
        while self._roots and self._roots[-1][0] == level and start & (1 << level):
            root = node_hash(self._roots.pop()[1], root)
            start -= 1 << level
            level += 1
        self._roots.append((level, root))
        self.count += 1

    @property
    def hashes(self) -> list[bytes]:
        return [root for _, root in self._roots]


class Cover:
    """Computes the root over leaves that are present and runs that are not."""

    def __init__(self) -> None:
        self._tree = CompactRange()

    @property
    def size(self) -> int:
        return self._tree.size

    def leaves(self, hashes: Iterable[bytes]) -> None:
        """Add the hashes of leaves that are present."""
        for leaf in hashes:
            self._tree.append(leaf)

    def omitted(self, first: int, count: int, hashes: Sequence[bytes]) -> None:
        """Add a run that is not. Raises CoverError."""
        sizes = levels(first, count)
        if first != self.size or count < 0 or len(sizes) != len(hashes):
            raise CoverError("a run that was left out is not where it must be, or not whole")
        for level, root in zip(sizes, hashes, strict=True):
            self._tree.append_subtree(root, level)

    def root(self) -> bytes:
        return self._tree.root()
