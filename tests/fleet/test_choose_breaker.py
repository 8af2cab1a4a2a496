"""When a target that fails is left alone: after failures in a row, or too many; one is let through after each pause."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fleet.choose.breaker import ALL, Breaker, Guard, Limits

LIMITS = Limits(failures=3, rate=0.5, window=10, pause_seconds=2.0, longest_pause_seconds=10.0)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(LIMITS)
    assert [breaker.failed(now) for _ in range(3)] == [False, False, True]
    return breaker


def well(breaker: Breaker) -> bool:
    """One whole answer; returns whether it closed the breaker."""
    closed = breaker.answered()
    breaker.ended()
    return closed


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()

    assert (breaker.state, breaker.opened, breaker.admits(1.9)) == ("open", 1, False)
    assert breaker.again_in_seconds(0.5) == 1.5


def test_an_answer_between_them_begins_the_row_anew() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(4):
        assert not breaker.failed(0.0)
        assert not breaker.failed(0.0)
        well(breaker)
        well(breaker)
        well(breaker)

    assert breaker.state == "closed"


def test_answers_that_begin_and_are_broken_off_open_it_by_their_rate() -> None:
    breaker = Breaker(LIMITS)
    for number in range(5):
        well(breaker)
        breaker.answered()
        assert breaker.failed(0.0) == (number == 4)


def test_one_that_is_to_stay_whatever_happens_never_opens() -> None:
    breaker = Breaker(Limits(failures=0))

    assert not any(breaker.failed(0.0) for _ in range(40))
    assert breaker.admits(0.0)


def test_after_the_pause_one_is_let_through() -> None:
    breaker = opened()

    assert not breaker.enter(1.0)
    assert breaker.enter(2.0)
    assert breaker.state == "trying"
    assert not breaker.enter(2.1)


def test_its_answer_closes_it() -> None:
    breaker = opened()
    breaker.enter(2.0)

    assert breaker.answered()
    assert not breaker.answered()
    assert (breaker.state, breaker.enter(2.1), breaker.again_in_seconds(2.1)) == ("closed", True, 0.0)


def test_its_failure_makes_the_pause_longer_up_to_a_bound() -> None:
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(5):
        pauses.append(breaker.again_in_seconds(now))
        now += pauses[-1]
        assert breaker.enter(now)
        assert not breaker.failed(now)  # it did not open again: it was open

    assert pauses == [2.0, 4.0, 8.0, 10.0, 10.0]


def test_one_that_hung_up_says_nothing_and_another_is_let_through_after_the_same_pause() -> None:
    breaker = opened()
    breaker.enter(2.0)

    assert not breaker.admits(3.9)
    assert breaker.enter(4.0)


def test_a_late_failure_of_one_that_was_inside_before_does_not_lengthen_the_pause() -> None:
    breaker = opened()
    breaker.failed(1.5)

    assert breaker.again_in_seconds(1.5) == 0.5


def test_pauses_begin_short_again_once_it_has_been_well_for_a_while() -> None:
    flapping = opened()
    flapping.enter(2.0)
    flapping.answered()
    for _ in range(3):
        flapping.failed(3.0)
    assert flapping.again_in_seconds(3.0) == 4.0
    flapping.enter(7.0)
    for _ in range(3):
        well(flapping)
    for _ in range(3):
        flapping.failed(8.0)

    assert flapping.again_in_seconds(8.0) == 2.0


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(["enter", "fail", "answer", "end"]), st.floats(0, 30)), max_size=60))
def test_for_all_histories_it_never_stays_shut_and_never_lets_two_through_within_a_pause(
    steps: list[tuple[str, float]],
) -> None:
    breaker, now = Breaker(LIMITS), 0.0
    last_through = -1e9
    for step, wait in steps:
        now += wait
        if step == "enter" and breaker.enter(now):
            if breaker.state == "trying":
                assert now - last_through >= LIMITS.pause_seconds
                last_through = now
        elif step == "fail":
            breaker.failed(now)
        elif step == "answer":
            breaker.answered()
            last_through = -1e9
        elif step == "end":
            breaker.ended()
        assert 0.0 <= breaker.again_in_seconds(now) <= LIMITS.longest_pause_seconds
        assert breaker.admits(now + LIMITS.longest_pause_seconds)


@pytest.mark.parametrize("field", ["failures", "window", "pause_seconds", "longest_pause_seconds"])
def test_the_limits_are_above_zero(field: str) -> None:
    assert getattr(Limits(), field) > 0


def failing(*tenants: str, limits: Limits = LIMITS) -> tuple[Guard, list[str | None]]:
    guard = Guard(limits)
    return guard, [guard.failed(tenant, 0.0) for tenant in tenants]


def test_one_tenants_failures_shut_out_that_tenant_alone() -> None:
    guard, said = failing(*["a"] * 8)

    assert said == [None, None, "a", None, None, None, None, None]
    assert [guard.admits(tenant, 1.0) for tenant in ("a", "b", ALL)] == [False, True, True]
    assert (guard.state, guard.tenants, guard.opened) == ("open", ["a"], 1)
    assert guard.again_in_seconds("a", 0.5) == guard.again_in_seconds(ALL, 0.5) == 1.5
    assert guard.again_in_seconds("b", 0.5) == 0.0


def test_where_one_failure_is_enough_it_still_takes_two_tenants() -> None:
    guard, said = failing("a", limits=replace(LIMITS, failures=1))

    assert said == ["a"]
    assert [guard.admits(tenant, 0.5) for tenant in ("a", "b")] == [False, True]


@pytest.mark.parametrize(
    ("tenants", "opens"),
    [("aab", True), ("abb", True), ("aaab", True), ("aa", False), ("ab", False), ("aaa", False)],
)
def test_failures_of_two_tenants_shut_out_all_and_no_tenant_counts_for_more_than_half(
    tenants: str, opens: bool
) -> None:
    guard, said = failing(*tenants)

    assert (ALL in said) == opens
    assert guard.admits("c", 1.0) != opens


def test_an_answer_to_anybody_begins_the_row_anew() -> None:
    guard, _ = failing("a", "a")
    guard.answered("b")

    assert guard.failed("b", 0.0) is None
    assert guard.admits("c", 0.0)


def test_answers_of_several_tenants_that_are_broken_off_shut_out_all_by_their_rate() -> None:
    guard, said = Guard(LIMITS), []
    for number in range(5):
        for tenant in ("a", "b"):
            guard.answered(tenant)
            guard.ended(tenant)
        guard.answered("ab"[number % 2])
        said.append(guard.failed("ab"[number % 2], 0.0))
    said += [guard.failed(tenant, 0.0) for tenant in "ab"]

    assert ALL in said


def test_any_tenants_answer_lets_all_in_again_and_its_own_lets_in_a_tenant() -> None:
    everybody, _ = failing("a", "a", "b")
    assert not everybody.enter("c", 1.0)
    assert everybody.enter("c", 2.0)
    assert everybody.answered("c") == [ALL]

    one, _ = failing("a", "a", "a")
    assert one.answered("b") == []
    assert not one.admits("a", 1.0)
    assert one.enter("a", 2.0)
    assert one.answered("a") == ["a"]


def test_the_last_that_can_serve_is_asked_but_by_the_tenant_whose_requests_alone_fail_beside_others() -> None:
    everybody, _ = failing("a", "a", "b")
    alone, _ = failing("a", "a", "a")
    beside, _ = failing("a", "a", "a")
    beside.ended("b")

    assert [guard.yields("a", 1.0) for guard in (everybody, alone, beside)] == [True, True, False]
    assert beside.yields("b", 1.0)
    assert beside.yields("a", 2.0)


def test_who_failed_is_forgotten_once_its_last_ones_were_answered() -> None:
    guard, _ = failing("a")
    for _ in range(LIMITS.window):
        guard.answered("a")
        guard.ended("a")

    assert guard._own == {}


def test_no_failures_leave_a_target_alone_that_is_to_stay_whatever_happens() -> None:
    guard, said = failing(*"abc" * 20, limits=Limits(failures=0))

    assert set(said) == {None}
    assert guard.admits("a", 0.0)
