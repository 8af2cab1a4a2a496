"""Targets ranked by what was seen of them, through the whole fleet: rates, prefixes, objectives, and what is on record.

``Told`` is what a request says of itself: its turns as they are after redaction, and how often it was asked for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.domain import Caller, Choice, Chunk, Grant, Prompt, Timings, Usage
from gateway.fleet.choose.terms import Objective, Place
from gateway.fleet.local import LocalFleet, Member
from gateway.fleet.ranking import Ranking

NONE: frozenset[str] = frozenset()
USUAL = Usage(900, 50)
SOON, LATE = Timings(900, 0.09, 50, 0.5), Timings(900, 9.0, 50, 50.0)


class Told:
    generates = True
    max_tokens = 50

    def __init__(self, text: str, profile: str = "p") -> None:
        self.looked = 0
        self._text, self._profile = text, profile

    def profile(self, grant: Grant) -> str:
        return self._profile

    def turns(self, grant: Grant) -> Iterator[tuple[str, str]]:
        self.looked += 1
        yield "user", self._text


class Several:
    """Two targets of a model, and the fleet over them."""

    def __init__(self, world: Any, **said: Any) -> None:
        self.world = world
        self.engines = {name: world.engine(slots=2) for name in ("w0", "w1")}
        self.targets = {name: world.target(name) for name in self.engines}
        self.ranking = Ranking(**said)
        self.fleet = LocalFleet(
            [Member(self.targets[name], engine) for name, engine in self.engines.items()],
            queue=4,
            find_model=lambda name: name,
            model_names=lambda: ["tiny"],
            ranking=self.ranking,
        )

    async def ask(self, told: Told | None, *names: str, tenant: str = "acme") -> Any:
        """Be answered; returns the placement, given back."""
        targets = [self.targets[name] for name in names or self.targets]
        decided, caller = self.world.decision(*targets), self.world.caller(tenant)
        placement = await self.fleet.choose(decided, caller, NONE, asked=told)
        async for _ in placement.answer(Prompt("r", self.targets["w0"].capabilities[0], {}, stream=True)):
            pass
        placement.release()
        return placement

    def answers(self, name: str, timings: Timings | None, usage: Usage = USUAL) -> None:
        first = Chunk((Choice(0, content="a"),))
        self.engines[name].chunks = [first, Chunk((Choice(0, finish_reason="stop"),), usage, timings=timings)]


@pytest.fixture
def several(world: Any) -> Callable[..., Several]:
    return lambda **said: Several(world, **said)


async def test_the_target_that_answered_sooner_is_chosen(several: Callable[..., Several]) -> None:
    place = several()
    place.answers("w0", LATE)
    place.answers("w1", SOON)
    assert (await place.ask(Told("hello"), "w0")).choice is None
    await place.ask(Told("hello"), "w1")

    chosen = await place.ask(Told("hello"))

    assert chosen.target is place.targets["w1"]
    assert chosen.choice.why == "soonest"
    assert [each.target for each in chosen.choice.considered] == [place.targets["w1"].id, place.targets["w0"].id]
    assert chosen.choice.considered[0].total_ms < chosen.choice.considered[1].total_ms


async def test_a_prompt_goes_where_its_beginning_lies(several: Callable[..., Several]) -> None:
    place = several()
    for name in place.engines:
        place.answers(name, Timings(900, 9.0, 5, 0.05), Usage(900, 5))
    text = "What the board said about the new press shop. " * 80
    await place.ask(Told(text), "w1")

    same = await place.ask(Told(text + "And then?"))
    other = await place.ask(Told(text + "And then?"), tenant="other")
    otherwise = await place.ask(Told(text + "And then?", profile="masked"))

    assert (same.target, same.choice.considered[0].cached_tokens > 100) == (place.targets["w1"], True)
    assert all(each.cached_tokens == 0 for each in other.choice.considered)
    assert all(each.cached_tokens == 0 for each in otherwise.choice.considered)


async def test_a_model_at_one_target_has_nobody_look_at_its_prompt(world: Any, make_fleet: Any) -> None:
    target = world.target("w0")
    fleet, told = make_fleet((target, world.engine())), Told("hello")

    placement = await fleet.choose(world.decision(target), world.caller(), NONE, asked=told)
    placement.release()

    assert (placement.choice, told.looked) == (None, 0)


async def test_what_is_best_is_said_by_the_route(several: Callable[..., Several], world: Any) -> None:
    def best(model: str, caller: Caller) -> Objective:
        return Objective("cheapest", limit_seconds=1000) if caller.tenant == "thrifty" else Objective()

    ids = {name: world.target(name).id for name in ("w0", "w1")}
    costs = {ids["w0"]: Place("", 10**9, cost=9.0), ids["w1"]: Place("", 10**9, cost=1.0)}
    place = several(places=costs, objective=best)

    thrifty, hasty = await place.ask(Told("hello"), tenant="thrifty"), await place.ask(Told("hello"), tenant="hasty")

    assert (thrifty.target, thrifty.choice.why) == (place.targets["w1"], "cheapest")
    assert hasty.target is place.targets["w0"]


async def test_an_engine_that_tells_nothing_teaches_by_the_clock(several: Callable[..., Several]) -> None:
    now = [0.0]
    place = several(clock=lambda: now[0])
    engine = place.engines["w0"]

    async def answer(prompt: Prompt) -> Any:
        now[0] += 8.0
        yield Chunk((Choice(0, content="a"),))
        now[0] += 20.0
        yield Chunk((Choice(0, finish_reason="stop"),), Usage(1000, 10))

    engine.answer = answer
    for _ in range(6):
        await place.ask(Told("hello"), "w0")

    pace = place.ranking.chooser.rates.of(place.targets["w0"].id, "tiny", place.ranking.place(place.targets["w0"]))
    assert pace.read.at(1) == pytest.approx(0.008, rel=0.3)
    assert pace.write.at(1) == pytest.approx(2.0, rel=0.3)


async def test_plain_answers_teach_too(several: Callable[..., Several]) -> None:
    """Both tell no times; the first takes 30 s for what the other one makes in 3."""
    now = [100.0]
    place = several(clock=lambda: now[0])
    plain = Prompt("r", place.targets["w0"].capabilities[0], {}, stream=False)
    for name, seconds in (("w0", 30.0), ("w1", 3.0)):
        place.answers(name, None)
        decided = place.world.decision(place.targets[name])
        for _ in range(3):
            placement = await place.fleet.choose(decided, place.world.caller(), NONE, asked=Told("hello " * 600))
            async for chunk in placement.answer(plain):
                now[0] += 0.0 if chunk.usage else seconds
            placement.release()

    considered = (await place.ask(Told("hello " * 600))).choice.considered

    assert considered[0].target == place.targets["w1"].id
    assert considered[0].total_ms == pytest.approx(3000, rel=0.3)
    assert considered[1].total_ms == pytest.approx(30_000, rel=0.3)


async def test_whoever_leaves_the_queue_is_counted_out(several: Callable[..., Several], world: Any) -> None:
    place = several()
    decided, caller = world.decision(place.targets["w0"]), world.caller()
    held = [await place.fleet.choose(decided, caller, NONE, asked=Told("hello")) for _ in range(2)]
    waiting = asyncio.ensure_future(place.fleet.choose(decided, caller, NONE, asked=Told("hello")))
    await asyncio.sleep(0)
    table = place.ranking.chooser.board.table(place.targets["w0"].id)
    assert (len(table.seats), table.waiting) == (2, 1)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    for placement in held:
        placement.release()

    assert (len(table.seats), table.waiting, table.prompt_tokens) == (0, 0, 0)


async def test_the_record_names_at_most_eight(world: Any) -> None:
    targets = [world.target(f"w{i}") for i in range(12)]
    fleet = LocalFleet(
        [Member(target, world.engine()) for target in targets],
        queue=1,
        find_model=lambda name: name,
        model_names=lambda: ["tiny"],
    )

    placement = await fleet.choose(world.decision(*targets), world.caller(), NONE, asked=Told("hello"))
    placement.release()

    assert (placement.choice.candidates, len(placement.choice.considered)) == (12, 8)
    assert placement.choice.considered[0].target == placement.target.id


async def test_of_several_own_slots_the_one_with_the_beginning_is_taken(several: Callable[..., Several]) -> None:
    place = several()
    for name in place.engines:
        place.answers(name, SOON)
    one, two = ("The first conversation. " * 60, "Quite another one. " * 80)
    decided, caller = place.world.decision(place.targets["w0"]), place.world.caller()
    held = [await place.fleet.choose(decided, caller, NONE, asked=Told(text)) for text in (one, two)]
    for placement in held:
        async for _ in placement.answer(Prompt("r", place.targets["w0"].capabilities[0], {}, stream=True)):
            pass
        placement.release()

    again = await place.fleet.choose(decided, caller, NONE, asked=Told(one + "And?"))

    assert again.slot == held[0].slot  # the other one was used last
    again.release()


@pytest.mark.parametrize("tokens", [-(2**60), -1, 0, 2**60])
@pytest.mark.parametrize("seconds", [-1.0, 0.0, float("inf"), 1e-300])
async def test_whatever_an_engine_tells_the_slot_comes_back(
    several: Callable[..., Several], tokens: int, seconds: float
) -> None:
    place = several()
    for timings in (None, Timings(tokens, seconds, tokens, seconds, tokens)):
        place.answers("w0", timings, Usage(tokens, tokens, tokens))
        for _ in range(3):
            await place.ask(Told("hello " * 200), "w0")

    chosen = await place.ask(Told("hello " * 200))

    assert all(0 <= each.first_ms <= each.total_ms for each in chosen.choice.considered)
    assert not place.ranking.chooser.board.table(place.targets["w0"].id).seats
