"""Whether a node is there: asked twice a second, and away when nothing came from it for two seconds.

Anything that came counts as a sign, answers to prompts and to pushed ranges too: a slow link is not a cut one. Time in
which this process itself did not run is not counted against the node. ::

    watch = Watch(link, seen=learn, lost=forget)
    await watch.run()        # until cancelled
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

EVERY_SECONDS = 0.5
AWAY_SECONDS = 2.0
_LATE_SECONDS = 0.25  # a step of the loop that comes later than that says something about us, not about the node
_REACH_SECONDS = 5.0  # for the first word of one that is away

_State_co = TypeVar("_State_co", covariant=True)
_S = TypeVar("_S")


class Asked(Protocol[_State_co]):
    """What this needs of a link. ``state`` raises ``Silent`` when there is no answer that can be used."""

    heard_at: float

    def state(self) -> Awaitable[_State_co]: ...


class Watch(Generic[_S]):
    """One node's heartbeat.

    Args:
        link: to the node.
        silent: what its ``state`` raises.
        seen: is awaited with each state, and when it was asked for.
        lost: is awaited once when the node went away, with one line that says why.
    """

    def __init__(
        self,
        link: Asked[_S],
        silent: type[Exception] | tuple[type[Exception], ...],
        *,
        seen: Callable[[_S, float], Awaitable[None]],
        lost: Callable[[str], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        every_seconds: float = EVERY_SECONDS,
        away_seconds: float = AWAY_SECONDS,
    ) -> None:
        self._link = link
        self._errors: tuple[type[Exception], ...] = (
            *(silent if isinstance(silent, tuple) else (silent,)),
            TimeoutError,
        )
        self._seen = seen
        self._lost = lost
        self._clock = clock
        self._every = every_seconds
        self._away = away_seconds
        self._sign_at = float("-inf")
        self.is_here = False
        self.problem = "It was not reached yet."

    async def run(self) -> None:
        """Watch until this is cancelled."""
        while True:
            began = self._clock()
            await self.beat()
            wait = max(0.05, self._every - (self._clock() - began))
            began = self._clock()
            await asyncio.sleep(wait)
            self._excuse(self._clock() - began - wait)

    async def beat(self) -> None:
        """Ask once, and tell what came of it."""
        asked_at = self._clock()
        patience = max(self._every / 2, self._last_sign() + self._away - asked_at) if self.is_here else _REACH_SECONDS
        try:
            async with asyncio.timeout(patience):
                state = await self._link.state()
        except self._errors as error:
            self._excuse(self._clock() - asked_at - patience)
            await self._not_heard(str(error) or f"It said nothing for {self._away:.0f} s.")
            return
        self._sign_at, self.is_here, self.problem = self._clock(), True, ""
        await self._seen(state, asked_at)

    def _last_sign(self) -> float:
        return max(self._sign_at, self._link.heard_at)

    def _excuse(self, late: float) -> None:
        """Take a step that came late as time in which the node could not be heard."""
        if late > _LATE_SECONDS:
            self._sign_at = max(self._sign_at, min(self._clock(), self._last_sign() + late))

    async def _not_heard(self, problem: str) -> None:
        if not self.is_here:
            self.problem = problem
        elif self._clock() - self._last_sign() >= self._away:
            self.is_here, self.problem = False, problem
            await self._lost(problem)
