"""Requests, concurrency and tokens per key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import Caller, Role, Usage
from gateway.errors import BadRequest, LimitExceeded
from gateway.identity.limits import KeyLimits
from gateway.settings import LimitSettings


class Stopwatch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(key_id: str = "k1") -> Caller:
    return Caller(key_id, "t", "p", (Role.APP,), "general", "site", "DE", "DE", "DE")


def limits(clock: Stopwatch, requests: int = 0, tokens: int = 0, concurrent: int = 1000) -> KeyLimits:
    settings = LimitSettings(requests_per_minute=requests, tokens_per_minute=tokens, concurrent_requests=concurrent)
    return KeyLimits(settings, clock)


def test_zero_does_not_limit() -> None:
    limited = limits(Stopwatch())
    for _ in range(500):
        limited.reserve(caller()).reserve_tokens(10**9)


def test_the_request_over_the_limit_is_told_when_to_come_back() -> None:
    clock = Stopwatch()
    limited = limits(clock, requests=2)
    limited.reserve(caller())
    clock.now += 10
    limited.reserve(caller())
    with pytest.raises(LimitExceeded) as refusal:
        limited.reserve(caller())
    assert refusal.value.code == "limits.requests"
    assert refusal.value.retry_after_seconds == 50
    clock.now += 50
    limited.reserve(caller())


def test_concurrency_counts_open_requests_only() -> None:
    limited = limits(Stopwatch(), concurrent=2)
    first, _ = limited.reserve(caller()), limited.reserve(caller())
    with pytest.raises(LimitExceeded) as refusal:
        limited.reserve(caller())
    assert refusal.value.code == "limits.concurrency"
    first.settle(None)
    first.settle(None)
    limited.reserve(caller())
    with pytest.raises(LimitExceeded):
        limited.reserve(caller())


def test_one_key_does_not_use_up_anothers_limits() -> None:
    limited = limits(Stopwatch(), requests=1, concurrent=1)
    limited.reserve(caller("k1"))
    assert limited.reserve(caller("k2"))


def test_tokens_are_reserved_by_the_bound_and_settled_by_the_count() -> None:
    limited = limits(Stopwatch(), tokens=100)
    first = limited.reserve(caller())
    first.reserve_tokens(90)
    second = limited.reserve(caller())
    with pytest.raises(LimitExceeded) as refusal:
        second.reserve_tokens(20)
    assert refusal.value.code == "limits.tokens"
    first.settle(Usage(10, 20))
    second.reserve_tokens(70)


def test_a_request_that_generated_nothing_gives_its_tokens_back() -> None:
    limited = limits(Stopwatch(), tokens=100)
    first = limited.reserve(caller())
    first.reserve_tokens(100)
    first.settle(None)
    limited.reserve(caller()).reserve_tokens(100)


def test_waiting_as_long_as_told_is_enough_for_tokens() -> None:
    clock = Stopwatch()
    limited = limits(clock, tokens=100)
    first = limited.reserve(caller())
    first.reserve_tokens(100)
    first.settle(Usage(50, 50))
    with pytest.raises(LimitExceeded) as refusal:
        limited.reserve(caller()).reserve_tokens(1)
    clock.now += refusal.value.retry_after_seconds or 0
    limited.reserve(caller()).reserve_tokens(100)


def test_a_request_that_can_never_fit_is_not_told_to_wait() -> None:
    with pytest.raises(BadRequest) as refusal:
        limits(Stopwatch(), tokens=100).reserve(caller()).reserve_tokens(101)
    assert refusal.value.code == "limits.request_too_large"


def test_a_second_bound_replaces_the_first() -> None:
    limited = limits(Stopwatch(), tokens=100)
    reservation = limited.reserve(caller())
    reservation.reserve_tokens(80)
    reservation.reserve_tokens(30)
    limited.reserve(caller()).reserve_tokens(70)


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
            limited.reserve(caller()).settle(None)
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
        reservation = limited.reserve(caller())
        try:
            reservation.reserve_tokens(bound)
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
            opened.append(limited.reserve(caller()))
        elif enter:
            with pytest.raises(LimitExceeded):
                limited.reserve(caller())
        elif opened:
            opened.pop().settle(None)
