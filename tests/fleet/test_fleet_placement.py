"""A held slot: it goes back exactly once, whatever ends the request, and knows whether its prompt was taken."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain import Capability, Chunk, Usage
from gateway.errors import EngineUnavailable, LimitExceeded

NONE: frozenset[str] = frozenset()


async def test_releasing_again_does_not_free_the_next_ones_slot(world: Any) -> None:
    place = world.target("w0")
    fleet = world.make_fleet((place, world.engine(slots=1)), queue=0)
    placement = await fleet.choose(world.decision(place), world.caller(), NONE)

    placement.release()
    await fleet.choose(world.decision(place), world.caller(), NONE)
    placement.release()

    with pytest.raises(LimitExceeded):
        await fleet.choose(world.decision(place), world.caller(), NONE)


@pytest.mark.parametrize(("chunks", "reused"), [(0, False), (1, True)])
async def test_a_failed_prompt_leaves_a_cache_only_when_its_answer_had_begun(
    world: Any, prompt: Any, chunks: int, reused: bool
) -> None:
    place, worker = world.target("w0"), world.engine(slots=1)
    worker.chunks, worker.failure = worker.chunks[:chunks], EngineUnavailable()
    fleet = world.make_fleet((place, worker))
    placement = await fleet.choose(world.decision(place), world.caller(), NONE)
    with pytest.raises(EngineUnavailable):
        assert [chunk async for chunk in placement.answer(prompt)]
    placement.release()

    assert (await fleet.choose(world.decision(place), world.caller(), NONE)).reuse_cache is reused


async def test_to_tokenise_leaves_a_slot_to_whose_prompt_lies_there(world: Any, prompt: Any) -> None:
    place = world.target("w0")
    fleet = world.make_fleet((place, world.engine(slots=1)))
    spelling = msgspec.structs.replace(prompt, capability=Capability.TOKENIZE)
    for tenant, asked in (("acme", prompt), ("other", spelling)):
        placement = await fleet.choose(world.decision(place), world.caller(tenant=tenant), NONE)
        assert [chunk async for chunk in placement.answer(asked)]
        placement.release()

    other = await fleet.choose(world.decision(place), world.caller(tenant="other"), NONE)
    other.release()
    acme = await fleet.choose(world.decision(place), world.caller(tenant="acme"), NONE)

    assert (other.reuse_cache, acme.reuse_cache) == (False, True)


@pytest.mark.parametrize(
    ("counted", "reused"),
    [(Chunk((), Usage(0, 0), tokens=(1, 2)), (False, True)), (Chunk((), Usage(2, 1)), (True, False))],
    ids=["told without reading", "read to be counted"],
)
async def test_to_count_leaves_a_slot_unless_the_engine_read(
    world: Any, prompt: Any, counted: Chunk, reused: tuple[bool, bool]
) -> None:
    place, worker = world.target("w0"), world.engine(slots=1)
    fleet = world.make_fleet((place, worker))
    said = {"acme": worker.chunks, "other": [counted]}
    for tenant, asked in (("acme", prompt), ("other", msgspec.structs.replace(prompt, counts=True))):
        worker.chunks = said[tenant]
        placement = await fleet.choose(world.decision(place), world.caller(tenant=tenant), NONE)
        assert [chunk async for chunk in placement.answer(asked)]
        placement.release()

    other = await fleet.choose(world.decision(place), world.caller(tenant="other"), NONE)
    other.release()
    acme = await fleet.choose(world.decision(place), world.caller(tenant="acme"), NONE)

    assert (other.reuse_cache, acme.reuse_cache) == reused


async def test_closing_the_answer_closes_the_engines(world: Any, prompt: Any) -> None:
    place, worker = world.target("w0"), world.engine()
    placement = await world.make_fleet((place, worker)).choose(world.decision(place), world.caller(), NONE)

    async with aclosing(placement.answer(prompt)) as chunks:
        await anext(chunks)
        assert worker.closed == 0

    assert worker.closed == 1


async def test_a_waiter_cancelled_as_it_is_handed_a_slot_passes_it_on(world: Any) -> None:
    place = world.target("w0")
    fleet = world.make_fleet((place, world.engine(slots=1)))
    held = await fleet.choose(world.decision(place), world.caller(), NONE)
    first, second = (asyncio.ensure_future(fleet.choose(world.decision(place), world.caller(), NONE)) for _ in range(2))
    await asyncio.sleep(0)

    held.release()  # the first one's future has its slot now
    first.cancel()  # and its task has not run since

    assert (await asyncio.wait_for(second, 1)).slot == 0
    assert first.cancelled()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), slots=st.integers(1, 3), queue=st.integers(0, 6))
def test_for_all_cancellations_every_slot_comes_back(world: Any, seed: int, slots: int, queue: int) -> None:
    chance = random.Random(seed)
    place, worker = world.target("w0"), world.engine(slots=slots)
    fleet = world.make_fleet((place, worker), queue=queue)
    in_use: set[int] = set()

    async def one(tenant: str) -> None:
        placement = await fleet.choose(world.decision(place), world.caller(tenant), NONE)
        assert placement.slot not in in_use
        in_use.add(placement.slot)
        try:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            in_use.remove(placement.slot)
            placement.release()

    asyncio.run(storm(one, worker, chance))

    assert asyncio.run(free_slots(fleet, world.decision(place), world.caller())) == slots


async def storm(one: Any, worker: Any, chance: random.Random) -> None:
    """Start 40 requests, let the engine come and go, and cancel at random; end when all are over."""
    tasks = []
    for _ in range(40):
        tasks.append(asyncio.ensure_future(one(chance.choice("abc"))))
        worker.is_ready = chance.random() < 0.9
        if chance.random() < 0.5:
            chance.choice(tasks).cancel()
        if chance.random() < 0.7:
            await asyncio.sleep(0)
    worker.is_ready = True
    ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    expected = (type(None), asyncio.CancelledError, EngineUnavailable, LimitExceeded)
    assert [end for end in ends if not isinstance(end, expected)] == []


async def free_slots(fleet: Any, decision: Any, caller: Any) -> int:
    """Take slots until one would have to wait."""
    for taken in range(100):
        try:
            await asyncio.wait_for(fleet.choose(decision, caller, NONE), 0.001)
        except (TimeoutError, LimitExceeded):
            return taken
    return 100
