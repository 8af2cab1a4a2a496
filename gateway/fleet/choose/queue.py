"""Who is next before one target. Rules only: no clock of its own, no waiting, no tasks.

1. Bounded. When every place is taken, a newcomer gets the place of the one that would be served last, where that one
   is of a lower priority, or of a tenant that has more waiting for its share than the newcomer's would; else it is
   refused.
2. Priority first. Who waited for ``age_seconds`` in a class is in the next higher one from then on, so nobody starves.
3. Fair between the tenants of a class, by tokens: start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM 1996). Each
   tenant has a virtual time, its tokens served by its share; the least is next. A tenant that comes back from idling
   begins at the time of the one that was served last: it neither lost nor saved anything. Since a request's tokens are
   known when it is over, it is charged with what is expected, and then with the difference (as the virtual token
   counter of Sheng et al., OSDI 2024).
4. By deadline, and then by arrival, within a tenant and where two virtual times are equal.

Choosing is O(tenants that wait + those who wait of the one that is next); leaving is O(1). ::

    queue: FairQueue[str] = FairQueue()
    place, _ = queue.join("a", Claim("bodyshop", tokens=300), now=0.0, most=8)
    queue.pop(now=1.0).item   # "a"
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.domain import PRIORITIES

T = TypeVar("T")

NORMAL = PRIORITIES.index("normal")
AGE_SECONDS = 30.0
"""How long one waits in a class before it counts as of the next higher one."""

_MOST_IDLE = (
    256  # tenants of whom nobody waits and whose virtual time is remembered, before the past ones are forgotten
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one request asks for. ``priority`` is an index in :data:`PRIORITIES`; ``deadline`` is of the same clock as
    the ``now`` of the queue's methods.
    """

    tenant: str
    priority: int = NORMAL
    tokens: float = 0.0  # that it is expected to take; 0: not known as yet
    deadline: float = math.inf
    slot_for: Callable[[], int | None] | None = None  # which of its tenant's slots suits it best, asked when it is next


class Place(Generic[T]):
    """One who waits. ``priority`` is the class in which it waits now, ``since`` when it came into that."""

    __slots__ = ("claim", "item", "number", "priority", "since")

    def __init__(self, item: T, claim: Claim, number: int, now: float) -> None:
        self.item = item
        self.claim = claim
        self.number = number
        self.priority = claim.priority
        self.since = now

    @property
    def order(self) -> tuple[float, int]:
        return self.claim.deadline, self.number


@dataclass(frozen=True, slots=True)
class Bill:
    """What a request was charged with when it was let in: settled when it is over."""

    tenant: str
    priority: int
    tokens: float


class FairQueue(Generic[T]):
    """Those who wait for one target.

    Args:
        shares: weight by tenant, above 0; 1 for all others.
        age_seconds: see rule 2.
    """

    def __init__(self, shares: Mapping[str, float] | None = None, age_seconds: float = AGE_SECONDS) -> None:
        shares = shares or {}
        self._age_seconds = age_seconds
        self._classes: list[_Class[T]] = [_Class(shares) for _ in PRIORITIES]
        self._numbers = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has_room(self, claim: Claim, most: int) -> bool:
        """Whether :meth:`join` would take it in."""
        return self._count < most or self._last_for(claim) is not None

    def join(self, item: T, claim: Claim, *, now: float, most: int) -> tuple[Place[T], Place[T] | None]:
        """Take one in; return its place, and the one that had to leave for it (rule 1). MUST have room."""
        pushed = self._last_for(claim) if self._count >= most else None
        if pushed is not None:
            self.leave(pushed)
        self._numbers += 1
        place = Place(item, claim, self._numbers, now)
        self._classes[place.priority].add(place)
        self._count += 1
        return place, pushed

    def leave(self, place: Place[T]) -> bool:
        """Take one out, wherever it stands; return whether it was still in."""
        left = self._classes[place.priority].remove(place)
        self._count -= left
        return left

    def pop(self, now: float) -> Place[T] | None:
        """Take out who is next, ``None`` when nobody waits. Charges nothing: see :meth:`charge`."""
        self._age(now)
        for each in self._classes:
            place = each.first()
            if place is not None:
                self.leave(place)
                return place
        return None

    def clear(self, tenant: str = "") -> list[Place[T]]:
        """Take out all, or all of one tenant, and return them in the order of their arrival."""
        everybody = [place for each in self._classes for place in each.places()]
        everybody = [place for place in everybody if not tenant or place.claim.tenant == tenant]
        for place in everybody:
            self.leave(place)
        return sorted(everybody, key=lambda place: place.number)

    def charge(self, claim: Claim, priority: int | None = None) -> Bill:
        """Charge a tenant for a request that is let in, in the class in which it waited; its own when it did not."""
        bill = Bill(claim.tenant, claim.priority if priority is None else priority, claim.tokens)
        self._classes[bill.priority].charge(bill.tenant, bill.tokens)
        return bill

    def settle(self, bill: Bill, tokens: float) -> None:
        """Charge the difference between what a request took and what it was charged with. Once for each bill."""
        self._classes[bill.priority].correct(bill.tenant, tokens - bill.tokens)

    def ahead(self, claim: Claim) -> int:
        """Return how many of those who wait would probably be served before it."""
        above = sum(len(self._classes[priority]) for priority in range(claim.priority))
        return above + self._classes[claim.priority].ahead(claim)[0]

    def tokens_ahead(self, claim: Claim) -> float:
        """Return the expected tokens of those."""
        above = sum(self._classes[priority].tokens() for priority in range(claim.priority))
        return above + self._classes[claim.priority].ahead(claim)[1]

    def _age(self, now: float) -> None:
        for priority in range(1, len(self._classes)):  # from the top: nobody moves up twice
            for place in self._classes[priority].older_than(now - self._age_seconds):
                self._classes[priority].remove(place)
                place.priority, place.since = priority - 1, now
                self._classes[priority - 1].add(place)

    def _last_for(self, claim: Claim) -> Place[T] | None:
        for priority in range(len(self._classes) - 1, claim.priority, -1):
            lower = self._classes[priority]
            if len(lower):
                return lower.last(lower.longest())
        same = self._classes[claim.priority]
        if not len(same):
            return None
        longest = same.longest()
        return same.last(longest) if same.load(longest) > same.load(claim.tenant, more=1) else None


class _Class(Generic[T]):
    """Those who wait in one class, by tenant, and the virtual times of the tenants."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = shares
        self._lanes: dict[str, _Lane[T]] = {}
        self._entered: dict[int, Place[T]] = {}  # by number, in the order in which they came into this class
        self._now = 0.0  # virtual time: where the one that was served last began
        self._at: dict[str, float] = {}  # virtual times of tenants; below _now and idle: forgotten

    def __len__(self) -> int:
        return len(self._entered)

    def places(self) -> Iterable[Place[T]]:
        return list(self._entered.values())

    def tokens(self) -> float:
        return sum(lane.tokens for lane in self._lanes.values())

    def add(self, place: Place[T]) -> None:
        tenant = place.claim.tenant
        lane = self._lanes.get(tenant)
        if lane is None:
            lane = self._lanes[tenant] = _Lane()
            self._at[tenant] = self._start(tenant)
        lane.places[place.number] = self._entered[place.number] = place
        lane.tokens += place.claim.tokens

    def remove(self, place: Place[T]) -> bool:
        if self._entered.pop(place.number, None) is None:
            return False
        lane = self._lanes[place.claim.tenant]
        del lane.places[place.number]
        lane.tokens -= place.claim.tokens
        if not lane.places:
            del self._lanes[place.claim.tenant]
        return True

    def older_than(self, since: float) -> list[Place[T]]:
        found = []
        for place in self._entered.values():
            if place.since > since:
                break
            found.append(place)
        return found

    def first(self) -> Place[T] | None:
        """Return who is next: rules 3 and 4."""
        if not self._lanes:
            return None
        least = min(self._at[tenant] for tenant in self._lanes)
        tied = (lane for tenant, lane in self._lanes.items() if self._at[tenant] == least)
        return min((place for lane in tied for place in lane.places.values()), key=lambda place: place.order)

    def last(self, tenant: str) -> Place[T]:
        return max(self._lanes[tenant].places.values(), key=lambda place: place.order)

    def longest(self) -> str:
        """Return the tenant that has most waiting for its share. Somebody MUST wait."""
        return max(self._lanes, key=self.load)

    def load(self, tenant: str, more: int = 0) -> float:
        lane = self._lanes.get(tenant)
        return ((len(lane.places) if lane else 0) + more) / self._share(tenant)

    def charge(self, tenant: str, tokens: float) -> None:
        start = self._at[tenant] if tenant in self._lanes else self._start(tenant)
        self._now = max(self._now, start)
        self._at[tenant] = start + tokens / self._share(tenant)
        self._forget()

    def correct(self, tenant: str, tokens: float) -> None:
        self._at[tenant] = self._at.get(tenant, self._now) + tokens / self._share(tenant)

    def ahead(self, claim: Claim) -> tuple[int, float]:
        """Return how many come before a newcomer, and their tokens: its own tenant's, and others' of earlier starts."""
        own = self._lanes.get(claim.tenant)
        count, tokens = (len(own.places), own.tokens) if own else (0, 0.0)
        begins = self._at[claim.tenant] if own else self._start(claim.tenant)
        begins += tokens / self._share(claim.tenant)
        for tenant, lane in self._lanes.items():
            if lane is not own:
                before = lane.before((begins - self._at[tenant]) * self._share(tenant))
                count, tokens = count + before, tokens + lane.tokens * before / len(lane.places)
        return count, tokens

    def _start(self, tenant: str) -> float:
        return max(self._at.get(tenant, self._now), self._now)

    def _share(self, tenant: str) -> float:
        return self._shares.get(tenant, 1.0)

    def _forget(self) -> None:
        if len(self._at) > _MOST_IDLE + 2 * len(self._lanes):
            self._at = {who: at for who, at in self._at.items() if at > self._now or who in self._lanes}


class _Lane(Generic[T]):
    """Those of one tenant in one class."""

    __slots__ = ("places", "tokens")

    def __init__(self) -> None:
        self.places: dict[int, Place[T]] = {}
        self.tokens = 0.0

    def before(self, tokens: float) -> int:
        """Return how many begin before that many tokens of this tenant were served, one that begins then included."""
        if tokens < 0 or self.tokens <= 0:
            return 0
        return min(len(self.places), int(tokens * len(self.places) / self.tokens) + 1)
