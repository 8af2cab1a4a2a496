"""Consistency proofs and roots from hash tiles agree with those computed from all leaves."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.log.consistency import prove_consistency, root_at
from gateway.audit.log.merkle import consistency_proof, leaf_hash, root_hash, verify_consistency
from gateway.audit.log.pruning import clear
from gateway.audit.log.tiles import HashTiles

LEAVES = [leaf_hash(sha256(str(number).encode()).digest()) for number in range(3000)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the hash tiles of 3000 leaves."""
    place = tmp_path_factory.mktemp("log")
    tiles = HashTiles(place)
    for leaf in LEAVES:
        tiles.add(leaf)
    tiles.flush()
    return place


SIZES = st.one_of(st.integers(1, len(LEAVES)), st.sampled_from([1, 255, 256, 257, 511, 512, 1024, 2047, 2048, 2049]))


@given(SIZES, SIZES)
def test_proofs_from_tiles_are_those_from_leaves(folder: Path, one: int, other: int) -> None:
    old, new = sorted((one, other))

    proof = prove_consistency(folder, old, new)

    assert proof == consistency_proof(LEAVES[:new], old)
    assert verify_consistency(old, new, proof, root_at(folder, old), root_at(folder, new))


@given(SIZES)
def test_roots_from_tiles_are_those_from_leaves(folder: Path, size: int) -> None:
    assert root_at(folder, size) == root_hash(LEAVES[:size])


def test_the_empty_tree_needs_no_proof(folder: Path) -> None:
    assert prove_consistency(folder, 0, 3000) == prove_consistency(folder, 3000, 3000) == []
    assert root_at(folder, 0) == sha256(b"").digest()


@pytest.mark.parametrize(("old", "new"), [(2, 1), (-1, 1), (1, 3001), (2999, 4000)])
def test_what_the_tiles_do_not_hold_is_refused(folder: Path, old: int, new: int) -> None:
    with pytest.raises((ValueError, FileNotFoundError)):
        prove_consistency(folder, old, new)


def test_a_log_that_lost_its_beginning_still_proves_from_there_on(folder: Path, tmp_path: Path) -> None:
    pruned = tmp_path / "log"
    shutil.copytree(folder, pruned)
    clear(pruned, 2560)
    assert not (pruned / "tile/0/009").exists()

    for old in (2560, 2561, 2816, 3000):
        proof = prove_consistency(pruned, old, 3000)
        assert proof == consistency_proof(LEAVES, old)
        assert root_at(pruned, old) == root_hash(LEAVES[:old])
