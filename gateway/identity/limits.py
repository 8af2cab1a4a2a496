"""How much a key may: requests per minute, requests at once, tokens per minute. In this process alone.

Rules, all of them O(1) a request and exact:

1. Requests: in any 60 seconds at most ``requests_per_minute`` are taken. The times of the last that many are kept; the
   next one passes when the oldest of them is 60 seconds old.
2. Concurrency: at most ``concurrent_requests`` reservations are open.
3. Tokens: open upper bounds plus what was settled within the last 60 seconds never exceed ``tokens_per_minute``. What
   was settled is kept per second, so a token may count for up to one second longer than a minute, never shorter.

A limit of 0 does not limit. A refused request costs nothing, so that a client which waits is not pushed back further.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from gateway.domain import Caller, Usage
from gateway.errors import BadRequest, LimitExceeded
from gateway.settings import LimitSettings

WINDOW_SECONDS = 60


class KeyLimits:
    """The limits of all keys. Implements :class:`gateway.identity.door.Limits`.

    Args:
        settings: one set of limits, for each key by itself.
        clock: seconds that only grow.
    """

    def __init__(self, settings: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._keys: dict[str, _KeyState] = {}

    def reserve(self, caller: Caller) -> KeyReservation:
        """Take one request and one place of concurrency.

        Raises:
            LimitExceeded: ``limits.concurrency`` or ``limits.requests``, with ``retry_after_seconds``.
        """
        state = self._keys.get(caller.key_id)
        if state is None:
            state = self._keys[caller.key_id] = _KeyState(self._settings, self._clock)
        state.enter()
        return KeyReservation(state)


class KeyReservation:
    """One request's place. Implements :class:`gateway.identity.door.Reservation`."""

    __slots__ = ("_bound", "_open", "_state")

    def __init__(self, state: _KeyState) -> None:
        self._state = state
        self._bound = 0
        self._open = True

    def reserve_tokens(self, upper_bound: int) -> None:
        """Reserve ``upper_bound`` tokens; a second call replaces the first bound.

        Raises:
            LimitExceeded: ``limits.tokens``, with ``retry_after_seconds``.
            BadRequest: the bound alone is over the limit, so waiting cannot help (``limits.request_too_large``).
        """
        self._state.hold(upper_bound, instead_of=self._bound)
        self._bound = upper_bound

    def settle(self, usage: Usage | None) -> None:
        """As :meth:`gateway.identity.door.Reservation.settle`."""
        if not self._open:
            return
        self._open = False
        spent = usage.prompt_tokens + usage.completion_tokens if usage else 0
        self._state.leave(self._bound, spent)


class _KeyState:
    """What one key has open and has used."""

    __slots__ = ("_clock", "_concurrency", "_held", "_open", "_rate", "_spent", "_taken", "_token_rate")

    def __init__(self, settings: LimitSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._concurrency = settings.concurrent_requests
        self._rate = settings.requests_per_minute
        self._token_rate = settings.tokens_per_minute
        self._open = 0
        self._held = 0
        self._taken: deque[float] = deque(maxlen=self._rate)
        self._spent = _TokenWindow()

    def enter(self) -> None:
        if self._open >= self._concurrency:
            message = f"This key may have {self._concurrency} requests in flight."
            raise LimitExceeded(message, code="limits.concurrency", retry_after_seconds=1)
        if self._rate:
            self._take_request()
        self._open += 1

    def _take_request(self) -> None:
        now = self._clock()
        if len(self._taken) == self._rate and now < self._taken[0] + WINDOW_SECONDS:
            wait = self._taken[0] + WINDOW_SECONDS - now
            message = f"This key may send {self._rate} requests a minute."
            raise LimitExceeded(message, code="limits.requests", retry_after_seconds=wait)
        self._taken.append(now)  # at full length the oldest falls out

    def hold(self, bound: int, instead_of: int) -> None:
        others = self._held - instead_of
        if self._token_rate:
            self._refuse_over(bound, others)
        self._held = others + bound

    def _refuse_over(self, bound: int, others: int) -> None:
        if bound > self._token_rate:
            message = f"This request may need {bound} tokens, this key has {self._token_rate} a minute; ask for fewer."
            raise BadRequest(message, code="limits.request_too_large", param="max_tokens")
        free = self._token_rate - others - bound
        now = self._clock()
        if self._spent.total(now) > free:
            message = f"This key may use {self._token_rate} tokens a minute."
            wait = self._spent.seconds_until(free, now)
            raise LimitExceeded(message, code="limits.tokens", retry_after_seconds=wait)

    def leave(self, bound: int, spent: int) -> None:
        self._open -= 1
        self._held -= bound
        if self._token_rate and spent:
            self._spent.add(spent, self._clock())


class _TokenWindow:
    """Tokens used, per second, over the last minute; at most 61 seconds are kept."""

    __slots__ = ("_seconds", "_sum")

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()  # (second, tokens), oldest first
        self._sum = 0

    def add(self, tokens: int, now: float) -> None:
        second = math.floor(now)
        if self._seconds and self._seconds[-1][0] == second:
            tokens_before = self._seconds.pop()[1]
            self._seconds.append((second, tokens_before + tokens))
        else:
            self._seconds.append((second, tokens))
        self._sum += tokens
        self._forget(now)

    def total(self, now: float) -> int:
        self._forget(now)
        return self._sum

    def seconds_until(self, at_most: int, now: float) -> float:
        """Return when the sum will have fallen to ``at_most``; one second when that hangs on open requests."""
        left = self._sum
        for second, tokens in self._seconds:
            left -= tokens
            if left <= at_most:
                return second + 1 + WINDOW_SECONDS - now
        return 1.0

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] + 1 + WINDOW_SECONDS <= now:
            self._sum -= self._seconds.popleft()[1]
