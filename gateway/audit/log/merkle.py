"""The Merkle tree of RFC 6962 and RFC 9162: values in, values out.

Leaves and nodes are hashed apart (0x00 and 0x01 before the data), so that no node can pass for a leaf. Hashes are 32
bytes of SHA-256. Section numbers are those of RFC 9162 (2.1), whose algorithms these are.

::

    tree = CompactRange()
    for record in records:
        tree.append(leaf_hash(record))
    tree.root()                                   # what a checkpoint signs

    hashes = [leaf_hash(record) for record in records]
    proof = inclusion_proof(hashes, 5)
    verify_inclusion(hashes[5], 5, len(hashes), proof, tree.root())    # True
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves (2.1.1)."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A tree that only grows, as the roots of its perfect subtrees: ``log2(size)`` hashes, largest subtree first."""

    __slots__ = ("_roots", "size")

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    @classmethod
    def of(cls, size: int, roots: Sequence[bytes]) -> CompactRange:
        """Return the range of ``size`` leaves with these subtree roots, largest first.

        Raises:
            ValueError: there must be one root for each bit of ``size``.
        """
        if size < 0 or len(roots) != size.bit_count():
            raise ValueError("not the roots of that many leaves")
        tree = cls()
        tree.size, tree._roots = size, list(roots)
        return tree

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The roots of its perfect subtrees, largest first."""
        return tuple(self._roots)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self.append_subtree(leaf, 0)

    def append_subtree(self, root: bytes, level: int) -> None:
        """Add a perfect subtree of ``2**level`` leaves. The size so far MUST be a multiple of that."""
        carry = self.size >> level
        while carry & 1:
            root = node_hash(self._roots.pop(), root)
            carry >>= 1
        self._roots.append(root)
        self.size += 1 << level

    def root(self) -> bytes:
        """Return the root hash (2.1.1): subtrees folded from the right."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> CompactRange:
        other = CompactRange()
        other.size, other._roots = self.size, self._roots.copy()
        return other


def root_hash(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the path from leaf ``index`` to the root, lowest sibling first (2.1.3.1).

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root_hash(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root_hash(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the first ``old_size`` leaves are a prefix of all (2.1.4.1).

    Raises:
        IndexError: ``old_size`` is not between 1 and the number of leaves.
    """
    if not 1 <= old_size <= len(leaves):
        raise IndexError(old_size)
    return _subproof(leaves, old_size, whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root_hash(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole=whole), root_hash(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, whole=False), root_hash(leaves[:split])]


def _split(size: int) -> int:
    """Return the largest power of two smaller than ``size``."""
    return 1 << (size - 1).bit_length() - 1


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether ``proof`` leads from the leaf hash at ``index`` of a tree of ``size`` to ``root`` (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether ``proof`` shows that the old tree is a prefix of the new one (2.1.4.2).

    The empty tree is a prefix of every tree, and needs no proof.
    """
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 0 <= old_size < new_size:
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # step 2: a power of two is a node of the new tree
        path.insert(0, old_root)
    return bool(path) and _fold(path, old_size - 1, new_size - 1, (old_root, new_root))


def _fold(path: Sequence[bytes], node: int, last: int, roots: tuple[bytes, bytes]) -> bool:
    while node & 1:  # step 4
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:  # step 6
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and (old, new) == roots
