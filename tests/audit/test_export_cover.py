"""What an export leaves out as hashes leads back to the root, whatever was left out."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.export.cover import Cover, CoverError, Run, levels
from gateway.audit.log.merkle import CompactRange, root_hash


def leaves(count: int) -> list[bytes]:
    return [sha256(str(number).encode()).digest() for number in range(count)]


def run(first: int, hashes: list[bytes]) -> Run:
    folded = Run(first)
    for leaf in hashes:
        folded.append(leaf)
    return folded


@pytest.mark.parametrize(
    ("first", "count", "sizes"),
    [(0, 0, []), (0, 1, [0]), (0, 8, [3]), (0, 7, [2, 1, 0]), (5, 5, [0, 1, 1]), (7, 9, [0, 3]), (256, 256, [8])],
)
def test_a_run_is_covered_by_the_largest_aligned_subtrees(first: int, count: int, sizes: list[int]) -> None:
    assert levels(first, count) == sizes


@given(st.lists(st.booleans(), max_size=300))
def test_the_root_follows_from_the_leaves_present_and_the_runs_left_out(present: list[bool]) -> None:
    hashes, cover, index = leaves(len(present)), Cover(), 0
    while index < len(present):
        end = next((n for n in range(index, len(present)) if present[n] != present[index]), len(present))
        if present[index]:
            cover.leaves(hashes[index:end])
        else:
            cover.omitted(index, end - index, run(index, hashes[index:end]).hashes)
        index = end

    assert (cover.size, cover.root()) == (len(hashes), root_hash(hashes))


@given(st.integers(0, 500), st.integers(0, 200))
def test_a_run_keeps_as_many_hashes_as_its_place_needs(first: int, count: int) -> None:
    folded = run(first, leaves(count))

    assert (folded.count, len(folded.hashes)) == (count, len(levels(first, count)))
    assert len(folded.hashes) <= 2 * max(1, count.bit_length())


@given(st.integers(0, 300), st.integers(0, 100), st.integers(0, 100))
def test_a_run_that_was_taken_down_goes_on(first: int, before: int, after: int) -> None:
    hashes = leaves(before + after)
    stopped = run(first, hashes[:before])

    resumed = Run(first, stopped.hashes, stopped.count)
    for leaf in hashes[before:]:
        resumed.append(leaf)

    assert resumed.hashes == run(first, hashes).hashes


@given(st.integers(0, 300))
def test_a_run_from_the_beginning_is_the_compact_range(size: int) -> None:
    tree = CompactRange()
    for leaf in leaves(size):
        tree.append(leaf)
    cover = Cover()
    cover.omitted(0, size, run(0, leaves(size)).hashes)

    assert cover.root() == tree.root()


def test_another_hash_leads_to_another_root() -> None:
    hashes, cover = leaves(20), Cover()
    covered = run(3, hashes[3:20]).hashes
    cover.leaves(hashes[:3])
    cover.omitted(3, 17, [*covered[:-1], bytes(32)])

    assert cover.root() != root_hash(hashes)


@pytest.mark.parametrize(("first", "count", "extra"), [(2, 2, 0), (4, 2, 0), (3, 2, 1), (3, 2, -1), (3, -1, 0)])
def test_runs_that_do_not_follow_one_another_are_refused(first: int, count: int, extra: int) -> None:
    cover, hashes = Cover(), leaves(8)
    cover.leaves(hashes[:3])

    with pytest.raises(CoverError):
        cover.omitted(first, count, hashes[: max(0, len(levels(first, count)) + extra)])


def test_a_run_that_was_taken_down_wrongly_is_refused() -> None:
    with pytest.raises(CoverError):
        Run(0, leaves(2), 1)
