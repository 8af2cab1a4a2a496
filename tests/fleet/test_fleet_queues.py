"""Waiting for a slot of a real fleet: whose turn it is, who has to go, who is told that it waited too long."""

from __future__ import annotations

import asyncio
import heapq
import statistics
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import PRIORITIES, Chunk, Usage
from gateway.errors import LimitExceeded
from gateway.fleet.choose.terms import Objective
from gateway.fleet.desk import Terms
from gateway.fleet.local import LocalFleet, Member
from gateway.fleet.ranking import Ranking

NONE: frozenset[str] = frozenset()
USUAL, NIGHTLY = Objective(), Objective(priority="low")


class Stand:
    """One engine with one slot, and callers that ask for it."""

    def __init__(
        self, world: Any, queue: int = 3, slots: int = 1, ranking: Ranking | None = None, **terms: Any
    ) -> None:
        self.world, self.place, self.engine = world, world.target("w0"), world.engine(slots=slots)
        members = [Member(self.place, self.engine)]
        self.fleet = LocalFleet(
            members,
            queue=queue,
            find_model=lambda name: name,
            model_names=lambda: ["tiny"],
            terms=Terms(**terms),
            ranking=ranking,
        )
        (self.desk,) = self.fleet.desks()
        self.order: list[str] = []

    async def take(self, tenant: str = "acme", **said: Any) -> Any:
        caller = replace(self.world.caller(tenant), priority=said.pop("priority", "normal"))
        return await self.fleet.choose(self.world.decision(self.place), caller, NONE, **said)

    def ask(self, name: str, tenant: str = "acme", **said: Any) -> asyncio.Task[None]:
        async def pass_through() -> None:
            placement = await self.take(tenant, **said)
            self.order.append(name)
            placement.release()

        return asyncio.ensure_future(pass_through())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The fleet's clock, for the test to set."""
    now = [0.0]
    for module in ("desk", "local", "placement"):
        monkeypatch.setattr(f"gateway.fleet.{module}.monotonic", lambda: now[0])
    return now


async def test_a_higher_priority_is_next(world: Any) -> None:
    stand = Stand(world)
    held = await stand.take()
    asking = [stand.ask(name, name, priority=name) for name in ("low", "normal", "high")]
    await asyncio.sleep(0)
    held.release()
    await asyncio.gather(*asking)

    assert stand.order == ["high", "normal", "low"]


async def test_a_route_lowers_a_priority_and_raises_none(world: Any) -> None:
    ranking = Ranking(
        objective=lambda model, caller: NIGHTLY if model == "tiny" and caller.tenant == "night" else USUAL
    )
    stand = Stand(world, ranking=ranking)
    held = await stand.take()
    asking = [stand.ask("low key", "day", priority="low"), stand.ask("night", "night", priority="high")]
    asking.append(stand.ask("day", "day"))
    await asyncio.sleep(0)
    held.release()
    await asyncio.gather(*asking)

    assert stand.order == ["day", "low key", "night"]
    assert [ranking.priority("tiny", replace(world.caller("night"), priority=each)) for each in PRIORITIES] == [2, 2, 2]
    assert [ranking.priority("other", replace(world.caller("night"), priority=each)) for each in PRIORITIES] == [
        0,
        1,
        2,
    ]


async def test_a_full_queue_makes_room_for_another_tenant_and_the_last_one_is_told(world: Any, prompt: Any) -> None:
    stand = Stand(world)
    held = await stand.take("flood")
    assert [chunk async for chunk in held.answer(prompt)]
    flood = [stand.ask(f"flood {number}", "flood") for number in range(3)]
    await asyncio.sleep(0)

    single = stand.ask("single", "other")
    with pytest.raises(LimitExceeded) as told:
        await flood[2]
    held.release()
    await asyncio.gather(*flood[:2], single)

    assert (told.value.code, told.value.retry_after_seconds) == ("fleet.queue_full", 1.0)  # nothing took long as yet
    assert stand.order == ["single", "flood 0", "flood 1"]
    assert (stand.desk.free, stand.desk.waiting) == (1, 0)


async def test_who_would_wait_too_long_is_told_at_once_and_when_to_come(
    world: Any, prompt: Any, clock: list[float]
) -> None:
    stand = Stand(world, wait_seconds=60.0)
    first = await stand.take()
    assert [chunk async for chunk in first.answer(prompt)]
    clock[0] = 40.0
    first.release()  # so a request takes 40 s
    held = await stand.take()
    waiting = stand.ask("waits")
    await asyncio.sleep(0)

    with pytest.raises(LimitExceeded) as told:
        await stand.take()

    assert (told.value.code, told.value.retry_after_seconds) == ("fleet.wait_too_long", 20.0)
    assert stand.desk.waiting == 1
    held.release()
    await waiting


async def test_what_the_caller_would_wait_counts_where_it_is_less(world: Any, clock: list[float]) -> None:
    stand = Stand(world, wait_seconds=60.0)
    held = await stand.take()

    with pytest.raises(LimitExceeded) as told:
        await stand.take(deadline=0.0)

    assert told.value.code == "fleet.wait_too_long"
    held.release()
    (await stand.take(deadline=0.0)).release()  # a free slot is no wait


async def test_whose_time_to_wait_is_over_is_told_and_leaves_the_queue(world: Any) -> None:
    stand = Stand(world, wait_seconds=0.05)
    held = await stand.take()

    with pytest.raises(LimitExceeded) as told:
        await asyncio.wait_for(stand.take(), 20)

    assert told.value.code == "fleet.wait_too_long"
    assert (stand.desk.waiting, stand.desk.held) == (0, 1)
    held.release()
    assert stand.desk.free == 1


async def test_a_slot_that_comes_in_time_is_kept_beyond_the_deadline(world: Any) -> None:
    stand = Stand(world, wait_seconds=0.05)
    held = await stand.take()
    waiting = asyncio.ensure_future(stand.take())
    await asyncio.sleep(0)
    held.release()
    placement = await waiting
    await asyncio.sleep(0.1)

    assert stand.desk.held == 1
    placement.release()
    assert stand.desk.free == 1


@pytest.mark.parametrize(("asks", "order"), [(True, ["other", "waster"]), (False, ["waster", "other"])])
async def test_who_hangs_up_is_charged_once_the_engine_had_its_prompt(
    world: Any, prompt: Any, asks: bool, order: list[str]
) -> None:
    stand = Stand(world)
    for _ in range(3):
        held = await stand.take("waster")
        if asks:
            async with aclosing(held.answer(prompt)) as chunks:
                await anext(chunks)
        held.release()
    held = await stand.take("third")
    asking = [stand.ask(tenant, tenant) for tenant in ("waster", "other")]
    await asyncio.sleep(0)
    held.release()
    await asyncio.gather(*asking)

    assert stand.order == order


# --- two tenants, one of them a flood ---------------------------------------------------------------------------------


class Simulation:
    """An engine whose time is the test's own. A request holds its slot for as long as its tokens take, 100 a second."""

    def __init__(self, stand: Stand, clock: list[float], prompt: Any) -> None:
        self.stand, self.clock, self.prompt = stand, clock, prompt
        self.alarms: list[tuple[float, int, asyncio.Future[None]]] = []
        self.number = 0
        self.waits: dict[str, list[float]] = {"flood": [], "single": []}
        self.refused = {"flood": 0, "single": 0}

    async def sleep(self, seconds: float) -> None:
        self.number += 1
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.alarms, (self.clock[0] + seconds, self.number, alarm))
        await alarm

    async def request(self, tenant: str, tokens: int) -> None:
        arrived = self.clock[0]
        try:
            placement = await self.stand.take(tenant)
        except LimitExceeded:
            self.refused[tenant] += 1
            await self.sleep(0.5)
            return
        try:
            self.waits[tenant].append(self.clock[0] - arrived)
            await self.sleep(tokens / 100)
            self.stand.engine.chunks = [Chunk((), Usage(tokens, 0))]
            assert [chunk async for chunk in placement.answer(self.prompt)]
        finally:
            placement.release()

    async def flood(self, callers: int) -> list[asyncio.Task[None]]:
        async def one(tokens: int) -> None:
            while True:
                await self.request("flood", tokens)

        return [asyncio.ensure_future(one(100 + number % 7 * 30)) for number in range(callers)]

    async def run(self, until: float) -> None:
        """Let time pass, alarm by alarm, until then."""
        while self.clock[0] < until:
            for _ in range(6):
                await asyncio.sleep(0)
            at, _, alarm = heapq.heappop(self.alarms)
            self.clock[0] = max(self.clock[0], at)
            if not alarm.done():
                alarm.set_result(None)


async def test_beside_a_flood_a_tenant_waits_no_longer_than_twice_what_its_half_of_the_engine_would_mean(
    world: Any, prompt: Any, clock: list[float]
) -> None:
    burst, every, tokens, slots = 4, 12.0, 150, 2
    simulation = Simulation(Stand(world, queue=16, slots=slots), clock, prompt)
    tasks = await simulation.flood(24)
    for _ in range(10):
        tasks += [asyncio.ensure_future(simulation.request("single", tokens)) for _ in range(burst)]
        await simulation.run(clock[0] + every)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    alone_on_one_slot = statistics.mean(tokens / 100 * place for place in range(burst))

    assert simulation.refused["single"] == 0
    assert len(simulation.waits["single"]) == 10 * burst
    assert statistics.mean(simulation.waits["single"]) <= 2 * alone_on_one_slot
    assert simulation.refused["flood"] > 0  # it was one
    assert (simulation.stand.desk.free, simulation.stand.desk.waiting) == (slots, 0)


async def test_two_floods_are_served_by_their_shares(world: Any, prompt: Any, clock: list[float]) -> None:
    simulation = Simulation(Stand(world, queue=16, slots=2, shares={"flood": 3.0}), clock, prompt)

    async def other() -> None:
        while True:
            await simulation.request("single", 200)

    tasks = [*await simulation.flood(12), *(asyncio.ensure_future(other()) for _ in range(12))]
    await simulation.run(150.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    served = {who: len(waits) for who, waits in simulation.waits.items()}

    assert 2.4 <= served["flood"] * 190 / (served["single"] * 200) <= 3.6  # by tokens
