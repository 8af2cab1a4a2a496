"""Requests, concurrency and tokens per key."""

from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import Caller, Role, Usage
from gateway.errors import BadRequest, LimitExceeded
from gateway.identity.bounds import Rules
from gateway.identity.limits import OwnLimits, OwnReservation
from gateway.settings import LimitSettings

T = TypeVar("T")


class Stopwatch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(key_id: str = "k1") -> Caller:
    return Caller(key_id, "t", "p", (Role.APP,), "general", "site", "DE", "DE", "DE")


def limits(clock: Stopwatch, requests: int = 0, tokens: int = 0, concurrent: int = 1000) -> OwnLimits:
    settings = LimitSettings(requests_per_minute=requests, tokens_per_minute=tokens, concurrent_requests=concurrent)
    return OwnLimits(Rules(settings), clock=clock)


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits: in between, no other request can come."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("it waited")


def take(limited: OwnLimits, by: Caller) -> OwnReservation:
    return done(limited.reserve(by))


def hold(reservation: OwnReservation, tokens: int, model: str = "m") -> None:
    done(reservation.reserve_tokens(tokens, model))


def test_zero_does_not_limit() -> None:
    limited = limits(Stopwatch())
    for _ in range(500):
        hold(take(limited, caller()), 10**9)


def test_the_request_over_the_limit_is_told_when_to_come_back() -> None:
    clock = Stopwatch()
    limited = limits(clock, requests=2)
    take(limited, caller())
    clock.now += 10
    take(limited, caller())
    with pytest.raises(LimitExceeded) as refusal:
        take(limited, caller())
    assert refusal.value.code == "limits.requests"
    assert refusal.value.retry_after_seconds == 50
    clock.now += 50
    take(limited, caller())


def test_concurrency_counts_open_requests_only() -> None:
    limited = limits(Stopwatch(), concurrent=2)
    first, _ = take(limited, caller()), take(limited, caller())
    with pytest.raises(LimitExceeded) as refusal:
        take(limited, caller())
    assert refusal.value.code == "limits.concurrency"
    first.settle(None)
    first.settle(None)
    take(limited, caller())
    with pytest.raises(LimitExceeded):
        take(limited, caller())


def test_one_key_does_not_use_up_anothers_limits() -> None:
    limited = limits(Stopwatch(), requests=1, concurrent=1)
    take(limited, caller("k1"))
    assert take(limited, caller("k2"))


def test_tokens_are_reserved_by_the_bound_and_settled_by_the_count() -> None:
    limited = limits(Stopwatch(), tokens=100)
    first = take(limited, caller())
    hold(first, 90)
    second = take(limited, caller())
    with pytest.raises(LimitExceeded) as refusal:
        hold(second, 20)
    assert refusal.value.code == "limits.tokens"
    first.settle(Usage(10, 20))
    hold(second, 70)


def test_a_request_that_generated_nothing_gives_its_tokens_back() -> None:
    limited = limits(Stopwatch(), tokens=100)
    first = take(limited, caller())
    hold(first, 100)
    first.settle(None)
    hold(take(limited, caller()), 100)


def test_waiting_as_long_as_told_is_enough_for_tokens() -> None:
    clock = Stopwatch()
    limited = limits(clock, tokens=100)
    first = take(limited, caller())
    hold(first, 100)
    first.settle(Usage(50, 50))
    with pytest.raises(LimitExceeded) as refusal:
        hold(take(limited, caller()), 1)
    clock.now += refusal.value.retry_after_seconds or 0
    hold(take(limited, caller()), 100)


def test_a_request_that_can_never_fit_is_not_told_to_wait() -> None:
    with pytest.raises(BadRequest) as refusal:
        hold(take(limits(Stopwatch(), tokens=100), caller()), 101)
    assert refusal.value.code == "limits.request_too_large"


def test_a_second_bound_replaces_the_first() -> None:
    limited = limits(Stopwatch(), tokens=100)
    reservation = take(limited, caller())
    hold(reservation, 80)
    hold(reservation, 30)
    hold(take(limited, caller()), 70)


@settings(deadline=None)
@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=60))
def test_no_minute_ever_sees_more_requests_than_the_limit(limit: int, pauses: list[float]) -> None:
    clock = Stopwatch()
    limited = limits(clock, requests=limit)
    taken: list[float] = []
    for pause in pauses:
        clock.now += pause
        recent = sum(time > clock.now - 60 for time in taken)
        try:
            take(limited, caller()).settle(None)
        except LimitExceeded:
            assert recent == limit  # and never refused without need
        else:
            taken.append(clock.now)
            assert recent < limit


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60), st.floats(0, 1)), max_size=60))
def test_no_minute_ever_sees_more_tokens_than_the_limit(steps: list[tuple[float, int, float]]) -> None:
    clock = Stopwatch()
    limited = limits(clock, tokens=100)
    used: list[tuple[float, int]] = []
    for pause, bound, share in steps:
        clock.now += pause
        reservation = take(limited, caller())
        try:
            hold(reservation, bound)
        except LimitExceeded as refusal:
            assert 0 < (refusal.retry_after_seconds or 0) <= 61
            reservation.settle(None)
        else:
            reservation.settle(Usage(0, int(bound * share)))
            used.append((clock.now, int(bound * share)))
        assert sum(tokens for time, tokens in used if time > clock.now - 60) <= 100


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=80))
def test_open_requests_never_pass_the_limit_and_none_leaks(moves: list[bool]) -> None:
    limited = limits(Stopwatch(), concurrent=3)
    opened = []
    for enter in moves:
        if enter and len(opened) < 3:
            opened.append(take(limited, caller()))
        elif enter:
            with pytest.raises(LimitExceeded):
                take(limited, caller())
        elif opened:
            opened.pop().settle(None)
