"""What answers were measured to use is learned by target, and decides where the cheapest is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import Chunk, Energy
from gateway.fleet.choose.power import ENOUGH_ANSWERS
from gateway.fleet.choose.terms import Objective
from gateway.fleet.desk import Terms
from gateway.fleet.life.home import computing
from gateway.fleet.local import LocalFleet, Member
from gateway.fleet.ranking import Ranking

NONE: frozenset[str] = frozenset()
LARGE, SMALL = Energy(own_mj=100_000, target_mj=400_000, seconds=2.0), Energy(25_000, 100_000, 2.0)


def fleet_of(*targets: Any, engine: Any, watts: dict[str, float]) -> LocalFleet:
    return LocalFleet(
        [Member(target, engine()) for target in targets],
        queue=2,
        find_model=lambda name: name,
        model_names=list,
        terms=Terms(watts=watts),
        ranking=Ranking(objective=lambda model, caller: Objective("cheapest")),
    )


@pytest.fixture
def fleet(engine: Any, target: Any) -> LocalFleet:
    return fleet_of(target("w0"), target("w1"), engine=engine, watts={target("w1").id: 90.0})


async def answered(fleet: Any, decision: Any, caller: Any, prompt: Any, energy: Energy | None) -> Any:
    placement = await fleet.choose(decision, caller(), NONE)
    assert [chunk async for chunk in placement.answer(prompt)]
    placement.release(energy)
    return placement


async def test_all_that_a_target_draws_is_learned_and_not_one_answers_part(
    fleet: Any, target: Any, decision: Any, caller: Any, prompt: Any
) -> None:
    first, second = fleet.desks()
    for _ in range(ENOUGH_ANSWERS):
        await answered(fleet, decision(target("w0")), caller, prompt, LARGE)

    assert (first.power.watts, first.power.source) == (200.0, "measured")
    assert (second.power.watts, second.power.source) == (90.0, "configured")


async def test_an_answer_that_broke_off_or_was_not_measured_teaches_nothing(
    fleet: Any, target: Any, decision: Any, caller: Any, prompt: Any
) -> None:
    await answered(fleet, decision(target("w0")), caller, prompt, None)
    (await fleet.choose(decision(target("w0")), caller(), NONE)).release(LARGE)

    assert fleet.desks()[0].power.answers == 0


async def test_the_cheapest_is_what_was_measured_to_use_less_and_the_record_says_so(
    fleet: Any, target: Any, decision: Any, caller: Any, prompt: Any
) -> None:
    for place, energy in (("w0", LARGE), ("w1", SMALL)):
        for _ in range(ENOUGH_ANSWERS):
            await answered(fleet, decision(target(place)), caller, prompt, energy)

    chosen = await fleet.choose(decision(target("w0"), target("w1")), caller(), NONE)

    assert chosen.target.id == target("w1").id
    small, large = chosen.choice.considered
    assert (small.energy_from, large.energy_from) == ("measured", "measured")
    assert large.energy_mj == pytest.approx(4 * small.energy_mj, rel=0.01)


async def test_what_a_node_measured_is_taken_out_of_the_answer(
    target: Any, engine: Any, decision: Any, caller: Any, prompt: Any
) -> None:
    script = engine()
    script.chunks = [*script.chunks, Chunk((), energy=SMALL)]
    fleet = fleet_of(target("w0"), engine=lambda: script, watts={})

    placement = await fleet.choose(decision(target("w0")), caller(), NONE)
    chunks = [chunk async for chunk in placement.answer(prompt)]

    assert placement.energy == SMALL
    assert len(chunks) == 2
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize(
    ("device", "taken", "found"),
    [
        ("cpu: Xeon", {"ram": 600}, ("cpu",)),
        ("", {"ram": 600}, ("cpu",)),
        ("gpu: H100", {"ram": 90, "gpu:1": 4000, "gpu:0": 4000}, ("gpu:0", "gpu:1")),
        ("gpu: H100", {"ram": 90, "gpu:1": 4000, "gpu:0": 0}, ("gpu:1",)),
        ("gpu: other", {"ram": 600}, ()),  # a GPU that nobody here knows
    ],
)
def test_a_model_is_computed_by_the_gpus_that_hold_it_else_by_the_processors(
    device: str, taken: dict[str, int], found: tuple[str, ...]
) -> None:
    assert computing(device, taken) == found
