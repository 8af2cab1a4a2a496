"""Choosing among targets: inside the decision, healthy, free first; and refusing when there is no place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.errors import EngineUnavailable, LimitExceeded

NONE: frozenset[str] = frozenset()


@pytest.fixture
def pair(make_fleet: Any, engine: Any, target: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Two engines of one slot each, and the fleet over them."""
    one, two = engine(slots=1), engine(slots=1)
    first, second = target("w0"), target("w1")
    return make_fleet((first, one), (second, two), queue=2), first, second, one, two


async def test_only_targets_of_the_decision_are_chosen(pair: Any, caller: Any, decision: Any) -> None:
    fleet, _, second, _, _ = pair

    placement = await fleet.choose(decision(second), caller(), NONE)

    assert placement.target is second
    assert placement.context_tokens == 512


async def test_a_free_slot_comes_before_a_queue(pair: Any, caller: Any, decision: Any) -> None:
    fleet, first, second, _, _ = pair
    await fleet.choose(decision(first, second), caller(), NONE)

    assert (await fleet.choose(decision(first, second), caller(), NONE)).target is second


async def test_a_slot_with_the_tenants_prompt_comes_before_another(
    pair: Any, caller: Any, decision: Any, prompt: Any
) -> None:
    fleet, first, second, _, _ = pair
    placement = await fleet.choose(decision(second), caller("acme"), NONE)
    assert [chunk async for chunk in placement.answer(prompt)]
    placement.release()

    again = await fleet.choose(decision(first, second), caller("acme"), NONE)

    assert (again.target, again.reuse_cache) == (second, True)


async def test_failed_and_unhealthy_targets_are_skipped(pair: Any, caller: Any, decision: Any) -> None:
    fleet, first, second, one, two = pair
    both = decision(first, second)

    assert (await fleet.choose(both, caller(), frozenset({first.id}))).target is second
    one.is_ready = False
    with pytest.raises(EngineUnavailable) as refusal:
        await fleet.choose(both, caller(), frozenset({second.id}))

    assert refusal.value.retry_after_seconds == 2
    assert fleet.ready()
    two.is_ready = False
    assert not fleet.ready()


async def test_a_target_that_is_not_ours_is_no_target(pair: Any, caller: Any, decision: Any, target: Any) -> None:
    fleet = pair[0]

    with pytest.raises(EngineUnavailable):
        await fleet.choose(decision(target("elsewhere")), caller(), NONE)


async def test_the_shortest_queue_is_joined(pair: Any, caller: Any, decision: Any) -> None:
    fleet, first, second, _, _ = pair
    both = decision(first, second)
    held = [await fleet.choose(both, caller(), NONE) for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(fleet.choose(both, caller(), NONE)) for _ in range(2)]
        await asyncio.sleep(0)
        for placement in held:
            placement.release()

    assert {task.result().target.id for task in waiting} == {first.id, second.id}


async def test_a_full_queue_refuses_with_a_time(pair: Any, caller: Any, decision: Any) -> None:
    fleet, first, _, _, _ = pair
    held = await fleet.choose(decision(first), caller(), NONE)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(fleet.choose(decision(first), caller(), NONE)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(LimitExceeded) as refusal:
            await fleet.choose(decision(first), caller(), NONE)
        for task in waiting:
            task.cancel()

    assert refusal.value.code == "fleet.queue_full"
    assert refusal.value.retry_after_seconds >= 1
    held.release()


async def test_the_queue_is_first_come_first_served(pair: Any, caller: Any, decision: Any) -> None:
    fleet, first, _, _, _ = pair
    order: list[str] = []

    async def pass_through(name: str) -> None:
        placement = await fleet.choose(decision(first), caller(name), NONE)
        order.append(name)
        placement.release()

    held = await fleet.choose(decision(first), caller(), NONE)
    async with asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            group.create_task(pass_through(name))
            await asyncio.sleep(0)
        held.release()
        late = fleet.choose(decision(first), caller("late"), NONE)
        group.create_task(late)

    assert order == ["one", "two"]


async def test_those_who_wait_for_an_engine_that_goes_away_try_the_next(pair: Any, caller: Any, decision: Any) -> None:
    fleet, first, second, one, _ = pair
    both = decision(first, second)
    held = {p.target.id: p for p in [await fleet.choose(both, caller(), NONE) for _ in range(2)]}
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(fleet.choose(both, caller(), NONE))
        await asyncio.sleep(0)
        one.is_ready = False
        held[first.id].release()
        await asyncio.sleep(0)
        held[second.id].release()

    assert waiting.result().target is second


async def test_those_who_wait_for_the_only_engine_are_refused_when_it_goes_away(
    pair: Any, caller: Any, decision: Any
) -> None:
    fleet, first, _, one, _ = pair
    held = await fleet.choose(decision(first), caller(), NONE)
    waiting = asyncio.ensure_future(fleet.choose(decision(first), caller(), NONE))
    await asyncio.sleep(0)

    one.is_ready = False
    held.release()

    with pytest.raises(EngineUnavailable):
        await waiting


async def test_the_time_to_wait_follows_what_was_observed(
    pair: Any, caller: Any, decision: Any, prompt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, first, _, _, _ = pair
    clock = [0.0]
    monkeypatch.setattr("gateway.fleet.placement.monotonic", lambda: clock[0])
    placement = await fleet.choose(decision(first), caller(), NONE)
    assert [chunk async for chunk in placement.answer(prompt)]
    clock[0] = 40.0
    placement.release()
    held = await fleet.choose(decision(first), caller(), NONE)
    waiting = [asyncio.ensure_future(fleet.choose(decision(first), caller(), NONE)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(LimitExceeded) as refusal:
        await fleet.choose(decision(first), caller(), NONE)

    assert refusal.value.retry_after_seconds == 120  # two wait before it, 40 s each on one slot
    for task in waiting:
        task.cancel()
    held.release()
