"""What ``make soak`` calls flat, and whose memory it reads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from memory_seen import MOST_GROWTH, grown, held_kib

MINUTE = 60


def rising(per_hour: float, hump: int = 0) -> list[dict[str, int]]:
    """An hour of samples that begin at 1,000,000 KiB after the warm-up."""
    minutes = range(61)
    return [
        {"second": at * MINUTE, "all": round(1_000_000 * (1 + per_hour * at / 60)) + (hump if at < 15 else 0)}
        for at in minutes
    ]


@pytest.mark.parametrize(("per_hour", "flat"), [(0.0, True), (0.01, True), (0.06, False), (0.5, False), (-0.1, True)])
def test_growth_after_the_warm_up_is_told(per_hour: float, flat: bool) -> None:
    assert (grown(rising(per_hour), "all", 15 * MINUTE) <= MOST_GROWTH) is flat


def test_what_the_warm_up_took_does_not_count() -> None:
    assert grown(rising(0.0, hump=-900_000), "all", 15 * MINUTE) == 0


def test_one_high_sample_is_no_growth() -> None:
    samples = rising(0.0)
    samples[-1]["all"] *= 2

    assert grown(samples, "all", 15 * MINUTE) == 0


def test_the_children_count_too() -> None:
    program = "import time; kept = bytearray(64 << 20); print('there', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        read = held_kib(os.getpid())
        child.kill()

    assert read["engines"] >= 64 << 10
    assert read["all"] == read["gateway"] + read["opa"] + read["engines"]
