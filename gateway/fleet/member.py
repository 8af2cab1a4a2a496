"""One engine as the fleet sees it: its target, its slots, and the queue before them.

Invariants, after every call: while it is open, a free slot means an empty queue; each slot is free or held by one
lease; a waiter that is cancelled at any moment neither keeps nor loses a slot. One event loop, no threads.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
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


class Home(Protocol):
    """A place where a model is served: always, or when it was loaded for those who wait."""

    @property
    def target(self) -> Target:
        """As it is known now: device and build are there once an engine told them."""

    @property
    def slots(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    def is_open(self) -> bool:
        """Whether a prompt would be taken now."""

    def is_coming(self) -> bool:
        """Whether who waits will be served or told: it is not open, and is not given up."""

    def enter(self) -> None:
        """Count in a request that gets a slot: the engine stays until :meth:`leave`. MUST be open."""

    def leave(self, *, answered: bool) -> None:
        """Count out a request. Once for each :meth:`enter`."""

    def wait(self) -> None:
        """Count in a request that waits."""

    def unwait(self) -> None:
        """Count out a request that waited."""

    def opens_in_seconds(self) -> float:
        """Return how long it is likely to take until it is open; 0 when it is."""

    def refusal(self) -> EngineUnavailable:
        """Return why it is neither open nor coming."""

    def watch(self, opened: Callable[[], None], closed: Callable[[EngineUnavailable], None]) -> None:
        """Have ``opened`` called when it opened, ``closed`` when those who wait shall wait no longer."""

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """As :meth:`FleetEngine.answer`. The caller has entered."""


@dataclass(frozen=True)
class Member:
    """An engine that is always there, and the target it is known as. A :class:`Home`."""

    target: Target
    engine: FleetEngine

    @property
    def slots(self) -> int:
        return self.engine.slots

    @property
    def context_tokens(self) -> int:
        return self.engine.context_tokens

    def is_open(self) -> bool:
        return self.engine.ready()

    def is_coming(self) -> bool:
        return False

    def enter(self) -> None: ...

    def leave(self, *, answered: bool) -> None: ...

    def wait(self) -> None: ...

    def unwait(self) -> None: ...

    def opens_in_seconds(self) -> float:
        return 0.0

    def refusal(self) -> EngineUnavailable:
        return away()

    def watch(self, opened: Callable[[], None], closed: Callable[[EngineUnavailable], None]) -> None: ...

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        return self.engine.answer(prompt)


class Desk:
    """Hands out the slots of one home, first come, first served."""

    def __init__(self, home: Home, *, queue: int) -> None:
        self.home = home
        self.id = home.target.id
        self._count = home.slots
        self._slots = Slots(self._count)
        self._queue = queue
        self._waiters: OrderedDict[asyncio.Future[Lease], str] = OrderedDict()
        self._service_seconds = 0.0
        home.watch(self._opened, self._closed)

    @property
    def free(self) -> int:
        return self._slots.free

    @property
    def most_waiting(self) -> int:
        return self._queue

    @property
    def held(self) -> int:
        return self._count - self._slots.free

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def is_full(self, *, is_open: bool = True) -> bool:
        """Whether one more may not wait. While it is loaded, as many may wait as could be inside and in the queue."""
        if is_open:
            return not self._slots.free and len(self._waiters) >= self._queue
        return len(self._waiters) >= self._queue + self._count

    def rank(self, tenant: str, *, is_open: bool = True) -> tuple[int, float]:
        """Return how good it is to ask here; lower is better: own slot, free slot, queue per slot, and then a load."""
        if not is_open:
            return (3, self.home.opens_in_seconds())
        if self._slots.has_own(tenant):
            return (0, 0.0)
        if self._slots.free:
            return (1, 0.0)
        return (2, len(self._waiters) / self._count)

    def wait_seconds(self) -> float:
        """Return when a slot is likely to be free for one more waiter, from observed service times and the load that
        it takes; at least 1 s.
        """
        serving = self._service_seconds * (len(self._waiters) + 1) / self._count
        return max(1.0, self.home.opens_in_seconds() + serving)

    async def lease(self, tenant: str) -> Lease:
        """Return a slot, waiting for it when none is free. The caller has seen that the queue is not full.

        Raises:
            EngineUnavailable: the engine went away, or could not be loaded, while this waited.
        """
        free = self._slots.take(tenant) if self.home.is_open() else None
        if free is None:
            return await self._wait(tenant)
        self.home.enter()
        return free

    def give_back(self, lease: Lease, use: Use, held_seconds: float) -> None:
        """Free a slot and hand it to the first in the queue."""
        if use == "answered":
            self._observe(held_seconds)
        self._slots.give_back(lease, use)
        self.home.leave(answered=use == "answered")
        self._serve()

    async def _wait(self, tenant: str) -> Lease:
        waiter: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = tenant
        self.home.wait()
        try:
            return await waiter
        except BaseException:
            # Cancelled, or closed, before or after a slot was handed over: the slot goes on to the next.
            if self._waiters.pop(waiter, None) is not None:
                self.home.unwait()
            elif not waiter.cancelled() and waiter.exception() is None:
                self._slots.give_back(waiter.result(), "untouched")
                self.home.leave(answered=False)
                self._serve()
            raise

    def _serve(self) -> None:
        """Hand free slots to those who wait; send them away when the engine is gone, so that they try elsewhere."""
        if not self._waiters:
            return
        is_open = self.home.is_open()
        if is_open or not self.home.is_coming():
            self._hand_out(is_open)

    def _hand_out(self, is_open: bool) -> None:
        while self._waiters and (not is_open or self._slots.free):
            waiter, tenant = self._waiters.popitem(last=False)
            lease = None
            if is_open and not waiter.done():  # else cancelled, its task not yet run
                lease = self._slots.take(tenant)
                self.home.enter()
            self.home.unwait()  # after it entered: at no moment does it look as if nobody were here
            _answer(waiter, lease, self.home)

    def _opened(self) -> None:
        """A new engine holds nobody's prompt."""
        if self._slots.free == self._count:
            self._slots = Slots(self._count)
        self._serve()

    def _closed(self, why: EngineUnavailable) -> None:
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            self.home.unwait()
            if not waiter.done():
                waiter.set_exception(why)

    def _observe(self, seconds: float) -> None:
        before = self._service_seconds or seconds
        self._service_seconds = before + _SMOOTHING * (seconds - before)


def _answer(waiter: asyncio.Future[Lease], lease: Lease | None, home: Home) -> None:
    if waiter.done():
        return
    if lease is None:
        waiter.set_exception(home.refusal())
    else:
        waiter.set_result(lease)


def away() -> EngineUnavailable:
    return EngineUnavailable("No engine for this request is running now.", retry_after_seconds=RESTART_SECONDS)
