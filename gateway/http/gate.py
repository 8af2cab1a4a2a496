"""Whether the house is open, and who is inside: what a graceful end waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway.ending import INTERRUPTED
from gateway.errors import Unavailable


class Gate:
    """Counts requests in flight. After :meth:`close`, new ones are refused and :meth:`emptied` can be awaited."""

    def __init__(self) -> None:
        self.open = True
        self._inside: set[asyncio.Task[Any]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Count the current task as inside."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is a task")
        self._inside.add(task)
        self._empty.clear()
        try:
            yield
        finally:
            self._inside.discard(task)
            if not self._inside:
                self._empty.set()

    def close(self) -> None:
        self.open = False

    async def emptied(self, within_seconds: float) -> bool:
        """Return whether everybody has left in time."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def clear(self) -> None:
        """End those still inside: each gets an error of its own and an outcome ``interrupted``."""
        for task in self._inside:
            task.cancel(INTERRUPTED)


def closing() -> Unavailable:
    """Return the refusal of a server that is shutting down."""
    return Unavailable("The gateway is shutting down.", code="server.closing", retry_after_seconds=5)
