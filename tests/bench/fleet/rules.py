"""The simple rules that a chooser is set beside, and the oracle. Each is a :class:`fleet.world.Rule`.

The simple ones prefer models that are there, since who would load at each turn is no peer: a model that is absent is
loaded only where no target has it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Mapping, Sequence
from math import ceil, inf

from fleet.asks import Ask
from fleet.engine import Done
from fleet.machine import Machine
from fleet.world import View

BOUND = 1.25
"""How far above its share of the load a target of the hash ring may be (Mirrokni, Thorup, Zadimoghaddam: consistent
hashing with bounded loads, 2018)."""


def there(views: Sequence[View]) -> Sequence[View]:
    """Return the targets whose model is loaded, else those where it comes soonest."""
    least = min(view.opens_in for view in views)
    return [view for view in views if view.opens_in <= least]


class Deaf:
    """A rule that needs to hear nothing."""

    def listen(self, target: str, model: str) -> None:
        return None

    def done(self, target: str, done: Done) -> None: ...


class RoundRobin(Deaf):
    """One after another, by model."""

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        open_now = there(views)
        turn = self._turns.get(ask.model, 0)
        self._turns[ask.model] = turn + 1
        return open_now[turn % len(open_now)].id


class LeastBusy(Deaf):
    """Who has the fewest requests for its slots, waiting ones counted in."""

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        return min(there(views), key=lambda view: (view.held + view.waiting) / view.slots).id


class PrefixHash(Deaf):
    """Equal beginnings go to one target, unless it has :data:`BOUND` times its share already, by slots.

    The beginning is a conversation's: the prompt's first two pieces, so that all turns of it are equal and others are
    not. 64 points a slot on the ring.
    """

    def __init__(self) -> None:
        self._rings: dict[tuple[str, ...], list[tuple[int, str]]] = {}

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        open_now = there(views)
        ring = self._ring(open_now)
        slots = sum(view.slots for view in open_now)
        total = sum(view.held + view.waiting for view in open_now) + 1
        full = {v.id for v in open_now if v.held + v.waiting + 1 > ceil(BOUND * total * v.slots / slots)}
        at = bisect(ring, (_hash(f"{ask.tenant} {ask.pieces[:2]}"), ""))
        order = (ring[(at + step) % len(ring)][1] for step in range(len(ring)))
        return next(name for name in order if name not in full)

    def _ring(self, views: Sequence[View]) -> list[tuple[int, str]]:
        names = tuple(view.id for view in views)
        if names not in self._rings:
            points = [(_hash(f"{v.id} {n}"), v.id) for v in views for n in range(64 * v.slots)]
            self._rings[names] = sorted(points)
        return self._rings[names]


class Oracle(Deaf):
    """Greedy with the truth: rates, lengths of all answers, what lies in every slot, and every queue, exactly.

    For each target it computes when this request would be done there, and takes the soonest. It does not know who comes
    later, and minds nobody else's time: so it is no lower bound.
    """

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        best, soonest = views[0].id, inf
        for view in sorted(views, key=lambda view: machines[view.id].least(ask)):
            ends = machines[view.id].ends(ask, now, soonest)
            if ends < soonest:
                best, soonest = view.id, ends
        return best


class KindOracle(Deaf):
    """As the oracle, and minds who is there already: takes the target where the sum of all ends grows least."""

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        best, least = views[0].id, inf
        for view in sorted(views, key=lambda view: machines[view.id].least(ask)):
            added = machines[view.id].adds(ask, now, least)
            if added < least:
                best, least = view.id, added
        return best


SIMPLE = {"round-robin": RoundRobin, "least-busy": LeastBusy, "prefix-hash": PrefixHash}


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


__all__ = ["SIMPLE", "KindOracle", "LeastBusy", "Oracle", "PrefixHash", "RoundRobin"]
