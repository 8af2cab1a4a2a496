"""Beginnings of prompts: who holds them, told apart by tenant and redaction, bounded and forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fleet.choose.prefix import MOST_BLOCKS, Hasher, Prefixes, rendered

HASHER = Hasher(b"k" * 32)
TEXT = "The press shop asks for a new die. " * 100


def blocks(text: str = TEXT, tenant: str = "acme", profile: str = "p") -> tuple[int, ...]:
    return HASHER.blocks_of(tenant, profile, text)[0]


def test_a_longer_conversation_begins_like_the_shorter_one() -> None:
    turns = [("system", "Be brief. " * 60), ("user", "What is a die? " * 60)]
    before, after = rendered(turns), rendered([*turns, ("assistant", "A tool."), ("user", "Why?")])

    assert blocks(after)[: len(blocks(before))] == blocks(before)
    assert len(blocks(before)) == len(before) // 256


def test_tenant_profile_and_process_tell_equal_words_apart() -> None:
    same = set(blocks())

    assert not same & set(blocks(tenant="other"))
    assert not same & set(blocks(profile="masked"))
    assert not same & set(blocks(tenant="acm", profile="ep"))
    assert not same & set(Hasher().blocks_of("acme", "p", TEXT)[0])


def test_a_change_anywhere_before_changes_every_block_after() -> None:
    changed = blocks("X" + TEXT[1:])

    assert not set(changed) & set(blocks())
    assert blocks(TEXT[:-300] + "?" * 300)[:5] == blocks()[:5]


def test_blocks_are_bounded_whatever_the_length() -> None:
    hashes, ends = HASHER.blocks_of("acme", "p", "x" * 2_000_000)

    assert len(hashes) == len(ends) == MOST_BLOCKS
    assert list(ends) == sorted(ends)


def test_what_is_held_is_found_until_the_slot_is_taken_or_the_engine_is_new() -> None:
    held = Prefixes()
    held.hold("a", 0, blocks()[:4])
    held.hold("a", 1, blocks()[:7])
    held.hold("b", 0, blocks()[:2])
    assert (held.length("a", blocks()), held.slot("a", blocks())) == (7, 1)

    held.drop("a", 1)
    assert (held.length("a", blocks()), held.slot("a", blocks())) == (4, 0)
    held.hold("a", 0, blocks("another " * 100))
    assert (held.length("a", blocks()), held.slot("a", blocks())) == (0, None)
    held.forget("b")
    assert held.length("b", blocks()) == 0


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    held = Prefixes(most_bytes=120 * 20)
    held.hold("a", 0, blocks()[:10])
    held.hold("a", 1, blocks(tenant="other")[:10])
    held.hold("a", 2, blocks(tenant="third")[:10])

    assert held.length("a", blocks()) == 0
    assert held.length("a", blocks(tenant="third")) == 10


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 13), st.booleans()), max_size=25))
def test_for_all_histories_it_holds_what_a_plain_list_of_slots_holds(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    held, plain = Prefixes(), {}
    tenants = ("acme", "other", "third")
    for slot, tenant, length, drops in steps:
        chain = () if drops else blocks(tenant=tenants[tenant])[:length]
        held.hold("a", slot, chain)
        plain[slot] = chain

    for tenant in tenants:
        wanted = blocks(tenant=tenant)
        best = max((len(chain) for chain in plain.values() if chain and chain == wanted[: len(chain)]), default=0)
        assert held.length("a", wanted) == best
        slot = held.slot("a", wanted)
        assert (slot is None) if not best else plain[slot] == wanted[:best]
