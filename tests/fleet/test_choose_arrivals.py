"""What it costs others when their model is sent out for somebody: learned from how often they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.choose.arrivals import MEMORY_SECONDS, Arrivals
from gateway.fleet.choose.chooser import Chooser
from gateway.fleet.choose.terms import Ask, Candidate, Seen

BUSY = Candidate("busy", "m", 2, held=2, waiting=3, service_seconds=4.0)
ABSENT = Candidate("absent", "m", 2, opens_in_seconds=2.0, displaces=("small",), away_seconds=14.0)


def streamed(target: str, per_second: float, seconds: float) -> Arrivals:
    arrivals = Arrivals()
    for number in range(int(seconds * per_second)):
        arrivals.came(target, number / per_second)
    return arrivals


@pytest.mark.parametrize("seconds", [30.0, 200.0, 2000.0])
def test_a_steady_stream_is_expected_to_go_on(seconds: float) -> None:
    arrivals = streamed("a", 2.0, seconds)

    assert arrivals.per_second("a", seconds) == pytest.approx(2.0, rel=0.05)
    assert arrivals.per_second("b", seconds) == 0.0


def test_who_comes_no_more_is_expected_less_and_less() -> None:
    arrivals = streamed("a", 2.0, 2000.0)

    assert arrivals.per_second("a", 2000.0 + MEMORY_SECONDS) == pytest.approx(2.0 / 2.718, rel=0.05)
    assert arrivals.per_second("a", 2000.0 + 20 * MEMORY_SECONDS) < 1e-6


def test_those_who_come_while_it_is_away_wait_for_half_of_it() -> None:
    arrivals = streamed("a", 2.0, 1000.0)

    assert arrivals.lost_seconds(["a"], 10.0, 1000.0) == pytest.approx(2.0 * 10.0 * 5.0, rel=0.05)


def learned(per_second: float) -> Chooser:
    """A chooser that knows both targets to be alike, and how often the small model there is asked for."""
    chooser = Chooser()
    for target in ("busy", "absent"):
        for _ in range(8):
            seen = Seen(prompt_tokens=500, prompt_seconds=0.2, output_tokens=100, output_seconds=2.0)
            chooser.observe(target, "m", seen)
    for number in range(int(300 * per_second)):
        chooser.arrivals.came("small", number / per_second)
    return chooser


def test_a_model_is_sent_out_for_a_shorter_wait_only_where_few_would_miss_it() -> None:
    ask = Ask("m", prompt_tokens=500)

    nobody, many = (learned(rate).rank([BUSY, ABSENT], ask, 300.0) for rate in (0.001, 1.0))

    assert (nobody[0].target, many[0].target) == ("absent", "busy")
    assert many[1].others_seconds == pytest.approx(14.0 * 7.0, rel=0.1)
    assert many[1].total_seconds < many[0].total_seconds


def test_an_absent_model_of_which_nothing_is_known_is_not_loaded_to_find_out() -> None:
    busy, absent = Candidate("busy", "m", 4, held=1), Candidate("absent", "m", 4, opens_in_seconds=10.0)

    assert Chooser().rank([absent, busy], Ask("m", prompt_tokens=500), 0.0)[0].target == "busy"


@given(st.lists(st.floats(0, 1e4), max_size=30), st.floats(0, 1e5))
def test_for_all_arrivals_rates_are_finite_and_not_negative(times: list[float], later: float) -> None:
    arrivals = Arrivals()
    for at in sorted(times):
        arrivals.came("a", at)

    assert 0.0 <= arrivals.per_second("a", max(times, default=0.0) + later) <= len(times)
