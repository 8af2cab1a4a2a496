"""Who starts on a machine with other work is given the time in which it was kept from running; who hangs is not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from gateway.engines.patience import MOST, patience, starved_seconds


async def took(seconds: float, starved: Callable[[], float]) -> float:
    """Return after how long one that never ends was given up."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with patience(seconds, starved):
            await asyncio.sleep(30)
    return time.monotonic() - began


async def test_who_ran_all_the_time_is_given_up_when_the_time_is_over() -> None:
    assert await took(0.05, lambda: 0.0) >= 0.05


async def test_the_time_in_which_it_was_kept_from_running_is_left_out() -> None:
    began = time.monotonic()

    async with patience(0.1, lambda: (time.monotonic() - began) * 0.9):
        await asyncio.sleep(0.3)

    assert await took(0.05, lambda: 0.1) >= 0.15


async def test_nobody_is_waited_for_without_end() -> None:
    assert MOST * 0.02 <= await took(0.02, lambda: 1e9) < 20


async def test_what_else_goes_wrong_and_a_hang_up_pass_through() -> None:
    with pytest.raises(LookupError):
        async with patience(0.05, lambda: 0.0):
            raise LookupError

    async def wait() -> None:
        async with patience(60, lambda: 0.0):
            await asyncio.sleep(60)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def crowd() -> Iterator[list[int]]:
    """Three processes that all want the one processor."""
    cpu = min(os.sched_getaffinity(0))
    busy = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    running = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(3)]
    try:
        yield [each.pid for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()


def test_the_kernel_tells_how_long_a_process_was_kept_from_running(crowd: list[int]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and not any(starved_seconds(pid) > 0.2 for pid in crowd):
        time.sleep(0.05)

    assert any(starved_seconds(pid) > 0.2 for pid in crowd)
    assert starved_seconds(2**22 + 1) == 0.0  # no such process
