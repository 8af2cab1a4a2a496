"""Whose slot is whose: no tenant's cached prompt is ever reused for another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.slots import Lease, Slots, Use


def use(slots: Slots, tenant: str, how: Use = "answered") -> Lease:
    lease = slots.take(tenant)
    assert lease is not None
    slots.give_back(lease, how)
    return lease


def test_a_tenant_gets_its_own_slot_back_with_its_cache() -> None:
    slots = Slots(3)
    first = use(slots, "a")
    use(slots, "b")

    again = use(slots, "a")

    assert (again.slot, again.reuse_cache) == (first.slot, True)


def test_a_new_tenant_gets_a_slot_never_used() -> None:
    slots = Slots(2)
    first = use(slots, "a")

    other = use(slots, "b")

    assert other.slot != first.slot
    assert not other.reuse_cache


def test_without_a_fresh_slot_the_one_idle_longest_is_taken_without_its_cache() -> None:
    slots = Slots(2)
    oldest = use(slots, "a")
    use(slots, "b")

    taken = use(slots, "c")

    assert (taken.slot, taken.reuse_cache) == (oldest.slot, False)


def test_a_tenant_with_several_slots_gets_the_one_used_last() -> None:
    slots = Slots(2)
    one, two = slots.take("a"), slots.take("a")
    assert one is not None
    assert two is not None
    slots.give_back(two, "answered")
    slots.give_back(one, "answered")

    assert use(slots, "a").slot == one.slot


def test_a_full_engine_has_no_slot() -> None:
    slots = Slots(1)
    assert slots.take("a") is not None

    assert slots.take("a") is None
    assert slots.free == 0


@pytest.mark.parametrize(("how", "owner"), [("untouched", "a"), ("asked", ""), ("answered", "b")])
def test_a_slot_changes_hands_only_when_the_engine_took_the_prompt(how: Use, owner: str) -> None:
    slots = Slots(1)
    use(slots, "a")
    use(slots, "b", how)

    assert [tenant for tenant in ("a", "b") if slots.has_own(tenant)] == ([owner] if owner else [])


class Model:
    """What an engine's slots really hold: the tenant whose prompt was last taken, ``?`` when it may be either."""

    def __init__(self, count: int) -> None:
        self.content = [""] * count

    def touch(self, lease: Lease, how: Use) -> None:
        if how == "answered":
            self.content[lease.slot] = lease.tenant
        elif how == "asked" and self.content[lease.slot] != lease.tenant:
            self.content[lease.slot] = "?"


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["untouched", "asked", "answered"]), st.booleans()), max_size=60
)


@given(count=st.integers(1, 4), steps=STEPS)
def test_for_all_histories_a_cache_is_reused_only_by_its_tenant(count: int, steps: list[tuple[str, Use, bool]]) -> None:
    slots, model = Slots(count), Model(count)
    held: list[tuple[Lease, Use]] = []
    for tenant, how, keep in steps:
        lease = slots.take(tenant)
        if lease is not None:
            assert lease.slot not in [other.slot for other, _ in held]
            assert lease.reuse_cache == (model.content[lease.slot] == tenant)
            held.append((lease, how))
        if held and not keep:
            oldest, happened = held.pop(0)
            model.touch(oldest, happened)
            slots.give_back(oldest, happened)
        assert slots.free + len(held) == count
