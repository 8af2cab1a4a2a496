"""Sliding minutes: requests by their times, tokens by their seconds. In memory; a call is O(1) but for what expires."""

from __future__ import annotations

import math
from collections import deque

WINDOW_SECONDS = 60


class RequestWindow:
    """The times of the last requests, as many as may be in a minute. Exact: no minute ever has more."""

    __slots__ = ("rate", "taken")

    def __init__(self, rate: int = 0) -> None:
        self.rate = rate
        self.taken: deque[float] = deque(maxlen=rate)

    def allow(self, rate: int) -> None:
        """Go on with another rate; what was taken counts as far as it was kept."""
        if rate != self.rate:
            self.rate, self.taken = rate, deque(self.taken, maxlen=rate)

    def wait(self, now: float) -> float:
        """Return for how many seconds the next request would have to wait; 0: not at all."""
        if len(self.taken) < self.rate:
            return 0.0
        return max(0.0, self.taken[0] + WINDOW_SECONDS - now)

    def take(self, now: float) -> None:
        self.taken.append(now)  # at full length the oldest falls out

    def count(self, now: float) -> int:
        """Return how many of a minute are taken."""
        while self.taken and self.taken[0] + WINDOW_SECONDS <= now:
            self.taken.popleft()
        return len(self.taken)

    def clear_in(self, now: float) -> float:
        """Return after how many seconds nothing is taken any more."""
        return max(0.0, self.taken[-1] + WINDOW_SECONDS - now) if self.taken else 0.0


class TokenWindow:
    """Tokens used, per second, over the last minute; at most 61 seconds are kept.

    A token may count for up to one second longer than a minute, never shorter.
    """

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

    def clear_in(self, now: float) -> float:
        """Return after how many seconds nothing is used any more."""
        return max(0.0, self._seconds[-1][0] + 1 + WINDOW_SECONDS - now) if self._seconds else 0.0

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] + 1 + WINDOW_SECONDS <= now:
            self._sum -= self._seconds.popleft()[1]
