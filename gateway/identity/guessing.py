"""How long an answer to a wrong key is held back: nobody who has a right one is ever slowed or locked out.

Rules:

1. Only wrong keys count, by address; IPv6 by its /64, since one machine has all of it.
2. Up to :data:`FREE` within :data:`FORGET_SECONDS` cost nothing: people mistype. Each further one doubles the wait,
   from :data:`FIRST_SECONDS` up to :data:`LONGEST_SECONDS`.
3. Memory is bounded: :data:`MOST_SOURCES` addresses, those that were wrong longest ago go first. At most
   :data:`MOST_HELD` answers are held at once, :data:`MOST_HELD_EACH` for an address; what is beyond is not held.

Example::

    guesses = Guesses()
    guesses.wrong("10.0.0.7")   # seconds to wait: 0.0
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FREE = 10
FORGET_SECONDS = 600.0
FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
MOST_SOURCES = 4096
MOST_HELD, MOST_HELD_EACH = 256, 16


class Guesses:
    """Who was wrong how often. One instance per process; not for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by address: how often, and when last
        self._held: Counter[str] = Counter()

    def wrong(self, source: str) -> float:
        """Note a wrong key; return how many seconds the answer is to be held."""
        name, now = address_of(source), self._clock()
        count, last = self._wrong.pop(name, (0, now))
        count = 1 if now - last >= FORGET_SECONDS else count + 1
        self._wrong[name] = count, now
        if len(self._wrong) > MOST_SOURCES:
            self._wrong.popitem(last=False)
        if count <= FREE:
            return 0.0
        return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(count - FREE - 1, 16)))

    def begins(self, source: str) -> bool:
        """Whether the last wrong key of that address was the first that is held back."""
        return self._wrong.get(address_of(source), (0, 0.0))[0] == FREE + 1

    @contextmanager
    def holding(self, source: str) -> Iterator[bool]:
        """Count an answer as held while inside. Yields whether it may be: false where too many are."""
        name = address_of(source)
        may = self._held.total() < MOST_HELD and self._held[name] < MOST_HELD_EACH
        if not may:
            yield False
            return
        self._held[name] += 1
        try:
            yield True
        finally:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]


def address_of(source: str) -> str:
    """Return what an address counts as: itself, or of IPv6 its /64; a mapped one is IPv4."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
