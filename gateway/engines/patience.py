"""How long one waits for a process that has to do a certain work, on a machine that may have other work too.

What counts is the time in which the process ran or waited for a disk or for somebody else. While it stood ready and got
no processor, the machine was slow, and not the process: that time is left out, up to :data:`MOST` times what is granted
anyhow. So an engine that hangs is given up, and one that others keep from loading is not. ::

    async with patience(120.0, lambda: starved_seconds(pid)):
        await loaded()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

MOST = 4
_LOOKS = 20  # in the time that is granted: no finer than that the end is told


@asynccontextmanager
async def patience(seconds: float, starved: Callable[[], float]) -> AsyncIterator[None]:
    """End the block once it took so long, without the seconds that ``starved`` says.

    Raises:
        TimeoutError: it did.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    handle: asyncio.TimerHandle

    def look() -> None:
        nonlocal handle
        now = loop.time()
        left = began + seconds + min(starved(), MOST * seconds) - now
        if left <= 0.0:
            limit.reschedule(now)
        else:
            handle = loop.call_later(max(left, seconds / _LOOKS), look)

    async with asyncio.timeout(None) as limit:
        handle = loop.call_later(seconds, look)
        try:
            yield
        finally:
            handle.cancel()


def starved_seconds(pid: int) -> float:
    """Return how long a process's thread that waited most was ready and not run; 0.0 where the kernel does not tell.

    The second figure of ``/proc/PID/task/TID/schedstat`` (Linux, Documentation/scheduler/sched-stats.rst).
    """
    most = 0
    with suppress(OSError):
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError, ValueError, IndexError):  # that thread ended
                most = max(most, int(file.read_text().split()[1]))
    return most / 1e9
