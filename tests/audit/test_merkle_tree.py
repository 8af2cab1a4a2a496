"""The tree against its definition (RFC 9162 2.1), and against published numbers."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.log.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)

# Leaves and roots of the first eight trees, from the Certificate Transparency project's Merkle tests
# (transparency-dev/merkle, proof/verify_test.go, Apache-2.0): numbers that every RFC 6962 implementation must reach.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION_6_OF_8 = [  # leaf index 5 of 8, same source
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
CONSISTENCY_6_TO_8 = ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", *INCLUSION_6_OF_8[1:]]

sizes = st.integers(1, 130)


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def some_leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_hash([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]


def test_proofs_are_the_published_ones() -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES]

    assert [step.hex() for step in inclusion_proof(hashes, 5)] == INCLUSION_6_OF_8
    assert [step.hex() for step in consistency_proof(hashes, 6)] == CONSISTENCY_6_TO_8


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert CompactRange().root() == EMPTY_ROOT == sha256(b"").digest()


@given(sizes)
def test_growing_and_defining_agree(size: int) -> None:
    leaves = some_leaves(size)

    assert root_hash(leaves) == naive_root(leaves)


@given(st.integers(0, 20), st.integers(0, 5), st.integers(0, 40))
def test_whole_subtrees_may_be_appended(blocks: int, level: int, more: int) -> None:
    width = 1 << level
    leaves = some_leaves(blocks * width + more)

    tree = CompactRange()
    for block in range(blocks):
        tree.append_subtree(naive_root(leaves[block * width : (block + 1) * width]), level)
    for leaf in leaves[blocks * width :]:
        tree.append(leaf)

    assert (tree.size, tree.root()) == (len(leaves), naive_root(leaves))


@given(sizes, st.data())
def test_inclusion_proves_its_leaf_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = some_leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(leaves, index), naive_root(leaves)
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index)) if size > 1 else size

    assert verify_inclusion(leaves[index], index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"?"), index, size, proof, root)
    assert not verify_inclusion(leaves[index], other, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, [*proof, root], root)
    assert not verify_inclusion(leaves[index], size, size, proof, root)


@given(sizes, st.data())
def test_consistency_proves_a_prefix_and_nothing_else(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    leaves = some_leaves(new)
    proof, roots = consistency_proof(leaves, old), (naive_root(leaves[:old]), naive_root(leaves))
    forked = naive_root([leaf_hash(b"?"), *leaves[1:old]])

    assert verify_consistency(old, new, proof, *roots)
    assert not verify_consistency(old, new, proof, forked, roots[1])
    assert not verify_consistency(old, new, [*proof, roots[0]], *roots)
    assert not verify_consistency(new + 1, new, proof, *roots)
    if proof:
        assert not verify_consistency(old, new, proof[:-1], *roots)
        assert not verify_consistency(old, new, proof, roots[0], roots[0])


@given(sizes)
def test_the_empty_tree_is_a_prefix_of_every_tree(size: int) -> None:
    root = naive_root(some_leaves(size))

    assert verify_consistency(0, size, [], EMPTY_ROOT, root)
    assert not verify_consistency(0, size, [], root, root)


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        inclusion_proof(some_leaves(3), index)
