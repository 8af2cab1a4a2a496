"""The rules by which models come and go on one node. No time, no waiting, no engine: values in, steps out.

1. A load claims its price first. Then others are sent out for it, then it takes its price, and only then it starts.
2. A model is loaded once at a time, however many wait for it.
3. Sent out is who is not pinned: first those whom nobody uses or waits for, least recently used first. Where these do
   not make enough room, those in use who have had their turn, longest serving first. A turn is at least as long as
   the load before it took, so that models which take turns serve more than they load.
4. Who is sent out lets nobody in, and stays until the last one inside has left. Those who wait for it go on waiting.
5. Who waits longest for room is served first; nobody overtakes. What could not fit even if all that are not pinned
   left is refused at once, and stands in nobody's way.
6. A load that took more than its price, and more than there is, is made room for as if it had asked (rule 3).
7. After a failure the price is given back, and a load is tried again after 1, 2, 4 … 60 s.

Example::

    rules = Rules(Ledger({"ram": 1000}), [Resident("a", {"ram": 600})], turn_seconds=10)
    rules.wait("a", now=0.0)
    rules.next(now=0.0)                 # [Step("load", "a")]
    rules.warming("a"); rules.loaded("a", {}, now=1.2)
    rules.enter("a"); rules.leave("a", now=2.0)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.fleet.life.ledger import Amounts, Ledger
from gateway.fleet.life.resident import Resident, State

LONGEST_PAUSE_SECONDS = 60.0

_COMING = frozenset((State.ABSENT, State.RESERVED, State.LOADING, State.WARMING, State.DRAINING))


@dataclass(frozen=True)
class Step:
    """What is to be done now. ``refuse``: tell those who wait that there is no room for it."""

    what: Literal["load", "unload", "refuse"]
    name: str


class Rules:
    """The residents of one node and their ledger."""

    def __init__(self, ledger: Ledger, residents: Iterable[Resident], *, turn_seconds: float) -> None:
        self.ledger = ledger
        self.residents = {resident.name: resident for resident in residents}
        self.blocked = False  # somebody waits for room: whenever a request leaves, look again
        self._turn_seconds = turn_seconds

    # --- requests

    def enter(self, name: str) -> None:
        """Count in a request that is told "yes, here". MUST be serving."""
        resident = self.residents[name]
        if resident.state is not State.SERVING:
            raise ValueError(f"{name} is {resident.state}")
        resident.held += 1

    def leave(self, name: str, now: float) -> bool:
        """Count out a request; return whether :meth:`next` has to be asked."""
        resident = self.residents[name]
        resident.held -= 1
        resident.used_at = now
        return self.blocked or (resident.state is State.DRAINING and not resident.held)

    def wait(self, name: str, now: float) -> None:
        """Count in a request that waits, for a slot or for the load."""
        resident = self.residents[name]
        resident.waiting += 1
        if resident.asked_at is None and resident.state is not State.SERVING:
            resident.asked_at = now

    def unwait(self, name: str) -> None:
        self.residents[name].waiting -= 1

    def is_coming(self, name: str, now: float) -> bool:
        """Return whether a request may wait for it: it is not there, but will be, or its failure will be known."""
        resident = self.residents[name]
        return resident.state in _COMING or (resident.state is State.FAILED and now >= resident.again_at)

    # --- operators

    def order(self, name: str, now: float) -> None:
        """Have it loaded, now and whatever failed before."""
        resident = self.residents[name]
        resident.ordered, resident.again_at = True, now
        resident.asked_at = now if resident.asked_at is None else resident.asked_at

    def dismiss(self, name: str, why: str = "ordered") -> None:
        """Send it out once those inside have left. It comes back when somebody asks for it."""
        resident = self.residents[name]
        resident.ordered = False
        if resident.state in (State.LOADING, State.WARMING, State.DRAINING):
            resident.leaving = True
        elif resident.state is State.SERVING:
            self._drain(resident, why)
            resident.leaving = True

    def pin(self, name: str, pinned: bool, now: float) -> None:
        """Keep it from now on, and load it; or let it go again when others need its room."""
        resident = self.residents[name]
        resident.pinned = pinned
        if pinned and resident.state is not State.SERVING:
            self.order(name, now)
        if pinned and resident.state is State.DRAINING and not resident.stopping:
            resident.state, resident.leaving = State.SERVING, False

    # --- what came of a step

    def warming(self, name: str) -> None:
        self.residents[name].state = State.WARMING

    def loaded(self, name: str, measured: Amounts, now: float, seconds: float = 0.0) -> None:
        """It answered its first token. ``measured``: what it took, by device, where that is known.

        The ledger keeps the higher of price and measure: what a load touches grows with the first long prompts.
        """
        resident = self.residents[name]
        price = {each: max(resident.price.get(each, 0), measured.get(each, 0)) for each in {*resident.price, *measured}}
        self.ledger.correct(name, price)
        resident.price = price
        resident.state, resident.ordered, resident.asked_at = State.SERVING, False, None
        resident.used_at = resident.serving_since = now
        resident.load_seconds = seconds or resident.load_seconds
        resident.failures, resident.problem = 0, ""
        resident.loads += 1
        if resident.leaving:
            self._drain(resident, "ordered")

    def failed(self, name: str, now: float, problem: str) -> None:
        """A load came to nothing, and nothing of it is left; or there is no room for it."""
        resident = self.residents[name]
        self.ledger.give_back(name)
        resident.state, resident.ordered, resident.leaving = State.FAILED, False, False
        resident.failures += 1
        resident.failed += 1
        resident.problem = problem
        resident.again_at = now + min(LONGEST_PAUSE_SECONDS, 2.0 ** min(resident.failures - 1, 6))
        resident.asked_at = now

    def broke(self, name: str, problem: str) -> None:
        """It serves and does not answer: it is sent out, pinned or not, and loaded anew when wanted."""
        resident = self.residents[name]
        if resident.state is State.SERVING:
            self._drain(resident, "unhealthy")
            resident.leaving, resident.problem = True, problem

    def gone(self, name: str, now: float) -> None:
        """Its engine has ended; the room is free."""
        resident = self.residents[name]
        self.ledger.give_back(name)
        resident.state, resident.leaving, resident.stopping = State.ABSENT, False, False
        resident.asked_at = now if resident.wanted else None

    def sends_out(self, name: str) -> list[Resident]:
        """Return who has to leave for a model once it is asked for, whenever their turns are over. Changes nothing."""
        resident = self.residents[name]
        if resident.state not in (State.ABSENT, State.FAILED):
            return []
        evictable = sorted(self._evictable(), key=lambda each: (not each.idle, each.serving_since))
        return self._enough(resident, evictable) or []

    def makes_room_in(self, residents: Iterable[Resident], now: float) -> float:
        """Return the seconds until the turns of these are over; 0 for those whom nobody uses."""
        return max((self._turn_ends(each) - now for each in residents if not each.idle), default=0.0)

    def turn_of(self, resident: Resident) -> float:
        """Return how long a model stays at least, once it is there and others want its room, in seconds."""
        return max(self._turn_seconds, resident.load_seconds)

    # --- what is to be done

    def next(self, now: float) -> list[Step]:
        """Return what is to be done now, each once; the states say already that it is being done."""
        self._settle(now)
        refused = list(self._claims(now))
        return [*refused, *self._unloads(), *self._loads()]

    def next_at(self) -> float | None:
        """Return when :meth:`next` may have something to say though nothing happened; ``None``: never."""
        times = [
            resident.used_at + resident.ttl_seconds
            for resident in self.residents.values()
            if resident.state is State.SERVING and resident.ttl_seconds and not resident.pinned and resident.idle
        ]
        times += [each.again_at for each in self.residents.values() if each.state is State.FAILED and each.wanted]
        if self.blocked:
            times += [self._turn_ends(each) for each in self._evictable() if not each.idle]
        return min(times, default=None)

    def _settle(self, now: float) -> None:
        """Send out whose time is over; take back claims and drains for which nobody waits any more."""
        draining = [each for each in self.residents.values() if each.state is State.DRAINING]
        for resident in self.residents.values():
            if resident.state is State.SERVING and self._expired(resident, now):
                self._drain(resident, "ttl")
                resident.leaving = True
            elif resident.state is State.RESERVED:
                stuck = not draining and not self.ledger.covers(resident.name)  # another load took more than its price
                if stuck or not resident.wanted:
                    self.ledger.give_back(resident.name)
                    resident.state = State.ABSENT
        if self.ledger.over:
            self._relieve(now)
        elif not any(each.state is State.RESERVED for each in self.residents.values()):
            for resident in draining:
                if resident.held and not resident.leaving:
                    resident.state = State.SERVING

    def _relieve(self, now: float) -> None:
        """Send out as few as bring what is taken back below what there is (rule 6)."""
        nothing = dict.fromkeys(self.ledger.budget, 0)
        for resident in self._in_order(now):
            if not self.ledger.shortage(nothing, leaving=self._leaving()):
                return
            self._drain(resident, "room")

    def _expired(self, resident: Resident, now: float) -> bool:
        ends = resident.used_at + resident.ttl_seconds
        return resident.ttl_seconds > 0 and resident.idle and not resident.pinned and now >= ends

    def _claims(self, now: float) -> Iterator[Step]:
        """Let those who want in claim their price, in order; yields those for whom there can be no room."""
        self.blocked = False
        for resident in self._asking(now):
            if not self._possible(resident):
                self.failed(resident.name, now, self._no_room(resident))
                yield Step("refuse", resident.name)
                continue
            victims = self._victims(resident, now)
            if victims is None:
                self.blocked = True
                return
            for victim in victims:
                self._drain(victim, "room")
            self.ledger.claim(resident.name, resident.price, leaving=self._leaving())
            resident.state = State.RESERVED

    def _asking(self, now: float) -> list[Resident]:
        asking = [
            each
            for each in self.residents.values()
            if each.wanted and (each.state is State.ABSENT or (each.state is State.FAILED and now >= each.again_at))
        ]
        return sorted(asking, key=lambda each: each.asked_at or 0.0)

    def _possible(self, resident: Resident) -> bool:
        """Return whether it would fit if all that are not pinned had left."""
        others = [each.name for each in self.residents.values() if not each.pinned]
        return not self.ledger.shortage(resident.price, leaving=others)

    def _no_room(self, resident: Resident) -> str:
        needs = ", ".join(f"{amount:,} MiB of {device}" for device, amount in sorted(resident.price.items()))
        has = ", ".join(f"{self.ledger.budget.get(device, 0):,} MiB of {device}" for device in sorted(resident.price))
        pinned = ", ".join(each.name for each in self.residents.values() if each.pinned and each is not resident)
        return f"It needs {needs}; there is {has}" + (f", less what is pinned ({pinned})." if pinned else ".")

    def _victims(self, resident: Resident, now: float) -> list[Resident] | None:
        """Return whom to send out (rule 3), as few as do; ``None`` when that is not enough as yet."""
        return self._enough(resident, self._in_order(now))

    def _enough(self, resident: Resident, order: Iterable[Resident]) -> list[Resident] | None:
        """Return as few of these, the first ones first, as make room; ``None``: all of them do not."""
        leaving = self._leaving()
        picked: list[Resident] = []
        for each in order:
            if not self.ledger.shortage(resident.price, leaving=leaving):
                break
            picked.append(each)
            leaving.add(each.name)
        if self.ledger.shortage(resident.price, leaving=leaving):
            return None
        for each in picked[:-1]:
            if not self.ledger.shortage(resident.price, leaving=leaving - {each.name}):
                leaving.discard(each.name)
        return [each for each in picked if each.name in leaving]

    def _in_order(self, now: float) -> list[Resident]:
        evictable = self._evictable()
        idle = sorted((each for each in evictable if each.idle), key=lambda each: each.used_at)
        over = [each for each in evictable if not each.idle and now >= self._turn_ends(each)]
        return [*idle, *sorted(over, key=lambda each: each.serving_since)]

    def _turn_ends(self, resident: Resident) -> float:
        return resident.serving_since + self.turn_of(resident)

    def _evictable(self) -> list[Resident]:
        return [each for each in self.residents.values() if each.state is State.SERVING and not each.pinned]

    def _leaving(self) -> set[str]:
        return {each.name for each in self.residents.values() if each.state is State.DRAINING}

    def _drain(self, resident: Resident, why: str) -> None:
        resident.state = State.DRAINING
        resident.reasons[why] = resident.reasons.get(why, 0) + 1

    def _unloads(self) -> Iterator[Step]:
        for resident in self.residents.values():
            if resident.state is State.DRAINING and not resident.held and not resident.stopping:
                resident.stopping = True
                yield Step("unload", resident.name)

    def _loads(self) -> Iterator[Step]:
        for resident in self.residents.values():
            if resident.state is State.RESERVED and self.ledger.covers(resident.name):
                self.ledger.take(resident.name)
                resident.state = State.LOADING
                yield Step("load", resident.name)
