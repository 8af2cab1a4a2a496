"""Waiting in tests: for what is to happen, with an end, and never for a time alone.

A bound of seconds is one of the program's own: a step during which this process was not given the processor counts as
one step, not as the seconds that others took. So a promise of a second is still one on a machine that is busy. ::

    assert within(2.0, lambda: not book.ready())
    await soon(lambda: house.outcomes)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

STEP_SECONDS = 0.02
LONG_SECONDS = 60.0
"""For what nothing is promised of, but that it happens."""


def within(seconds: float, is_so: Callable[[], object]) -> bool:
    """Return whether it is so within so many seconds, of which no step counts for more than twice its length."""
    left = seconds
    while not is_so():
        if left <= 0:
            return False
        began = time.monotonic()
        time.sleep(STEP_SECONDS)
        left -= min(time.monotonic() - began, 2 * STEP_SECONDS)
    return True


async def comes_true(seconds: float, is_so: Callable[[], object]) -> bool:
    """As :func:`within`, while the loop goes on."""
    left = seconds
    while not is_so():
        if left <= 0:
            return False
        began = time.monotonic()
        await asyncio.sleep(STEP_SECONDS)
        left -= min(time.monotonic() - began, 2 * STEP_SECONDS)
    return True


async def soon(is_so: Callable[[], object]) -> None:
    """Wait until it is so. Raises AssertionError when it is not after a long while."""
    assert await comes_true(LONG_SECONDS, is_so), "it did not happen"
