"""A canary is used by the same part of all callers every time, and by nobody else; else they are served as all are."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain import Caller, Capability, Prompt
from gateway.errors import EngineUnavailable
from gateway.fleet.choose.cohort import is_in_cohort
from gateway.fleet.desk import Terms, Version
from gateway.fleet.local import LocalFleet, Member

NONE: frozenset[str] = frozenset()


def a_prompt() -> Prompt:
    return Prompt("r", Capability.CHAT, {"messages": []}, stream=True)


def callers(world: Any, count: int) -> list[Caller]:
    return [world.caller(f"tenant-{number}") for number in range(count)]


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_about_its_share_of_all_callers_is_in(world: Any, share: float) -> None:
    inside = sum(is_in_cohort("new", each, share) for each in callers(world, 2000))

    assert inside == pytest.approx(2000 * share, rel=0.2)


def test_none_or_all_are_in_at_its_ends_and_who_was_in_stays_in_when_it_grows(world: Any) -> None:
    some = callers(world, 300)
    few, more = ({each.tenant for each in some if is_in_cohort("new", each, share)} for share in (0.1, 0.3))

    assert few < more
    assert not any(is_in_cohort("new", each, 0.0) for each in some)
    assert all(is_in_cohort("new", each, 1.0) for each in some)
    assert few != {each.tenant for each in some if is_in_cohort("newer", each, 0.1)}


class Canary:
    """Two targets of a model, w1 of them a canary of a tenth; one caller that is in, one that is not."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.places = {name: world.target(name) for name in ("w0", "w1")}
        self.engines = {name: world.engine() for name in self.places}
        new = self.places["w1"].id
        self.fleet = LocalFleet(
            [Member(place, self.engines[name]) for name, place in self.places.items()],
            queue=0,
            find_model=lambda name: name,
            model_names=lambda: ["tiny"],
            terms=Terms(canaries={new: 0.1}),
        )
        self.inside = next(each for each in callers(world, 300) if is_in_cohort(new, each, 0.1))
        self.outside = next(each for each in callers(world, 300) if not is_in_cohort(new, each, 0.1))

    async def take(self, caller: Caller, *names: str) -> Any:
        decision = self.world.decision(*(self.places[name] for name in names or self.places))
        return await self.fleet.choose(decision, caller, NONE)

    async def used(self, caller: Caller, *names: str) -> str:
        placement = await self.take(caller, *names)
        placement.release()
        return next(name for name, place in self.places.items() if place is placement.target)


@pytest.fixture
def canary(world: Any) -> Canary:
    return Canary(world)


async def test_who_is_in_uses_it_each_time_and_who_is_not_never(canary: Canary) -> None:
    assert {await canary.used(canary.inside) for _ in range(5)} == {"w1"}
    assert {await canary.used(canary.outside) for _ in range(5)} == {"w0"}


async def test_that_it_was_a_canary_is_on_record(canary: Canary) -> None:
    inside, outside = await canary.take(canary.inside), await canary.take(canary.outside)

    assert inside.choice.canary
    assert inside.choice.considered[0].target == canary.places["w1"].id
    assert outside.choice is None


async def test_where_it_is_away_or_full_who_is_in_is_served_as_all_others(canary: Canary) -> None:
    held = [await canary.take(canary.inside) for _ in range(2)]
    assert {each.target for each in held} == {canary.places["w1"]}

    assert await canary.used(canary.inside) == "w0"
    for each in held:
        each.release()
    canary.engines["w1"].is_ready = False
    assert await canary.used(canary.inside) == "w0"


async def test_one_that_fails_again_and_again_is_left_alone_by_its_only_tenant_while_others_serve(
    canary: Canary,
) -> None:
    canary.engines["w1"].chunks, canary.engines["w1"].failure = [], EngineUnavailable("It is gone.")
    for _ in range(5):
        placement = await canary.take(canary.inside)
        with pytest.raises(EngineUnavailable):
            _ = [chunk async for chunk in placement.answer(a_prompt())]
        placement.release()

    assert await canary.used(canary.inside) == "w0"
    assert await canary.used(canary.inside, "w1") == "w1"  # where nobody else can serve, it is asked all the same


async def test_policy_decides_first_and_a_canary_that_is_the_only_one_left_serves_all(canary: Canary) -> None:
    assert await canary.used(canary.inside, "w0") == "w0"
    assert await canary.used(canary.outside, "w1") == "w1"


class NewVersion:
    """Model ``v1`` on this node, its next version ``v2`` here and on a joined node, and a tenth of ``v1``'s callers."""

    def __init__(self, world: Any, terms: Terms | None = None) -> None:
        self.world = world
        self.places = {
            "v1": world.target("w0", "v1"),
            "v2": world.target("w0", "v2"),
            "v2 there": replace(world.target("w1", "v2"), node="gpu2", same_node=False),
            "e1": world.target("e", "v1", Capability.EMBED),
            "e2": world.target("e", "v2", Capability.EMBED),
        }
        self.engines = {name: world.engine() for name in self.places}
        self.fleet = LocalFleet(
            [Member(place, self.engines[name]) for name, place in self.places.items()],
            queue=0,
            find_model={"v1": "v1", "v2": "v2", "v1:tone": "v1"}.get,
            find_adapter=lambda name: name.partition(":")[2],
            model_names=lambda: ["v1", "v2"],
            terms=terms or Terms(versions={"v2": Version("v1", 0.1)}),
        )
        self.inside = next(each for each in callers(world, 300) if is_in_cohort("v2", each, 0.1))
        self.outside = next(each for each in callers(world, 300) if not is_in_cohort("v2", each, 0.1))

    def offered(self, caller: Caller, model: str, capability: Capability = Capability.CHAT) -> list[str]:
        found = self.fleet.candidates(model, capability, caller)
        return [next(name for name, place in self.places.items() if place is each) for each in found]

    async def used(self, caller: Caller, model: str = "v1") -> tuple[str, bool]:
        """Return who answers, and whether the record says that it is a canary."""
        decision = self.world.decision(*self.fleet.candidates(model, Capability.CHAT, caller))
        placement = await self.fleet.choose(decision, caller, NONE)
        placement.release()
        name = next(name for name, place in self.places.items() if place is placement.target)
        return name, placement.choice is not None and placement.choice.canary


def test_a_new_version_is_offered_to_those_who_try_it_after_the_one_they_ask_for(world: Any) -> None:
    place = NewVersion(world)

    assert place.offered(place.inside, "v1") == ["v1", "v2", "v2 there"]
    assert place.offered(place.outside, "v1") == ["v1"]
    assert place.offered(place.outside, "v2") == place.offered(place.inside, "v2") == ["v2", "v2 there"]


def test_vectors_of_two_versions_are_never_mixed_and_an_adapter_is_of_its_own_model(world: Any) -> None:
    place = NewVersion(world)

    assert place.offered(place.inside, "v1", Capability.EMBED) == ["e1"]
    assert place.offered(place.inside, "v1:tone") == ["v1"]


async def test_a_part_of_those_who_ask_for_a_model_is_answered_by_its_next_version(world: Any) -> None:
    place = NewVersion(world)

    assert await place.used(place.inside) in {("v2", True), ("v2 there", True)}
    assert await place.used(place.outside) == ("v1", False)


async def test_who_asks_for_the_new_version_by_its_name_is_no_canary(world: Any) -> None:
    place = NewVersion(world)

    for caller in (place.inside, place.outside):
        assert await place.used(caller, "v2") in {("v2", False), ("v2 there", False)}


async def test_where_the_new_version_is_away_the_old_one_answers_and_never_the_other_way_round(world: Any) -> None:
    place = NewVersion(world)
    place.engines["v2"].is_ready = place.engines["v2 there"].is_ready = False
    assert await place.used(place.inside) == ("v1", False)

    place.engines["v2"].is_ready, place.engines["v1"].is_ready = True, False
    with pytest.raises(EngineUnavailable):
        await place.used(place.outside)


async def test_a_joined_node_may_be_tried_by_a_part_of_all_callers(world: Any) -> None:
    place = NewVersion(world, Terms(canary_nodes={"gpu2": 0.1}))
    there = place.places["v2 there"].id
    inside = next(each for each in callers(world, 300) if is_in_cohort(there, each, 0.1))
    outside = next(each for each in callers(world, 300) if not is_in_cohort(there, each, 0.1))

    assert await place.used(inside, "v2") == ("v2 there", True)
    assert await place.used(outside, "v2") == ("v2", False)


async def test_this_node_is_no_joined_one_whatever_it_is_called(world: Any) -> None:
    place = NewVersion(world, Terms(canary_nodes={world.target("w0").node: 1.0}))

    assert not any(desk.canary for desk in place.fleet.desks())
