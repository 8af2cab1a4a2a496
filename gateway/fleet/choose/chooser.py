"""Who answers soonest. Pure: no input or output, no clock of its own, no chance; ``now`` is always handed in.

Example::

    chooser = Chooser()
    scores = chooser.rank([Candidate("a", "m", slots=4), Candidate("b", "m", slots=1)], ask, now=0.0)
    chooser.began(scores[0].target, slot=0, now=0.0)
    ...                                             # it answers
    chooser.ended(scores[0].target, slot=0, blocks=ask.blocks)
    chooser.observe(scores[0].target, "m", Seen(batch=1, prompt_tokens=900, prompt_seconds=0.4))
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.fleet.choose.arrivals import Arrivals
from gateway.fleet.choose.board import Board, Seat
from gateway.fleet.choose.expect import Expect
from gateway.fleet.choose.objective import best_first
from gateway.fleet.choose.predict import LONGEST_SECONDS, predict, queued
from gateway.fleet.choose.prefix import Prefixes
from gateway.fleet.choose.rates import Rates
from gateway.fleet.choose.terms import Ask, Candidate, Objective, Place, Score, Seen
from gateway.fleet.choose.trials import Trials

SOONEST, UNKNOWN = Objective(), Place()
_UNKNOWN_SLOWER = 4.0
"""A target of which nothing was seen may be so many times slower than others of its device. It gets one request, which
tells; more go there only where it is the best even so."""
_TRUST_STEP = 0.2  # weight of the newest answer in how far a target's cache is trusted


class Chooser:
    """Ranks candidates by what was learned of them."""

    def __init__(self, *, prefixes: Prefixes | None = None) -> None:
        self.rates = Rates()
        self.expect = Expect()
        self.prefixes = prefixes or Prefixes()
        self.board = Board()
        self.arrivals = Arrivals()
        self.trials = Trials()
        self._answered: set[tuple[str, str]] = set()  # target and model
        self._trust: dict[str, float] = {}  # by target: the part of the expected cached tokens that was found

    def rank(
        self, candidates: Sequence[Candidate], ask: Ask, now: float, objective: Objective = SOONEST
    ) -> list[Score]:
        """Return what is to be expected of each candidate, best first; the first says why it is. Now and then one that
        was not asked for long is first (:mod:`gateway.fleet.choose.trials`). To be called once for each choice.

        Args:
            candidates: in the order that decides between equals.
            now: monotonic seconds.
        """
        tokens = self.expect.tokens(ask.model, ask.caller, ask.max_tokens) if ask.generates else 0.0
        pairs = [(each, self._score(each, ask, tokens, now)) for each in candidates]
        scores = best_first(pairs, objective)
        tried = self.trials.pick(pairs, scores[0], objective, now) if scores else None
        if tried is None:
            return scores
        others = [replace(score, why=None) for score in scores if score.target != tried.target]
        return [replace(tried, why="trial"), *others]

    def _score(self, candidate: Candidate, ask: Ask, tokens: float, now: float) -> Score:
        pace = self.rates.of(candidate.target, candidate.model, candidate.place)
        score = predict(candidate, ask, pace, tokens, self._cached(candidate, ask))
        if candidate.displaces:
            lost = self.arrivals.lost_seconds(candidate.displaces, candidate.away_seconds, now)
            score = replace(score, others_seconds=min(lost, LONGEST_SECONDS))
        is_known = (candidate.target, candidate.model) in self._answered
        tells = not candidate.held + candidate.waiting and not candidate.opens_in_seconds
        return score if is_known or tells else _careful(score)

    def _cached(self, candidate: Candidate, ask: Ask) -> int:
        """Return how much of the prompt a free slot there is likely to hold already."""
        if candidate.opens_in_seconds > 0.0:
            return 0
        held = candidate.cached_tokens
        if held is None:
            held = self.held_tokens(candidate.target, ask.blocks, ask.block_tokens)
        return max(0, int(self._trust.get(candidate.target, 1.0) * min(held, ask.prompt_tokens)))

    def held_tokens(self, target: str, blocks: Sequence[int], block_tokens: Sequence[int]) -> int:
        """Return how many tokens of these blocks lie in one of the target's free slots, as far as was noted."""
        length = min(self.prefixes.length(target, blocks), len(block_tokens))
        return block_tokens[length - 1] if length else 0

    def standing(self, candidate: Candidate, now: float) -> Candidate:
        """Return a candidate with what the board knows of those who sit and wait there filled in."""
        table, pace = (
            self.board.table(candidate.target),
            self.rates.of(candidate.target, candidate.model, candidate.place),
        )
        batch = float(max(1, min(candidate.slots, candidate.held)))
        read = pace.read.at(batch)
        if candidate.held + candidate.waiting < candidate.slots:
            unread = table.unread(now, read)
            return replace(candidate, unread_tokens=unread) if unread else candidate
        ahead = min(1.0, candidate.waiting / table.waiting) if table.waiting else 0.0
        return replace(
            candidate,
            waiting_prompt_tokens=int(ahead * table.prompt_tokens),
            waiting_output_tokens=ahead * table.output_tokens,
            frees_in=tuple(table.frees_in(now, self.expect, read, pace.write.at(batch))),
        )

    def wait_seconds(self, candidate: Candidate, now: float) -> float | None:
        """Return when a slot is likely to be free for one more, once the target is open; ``None``: too little was seen
        to say so. A pace that was only assumed turns nobody away.
        """
        table = self.board.table(candidate.target)
        pace = self.rates.of(candidate.target, candidate.model, candidate.place)
        writes = table.output_tokens > 0.0 or any(seat.output_tokens > 0.0 for seat in table.seats)
        if not (pace.write if writes else pace.read).was_seen:
            return None
        batch = float(candidate.slots)
        usual = self.expect.tokens(candidate.model, "") if writes else 0.0
        return queued(self.standing(candidate, now), pace.read.at(batch), pace.write.at(batch), usual)

    def sit(self, seat: Seat, place: Place, now: float) -> None:
        """One who waited got a slot."""
        table, read = self.board.table(seat.target), 1.0
        if table.reads:  # else nobody's prompt is before this one's, whatever the pace
            read = self.rates.of(seat.target, seat.model, place).read.at(table.batch)
        self.board.sit(seat, now, read)

    def began(self, target: str, slot: int, now: float) -> None:
        """A request took a slot: what lay in it is no longer to be had by another."""
        self.prefixes.drop(target, slot)
        self.trials.asked(target, now)

    def ended(self, target: str, slot: int, blocks: Sequence[int]) -> None:
        """A slot is free again, and holds the prompt of these blocks; none: nobody knows what it holds."""
        self.prefixes.hold(target, slot, blocks)

    def forget(self, target: str) -> None:
        """The target's engine is a new one, which holds nobody's prompt."""
        self.prefixes.forget(target)

    def observe(self, target: str, model: str, seen: Seen, place: Place = UNKNOWN) -> None:
        """Learn from one answer."""
        self._answered.add((target, model))
        self.rates.observe(target, model, place, seen)
        if seen.output_tokens:
            self.expect.observe(model, seen.caller, seen.output_tokens, cut=seen.cut)
        if seen.expected_cached_tokens > 0:
            found = min(1.0, max(0.0, seen.cached_tokens / seen.expected_cached_tokens))
            trust = self._trust.get(target, 1.0)
            self._trust[target] = trust + _TRUST_STEP * (found - trust)


def _careful(score: Score) -> Score:
    """Return the score of a target that may be slower than it is known to be."""
    first, total = score.first_seconds * _UNKNOWN_SLOWER, score.total_seconds * _UNKNOWN_SLOWER
    return replace(score, first_seconds=min(first, LONGEST_SECONDS), total_seconds=min(total, LONGEST_SECONDS))
