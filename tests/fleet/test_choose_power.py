"""Watts are measured over many answers, come before those of the settings, and are never guessed."""

from __future__ import annotations

import math

import pytest

from gateway.fleet.choose.objective import best_first
from gateway.fleet.choose.power import ENOUGH_ANSWERS, MOST, Power
from gateway.fleet.choose.predict import predict
from gateway.fleet.choose.rates import Pace
from gateway.fleet.choose.terms import Ask, Candidate, Objective, Place, Score


def power_of(watts: float, answers: int = ENOUGH_ANSWERS, configured: float = 0.0, seconds: float = 1.0) -> Power:
    power = Power(configured)
    for _ in range(answers):
        power.see("cpu: x", watts * seconds, seconds)
    return power


def test_settings_count_until_enough_was_measured() -> None:
    power = power_of(62.0, ENOUGH_ANSWERS - 1, configured=350.0)
    assert (power.watts, power.measured, power.source) == (350.0, 0.0, "configured")

    power.see("cpu: x", 62.0, 1.0)
    assert (power.watts, power.source, power.answers) == (62.0, "measured", ENOUGH_ANSWERS)


def test_many_answers_that_took_no_time_are_not_enough() -> None:
    assert power_of(62.0, answers=100, seconds=0.001).source == "unknown"


def test_without_settings_and_measuring_nothing_is_known() -> None:
    assert (Power().watts, Power().source) == (0.0, "unknown")


def test_a_counter_in_steps_is_right_over_many_answers() -> None:
    power = Power()
    for number in range(60):  # 100 W; the counter moves with every third answer of 0.1 s
        power.see("gpu: x", 30.0 if number % 3 == 2 else 0.0, 0.1)

    assert power.watts == pytest.approx(100.0, rel=0.05)


def test_a_counter_that_stands_still_is_no_measuring() -> None:
    assert power_of(0.0, configured=80.0).source == "configured"


def test_the_first_answers_are_forgotten() -> None:
    power = power_of(300.0, answers=MOST)
    for _ in range(4 * MOST):
        power.see("cpu: x", 100.0, 1.0)

    assert power.watts == pytest.approx(100.0, rel=0.05)


def test_another_device_begins_anew() -> None:
    power = power_of(62.0)
    power.see("gpu: y", 400.0, 1.0)

    assert (power.source, power.answers) == ("unknown", 1)


@pytest.mark.parametrize("seen", [(math.nan, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, math.inf), (1e30, 1.0), (1.0, -1.0)])
def test_what_cannot_be_is_ignored(seen: tuple[float, float]) -> None:
    power = power_of(62.0)
    power.see("cpu: x", *seen)

    assert (power.watts, power.answers) == (62.0, ENOUGH_ANSWERS)


def score(
    target: str, *, measured: float = 0.0, configured: float = 0.0, held: int = 0, slots: int = 4
) -> tuple[Candidate, Score]:
    place = Place("cpu: x", 1_000_000_000, watts=configured)
    candidate = Candidate(target, "m", slots, held=held, watts=measured, place=place)
    return candidate, predict(candidate, Ask("m", 900), Pace(place), 120.0, 0)


def test_measured_watts_come_before_those_of_the_settings() -> None:
    _, measured = score("a", measured=60.0, configured=600.0)
    _, configured = score("a", configured=600.0)
    _, unknown = score("a")

    assert (measured.energy_from, configured.energy_from, unknown.energy_from) == ("measured", "configured", "")
    assert configured.energy == pytest.approx(10 * measured.energy)
    assert unknown.energy == 0.0


def test_an_answer_is_expected_to_use_its_part_of_the_batch_once() -> None:
    """A batch of four draws 60 W for as long as it takes: each of them has a quarter of that, no sixteenth."""
    candidate, shared = score("a", measured=60.0, held=3)
    pace = Pace(candidate.place)
    busy = 900 * pace.read.at(4.0) + 120 * pace.write.at(4.0)

    assert shared.energy == pytest.approx(60.0 * busy / 4)


def test_the_cheapest_is_by_measured_energy_where_it_is_known_of_each() -> None:
    cheapest = Objective("cheapest")
    said = [score("a", configured=100.0), score("b", configured=100.0, measured=60.0), score("c", measured=80.0)]

    assert best_first(said, cheapest)[0].target == "b"
    assert best_first([*said, score("d")], cheapest)[0].target == "a"  # of one it is not known: the first of equals
