"""How much a caller may, counted in this process alone.

Every request counts against the accounts of its key, project and tenant, and once its model is known against that
one's. Rules, all of them O(1) a request and exact:

1. Requests: in any 60 seconds at most ``requests_per_minute`` are taken.
2. Concurrency: at most ``concurrent_requests`` reservations are open.
3. Tokens: open upper bounds plus what was settled within the last 60 seconds never exceed ``tokens_per_minute``.
4. Budgets: open upper bounds plus what was settled since midnight, or since the first of the month, never exceed
   ``tokens_per_day``, ``…_month``; so with money, at the model's price.
5. All accounts of a step are asked before one of them is touched. A refused request costs nothing anywhere, so that a
   client which waits is not pushed back further.

A bound of 0 does not limit. Nothing awaits between asking and taking: in one event loop no other request comes between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from gateway.domain import Caller, Usage
from gateway.errors import LimitExceeded
from gateway.identity import refusals
from gateway.identity.bounds import Rules, accounts_of, cost_micro, most_micro
from gateway.identity.door import Standing
from gateway.identity.ledger import Ledger
from gateway.identity.window import RequestWindow, TokenWindow
from gateway.sections import BoundSettings

MOST_ACCOUNTS = 20_000  # in memory; above it, those that nothing is open or recent of are dropped


class OwnLimits:
    """The limits of all accounts. Implements :class:`gateway.identity.door.Limits`.

    Args:
        rules: which bounds hold.
        ledger: what was used of days and months.
        clock: seconds that only grow.
    """

    def __init__(self, rules: Rules, ledger: Ledger | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.rules = rules
        self.ledger = ledger or Ledger(None)
        self.clock = clock
        self._accounts: dict[str, Account] = {}

    async def reserve(self, caller: Caller) -> OwnReservation:
        """As :meth:`gateway.identity.door.Limits.reserve`."""
        accounts = [self.account(name) for name in accounts_of(caller)]
        now = self.clock()
        try:
            _enter(accounts, now)
        except LimitExceeded as refusal:
            refusal.standing = standing_of(accounts, now)
            raise
        return OwnReservation(self, caller, accounts)

    async def used(self, names: Sequence[str]) -> list[list[int]]:
        """Return tokens and money of the day, then of the month, of each account."""
        self.ledger.turn()
        return [list(self.ledger.sums(name)) for name in names]

    def use(self, rules: Rules) -> None:
        """Go on with other rules, from the next request on."""
        self.rules = rules
        for account in self._accounts.values():
            account.allow(rules.of(account.name))

    def account(self, name: str) -> Account:
        found = self._accounts.get(name)
        if found is None:
            if len(self._accounts) >= MOST_ACCOUNTS:
                self._drop_idle()
            found = self._accounts[name] = Account(name, self.rules.of(name), self.ledger.sums(name))
        return found

    def _drop_idle(self) -> None:
        now = self.clock()
        self._accounts = {name: account for name, account in self._accounts.items() if not account.is_idle(now)}


class OwnReservation:
    """One request's place. Implements :class:`gateway.identity.door.Reservation`."""

    __slots__ = ("_accounts", "_bound", "_caller", "_limits", "_micro", "_model", "_open")

    def __init__(self, limits: OwnLimits, caller: Caller, accounts: list[Account]) -> None:
        self._limits = limits
        self._caller = caller
        self._accounts = accounts
        self._model = ""
        self._bound = self._micro = 0
        self._open = True

    async def reserve_tokens(self, upper_bound: int, model: str) -> None:
        """As :meth:`gateway.identity.door.Reservation.reserve_tokens`."""
        limits, accounts, now = self._limits, self._accounts, self._limits.clock()
        fresh = [limits.account(f"model:{model}")] if not self._model else []
        price = limits.rules.price(model)
        micro = most_micro(price, upper_bound) if price else 0
        limits.ledger.turn()
        for account in (*accounts, *fresh):
            if account.has_budget:
                limits.ledger.refuse_broken()
            held = (0, 0) if account in fresh else (self._bound, self._micro)
            account.refuse_over(upper_bound, None if price is None else micro, held, now)
        _enter(fresh, now)
        for account in accounts:
            account.hold(upper_bound - self._bound, micro - self._micro)
        for account in fresh:
            account.hold(upper_bound, micro)
        self._model = self._model or model
        self._accounts = [*accounts, *fresh]
        self._bound, self._micro = upper_bound, micro

    def settle(self, usage: Usage | None) -> None:
        """As :meth:`gateway.identity.door.Reservation.settle`."""
        if not self._open:
            return
        self._open = False
        limits, now = self._limits, self._limits.clock()
        spent = usage.prompt_tokens + usage.completion_tokens if usage else 0
        for account in self._accounts:
            account.leave(self._bound, self._micro, spent, now)
        if usage is not None and spent and self._model:
            price, caller = limits.rules.price(self._model), self._caller
            micro = cost_micro(price, usage.prompt_tokens, usage.completion_tokens) if price else 0
            project = f"{caller.tenant}/{caller.project}"
            limits.ledger.add(caller.key_id, project, self._model, spent, micro)

    def standing(self) -> Standing:
        """As :meth:`gateway.identity.door.Reservation.standing`."""
        return standing_of(self._accounts, self._limits.clock())


class Account:
    """What one account has open and has used. ``sums`` are the ledger's own: tokens, money of the day, of the month."""

    __slots__ = ("bounds", "has_budget", "held", "held_micro", "name", "open", "requests", "spent", "sums")

    def __init__(self, name: str, bounds: BoundSettings, sums: list[int]) -> None:
        self.name = name
        self.sums = sums
        self.open = self.held = self.held_micro = 0
        self.requests = RequestWindow()
        self.spent = TokenWindow()
        self.allow(bounds)

    def allow(self, bounds: BoundSettings) -> None:
        self.bounds = bounds
        self.requests.allow(bounds.requests_per_minute)
        days = bounds.tokens_per_day or bounds.money_per_day
        self.has_budget = bool(days or bounds.tokens_per_month or bounds.money_per_month)

    def is_idle(self, now: float) -> bool:
        return not self.open and not self.requests.count(now) and not self.spent.total(now)

    def refuse_entry(self, now: float) -> None:
        """Raise LimitExceeded where one more request would be too many."""
        most = self.bounds.concurrent_requests
        if most and self.open >= most:
            raise refusals.over(self.name, "concurrent_requests", most, 1.0)
        rate = self.bounds.requests_per_minute
        if rate and (wait := self.requests.wait(now)):
            raise refusals.over(self.name, "requests_per_minute", rate, wait)

    def enter(self, now: float) -> None:
        self.open += 1
        if self.requests.rate:
            self.requests.take(now)

    def refuse_over(self, bound: int, micro: int | None, own: tuple[int, int], now: float) -> None:
        """Raise where ``bound`` tokens, for ``micro``, are too much; ``own`` is what this request holds already."""
        bounds, held = self.bounds, self.held - own[0]
        if bounds.tokens_per_minute:
            self._refuse_over_minute(bound, held, now)
        if not self.has_budget:
            return
        if micro is None and (bounds.money_per_day or bounds.money_per_month):
            raise refusals.no_price()
        money, (day, day_micro, month, month_micro) = (micro or 0) + self.held_micro - own[1], self.sums
        for name, limit, wanted in (
            ("tokens_per_day", bounds.tokens_per_day, day + held + bound),
            ("tokens_per_month", bounds.tokens_per_month, month + held + bound),
            ("money_per_day", bounds.money_per_day, day_micro + money),
            ("money_per_month", bounds.money_per_month, month_micro + money),
        ):
            if limit and wanted > limit:
                raise refusals.over(self.name, name, limit, 0.0)

    def _refuse_over_minute(self, bound: int, held: int, now: float) -> None:
        limit = self.bounds.tokens_per_minute
        if bound > limit:
            raise refusals.too_large(self.name, bound, limit)
        free = limit - held - bound
        if self.spent.total(now) > free:
            raise refusals.over(self.name, "tokens_per_minute", limit, self.spent.seconds_until(free, now))

    def hold(self, tokens: int, micro: int) -> None:
        self.held += tokens
        self.held_micro += micro

    def leave(self, bound: int, micro: int, spent: int, now: float) -> None:
        self.open -= 1
        self.held -= bound
        self.held_micro -= micro
        if spent and self.bounds.tokens_per_minute:
            self.spent.add(spent, now)


def _enter(accounts: Sequence[Account], now: float) -> None:
    """Take a request of all accounts, or of none. Raises LimitExceeded."""
    for account in accounts:
        account.refuse_entry(now)
    for account in accounts:
        account.enter(now)


def standing_of(accounts: Sequence[Account], now: float) -> Standing:
    """Return how far these accounts are from a refusal: of each bound, that of the account with the least left."""
    requests = [
        (a.bounds.requests_per_minute - a.requests.count(now), a) for a in accounts if a.bounds.requests_per_minute
    ]
    tokens = [
        (a.bounds.tokens_per_minute - a.held - a.spent.total(now), a) for a in accounts if a.bounds.tokens_per_minute
    ]
    left, tightest = min(requests, key=lambda each: each[0], default=(0, None))
    left_tokens, tightest_tokens = min(tokens, key=lambda each: each[0], default=(0, None))
    return Standing(
        limit_requests=tightest.bounds.requests_per_minute if tightest else 0,
        remaining_requests=max(0, left),
        reset_requests=tightest.requests.clear_in(now) if tightest else 0.0,
        limit_tokens=tightest_tokens.bounds.tokens_per_minute if tightest_tokens else 0,
        remaining_tokens=max(0, left_tokens),
        reset_tokens=tightest_tokens.spent.clear_in(now) if tightest_tokens else 0.0,
    )
