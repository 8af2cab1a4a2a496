"""Notices a caller that hangs up while its answer is being made, and cancels the work."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from gateway.http.body import Receive


class HangUp:
    """Cancels the task inside its ``async with`` when the connection closes.

    ``watch`` is called once the body is complete: until then, reading is the body's. The cancellation ends here;
    anybody else's passes on.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def watch(self) -> None:
        # Kept in self._watcher and ended in __aexit__, so this task can be neither lost nor left behind.
        self._watcher = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._watcher is not None:
            self._watcher.cancel()
        if not self._gone or self._task is None:
            return False
        self._task.uncancel()
        return isinstance(error, asyncio.CancelledError)
