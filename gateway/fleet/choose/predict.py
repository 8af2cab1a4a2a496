"""When a target would have answered: waiting + load + (prompt - cached)/read rate + tokens * time per token.

Rules:

1. Who finds a free slot waits for nobody. Else the slots become free one after another as those inside end, and each
   one that waits before this one takes the first that is free.
2. An engine reads prompts one after another: what it has still to read of others comes before this one's.
3. Tokens are written at the pace of the batch that is there once this one has joined.
4. Energy is what the target draws, all its slots together, times the request's part of the time in which it is busy:
   a batch's time is divided by those in it, once. Measured watts come before those of the settings.
5. What is predicted is finite, at least 0, and no less for a longer queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace

from gateway.fleet.choose.rates import Pace
from gateway.fleet.choose.terms import Ask, Candidate, EnergyFrom, Score

LONGEST_SECONDS = 1e6
_MOST_STEPS = 256  # of those who wait: the rest is taken to be served at the same pace


def predict(candidate: Candidate, ask: Ask, pace: Pace, output_tokens: float, cached_tokens: int) -> Score:
    """Return what is to be expected of one candidate.

    Args:
        pace: of the model at that target.
        output_tokens: how long the answer is likely to be.
        cached_tokens: tokens of the prompt that it need not read.
    """
    waits = candidate.held + candidate.waiting >= candidate.slots
    batch = float(min(candidate.slots, candidate.held + candidate.waiting + 1))
    read, write = pace.read.at(batch), pace.write.at(batch)
    wait = candidate.opens_in_seconds + (queued(candidate, read, write, output_tokens) if waits else 0.0)
    unread = 0 if waits else candidate.unread_tokens
    to_read = max(0, ask.prompt_tokens - cached_tokens)
    first = _bounded(wait + pace.overhead_seconds() + (unread + to_read) * read)
    total = _bounded(first + output_tokens * write)
    million = (to_read + output_tokens) / 1e6
    busy = (to_read * read + output_tokens * write) / batch
    place = candidate.place
    watts = candidate.watts or place.watts
    known: EnergyFrom = "measured" if candidate.watts else "configured" if watts else ""
    return Score(
        target=candidate.target,
        first_seconds=first,
        total_seconds=total,
        wait_seconds=_bounded(wait),
        cached_tokens=min(cached_tokens, ask.prompt_tokens),
        output_tokens=output_tokens,
        cost=_bounded(place.cost * million),
        energy=_bounded(watts * busy),
        energy_from=known,
    )


def queued(candidate: Candidate, read: float, write: float, usual_tokens: float) -> float:
    """Return when a slot is free for one more than those who wait now (rule 1), once the target is open.

    Args:
        read: seconds for a token of a prompt, ``write`` for one of an answer.
        usual_tokens: of the answers of those of whom nothing is known.
    """
    waiting = max(1, candidate.waiting)
    prompts, outputs = candidate.waiting_prompt_tokens, candidate.waiting_output_tokens
    usual = usual_tokens * write
    each = (prompts * read + outputs * write) / waiting if prompts or outputs else candidate.service_seconds or usual
    known = candidate.frees_in[: candidate.slots]
    unknown = max(0, min(candidate.held, candidate.slots) - len(known))
    frees = [max(0.0, seconds) for seconds in known] + [usual / 2.0] * unknown
    frees += [0.0] * (candidate.slots - len(frees))
    return free_at(frees, candidate.waiting, each)


def free_at(frees: Sequence[float], ahead: int, each: float) -> float:
    """Return when a slot is free once ``ahead`` others were served, each for so long, in whatever slot is free first.

    ``frees`` are the seconds until each of the slots is free; there is at least one.
    """
    slots = list(frees)
    heapify(slots)
    for _ in range(min(ahead, _MOST_STEPS)):
        heapreplace(slots, slots[0] + each)
    return slots[0] + max(0, ahead - _MOST_STEPS) * each / len(slots)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_SECONDS)
