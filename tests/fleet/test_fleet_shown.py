"""What operators see of a target that is left alone, and of who waits where."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.fleet import _COLUMNS, _energy, _row, _rows
from gateway.domain import Energy
from gateway.errors import EngineUnavailable
from gateway.fleet.choose.power import ENOUGH_ANSWERS, Power
from gateway.fleet.life.office import _breaker, _power
from gateway.house.gauges import desk_families

NONE: frozenset[str] = frozenset()
MODEL = {"model": "tiny", "state": "serving", "held": 0, "slots": 2, "waiting": 0, "device": "cpu: x", "problem": ""}


async def suspended(world: Any, prompt: Any) -> Any:
    """A fleet of one target that failed as often as is too often."""
    place, engine = world.target("w0"), world.engine()
    engine.chunks, engine.failure = [], EngineUnavailable()
    fleet = world.make_fleet((place, engine))
    for _ in range(5):
        placement = await fleet.choose(world.decision(place), world.caller(), NONE)
        with pytest.raises(EngineUnavailable):
            assert [chunk async for chunk in placement.answer(prompt)]
        placement.release()
    return fleet


async def test_the_status_says_that_it_is_left_alone_and_for_how_long(world: Any, prompt: Any) -> None:
    (desk,) = (await suspended(world, prompt)).desks()
    ends = desk.breaker.again_in_seconds("acme", 0.0)

    shown = _breaker(desk.breaker, ends - 1.5)

    assert shown == {"state": "open", "failures": 5, "opened": 1, "again_in_seconds": 1.5, "tenants": ["acme"]}
    assert _row({**MODEL, "breaker": shown})[-1] == "It fails (5 in a row) and is left alone by acme for 2 s."
    by_all = {**shown, "again_in_seconds": 0.0, "tenants": []}
    assert _row({**MODEL, "breaker": by_all})[-1] == "It fails (5 in a row) and is left alone."


def test_a_target_that_is_well_shows_its_device() -> None:
    closed = {"state": "closed", "failures": 1, "opened": 3, "again_in_seconds": None}

    assert _row({**MODEL, "breaker": closed})[-1] == _row(MODEL)[-1] == "cpu: x"


def test_what_is_wrong_with_a_whole_node_is_said_once_and_its_models_point_there() -> None:
    away = "The node gpu1 is away. Nobody listens at gpu1.plant:8443. On that machine: sekisho node serve"
    nodes = [{"node": "gpu1", "problem": away}, {"node": "gpu2", "problem": ""}]
    models = [{**MODEL, "node": "gpu1", "problem": away}, {**MODEL, "node": "gpu2", "problem": "It is damaged."}]

    rows = _rows({"models": [*models, {**MODEL, "node": "gpu2"}], "nodes": nodes})

    assert [row[-1] for row in rows] == ["See node gpu1.", "It is damaged.", "cpu: x"]


async def test_the_metrics_say_it_by_target(world: Any, prompt: Any) -> None:
    fleet = await suspended(world, prompt)
    place = world.target("w0").id

    rows = {family.name: dict(family.read()) for family in desk_families(fleet.desks)}

    assert rows["sekisho_fleet_suspended"] == {(place,): 1.0}
    assert rows["sekisho_fleet_suspensions"] == {(place,): 1}
    assert rows["sekisho_fleet_queue"] == {(place, "held"): 0, (place, "waiting"): 0}


def drawn(power: Power, answers: int) -> str:
    for _ in range(answers):
        power.see("cpu: x", 124.0, 2.0)
    row = _row({**MODEL, "power": _power(power)})
    return dict(zip(_COLUMNS, row, strict=True))["draws"]


def test_the_status_says_what_a_target_draws_and_whose_word_that_is() -> None:
    assert drawn(Power(), 0) == "unknown"
    assert drawn(Power(350.0), ENOUGH_ANSWERS - 1) == "350 W, by the settings"
    assert drawn(Power(350.0), 12) == "62 W, measured over 12 answers"
    measured = Power(350.0)
    drawn(measured, 12)
    assert _power(measured) == {"watts": 62.0, "source": "measured", "answers": 12, "configured": 350.0}
    assert _power(Power()) == {"watts": None, "source": "unknown", "answers": 0, "configured": None}


def test_the_status_says_of_which_devices_energy_is_measured() -> None:
    assert _energy({"cpu": False, "gpu:0": True}) == "Energy of answers here: cpu not told, gpu:0 measured."
    assert _energy({}) == "Energy of answers here: not told."


async def test_the_metrics_say_what_targets_draw_where_it_is_known(world: Any, prompt: Any) -> None:
    place, other = world.target("w0"), world.target("w1")
    fleet = world.make_fleet((place, world.engine()), (other, world.engine()))
    for _ in range(ENOUGH_ANSWERS):
        fleet.desks()[0].drew(Energy(1, 124_000, 2.0))

    rows = {family.name: dict(family.read()) for family in desk_families(fleet.desks)}

    assert rows["sekisho_fleet_power_watts"] == {(place.id, "measured"): 62.0}
