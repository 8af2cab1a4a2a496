"""How often each target is asked of late, and what it costs others when it is sent out for somebody. Pure.

Who makes a machine load another model takes its place from those who come for the one that leaves. How many those will
be is not known; it is expected to go on as it was: the newest arrivals count most, and after some minutes without any
nobody is expected. Each of those who come while it is away waits for half of that time, on average. ::

    arrivals = Arrivals()
    arrivals.came("server:small", now=0.0)
    arrivals.per_second("server:small", now=60.0)
    arrivals.lost_seconds(["server:small"], away_seconds=22.0, now=60.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable

MEMORY_SECONDS = 180.0
"""After so long without arrivals, a third as many are expected: longer than a gust and the calm after it."""
_LEAST_SECONDS = 20.0  # from fewer, no rate is told: two that come together are no stream


class Arrivals:
    """Rates by target. Memory: some 200 bytes for each that was ever asked."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}  # arrivals, older ones faded, and when that was so
        self._since: float | None = None

    def came(self, target: str, now: float) -> None:
        """Count one that asks there."""
        if self._since is None:
            self._since = now
        count, at = self._seen.get(target, (0.0, now))
        self._seen[target] = (count * math.exp((at - now) / MEMORY_SECONDS) + 1.0, now)

    def per_second(self, target: str, now: float) -> float:
        """Return how many are expected there in a second."""
        seen = self._seen.get(target)
        if seen is None or self._since is None:
            return 0.0
        watched = max(_LEAST_SECONDS, now - self._since)
        counted = seen[0] * math.exp((seen[1] - now) / MEMORY_SECONDS)
        return counted / (MEMORY_SECONDS * -math.expm1(-watched / MEMORY_SECONDS))

    def lost_seconds(self, targets: Iterable[str], away_seconds: float, now: float) -> float:
        """Return how long all who come to these targets while they are away are expected to wait for it, together."""
        rate = sum(self.per_second(target, now) for target in targets)
        return rate * away_seconds * away_seconds / 2.0
