"""One engine as the fleet sees it: its target, its slots, and the queue before them.

Invariants, after every call: a free slot means an empty queue; each slot is either free or held by one lease; a waiter
that is cancelled at any moment neither keeps nor loses a slot. One event loop, no threads.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from gateway.domain import Chunk, Prompt, Target
from gateway.errors import EngineUnavailable
from gateway.fleet.slots import Lease, Slots, Use

RESTART_SECONDS = 2.0
"""How long an engine takes to come back (its supervisor's promise): the Retry-After while it is away."""

_SMOOTHING = 0.2  # weight of the newest service time


class FleetEngine(Protocol):
    """What the fleet needs of an engine; :class:`gateway.engines.door.Engine` has it."""

    @property
    def slots(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    def ready(self) -> bool: ...

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """An async generator: closing it cancels the engine's work."""


@dataclass(frozen=True)
class Member:
    """An engine and the target it is known as."""

    target: Target
    engine: FleetEngine


class Desk:
    """Hands out the slots of one member, first come, first served."""

    def __init__(self, member: Member, *, queue: int) -> None:
        self.target = member.target
        self.engine = member.engine
        self._count = member.engine.slots
        self._slots = Slots(self._count)
        self._queue = queue
        self._waiters: OrderedDict[asyncio.Future[Lease], str] = OrderedDict()
        self._service_seconds = 0.0

    @property
    def free(self) -> int:
        return self._slots.free

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def is_full(self) -> bool:
        return not self._slots.free and len(self._waiters) >= self._queue

    def rank(self, tenant: str) -> tuple[int, float]:
        """Return how good it is to ask here; lower is better: own slot, free slot, then queue per slot."""
        if self._slots.has_own(tenant):
            return (0, 0.0)
        if self._slots.free:
            return (1, 0.0)
        return (2, len(self._waiters) / self._count)

    def wait_seconds(self) -> float:
        """Return when a slot is likely to be free for one more waiter, from observed service times; at least 1 s."""
        return max(1.0, self._service_seconds * (len(self._waiters) + 1) / self._count)

    async def lease(self, tenant: str) -> Lease:
        """Return a slot, waiting for it when none is free. The caller has seen that the queue is not full.

        Raises:
            EngineUnavailable: the engine went away while this waited.
        """
        free = self._slots.take(tenant)
        return free if free is not None else await self._wait(tenant)

    def give_back(self, lease: Lease, use: Use, held_seconds: float) -> None:
        """Free a slot and hand it to the first in the queue."""
        if use == "answered":
            self._observe(held_seconds)
        self._slots.give_back(lease, use)
        self._serve()

    async def _wait(self, tenant: str) -> Lease:
        waiter: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = tenant
        try:
            return await waiter
        except BaseException:
            # Cancelled, or closed, before or after a slot was handed over: the slot goes on to the next.
            if self._waiters.pop(waiter, None) is None and not waiter.cancelled() and waiter.exception() is None:
                self._slots.give_back(waiter.result(), "untouched")
                self._serve()
            raise

    def _serve(self) -> None:
        """Hand free slots to those who wait; send them away when the engine is gone, so that they try elsewhere."""
        ready = not self._waiters or self.engine.ready()
        while self._waiters and (not ready or self._slots.free):
            waiter, tenant = self._waiters.popitem(last=False)
            if waiter.done():  # cancelled, its task not yet run
                continue
            lease = self._slots.take(tenant) if ready else None
            if lease is None:
                waiter.set_exception(away())
            else:
                waiter.set_result(lease)

    def _observe(self, seconds: float) -> None:
        before = self._service_seconds or seconds
        self._service_seconds = before + _SMOOTHING * (seconds - before)


def away() -> EngineUnavailable:
    return EngineUnavailable("No engine for this request is running now.", retry_after_seconds=RESTART_SECONDS)
