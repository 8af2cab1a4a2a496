"""Which target is asked now and then although another is expected to be sooner: it may be faster than it was. Pure.

What is known of a target is learned from its answers. One that was slow for a while is not the best any more, gets no
requests, and so would be taken to be slow for ever. Rules:

1. A target that nobody was sent to for :data:`PAUSE_SECONDS` is due. It gets one request, and is due again after the
   next pause; what it then takes is learned as always.
2. Only where that harms nobody else: it has a free slot, needs no load, and keeps to the route's limit; and only where
   the soonest is wanted, not the cheapest.
3. What all these requests are expected to lose by it, together, is at most :data:`SHARE` of what the model's requests
   take; none is expected to lose more than :data:`MOST_SECONDS`. So a target that is much slower is asked seldom.

Example::

    trials = Trials()
    trials.pick(pairs, best, objective, now=0.0)     # None: nothing is due yet
    trials.asked("a", now=40.0)                      # a request was sent there
    trials.pick(pairs, best, objective, now=40.0)    # perhaps the score of "b"
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.fleet.choose.objective import burden_of, is_within
from gateway.fleet.choose.terms import Candidate, Objective, Score

PAUSE_SECONDS = 30.0
SHARE = 0.01
MOST_SECONDS = 60.0


class Trials:
    """Of one fleet. Memory: two numbers for each target and model that was ever asked for."""

    def __init__(self) -> None:
        self._asked_at: dict[str, float] = {}  # by target
        self._may_lose: dict[str, float] = {}  # by model, in seconds

    def asked(self, target: str, now: float) -> None:
        """Note that a request was sent to a target."""
        self._asked_at[target] = now

    def pick(
        self, pairs: Sequence[tuple[Candidate, Score]], best: Score, objective: Objective, now: float
    ) -> Score | None:
        """Return the score of the target to try in place of the best one; ``None``: take that.

        Called once for each choice: it counts what the model's requests take, and what they lose.
        """
        if len(pairs) < 2 or objective.best != "soonest":
            return None
        model, least = pairs[0][0].model, burden_of(best, objective)
        for candidate, _ in pairs:
            self._asked_at.setdefault(candidate.target, now)
        may_lose = min(MOST_SECONDS, self._may_lose.get(model, 0.0) + SHARE * least)
        due = [
            (self._asked_at[score.target], max(0.0, burden_of(score, objective) - least), score)
            for candidate, score in pairs
            if score.target != best.target and self._is_due(candidate, now) and is_within(score, objective)
        ]
        _, loses, tried = min(
            (each for each in due if each[1] <= may_lose), key=lambda each: each[:2], default=(0.0, 0.0, None)
        )
        self._may_lose[model] = may_lose - loses
        if tried is not None:
            self.asked(tried.target, now)
        return tried

    def _is_due(self, candidate: Candidate, now: float) -> bool:
        is_free = candidate.held + candidate.waiting < candidate.slots and not candidate.opens_in_seconds
        return is_free and not candidate.displaces and now - self._asked_at[candidate.target] >= PAUSE_SECONDS
