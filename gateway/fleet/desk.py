"""Hands out the slots of one home: to whom the rules of its queue name next.

Invariants, after every call: while it is open, a free slot means an empty queue; each slot is free or held by one
lease; a waiter that is cancelled, pushed out, or too late at any moment neither keeps nor loses a slot, and is told
exactly once. One event loop, no threads.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from gateway.domain import Energy
from gateway.errors import AuditUnavailable, EngineUnavailable, LimitExceeded
from gateway.fleet.choose.breaker import ALL, DEFAULT, Guard, Limits
from gateway.fleet.choose.power import Power
from gateway.fleet.choose.queue import Bill, Claim, FairQueue, Place
from gateway.fleet.member import Home
from gateway.fleet.slots import Lease, Slots, Use

_log = logging.getLogger(__name__)

_SMOOTHING = 0.2  # weight of the newest service time, and of the newest request's tokens
_FIRST_TOKENS = 512.0  # that a request is expected to take before any was over

SUSPENDED = "fleet.target_suspended"

Waiter = asyncio.Future["Held"]


@dataclass(frozen=True, slots=True)
class Version:
    """A model that a part of those who ask for another one tries in its place."""

    of: str  # that other one's own name
    share: float  # the part of its callers, from 0 to 1


@dataclass(frozen=True)
class Terms:
    """What holds for whoever waits, at every desk of a fleet."""

    wait_seconds: float = math.inf  # for a slot, at most
    shares: Mapping[str, float] = field(default_factory=dict)  # weight by tenant, above 0; 1 for all others
    breaker: Limits = DEFAULT
    canaries: Mapping[str, float] = field(default_factory=dict)  # by target: the part of all callers that tries it
    canary_nodes: Mapping[str, float] = field(default_factory=dict)  # by joined node: as above, of all its targets
    versions: Mapping[str, Version] = field(default_factory=dict)  # by model: for which one a part of callers tries it
    watts: Mapping[str, float] = field(default_factory=dict)  # by target: what is said that its device draws
    tell: Callable[[str, Mapping[str, Any]], None] = lambda type, said: None  # puts an event on record


@dataclass(frozen=True, slots=True)
class Held:
    """A slot that was handed out, and what its tenant was charged with for it."""

    lease: Lease
    bill: Bill


class Desk:
    """The place where requests ask for one home.

    Args:
        home: where the model is served.
        queue: how many may wait.
        terms: of the fleet.
        foretell: when a slot of a desk is likely to be free once so many who wait were served, in seconds from when
            its model is loaded; ``None``: nothing was learned of it.
    """

    def __init__(
        self,
        home: Home,
        *,
        queue: int,
        terms: Terms | None = None,
        foretell: Callable[[Desk, int], float | None] = lambda desk, ahead: None,
    ) -> None:
        self.home = home
        self._foretell = foretell
        self.id = home.target.id
        self._count = home.slots
        self._slots = Slots(self._count)
        self._most = queue
        self._terms = terms or Terms()
        self._queue: FairQueue[Waiter] = FairQueue(self._terms.shares)
        self.breaker = Guard(self._terms.breaker)
        self.canary = self._terms.canaries.get(self.id, 0.0)  # the part of callers that tries it; 0: it is none
        if not home.target.same_node:
            self.canary = self.canary or self._terms.canary_nodes.get(home.target.node, 0.0)
        self.version = self._terms.versions.get(home.target.model)
        self.power = Power(self._terms.watts.get(self.id, 0.0))
        self._service_seconds = 0.0
        self.openings = 0  # engines that came new, and hold nobody's prompt
        self._usual_tokens = _FIRST_TOKENS
        home.watch(self._opened, self._closed)

    @property
    def free(self) -> int:
        return self._slots.free

    @property
    def most_waiting(self) -> int:
        return self._most

    @property
    def held(self) -> int:
        return self._count - self._slots.free

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def is_open(self, tenant: str = ALL) -> bool:
        """Whether a prompt of a tenant would be taken now; without one: of a tenant of whom nothing failed there."""
        return self.home.is_open() and self.breaker.admits(tenant, monotonic())

    def is_coming(self, tenant: str = ALL) -> bool:
        """Whether who waits will be served or told: it is not open, and is not given up."""
        return not self.home.is_open() and self.home.is_coming() and self.breaker.admits(tenant, monotonic())

    def is_last_resort(self, tenant: str = ALL) -> bool:
        """Whether a prompt may be sent although the target is left alone, where no other can serve: its engine runs."""
        return self.home.is_open() and self.breaker.yields(tenant, monotonic())

    def refusal(self, tenant: str = ALL) -> EngineUnavailable:
        """Return why it is neither open nor coming."""
        pause = self.breaker.again_in_seconds(tenant, monotonic())
        if not pause:
            return self.home.refusal()
        message = "The model's engine failed again and again, and is left alone for a while."
        return EngineUnavailable(message, code=SUSPENDED, retry_after_seconds=max(1.0, pause))

    def answered(self, tenant: str) -> None:
        """Note that an answer to a tenant began."""
        for whom in self.breaker.answered(tenant):
            _log.warning("target %s answers again%s", self.id, f" (tenant {whom})" if whom else "")
            self._tell("target.resumed", **_by(whom))

    def drew(self, energy: Energy) -> None:
        """Note what was measured while an answer was made here."""
        self.power.see(self.home.target.device, energy.target_mj / 1e3, energy.seconds)

    def ended(self, tenant: str) -> None:
        """Note that an answer to a tenant ended well."""
        self.breaker.ended(tenant)

    def failed(self, tenant: str, code: str) -> None:
        """Note that a tenant's request failed by the target's fault; where it was too often, send away those who wait,
        all or that tenant's.
        """
        whom = self.breaker.failed(tenant, monotonic())
        if whom is not None:
            pause = round(self.breaker.again_in_seconds(tenant, monotonic()))
            by = f" by tenant {whom}" if whom else ""
            _log.error("target %s fails (%s) and is left alone%s for %d s", self.id, code, by, pause)
            said = {"code": code, "failures": self.breaker.failures, "pause_seconds": pause}
            self._tell("target.suspended", **said, **_by(whom))
            self._closed(self.refusal(tenant), whom)

    def _tell(self, type: str, **said: Any) -> None:
        with suppress(AuditUnavailable):  # told already, and nothing is served by this
            self._terms.tell(type, {"model": self.home.target.model, "target": self.id, **said})

    @property
    def slots(self) -> int:
        return self._count

    @property
    def service_seconds(self) -> float:
        """How long a request held a slot, on average; 0 before one did."""
        return self._service_seconds

    def ahead(self, claim: Claim) -> int:
        """Return how many of those who wait would be served before it."""
        return self._queue.ahead(claim)

    def has_own(self, tenant: str) -> bool:
        """Whether a free slot holds a prompt of this tenant."""
        return self._slots.has_own(tenant)

    def tokens_ahead(self, claim: Claim) -> float:
        """Return the expected tokens of those who wait and would be served before it."""
        return self._queue.tokens_ahead(claim)

    def rank(self, tenant: str, *, is_open: bool = True) -> tuple[int, float]:
        """Return how good it is to ask here; lower is better: own slot, free slot, queue per slot, and then a load."""
        if not is_open:
            return (3, self.home.opens_in_seconds())
        if self._slots.has_own(tenant):
            return (0, 0.0)
        if self._slots.free:
            return (1, 0.0)
        return (2, len(self._queue) / self._count)

    def wait_seconds(self, claim: Claim) -> float:
        """Return when a slot is likely to be free for one more, with the load it takes: foretold from who is there and
        how fast the target was seen to be, else from how long requests took there.
        """
        ahead = self._queue.ahead(claim)
        serving = self._foretell(self, ahead)
        if serving is None:
            serving = self._service_seconds * (ahead + 1) / self._count
        return self.home.opens_in_seconds() + serving

    def turns_away(self, claim: Claim, *, is_open: bool = True) -> LimitExceeded | None:
        """Return why one may not wait here now: nobody has to leave for it, or it would wait too long.

        While the model is loaded, as many may wait as could be inside and in the queue.
        """
        if is_open and self._slots.free:
            return None
        wait = self.wait_seconds(claim)
        if not self._queue.has_room(claim, self._most if is_open else self._most + self._count):
            return _full(wait)
        left = claim.deadline - monotonic()
        return _too_long(wait - left) if wait > left else None

    async def lease(self, claim: Claim) -> Held:
        """Return a slot, waiting for it when none is free. The caller has seen that it is not turned away.

        Raises:
            EngineUnavailable: the engine went away, or could not be loaded, while this waited, or it fails too often.
            LimitExceeded: its deadline passed (``fleet.wait_too_long``), or another has its place now.
        """
        if not self.breaker.enter(claim.tenant, monotonic()) and not self.is_last_resort(claim.tenant):
            raise self.refusal(claim.tenant)
        if not claim.tokens:
            claim = replace(claim, tokens=self._usual_tokens)
        free = self._slots.take(claim.tenant, claim.slot_for) if self.home.is_open() else None
        if free is None:
            return await self._wait(claim)
        self.home.enter()
        return Held(free, self._queue.charge(claim))

    def give_back(self, held: Held, use: Use, held_seconds: float, tokens: float | None = None) -> None:
        """Free a slot and hand it to who is next.

        Args:
            held: as it was handed out.
            use: what happened in it.
            held_seconds: how long it was held.
            tokens: what the request took, as :func:`gateway.fleet.placement.cost_of` counts; ``None``: not known.
        """
        if use == "answered":
            self._observe(held_seconds, tokens)
        if tokens is None:  # cut short: what was expected stands, where the engine had the prompt
            tokens = 0.0 if use == "untouched" else held.bill.tokens
        self._queue.settle(held.bill, tokens)
        self._slots.give_back(held.lease, use)
        self.home.leave(answered=use == "answered")
        self._serve()

    async def _wait(self, claim: Claim) -> Held:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        now = monotonic()
        most = self._most if self.home.is_open() else self._most + self._count
        place, pushed = self._queue.join(waiter, claim, now=now, most=most)
        self.home.wait()
        if pushed is not None:
            self._send_away(pushed, _full(self.wait_seconds(pushed.claim)))
        too_late = self._late_at(place)
        try:
            return await waiter
        except BaseException:
            # Cancelled, or closed, before or after a slot was handed over: the slot goes on to the next.
            if self._queue.leave(place):
                self.home.unwait()
            elif not waiter.cancelled() and waiter.exception() is None:
                self._undo(waiter.result())
            raise
        finally:
            if too_late is not None:
                too_late.cancel()

    def _late_at(self, place: Place[Waiter]) -> asyncio.TimerHandle | None:
        """Have one told when its deadline passes."""
        left = place.claim.deadline - monotonic()
        if left == math.inf:
            return None
        return asyncio.get_running_loop().call_later(max(0.0, left), self._too_late, place)

    def _too_late(self, place: Place[Waiter]) -> None:
        if self._queue.leave(place):
            self._send_away(place, _too_long(self.wait_seconds(place.claim)))

    def _send_away(self, place: Place[Waiter], why: EngineUnavailable | LimitExceeded) -> None:
        """Tell one who has left the queue that it waits no longer."""
        self.home.unwait()
        if not place.item.done():
            place.item.set_exception(why)

    def _undo(self, held: Held) -> None:
        """Take back a slot that nobody came for."""
        self._queue.settle(held.bill, 0.0)
        self._slots.give_back(held.lease, "untouched")
        self.home.leave(answered=False)
        self._serve()

    def _serve(self) -> None:
        """Hand free slots to those who wait; send them away when the engine is gone, so that they try elsewhere."""
        if not self._queue:
            return
        if self.home.is_open():
            self._hand_out()
        elif not self.home.is_coming():
            self._closed(self.home.refusal())

    def _hand_out(self) -> None:
        now = monotonic()
        while self._slots.free and (place := self._queue.pop(now)) is not None:
            if not place.item.done():  # else cancelled, its task not yet run
                lease = self._slots.take(place.claim.tenant, place.claim.slot_for)
                assert lease is not None  # noqa: S101 - one is free
                self.home.enter()
                place.item.set_result(Held(lease, self._queue.charge(place.claim, place.priority)))
            self.home.unwait()  # after it entered: at no moment does it look as if nobody were here

    def _opened(self) -> None:
        """A new engine holds nobody's prompt."""
        if self._slots.free == self._count:
            self._slots = Slots(self._count)
            self.openings += 1
        self._serve()

    def _closed(self, why: EngineUnavailable, tenant: str = ALL) -> None:
        for place in self._queue.clear(tenant):
            self._send_away(place, why)

    def _observe(self, seconds: float, tokens: float | None) -> None:
        before = self._service_seconds or seconds
        self._service_seconds = before + _SMOOTHING * (seconds - before)
        if tokens is not None:
            self._usual_tokens += _SMOOTHING * (max(1.0, tokens) - self._usual_tokens)


def _by(tenant: str) -> dict[str, str]:
    return {"tenant": tenant} if tenant else {}


def _full(wait: float) -> LimitExceeded:
    message = "Every place in the model's queue is taken."
    return LimitExceeded(message, code="fleet.queue_full", retry_after_seconds=max(1.0, wait))


def _too_long(beyond: float) -> LimitExceeded:
    message = "Waiting for the model would take longer than this request may wait."
    return LimitExceeded(message, code="fleet.wait_too_long", retry_after_seconds=max(1.0, beyond))
