"""Whether a silent OPA is lost, or only waits for its turn on a busy machine. Pure, but for :func:`scheduled`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

MISSES = 2
LIMIT_SECONDS = 15.0


class Health:
    """Tells an OPA that is stuck from one that only waits for its turn on a busy machine.

    A health check that is refused counts; one that is late counts when OPA's threads have neither run nor waited for a
    processor since it was asked. Whatever the reason, :data:`LIMIT_SECONDS` without an answer is the end.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.answered()

    def answered(self) -> None:
        self._misses = 0
        self._scheduled_ns = -1
        self._since = self._clock()
        self.well = True

    def asking(self, scheduled_ns: int) -> None:
        """Told before each check, so that the first late one counts, too."""
        self._scheduled_ns = scheduled_ns

    def refused(self) -> None:
        self.well = False
        self._misses += 1

    def late(self, scheduled_ns: int) -> None:
        self.well = False
        self._misses += scheduled_ns == self._scheduled_ns
        self._scheduled_ns = scheduled_ns

    @property
    def lost(self) -> bool:
        return self._misses >= MISSES or self._clock() - self._since > LIMIT_SECONDS


def scheduled(pid: int) -> int:
    """Return for how many ns the process's threads have run or waited to; 0 where the kernel does not tell."""
    total, tasks = 0, f"/proc/{pid}/task"  # by plain calls: this is read several times a second
    with contextlib.suppress(OSError):
        for thread in os.listdir(tasks):
            total += _thread_ns(f"{tasks}/{thread}/schedstat")
    return total


def _thread_ns(path: str) -> int:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it may have ended meanwhile
        return 0
    try:
        ran, waited, _ = os.read(handle, 128).split()
        return int(ran) + int(waited)
    except (OSError, ValueError):
        return 0
    finally:
        os.close(handle)
