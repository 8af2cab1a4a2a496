"""The clock's quality: what the kernel says, asked seldom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gateway import clock


@pytest.mark.parametrize(
    ("result", "status", "expected"),
    [
        (0, 0x2001, "synchronised"),  # TIME_OK; a phase-locked loop runs
        (0, 0x0041, "free"),  # says OK, but nothing set it
        (5, 0x0040, "free"),  # TIME_ERROR
        (5, 0x0001, "free"),
        (3, 0x0001, "synchronised"),  # a leap second is being put in
        (-1, 0, "unknown"),
    ],
)
def test_the_kernels_answer_is_read(result: int, status: int, expected: str) -> None:
    assert clock.quality(result, status) == expected


def test_this_machines_kernel_is_asked() -> None:
    assert clock.read_clock() in ("synchronised", "free", "unknown")


def test_it_is_asked_at_most_once_a_second(monkeypatch: Any) -> None:
    asked: list[float] = []
    at = 100.0
    monkeypatch.setattr(clock, "monotonic", lambda: at)
    monkeypatch.setattr(clock, "read_clock", lambda: asked.append(at) or "free")
    quality = clock.ClockQuality()

    for step in (0.0, 0.5, 0.4, 0.2):
        at += step
        assert quality() == "free"

    assert asked == pytest.approx([100.0, 101.1])


def test_the_time_is_utc_to_the_millisecond() -> None:
    now = clock.now()

    assert now.endswith("Z")
    assert len(now) == len("2030-01-01T00:00:00.000Z")
    assert datetime.fromisoformat(now).tzinfo is not None
