"""Brings what is known of the desks to the chooser, and what became of each request back to it.

A request for a model that one target serves is not redacted, hashed or weighed for a choice that there is not; it is
watched, since whoever waits there is told for how long. Where a model is served at several targets, its prompt is
redacted as each of them would get it, once for each way of doing so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

import msgspec

from gateway.domain import PRIORITIES, Caller, Choosing, Chunk, Considered, Grant, Target, Timings, Usage
from gateway.fleet.choose.board import Seat
from gateway.fleet.choose.chooser import Chooser
from gateway.fleet.choose.prefix import Hasher, rendered
from gateway.fleet.choose.terms import Ask, Candidate, Objective, Place, Score, Seen
from gateway.fleet.choose.tokens import TokenCounter, weighed
from gateway.fleet.door import Asked
from gateway.fleet.slots import Use

MOST_ON_RECORD = 8
"""Candidates whose scores go on record, the best first."""

SOONEST = Objective()
_READ_STEP = 0.2  # weight of the newest prompt in how long prompts usually are


class Standing(msgspec.Struct, frozen=True):
    """How one target's desk stands now, as one request sees it."""

    target: Target
    slots: int
    held: int = 0
    waiting: int = 0  # who would be served before it
    opens_in_seconds: float = 0.0
    displaces: tuple[str, ...] = ()  # targets that would be sent out for it
    away_seconds: float = 0.0  # that they would be away
    has_own: bool = False  # a free slot holds a prompt of its tenant
    service_seconds: float = 0.0  # that a slot is held, on average; 0: not known
    openings: int = 0  # engines that came new
    watts: float = 0.0  # what it was measured to draw; 0: not known


class Wish:
    """One request, looked at as far as choosing needs it."""

    def __init__(self, asked: Asked | None, caller: Caller) -> None:
        self.caller = caller
        self.max_tokens = asked.max_tokens if asked else None
        self.generates = asked is None or asked.generates
        self._asked = asked
        self._made: dict[str, Ask] = {}

    def ask(self, model: str, grant: Grant, hasher: Hasher, counter: TokenCounter) -> Ask:
        """Return the ask with the blocks of the prompt as it is redacted for that grant; made once for each way."""
        if self._asked is None:
            return Ask(model, caller=self.caller.key_id)
        profile = self._asked.profile(grant)
        if profile not in self._made:
            text = rendered(self._asked.turns(grant))
            blocks = hasher.blocks_of(self.caller.tenant, profile, text) if self.generates else ((), ())
            self._made[profile] = self._of(model, text, counter.corrected(model, weighed(text)), blocks)
        return self._made[profile]

    def _of(self, model: str, text: str, tokens: int, found: tuple[tuple[int, ...], tuple[int, ...]]) -> Ask:
        blocks, ends = found
        share = tokens / len(text) if text else 0.0
        return Ask(
            model,
            tokens,
            self.max_tokens,
            blocks=blocks,
            block_tokens=tuple([int(end * share) for end in ends]),
            caller=self.caller.key_id,
            generates=self.generates,
        )


class Chosen(msgspec.Struct, frozen=True):
    """One of the targets. ``choice`` is for the record, ``None`` where there was no other then."""

    target: str
    ask: Ask
    output_tokens: float = 0.0
    cached_tokens: int = 0
    choice: Choosing | None = None


def as_canary(chosen: Chosen) -> Chosen:
    """Return a choice on whose record it stands that its caller is of those who try that target."""
    choice = chosen.choice
    return (
        chosen
        if choice is None
        else msgspec.structs.replace(chosen, choice=msgspec.structs.replace(choice, canary=True))
    )


class Ranking:
    """Ranks the targets of one fleet, and learns from what they do.

    Args:
        places: what is known of targets without asking them, by id.
        objective: what is best for a model and a caller.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        places: Mapping[str, Place] | None = None,
        objective: Callable[[str, Caller], Objective] = lambda model, caller: SOONEST,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.chooser = Chooser()
        self.clock = clock
        self.counter = TokenCounter()
        self._hasher = Hasher()
        self._objective = objective
        self._places = dict(places or {})
        self._openings: dict[str, int] = {}
        self._usual_reads: dict[str, float] = {}  # by model: tokens of a prompt that had to be read, on average

    def expected_tokens(self, ask: Ask) -> float:
        """Return how long the answer is likely to be."""
        return self.chooser.expect.tokens(ask.model, ask.caller, ask.max_tokens) if ask.generates else 0.0

    def priority(self, model: str, caller: Caller) -> int:
        """Return the class in which a request waits, an index in PRIORITIES: its caller's, or its route's lower one."""
        said = self._objective(model, caller).priority
        return max(PRIORITIES.index(caller.priority), PRIORITIES.index(said))

    def alone(self, target: Target, wish: Wish) -> Chosen:
        """Return the choice of the one target that serves a model: nobody looks at the prompt for it."""
        ask = Ask(target.model, 0, wish.max_tokens, caller=wish.caller.key_id, generates=wish.generates)
        return Chosen(target.id, ask, self.expected_tokens(ask))

    def wait_seconds(self, desk: Standing) -> float | None:
        """Return when a slot there is likely to be free for one more, from what was learned of it; ``None``: nothing
        was as yet.
        """
        return self.chooser.wait_seconds(self._candidate(desk, Ask(desk.target.model)), self.clock())

    def to_read(self, ask: Ask, cached_tokens: int) -> int:
        """Return how many tokens of a prompt the engine has likely to read; where nobody looked at it, as many as of
        the model's other ones.
        """
        if ask.prompt_tokens:
            return max(0, ask.prompt_tokens - cached_tokens)
        return round(self._usual_reads.get(ask.model, 0.0))

    def has_read(self, model: str, tokens: int) -> None:
        """Learn how many tokens of a prompt an engine had to read."""
        usual = self._usual_reads.get(model, float(tokens))
        self._usual_reads[model] = usual + _READ_STEP * (tokens - usual)

    def only(self, desk: Standing, grant: Grant, wish: Wish) -> Chosen:
        """Return the choice of the one target that is left of several."""
        self._look(desk)
        ask = wish.ask(desk.target.model, grant, self._hasher, self.counter)
        cached = self.chooser.held_tokens(desk.target.id, ask.blocks, ask.block_tokens)
        return Chosen(desk.target.id, ask, self.expected_tokens(ask), cached)

    def best(self, options: Sequence[tuple[Standing, Grant]], wish: Wish) -> Chosen:
        """Return the best of several, which are in the decision's order."""
        asks: dict[str, Ask] = {}
        candidates, now = [], self.clock()
        for desk, grant in options:
            self._look(desk)
            ask = asks[desk.target.id] = wish.ask(desk.target.model, grant, self._hasher, self.counter)
            candidates.append(self.chooser.standing(self._candidate(desk, ask), now))
        usual = next(iter(asks.values()))
        scores = self.chooser.rank(candidates, usual, now, self._objective(usual.model, wish.caller))
        first = scores[0]
        choice = on_record(scores, usual.prompt_tokens)
        return Chosen(first.target, asks[first.target], first.output_tokens, first.cached_tokens, choice)

    def _candidate(self, desk: Standing, ask: Ask) -> Candidate:
        target = desk.target
        return Candidate(
            target=target.id,
            model=target.model,
            slots=desk.slots,
            held=desk.held,
            waiting=desk.waiting,
            opens_in_seconds=desk.opens_in_seconds,
            displaces=desk.displaces,
            away_seconds=desk.away_seconds,
            own_slots=int(desk.has_own),
            cached_tokens=self.chooser.held_tokens(target.id, ask.blocks, ask.block_tokens),
            service_seconds=desk.service_seconds,
            watts=desk.watts,
            place=self.place(target),
        )

    def place(self, target: Target) -> Place:
        """Return what is known of a target; its device is known once an engine told it."""
        place = self._places.get(target.id)
        if place is None or place.device != target.device:
            place = msgspec.structs.replace(place or Place(), device=target.device)
            self._places[target.id] = place
        return place

    def _look(self, desk: Standing) -> None:
        """Forget what a target's slots held when its engine is another one."""
        target = desk.target.id
        if self._openings.get(target, desk.openings) != desk.openings:
            self.chooser.forget(target)
        self._openings[target] = desk.openings

    def came(self, target: str) -> None:
        """Count one who asks there now, whether or not there was a choice."""
        self.chooser.arrivals.came(target, self.clock())

    def stay(self, target: Target, chosen: Chosen) -> Stay:
        """Count in one who asks there now. MUST be followed by :meth:`Stay.sit` or :meth:`Stay.leave`."""
        return Stay(self, target, chosen)


class Stay:
    """One request's way through a target. Watched, so that the next choice is a better one, and what those who wait
    are told is right.
    """

    __slots__ = (
        "_ask",
        "_asked_at",
        "_chosen",
        "_first_at",
        "_last_at",
        "_ranking",
        "_seat",
        "_streams",
        "_target",
        "_timings",
    )

    def __init__(self, ranking: Ranking, target: Target, chosen: Chosen) -> None:
        ask = self._ask = chosen.ask
        to_read = ranking.to_read(ask, chosen.cached_tokens)
        seat = Seat(ask.model, ask.caller, to_read=to_read, output_tokens=chosen.output_tokens, most=ask.max_tokens)
        self._ranking, self._target, self._chosen = ranking, target, chosen
        self._seat = ranking.chooser.board.queue(target.id, seat)
        self._asked_at: float | None = None
        self._last_at = 0.0
        self._streams = True
        self._timings: Timings | None = None

    @property
    def choice(self) -> Choosing | None:
        return self._chosen.choice

    @property
    def tokens(self) -> float:
        """What it is expected to cost its tenant, as :func:`gateway.fleet.placement.cost_of` counts; 0: not known."""
        return self._seat.to_read + 2.0 * self._seat.output_tokens if self._ask.prompt_tokens else 0.0

    def slot(self) -> int | None:
        """Return the slot that holds most of the prompt; ``None``: none of it, or nobody knows."""
        return self._ranking.chooser.prefixes.slot(self._target.id, self._ask.blocks)

    def leave(self) -> None:
        """It waits no longer, and got no slot."""
        self._ranking.chooser.board.unqueue(self._seat)

    def sit(self, slot: int) -> None:
        """It got a slot."""
        now = self._ranking.clock()
        self._ranking.chooser.sit(self._seat, self._ranking.place(self._target), now)
        self._ranking.chooser.began(self._target.id, slot, now)

    def asks(self, *, streams: bool) -> None:
        """The engine is asked now."""
        self._asked_at, self._streams = self._ranking.clock(), streams

    def see(self, chunk: Chunk) -> None:
        """A chunk came."""
        seat = self._seat
        seat.chunks += 1
        if seat.first_at is None:
            seat.first_at = self._ranking.clock()
        if chunk.usage is not None or chunk.timings is not None:
            self._last_at = self._ranking.clock()
            self._timings = chunk.timings or self._timings

    def rise(self, slot: int, use: Use, usage: Usage | None) -> None:
        """It gives its slot back: whatever is said of the answer is learned."""
        chooser, now = self._ranking.chooser, self._ranking.clock()
        batch = chooser.board.rise(self._seat, now)
        answered = use == "answered"
        chooser.ended(self._target.id, slot, self._ask.blocks if answered else ())
        if not answered or (usage is None and self._timings is None):
            return
        seen = self._seen(batch, usage)
        chooser.observe(self._target.id, self._target.model, seen, self._ranking.place(self._target))
        if usage is not None:
            counted = _count(usage.prompt_tokens)
            self._ranking.counter.correct(self._target.model, self._ask.prompt_tokens, counted)
            self._ranking.has_read(self._target.model, counted - min(counted, _count(seen.cached_tokens)))

    def _seen(self, batch: float, usage: Usage | None) -> Seen:
        chosen, told = self._chosen, self._timings
        known = told or _by_clock(usage or Usage(0, 0), self._seat, self._last_at, streams=self._streams)
        made = _count(usage.completion_tokens if usage else known.output_tokens)
        most, first, asked = self._ask.max_tokens, self._seat.first_at, self._asked_at
        return Seen(
            batch=batch,
            prompt_tokens=_count(known.prompt_tokens),
            prompt_seconds=known.prompt_seconds,
            ahead_tokens=self._seat.ahead_tokens,
            output_tokens=_count(known.output_tokens) or made,
            output_seconds=known.output_seconds,
            cached_tokens=_count(max(known.cached_tokens, usage.cached_tokens if usage else 0)),
            expected_cached_tokens=chosen.cached_tokens,
            first_seconds=first - asked if self._streams and first is not None and asked is not None else 0.0,
            whole_seconds=self._last_at - asked if not (self._streams or told or asked is None) else 0.0,
            cut=most is not None and made >= most,
            caller=self._ask.caller,
            told=told is not None,
        )


def _count(told: int) -> int:
    """Return what an engine told as a number of tokens that there can be: it may tell anything."""
    return max(0, min(told, 1_000_000_000))


def _by_clock(usage: Usage, seat: Seat, last_at: float, *, streams: bool) -> Timings:
    """Return what our own clock saw of an engine that tells no times; a plain answer's parts cannot be told apart."""
    lasted = last_at - seat.first_at if streams and seat.first_at is not None else 0.0
    read = max(0, usage.prompt_tokens - usage.cached_tokens)
    return Timings(read, 0.0, usage.completion_tokens, max(0.0, lasted), usage.cached_tokens)


def on_record(scores: Sequence[Score], prompt_tokens: int) -> Choosing:
    """Return a ranking as it goes on record: whole numbers, at most :data:`MOST_ON_RECORD` candidates."""
    first = scores[0]
    return Choosing(
        why=first.why or "only",
        prompt_tokens=prompt_tokens,
        output_tokens=round(first.output_tokens),
        candidates=len(scores),
        considered=tuple(
            Considered(
                target=score.target,
                first_ms=round(score.first_seconds * 1e3),
                total_ms=round(score.total_seconds * 1e3),
                wait_ms=round(score.wait_seconds * 1e3),
                cached_tokens=score.cached_tokens,
                cost_micro=round(score.cost * 1e6),
                energy_mj=round(score.energy * 1e3),
                energy_from=score.energy_from,
                others_ms=round(score.others_seconds * 1e3),
            )
            for score in scores[:MOST_ON_RECORD]
        ),
    )
