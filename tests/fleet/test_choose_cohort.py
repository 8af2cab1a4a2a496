"""A canary is used by the same part of all callers every time, and by nobody else; else they are served as all are."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import Caller
from gateway.fleet.choose.cohort import is_in_cohort
from gateway.fleet.desk import Terms
from gateway.fleet.local import LocalFleet, Member

NONE: frozenset[str] = frozenset()


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


async def test_policy_decides_first_and_a_canary_that_is_the_only_one_left_serves_all(canary: Canary) -> None:
    assert await canary.used(canary.inside, "w0") == "w0"
    assert await canary.used(canary.outside, "w1") == "w1"
