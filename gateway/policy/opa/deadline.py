"""A deadline for the one who answers, not for the one who reads.

Where the machine is so busy that this process's own loop sleeps, a plain timer runs out before the loop has looked
whether the answer is there, and a request is refused for nothing. So the time is counted in steps, and a step during
which the loop slept is not counted.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

STEPS = 5
LATE_SECONDS = 0.01


class Deadline:
    """``async with Deadline(seconds):`` raises TimeoutError where the block takes longer while the loop is awake.

    A loop that keeps sleeping ends it too: at most :data:`STEPS` steps are forgiven.
    """

    __slots__ = ("_due", "_forgiven", "_handle", "_left", "_limit", "_loop", "_step")

    def __init__(self, seconds: float) -> None:
        self._step = seconds / STEPS
        self._left = self._forgiven = STEPS

    async def __aenter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        await self._limit.__aenter__()
        self._begin_step()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _begin_step(self) -> None:
        self._due = self._loop.time() + self._step
        self._handle = self._loop.call_at(self._due, self._end_step)

    def _end_step(self) -> None:
        if self._forgiven and self._loop.time() - self._due > LATE_SECONDS:
            self._forgiven -= 1
        else:
            self._left -= 1
        if self._left:
            self._begin_step()
        else:
            self._limit.reschedule(self._loop.time())
