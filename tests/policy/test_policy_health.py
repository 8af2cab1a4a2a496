"""When a silent OPA is given up, and when it is only waited for."""

from __future__ import annotations

from gateway.policy.opa.health import LIMIT_SECONDS, Health


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_frozen_opa_is_lost_after_three_late_answers() -> None:
    health = Health(Clock())

    seen = []
    for _ in range(3):
        health.late(1000)
        seen.append(health.lost)

    assert seen == [False, False, True]


def test_one_that_has_not_run_since_it_was_asked_is_lost_after_two() -> None:
    health = Health(Clock())

    seen = []
    for _ in range(2):
        health.asking(1000)
        health.late(1000)
        seen.append(health.lost)

    assert seen == [False, True]


def test_one_that_waits_for_its_turn_whenever_it_is_asked_is_not_lost() -> None:
    health = Health(Clock())

    for scheduled in range(100):
        health.asking(scheduled)
        health.late(scheduled + 1)

    assert not health.lost


def test_a_starved_opa_is_waited_for_and_then_lost() -> None:
    clock = Clock()
    health = Health(clock)
    for scheduled in range(100):
        health.late(scheduled)
    assert not health.lost

    clock.now = LIMIT_SECONDS + 0.1

    assert health.lost


def test_an_opa_that_refuses_twice_is_lost() -> None:
    health = Health(Clock())

    health.refused()
    assert not health.lost
    health.refused()

    assert health.lost


def test_an_answer_forgets_what_was_before() -> None:
    health = Health(Clock())
    health.refused()
    assert not health.well

    health.answered()
    health.refused()

    assert not health.lost
