"""Who sits and waits at a target; how long answers are; how many tokens a text has."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fleet.choose.board import Board, Seat
from gateway.fleet.choose.expect import Expect
from gateway.fleet.choose.predict import free_at
from gateway.fleet.choose.rates import Rates, monotone
from gateway.fleet.choose.terms import Place, Seen
from gateway.fleet.choose.tokens import TokenCounter, weighed

FEW = settings(max_examples=60, deadline=None)


def a_seat(to_read: int = 100, output_tokens: float = 10.0) -> Seat:
    return Seat("m", "c", to_read=to_read, output_tokens=output_tokens, most=None)


def test_who_sat_together_is_averaged_over_the_time_that_one_sat() -> None:
    board = Board()
    one, two = board.queue("a", a_seat()), board.queue("a", a_seat())
    board.sit(one, 0.0, 0.001)
    board.sit(two, 6.0, 0.001)

    assert board.rise(one, 8.0) == pytest.approx(1.25)  # 6 s alone, 2 s with another
    assert board.rise(two, 16.0) == pytest.approx(1.2)


def test_those_who_wait_are_counted_out_whether_they_got_a_slot_or_not() -> None:
    board = Board()
    table = board.table("a")
    one, two = board.queue("a", a_seat(100)), board.queue("a", a_seat(50))
    assert (table.waiting, table.prompt_tokens, table.output_tokens) == (2, 150, 20.0)

    board.sit(one, 0.0, 0.001)
    board.unqueue(two)

    assert (table.waiting, table.prompt_tokens, table.output_tokens) == (0, 0, 0.0)
    assert list(table.seats) == [one]


def test_what_is_still_to_be_read_shrinks_as_time_passes_and_ends_at_the_first_token() -> None:
    board = Board()
    seat = board.queue("a", a_seat(1000))
    board.sit(seat, 10.0, 0.001)
    table = board.table("a")

    assert table.unread(10.0, 0.01) == 1000
    assert table.unread(15.0, 0.01) == 500
    assert table.unread(99.0, 0.01) == 0
    seat.first_at = 12.0
    assert table.unread(10.0, 0.01) == 0


def test_an_answer_that_went_on_for_long_is_expected_to_go_on() -> None:
    expect = Expect()
    for tokens in (10,) * 30 + (1000,) * 10:
        expect.observe("m", "c", tokens)

    assert expect.tokens("m", "c") < 500
    assert expect.tokens("m", "c", so_far=100) > 700
    assert expect.tokens("m", "c", most=5) <= 5
    assert expect.tokens("m", "c", most=5, so_far=5) == 0


def test_a_callers_own_answers_count_more_than_its_models() -> None:
    expect = Expect()
    for _ in range(40):
        expect.observe("m", "short", 4)
        expect.observe("m", "long", 2000)

    assert expect.tokens("m", "short") < expect.tokens("m", "nobody") < expect.tokens("m", "long")


def test_an_answer_that_was_cut_says_that_it_would_have_been_longer() -> None:
    cut, whole = Expect(), Expect()
    for _ in range(20):
        cut.observe("m", "c", 16, cut=True)
        whole.observe("m", "c", 16)

    assert cut.tokens("m", "c") > 2 * whole.tokens("m", "c")
    assert cut.tokens("m", "c", most=16) == pytest.approx(16, rel=0.3)


@FEW
@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.booleans()), max_size=30),
    st.none() | st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_expected_tokens_are_a_number_within_the_bound(
    seen: list[tuple[int, bool]], most: int | None, so_far: int
) -> None:
    expect = Expect()
    for tokens, cut in seen:
        expect.observe("m", "c", tokens, cut=cut)

    likely = expect.tokens("m", "c", most, so_far)

    assert math.isfinite(likely)
    assert likely >= 0.0
    assert most is None or likely <= max(0, most - so_far)


def test_tokens_follow_the_script_and_what_the_engine_counted() -> None:
    counter = TokenCounter()
    assert weighed("a" * 400) == pytest.approx(100)
    assert weighed("я" * 100) == pytest.approx(45)
    assert weighed("設計図" * 100) == pytest.approx(240)
    assert weighed("𝒜" * 100) == pytest.approx(80)

    for _ in range(20):
        counter.correct("m", counter.estimate("m", "a" * 400), 200)

    assert counter.estimate("m", "a" * 400) == pytest.approx(200, rel=0.02)
    assert counter.estimate("other", "a" * 400) == 100
    assert counter.estimate("m", "") == 0


@FEW
@given(st.text())
def test_any_text_has_a_number_of_tokens_and_more_text_more(text: str) -> None:
    assert 0.25 * len(text) <= weighed(text) <= 0.8 * len(text) + 1e-6


@FEW
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 32)), min_size=1, max_size=10))
def test_monotone_values_stay_between_what_they_were(rows: list[tuple[float, float]]) -> None:
    values = monotone(rows)

    assert len(values) == len(rows)
    assert all(before <= after + 1e-9 for before, after in pairwise(values))
    assert min(value for value, _ in rows) - 1e-6 <= values[0] <= values[-1] <= max(v for v, _ in rows) + 1e-6


@FEW
@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=16), st.integers(0, 600), st.floats(0, 1e4))
def test_a_slot_is_free_no_sooner_for_more_who_wait(frees: list[float], ahead: int, each: float) -> None:
    assert min(frees) <= free_at(frees, ahead, each) <= free_at(frees, ahead + 1, each) * (1 + 1e-9)


def test_rates_follow_what_is_seen_and_not_one_that_is_far_off() -> None:
    rates, place = Rates(), Place("cpu: x", 10**9)
    for _ in range(30):
        rates.observe("a", "m", place, Seen(batch=1, prompt_tokens=100, prompt_seconds=1.0))
    rates.observe("a", "m", place, Seen(batch=1, prompt_tokens=100, prompt_seconds=1000.0))
    assert rates.read_seconds("a", "m", place, 1) == pytest.approx(0.01, rel=0.05)

    for _ in range(12):
        rates.observe("a", "m", place, Seen(batch=1, prompt_tokens=100, prompt_seconds=5.0))
    assert rates.read_seconds("a", "m", place, 1) == pytest.approx(0.05, rel=0.05)


def test_a_batch_that_was_never_seen_is_no_faster_and_not_far_from_its_neighbour() -> None:
    rates, place = Rates(), Place("cpu: x", 10**9)
    for _ in range(30):
        rates.observe("a", "m", place, Seen(batch=2, output_tokens=100, output_seconds=10.0))

    seconds = [rates.write_seconds("a", "m", place, batch) for batch in (1, 2, 3, 4, 6, 8, 100)]

    assert seconds == sorted(seconds)
    assert seconds[1] == pytest.approx(0.1, rel=0.1)
    assert 0.05 < seconds[0] <= 0.1
    assert 0.1 <= seconds[3] < 0.4


def test_an_engine_that_tells_nothing_teaches_by_the_clock() -> None:
    rates, place = Rates(), Place()
    for _ in range(30):
        rates.observe("a", "m", place, Seen(prompt_tokens=10, first_seconds=0.2, told=False))
        rates.observe("a", "m", place, Seen(prompt_tokens=2000, first_seconds=2.2, told=False))

    pace = rates.of("a", "m", place)
    assert pace.overhead_seconds() == pytest.approx(0.2, rel=0.2)
    assert pace.read.at(1) == pytest.approx(0.001, rel=0.2)


def test_plain_answers_of_an_engine_that_tells_nothing_teach_by_the_whole() -> None:
    """It is a hundred times slower than its device would be: 10 ms to read a token, 200 ms to write one."""
    rates, place = Rates(), Place("cpu: x", 1_000_000_000)
    for number in range(40):
        prompt, output = 100 + 10 * number, 60 - number
        whole = 0.01 * prompt + 0.2 * output
        seen = Seen(prompt_tokens=prompt, output_tokens=output, whole_seconds=whole, told=False)
        rates.observe("a", "m", place, seen)

    pace = rates.of("a", "m", place)
    assert 300 * pace.read.at(1) + 40 * pace.write.at(1) == pytest.approx(11.0, rel=0.25)


def test_vectors_teach_how_fast_a_prompt_is_read() -> None:
    rates, place = Rates(), Place()
    for _ in range(10):
        rates.observe("a", "m", place, Seen(prompt_tokens=1000, whole_seconds=2.0, told=False))

    assert rates.read_seconds("a", "m", place, 1) == pytest.approx(0.002, rel=0.1)


@pytest.mark.parametrize("seen", [Seen(whole_seconds=3.0), Seen(prompt_tokens=10, whole_seconds=-1.0, told=False)])
def test_a_whole_of_nothing_teaches_nothing(seen: Seen) -> None:
    rates, place = Rates(), Place()
    before = rates.read_seconds("a", "m", place, 1)
    rates.observe("a", "m", place, seen)

    assert rates.read_seconds("a", "m", place, 1) == before


def test_another_device_is_another_pace() -> None:
    rates = Rates()
    for _ in range(9):
        rates.observe("a", "m", Place("cpu: x"), Seen(prompt_tokens=100, prompt_seconds=100.0))

    assert rates.read_seconds("a", "m", Place("gpu: y"), 1) < 0.01
