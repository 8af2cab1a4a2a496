"""How long wrong keys wait, what is remembered of them, and that right ones never do."""

from __future__ import annotations

import pytest

from gateway.identity.guessing import (
    FORGET_SECONDS,
    FREE,
    LONGEST_SECONDS,
    MOST_HELD,
    MOST_HELD_EACH,
    MOST_SOURCES,
    Guesses,
    address_of,
)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def guesses(now: list[float]) -> Guesses:
    return Guesses(lambda: now[0])


def test_mistyping_costs_nothing_and_guessing_ever_more(guesses: Guesses) -> None:
    waits = [guesses.wrong("10.0.0.7") for _ in range(FREE + 8)]
    assert waits == [0.0] * FREE + [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_very_long_guesser_waits_no_longer(guesses: Guesses) -> None:
    assert [guesses.wrong("10.0.0.7") for _ in range(3000)][-1] == LONGEST_SECONDS


def test_the_beginning_is_told_once(guesses: Guesses) -> None:
    told = []
    for _ in range(FREE + 5):
        guesses.wrong("10.0.0.7")
        told.append(guesses.begins("10.0.0.7"))
    assert told == [False] * FREE + [True] + [False] * 4


def test_another_address_waits_for_nobody(guesses: Guesses) -> None:
    for _ in range(50):
        guesses.wrong("10.0.0.7")
    assert guesses.wrong("10.0.0.8") == 0.0


def test_who_was_quiet_for_long_is_forgotten(guesses: Guesses, now: list[float]) -> None:
    for _ in range(50):
        guesses.wrong("10.0.0.7")
    now[0] = FORGET_SECONDS
    assert guesses.wrong("10.0.0.7") == 0.0


def test_memory_is_bounded_and_the_longest_quiet_go_first(guesses: Guesses) -> None:
    for _ in range(FREE):
        guesses.wrong("10.0.0.7")
    for number in range(MOST_SOURCES - 1):
        guesses.wrong(f"10.1.{number // 256}.{number % 256}")
    assert guesses.wrong("10.0.0.7") > 0.0  # still known, and the newest now
    guesses.wrong("10.2.0.1")
    guesses.wrong("10.2.0.2")
    assert len(guesses._wrong) == MOST_SOURCES
    assert "10.1.0.0" not in guesses._wrong


def test_answers_held_at_once_are_bounded(guesses: Guesses) -> None:
    inside = [guesses.holding("10.0.0.7") for _ in range(MOST_HELD_EACH)]
    assert all(each.__enter__() for each in inside)
    with guesses.holding("10.0.0.7") as may:
        assert not may
    with guesses.holding("10.0.0.8") as may:
        assert may
    inside[0].__exit__(None, None, None)
    with guesses.holding("10.0.0.7") as may:
        assert may
    others = [guesses.holding(f"10.1.0.{number}") for number in range(MOST_HELD - MOST_HELD_EACH + 1)]
    assert all(each.__enter__() for each in others)
    with guesses.holding("10.9.0.1") as may:
        assert not may


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("unix", "unix"),
    ],
)
def test_what_an_address_counts_as(source: str, counted: str) -> None:
    assert address_of(source) == counted
