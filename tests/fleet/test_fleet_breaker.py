"""A target that fails is left alone: others are asked meanwhile, and one request finds out whether it is well again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest

from gateway.errors import AuditUnavailable, BadRequest, EngineUnavailable
from gateway.fleet.choose.breaker import Limits
from gateway.fleet.desk import Terms
from gateway.fleet.local import LocalFleet, Member

NONE: frozenset[str] = frozenset()
LIMITS = Limits(failures=2, pause_seconds=2.0, longest_pause_seconds=60.0)


class Pair:
    """Two engines of two slots each, and what is told of them. The decision allows both, the first one first."""

    def __init__(self, world: Any, prompt: Any, clock: list[float]) -> None:
        self.world, self.prompt, self.clock = world, prompt, clock
        self.engines = {name: world.engine(slots=2) for name in ("w0", "w1")}
        self.places = {name: world.target(name) for name in self.engines}
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.fleet = LocalFleet(
            [Member(self.places[name], engine) for name, engine in self.engines.items()],
            queue=4,
            find_model=lambda name: name,
            model_names=lambda: ["tiny"],
            terms=Terms(breaker=LIMITS, tell=lambda type, said: self.told.append((type, said))),
        )
        self.desks = {desk.id.split("/")[2].partition(":")[0]: desk for desk in self.fleet.desks()}

    async def take(self, *names: str, tenant: str = "acme") -> Any:
        allowed = self.world.decision(*(self.places[name] for name in names))
        return await self.fleet.choose(allowed, self.world.caller(tenant), NONE)

    async def ask(self, *names: str, tenant: str = "acme") -> str:
        """Have one answer; return who gave it."""
        placement = await self.take(*names, tenant=tenant)
        try:
            assert [chunk async for chunk in placement.answer(self.prompt)]
        finally:
            placement.release()
        return placement.target.id.split("/")[2].partition(":")[0]

    async def fail(
        self, name: str, times: int = 2, error: Exception | None = None, tenants: tuple[str, ...] = ("acme", "works")
    ) -> None:
        """Have a target fail before its first word, each of the tenants in turn."""
        engine = self.engines[name]
        chunks, engine.chunks, engine.failure = engine.chunks, [], error or EngineUnavailable(code="engine.crashed")
        for number in range(times):
            with pytest.raises(type(engine.failure)):
                await self.ask(name, tenant=tenants[number % len(tenants)])
        engine.chunks, engine.failure = chunks, None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    for module in ("desk", "local", "placement"):
        monkeypatch.setattr(f"gateway.fleet.{module}.monotonic", lambda: now[0])
    return now


@pytest.fixture
def pair(world: Any, prompt: Any, clock: list[float]) -> Pair:
    return Pair(world, prompt, clock)


async def test_a_target_that_fails_is_no_candidate_while_another_remains(pair: Pair) -> None:
    assert await pair.ask("w0", "w1") == "w0"
    await pair.fail("w0")

    assert [await pair.ask("w0", "w1") for _ in range(3)] == ["w1", "w1", "w1"]
    assert pair.fleet.ready()


async def test_with_none_left_whose_engine_runs_it_is_503_and_says_when_to_come(pair: Pair) -> None:
    await pair.fail("w0")
    pair.engines["w0"].is_ready = False
    pair.clock[0] += 0.5

    with pytest.raises(EngineUnavailable) as told:
        await pair.ask("w0")

    assert (told.value.status, told.value.code) == (503, "fleet.target_suspended")
    assert told.value.retry_after_seconds == 1.5


async def test_with_all_left_alone_those_whose_engine_runs_are_asked_all_the_same(pair: Pair) -> None:
    await pair.fail("w0")
    await pair.fail("w1")
    assert pair.fleet.ready()

    assert await pair.ask("w0", "w1") == "w0"
    assert pair.desks["w0"].breaker.state == "closed"  # its answer said that it is well
    assert await pair.ask("w0", "w1") == "w0"


async def test_the_last_one_that_goes_on_failing_goes_on_being_counted_and_left_alone_where_another_is(
    pair: Pair,
) -> None:
    await pair.fail("w0", times=6)

    assert (pair.desks["w0"].breaker.failures, pair.desks["w0"].breaker.opened) == (6, 1)
    assert await pair.ask("w0", "w1") == "w1"
    assert [type for type, _ in pair.told] == ["target.suspended"]


async def test_with_all_engines_away_and_left_alone_the_fleet_is_not_ready(pair: Pair) -> None:
    for name in ("w0", "w1"):
        await pair.fail(name)
        pair.engines[name].is_ready = False

    assert not pair.fleet.ready()


async def test_who_waits_when_the_last_one_is_left_alone_is_served_there(pair: Pair) -> None:
    held = [await pair.take("w0", tenant=tenant) for tenant in ("acme", "works")]
    waiting = asyncio.ensure_future(pair.take("w0"))
    await asyncio.sleep(0)
    pair.engines["w0"].chunks, pair.engines["w0"].failure = [], EngineUnavailable()
    for placement in held:
        with pytest.raises(EngineUnavailable):
            assert [chunk async for chunk in placement.answer(pair.prompt)]
        placement.release()

    assert (await asyncio.wait_for(waiting, 10)).target is pair.places["w0"]


async def test_after_the_pause_one_request_is_let_through_and_its_answer_lets_in_all(pair: Pair) -> None:
    await pair.fail("w0")
    pair.clock[0] += 2.0
    first = await pair.take("w0", "w1")

    assert first.target is pair.places["w0"]
    assert (await pair.take("w0", "w1")).target is pair.places["w1"]  # while the first has not answered
    async with aclosing(first.answer(pair.prompt)) as chunks:
        await anext(chunks)
        assert (await pair.take("w0", "w1")).target is pair.places["w0"]


async def test_one_tenants_prompts_that_break_engines_take_no_target_from_others(pair: Pair) -> None:
    await pair.ask("w0", tenant="works")
    await pair.fail("w0", times=5, tenants=("acme",), error=EngineUnavailable(code="engine.crashed"))

    assert [await pair.ask("w0", "w1", tenant=tenant) for tenant in ("works", "acme")] == ["w0", "w1"]
    assert pair.told[0] == (
        "target.suspended",
        {
            "model": "tiny",
            "target": pair.places["w0"].id,
            "code": "engine.crashed",
            "failures": 2,
            "pause_seconds": 2,
            "tenant": "acme",
        },
    )


async def test_such_a_tenant_is_refused_where_others_need_the_last_one_and_served_after_the_pause(pair: Pair) -> None:
    await pair.ask("w0", tenant="works")
    await pair.fail("w0", tenants=("acme",))

    with pytest.raises(EngineUnavailable) as told:
        await pair.ask("w0")
    assert (told.value.code, told.value.retry_after_seconds) == ("fleet.target_suspended", 2.0)
    pair.clock[0] += 2.0
    assert await pair.ask("w0") == "w0"
    assert pair.told[-1] == ("target.resumed", {"model": "tiny", "target": pair.places["w0"].id, "tenant": "acme"})


async def test_when_one_tenants_requests_failed_too_often_only_its_own_stop_waiting(pair: Pair) -> None:
    await pair.ask("w0", tenant="works")
    held = [await pair.take("w0") for _ in range(2)]
    own, works, plant = (asyncio.ensure_future(pair.take("w0", tenant=each)) for each in ("acme", "works", "plant"))
    await asyncio.sleep(0)
    for _ in range(2):
        pair.desks["w0"].failed("acme", "engine.crashed")

    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(own, 10)
    assert pair.desks["w0"].waiting == 2
    for placement in held:
        placement.release()
    for waiting in (works, plant):
        (await asyncio.wait_for(waiting, 10)).release()


async def test_another_failure_after_the_pause_makes_it_longer(pair: Pair) -> None:
    await pair.fail("w0")
    pair.clock[0] += 2.0
    await pair.fail("w0", times=1)

    assert pair.desks["w0"].refusal().retry_after_seconds == 4.0


async def test_those_who_wait_when_it_opens_go_elsewhere_at_once(pair: Pair) -> None:
    held = [await pair.take("w0", tenant=tenant) for tenant in ("acme", "works")]
    waiting = asyncio.ensure_future(pair.take("w0", "w1"))
    busy = [await pair.take("w1") for _ in range(2)]
    more = asyncio.ensure_future(pair.take("w0", "w1"))
    await asyncio.sleep(0)
    pair.engines["w0"].chunks, pair.engines["w0"].failure = [], EngineUnavailable()
    for placement in held:
        with pytest.raises(EngineUnavailable):
            assert [chunk async for chunk in placement.answer(pair.prompt)]
    for placement in busy:
        placement.release()

    assert {(await waiting).target, (await more).target} == {pair.places["w1"]}
    assert pair.desks["w0"].waiting == 0


@pytest.mark.parametrize("error", [BadRequest(), BadRequest(code="engine.rejected")])
async def test_a_bad_request_is_no_failure(pair: Pair, error: Exception) -> None:
    await pair.fail("w0", times=5, error=error)

    assert pair.desks["w0"].breaker.state == "closed"


async def test_a_caller_that_hangs_up_is_no_failure(pair: Pair) -> None:
    for _ in range(5):
        placement = await pair.take("w0")
        async with aclosing(placement.answer(pair.prompt)) as chunks:
            await anext(chunks)
        placement.release()
        (await pair.take("w0")).release()  # and one that hung up before it asked

    assert (pair.desks["w0"].breaker.state, pair.desks["w0"].breaker.failures) == ("closed", 0)


async def test_opening_and_closing_are_on_record_once_each(pair: Pair) -> None:
    await pair.fail("w0")
    pair.clock[0] += 2.0
    await pair.ask("w0")
    await pair.ask("w0")

    place = {"model": "tiny", "target": pair.places["w0"].id}
    assert pair.told == [
        ("target.suspended", {**place, "code": "engine.crashed", "failures": 2, "pause_seconds": 2}),
        ("target.resumed", place),
    ]


async def test_a_log_that_cannot_be_written_does_not_hide_what_failed(world: Any, prompt: Any) -> None:
    def tell(type: str, said: Mapping[str, Any]) -> None:
        raise AuditUnavailable

    place, engine = world.target("w0"), world.engine()
    engine.chunks, engine.failure = [], EngineUnavailable(code="engine.crashed")
    terms = Terms(breaker=Limits(failures=1), tell=tell)
    fleet = LocalFleet([Member(place, engine)], queue=1, find_model=str, model_names=list, terms=terms)
    placement = await fleet.choose(world.decision(place), world.caller(), NONE)

    with pytest.raises(EngineUnavailable) as told:
        assert [chunk async for chunk in placement.answer(prompt)]

    assert told.value.code == "engine.crashed"
