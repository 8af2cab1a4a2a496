"""What is best: the soonest target, or the cheapest that is soon enough.

Rules:

1. ``soonest``: the shortest time, among those whose cost is within the limit. ``cheapest``: the least cost, then the
   least energy, among those whose time is within the limit. Energy counts where it is known of each of these: of a
   target that nobody has measured it is not known that it uses none.
   Time is the request's own, and what others would wait because a model is sent out for it: each of these seconds
   counts as much as one of its own.
2. Where none is within the limit, the request is not refused: the one that comes nearest to it is taken.
3. Two whose times differ by less than 3 %, or 2 ms, are as good: the one that stands first in the decision is taken,
   unless the other has the tenant's own prompt, a free slot, or a shorter queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from gateway.fleet.choose.terms import Candidate, Objective, Score, Why

_ALIKE, _ALIKE_SECONDS = 0.03, 0.002

Ranked = tuple[Candidate, Score]


def best_first(pairs: Sequence[Ranked], objective: Objective) -> list[Score]:
    """Return the scores, best first, of which the first says why. ``pairs`` are in the decision's order."""
    within = [pair for pair in pairs if is_within(pair[1], objective)]
    beyond = [pair for pair in pairs if not is_within(pair[1], objective)]
    by_energy = all(score.energy > 0.0 for _, score in within)
    order = sorted(within, key=partial(_key, objective=objective, by_energy=by_energy))
    why: Why = objective.best if order else "over-limit"
    if order:
        best, first = order[0], _preferred(within, order[0], objective, by_energy)
        if first is not best:
            order.remove(first)
            order.insert(0, first)
            why = "tie"
    scores = [score for _, score in (*order, *sorted(beyond, key=partial(_nearest, objective=objective)))]
    return [replace(scores[0], why="only" if len(scores) == 1 else why), *scores[1:]] if scores else []


def seconds_of(score: Score, objective: Objective) -> float:
    """Return the request's own seconds that count."""
    return score.first_seconds if objective.until == "first" else score.total_seconds


def burden_of(score: Score, objective: Objective) -> float:
    """Return these, and those that others would wait for it."""
    return seconds_of(score, objective) + score.others_seconds


def is_within(score: Score, objective: Objective) -> bool:
    """Return whether a score keeps to the limit."""
    if objective.best == "soonest":
        return not objective.limit_cost or score.cost <= objective.limit_cost
    return not objective.limit_seconds or seconds_of(score, objective) <= objective.limit_seconds


def _key(pair: Ranked, objective: Objective, by_energy: bool) -> tuple[float, ...]:
    score, seconds = pair[1], burden_of(pair[1], objective)
    return (seconds, score.cost) if objective.best == "soonest" else (*_spent(score, by_energy), seconds)


def _spent(score: Score, by_energy: bool) -> tuple[float, float]:
    return score.cost, score.energy if by_energy else 0.0


def _nearest(pair: Ranked, objective: Objective) -> tuple[float, ...]:
    score, seconds = pair[1], seconds_of(pair[1], objective)
    return (score.cost, seconds) if objective.best == "soonest" else (seconds, score.cost)


def _preferred(within: Sequence[Ranked], best: Ranked, objective: Objective, by_energy: bool) -> Ranked:
    """Return the one of those as good as the best that rule 3 prefers."""
    alike = [pair for pair in within if _is_alike(pair[1], best[1], objective, by_energy)]
    return min(alike, key=_standing)


def _is_alike(score: Score, best: Score, objective: Objective, by_energy: bool) -> bool:
    if objective.best == "cheapest" and _spent(score, by_energy) != _spent(best, by_energy):
        return False
    seconds, least = burden_of(score, objective), burden_of(best, objective)
    return seconds <= least * (1.0 + _ALIKE) + _ALIKE_SECONDS


def _standing(pair: Ranked) -> tuple[float, float]:
    """Return how good it is to ask there, whatever was learned; lower is better."""
    candidate = pair[0]
    if candidate.opens_in_seconds > 0.0:
        return (3, candidate.opens_in_seconds)
    if candidate.own_slots:
        return (0, 0.0)
    if candidate.held + candidate.waiting < candidate.slots:
        return (1, 0.0)
    return (2, (candidate.held + candidate.waiting) / candidate.slots)
