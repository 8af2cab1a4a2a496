"""How much a caller may, counted together by several workers: the rules of ``limits.lua``, run by Redis.

One round trip for each step (enter, hold, settle), each of them whole or not at all, by Redis' own clock. What is
settled waits in a queue until Redis took it, so that leaving a passage awaits nothing. What is open is a lease: this
worker renews its leases, and those of a worker that died end after ``lease_seconds``.

While Redis does not answer, requests are refused (``limits.unavailable``), or judged by this worker's own limits where
``limits.when_gone`` says ``own``; what is settled meanwhile is told to Redis when it is back. A failure is noticed once
in :data:`PAUSE_SECONDS`, not by each request with a wait of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError
from ulid import ULID

from gateway.domain import Caller, Usage
from gateway.errors import LimitExceeded, SetupError
from gateway.identity import refusals
from gateway.identity.bounds import BOUNDS, Rules, accounts_of, cost_micro, most_micro
from gateway.identity.door import Reservation, Standing
from gateway.identity.ledger import Ledger
from gateway.identity.limits import OwnLimits
from gateway.sections import BoundSettings

log = logging.getLogger("sekisho.identity")

PAUSE_SECONDS = 1.0
MOST_SETTLED_AT_ONCE = 64
MOST_AT_ONCE = 8  # connections; Redis does one thing at a time anyway
SCRIPT = Path(__file__).with_name("limits.lua")
_ORDER = ("requests_per_minute", "tokens_per_minute", "concurrent_requests", "tokens_per_day", "tokens_per_month")
ORDER = (*_ORDER, "money_per_day", "money_per_month")  # in which the script has an account's bounds
assert set(ORDER) == set(BOUNDS)  # noqa: S101  a bound that the script does not know would not be kept


class _Gone(Exception):
    """Redis did not do what it was asked."""


class SharedLimits:
    """Limits in Redis. Implements :class:`gateway.identity.door.Limits`.

    Args:
        redis: the client; its own timeout is how long a request waits for it.
        prefix: of all keys, such as ``{sekisho:ingolstadt}``.
        own: this worker's own limits: its rules and its ledger, and what counts without Redis where that is allowed.
        alone: whether it goes on by its own limits without Redis.
        lease_seconds: after which what a dead worker held is free again.
    """

    def __init__(
        self, redis: Redis, prefix: str, own: OwnLimits, *, alone: bool = False, lease_seconds: float = 30.0
    ) -> None:
        self._redis, self._prefix, self._own, self._alone = redis, prefix, own, alone
        self._lease_seconds = lease_seconds
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._script = redis.register_script(SCRIPT.read_text(encoding="utf-8"))
        self._gone_until = 0.0
        self._open: dict[str, SharedReservation] = {}
        self._settled: deque[dict[str, Any]] = deque()
        self._wake, self._stopped = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.gone = False

    @property
    def rules(self) -> Rules:
        return self._own.rules

    @property
    def ledger(self) -> Ledger:
        return self._own.ledger

    def use(self, rules: Rules) -> None:
        """Go on with other rules, from the next request on."""
        self._own.use(rules)

    async def start(self) -> None:
        """Find out whether Redis is there and takes the script; settle and renew from now on.

        Raises:
            SetupError: it is not there, or does not let us in.
        """
        try:
            await self._run("used", {"names": []})
        except _Gone as error:
            mend = "Check limits.redis (url, password_file, ca) in sekisho.yaml, and that Redis runs."
            raise SetupError("Redis, where limits are counted, does not answer or does not let us in.", mend) from error
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._settle_all(), name="limits-settle"),
            loop.create_task(self._renew_all(), name="limits-renew"),
        ]

    async def stop(self) -> None:
        """Tell Redis what is settled, if it listens, and let go of it."""
        self._stopped.set()  # no cancellation: Redis' client swallows one that comes amid an answer
        self._wake.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._settle_waiting()
        except _Gone:
            log.error("Redis did not take what %d requests used.", len(self._settled))
        await self._redis.aclose()

    async def reserve(self, caller: Caller) -> Reservation:
        """As :meth:`gateway.identity.door.Limits.reserve`."""
        reservation = SharedReservation(self, caller)
        try:
            await reservation.enter()
        except _Gone as error:
            if not self._alone:
                raise refusals.unavailable() from error
            return await self._own.reserve(caller)
        return reservation

    async def used(self, names: Sequence[str]) -> list[list[int]]:
        """Return tokens and money of the day, then of the month, of each account, as Redis has them.

        Raises:
            Unavailable: Redis is gone.
        """
        try:
            (_, used) = await self._run("used", {"names": list(names)})
        except _Gone as error:
            raise refusals.unavailable() from error
        return [list(map(int, each)) for each in used]

    def later(self, work: dict[str, Any]) -> None:
        """Let Redis know of what was settled, soon."""
        self._settled.append(work)
        self._wake.set()

    async def ask(self, operation: str, accounts: Sequence[tuple[str, bool]], **more: Any) -> list[Standing]:
        """Judge and take. Returns how far each account is from its next refusal; raises LimitExceeded, _Gone."""
        asked = [
            {"name": name, "fresh": fresh, "bounds": [getattr(self.rules.of(name), bound) for bound in ORDER]}
            for name, fresh in accounts
        ]
        answer = await self._run(operation, {"accounts": asked, **more})
        if answer[0] == 1:
            return self._standings(accounts, answer[1])
        _, index, bound, wait, told = answer
        name, bound = accounts[index - 1][0], bound.decode()
        refusal = refusals.over(name, bound, getattr(self.rules.of(name), bound), wait / 1000)
        refusal.standing = tightest(self._standings(accounts, told))
        raise refusal

    def _standings(self, accounts: Sequence[tuple[str, bool]], told: Sequence[Sequence[int]]) -> list[Standing]:
        return [_standing(self.rules.of(name), *each) for (name, _), each in zip(accounts, told, strict=True)]

    async def _run(self, operation: str, work: dict[str, Any]) -> Any:
        if time.monotonic() < self._gone_until:
            raise _Gone
        self.ledger.turn()
        calendar = self.ledger.calendar
        told = {"lease_ms": int(self._lease_seconds * 1000), "day": calendar.day, "month": calendar.month, **work}
        try:
            async with self._at_once:
                answer = await self._script(keys=[self._prefix], args=[operation, json.dumps(told)])
        except (RedisError, OSError, TimeoutError) as error:
            self._gone_until = time.monotonic() + PAUSE_SECONDS
            if not self.gone:
                what = "each worker's own limits hold" if self._alone else "requests are refused"
                log.error("Redis is gone (%s): until it is back, %s.", type(error).__name__, what)
            self.gone = True
            raise _Gone from error
        if self.gone:
            log.warning("Redis is back: limits are counted together again.")
        self.gone = False
        return answer

    async def _settle_all(self) -> None:
        while not self._stopped.is_set():
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._settle_waiting()
            except _Gone:
                self._wake.set()
                await self._stopped_within(PAUSE_SECONDS)

    async def _settle_waiting(self) -> None:
        """Tell Redis of all that waits, many at once. What a lost answer leaves in the queue is told again: its lease
        is gone by then where it was taken, but what it spent counts twice: never too little. Raises _Gone.
        """
        while self._settled:
            ended = list(islice(self._settled, MOST_SETTLED_AT_ONCE))
            await self._run("settle", {"ended": ended})
            for _ in ended:
                self._settled.popleft()

    async def _renew_all(self) -> None:
        while not await self._stopped_within(self._lease_seconds / 3):
            leases = [reservation.lease_told() for reservation in self._open.values()]
            for start in range(0, len(leases), 256):
                try:
                    await self._run("renew", {"leases": leases[start : start + 256]})
                except _Gone:
                    break

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return self._stopped.is_set()

    def opened(self, reservation: SharedReservation) -> None:
        self._open[reservation.lease] = reservation

    def closed(self, reservation: SharedReservation) -> None:
        self._open.pop(reservation.lease, None)

    async def instead(self, caller: Caller, bound: int, model: str) -> Reservation:
        """Return a place in this worker's own limits, for a request that Redis was lost amid. Raises Unavailable."""
        if not self._alone:
            raise refusals.unavailable()
        place = await self._own.reserve(caller)
        try:
            await place.reserve_tokens(bound, model)
        except BaseException:
            place.settle(None)
            raise
        return place


class SharedReservation:
    """One request's place. Implements :class:`gateway.identity.door.Reservation`."""

    def __init__(self, limits: SharedLimits, caller: Caller) -> None:
        self.lease = str(ULID())
        self._limits, self._caller = limits, caller
        self._names = list(accounts_of(caller))
        self._model = ""
        self._bound = self._micro = 0
        self._closed = False
        self._standings: list[Standing] = []
        self._own: Reservation | None = None

    async def enter(self) -> None:
        self._limits.opened(self)
        try:
            self._standings = await self._limits.ask("enter", [(name, True) for name in self._names], lease=self.lease)
        except LimitExceeded:
            self._limits.closed(self)
            raise
        except BaseException:  # Redis may have taken it all the same
            self._give_back(0, 0)
            raise

    async def reserve_tokens(self, upper_bound: int, model: str) -> None:
        """As :meth:`gateway.identity.door.Reservation.reserve_tokens`."""
        limits, rules = self._limits, self._limits.rules
        fresh = [] if self._model else [f"model:{model}"]
        price = rules.price(model)
        for name in (*self._names, *fresh):
            _refuse_at_once(name, rules.of(name), upper_bound, priced=price is not None)
        micro = most_micro(price, upper_bound) if price else 0
        accounts = [*((name, False) for name in self._names), *((name, True) for name in fresh)]
        told = {"lease": self.lease, "tokens": upper_bound, "micro": micro}
        try:
            self._standings = await limits.ask("hold", accounts, **told)
        except _Gone:
            self._names += fresh  # Redis may have taken it all the same: settling gives it back
            self._model = self._model or model
            self._own = await limits.instead(self._caller, upper_bound, model)
            return
        except asyncio.CancelledError:
            self._names += fresh
            raise
        self._names += fresh
        self._model = self._model or model
        self._bound, self._micro = upper_bound, micro

    def settle(self, usage: Usage | None) -> None:
        """As :meth:`gateway.identity.door.Reservation.settle`."""
        if self._closed:
            return
        spent, micro = (usage.prompt_tokens + usage.completion_tokens, 0) if usage else (0, 0)
        price = self._limits.rules.price(self._model)
        if usage and price:
            micro = cost_micro(price, usage.prompt_tokens, usage.completion_tokens)
        self._give_back(spent, micro)
        if self._own is not None:
            self._own.settle(usage)
        elif spent and self._model:
            caller = self._caller
            project = f"{caller.tenant}/{caller.project}"
            self._limits.ledger.add(caller.key_id, project, self._model, spent, micro)

    def standing(self) -> Standing:
        """As :meth:`gateway.identity.door.Reservation.standing`: as of the last step."""
        return self._own.standing() if self._own is not None else tightest(self._standings)

    def lease_told(self) -> dict[str, Any]:
        return {"lease": self.lease, "names": self._names, "tokens": self._bound, "micro": self._micro}

    def _give_back(self, spent: int, micro: int) -> None:
        self._closed = True
        self._limits.closed(self)
        self._limits.later({"lease": self.lease, "names": self._names, "spent": spent, "micro": micro})


def tightest(standings: Sequence[Standing]) -> Standing:
    """Return one standing of several: of each bound, that with the least left."""
    none = Standing()
    requests = min((s for s in standings if s.limit_requests), key=lambda s: s.remaining_requests, default=none)
    tokens = min((s for s in standings if s.limit_tokens), key=lambda s: s.remaining_tokens, default=none)
    return msgspec.structs.replace(
        requests,
        limit_tokens=tokens.limit_tokens,
        remaining_tokens=tokens.remaining_tokens,
        reset_tokens=tokens.reset_tokens,
    )


def _standing(bounds: BoundSettings, count: int, clear: int, held: int, spent: int, clear_tokens: int) -> Standing:
    rate, tokens = bounds.requests_per_minute, bounds.tokens_per_minute
    requests = (rate, max(0, rate - count), clear / 1000) if rate else (0, 0, 0.0)
    return Standing(*requests, *((tokens, max(0, tokens - held - spent), clear_tokens / 1000) if tokens else ()))


def _refuse_at_once(name: str, bounds: BoundSettings, upper_bound: int, *, priced: bool) -> None:
    """Raise what needs no counting."""
    if bounds.tokens_per_minute and upper_bound > bounds.tokens_per_minute:
        raise refusals.too_large(name, upper_bound, bounds.tokens_per_minute)
    if (bounds.money_per_day or bounds.money_per_month) and not priced:
        raise refusals.no_price()
