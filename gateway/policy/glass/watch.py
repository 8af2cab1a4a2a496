"""Keeping OPA's facts in step with the break-glass grants: looked at once a second while a server runs.

A grant that came, ended or expired is pushed at once by whoever changed it; this is for time passing, for an approver
who is taken away, and for files put there by hand. OPA looks at a grant's time itself, so one that has expired opens
nothing meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from gateway.errors import PolicyUnavailable, SetupError

LOOK_SECONDS = 1.0


class GrantsWatch:
    """A task that looks at the grants.

    Args:
        look: pushes the facts where the grants have changed; if it cannot, it is called again in a second.
    """

    def __init__(self, look: Callable[[], Awaitable[None]], seconds: float = LOOK_SECONDS) -> None:
        self._look = look
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless it has."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep(), name="break-glass-watch")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            with contextlib.suppress(PolicyUnavailable, SetupError):
                await self._look()
