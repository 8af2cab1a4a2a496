"""How fast a target reads and writes, learned from its answers, by target, model and how many it answers at once.

Rules:

1. Before anything was seen, a rate is that of the kind of device: weights over memory bandwidth for a written token,
   weights over arithmetic for a read one.
2. What is learned is the logarithm of seen over expected, so that a factor of two up and down weigh the same. An
   observation far from the others moves it by no more than three of their usual distances. The fourth in a row that is
   far off to the same side is a change: learning begins anew with it.
3. The newest weigh most: after some 30 observations of a batch size the first one is forgotten.
4. A batch size of which little was seen takes what its neighbours know. No token gets faster by more company: rates are
   made monotone in the batch size (pool adjacent violators), weighed by how much was seen.

Example::

    rates = Rates()
    rates.observe("a", "m", place, Seen(batch=1, prompt_tokens=1000, prompt_seconds=2.0))
    rates.read_seconds("a", "m", place, batch=1)      # near 0.002 a token
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gateway.fleet.choose.terms import Place, Seen

BUCKETS = 8
"""Batch sizes apart: 1, 2, 4, … 128."""

_MOST = 32.0  # observations that count
_CHANGE = 4  # observations in a row, far off to one side, that are no accident
_FASTEST, _SLOWEST = 1e-8, 1e3  # seconds per token: beyond that a clock was wrong
_NEIGHBOUR = 0.3  # what a bucket's knowledge is worth one step further
_BESIDE = 0.1  # what all neighbours together count beside a bucket's own observations
_PRIOR = 0.05  # weight of what is expected of the device, in observations
_CPU, _GPU, _UNKNOWN = (15e9, 1e11, 0.25, 0.0), (6e11, 2e13, 0.03, 0.0005), (6e10, 2e12, 0.08, 0.001)
"""Bytes of weights a second for a written and for a read token; how much each further prompt slows; least seconds."""
_USUAL_BYTES = 4_000_000_000
_FIRST_SECONDS = 0.01  # an answer's overhead before one was seen


class Learned:
    """A forgetting, robust mean of logarithms. ``weight`` is in observations."""

    __slots__ = ("_far_off", "_spread", "mean", "weight")

    def __init__(self) -> None:
        self.mean = 0.0
        self.weight = 0.0
        self._spread = 1.0
        self._far_off = 0  # observations in a row, negative: below

    def add(self, value: float, weight: float) -> None:
        """Take in an observation (rules 2 and 3). ``weight`` is from 0 to 1."""
        if not self.weight:
            self.mean, self.weight = value, weight
            return
        far, off = 3.0 * max(self._spread, 0.02), value - self.mean
        step = max(-far, min(far, off))
        self._far_off = 0 if step == off else (max(self._far_off, 0) + 1 if off > 0 else min(self._far_off, 0) - 1)
        if abs(self._far_off) >= _CHANGE:
            self._far_off, self.weight, self._spread, step = 0, 0.0, 1.0, off  # as if it were the first
        self.weight = min(self.weight + weight, _MOST)
        gain = weight / self.weight
        self._spread += max(gain, 0.1 * weight) * (abs(step) - self._spread)
        self.mean += gain * step


class Curve:
    """Seconds per token of one target for one kind of work, by batch size."""

    __slots__ = ("_base", "_buckets", "_slope", "_table")

    def __init__(self, base: float, slope: float) -> None:
        self._base, self._slope = base, slope
        self._buckets = tuple(Learned() for _ in range(BUCKETS))
        self._table: Sequence[float] | None = None

    def _expected(self, batch: float) -> float:
        return self._base * (1.0 + self._slope * (batch - 1.0))

    @property
    def was_seen(self) -> bool:
        """Whether anything was learned; else it is what is expected of the device."""
        return any(bucket.weight for bucket in self._buckets)

    def add(self, batch: float, seconds_per_token: float, weight: float) -> None:
        """Take in what was seen; ignored where it cannot be."""
        if not (_FASTEST < seconds_per_token < _SLOWEST and batch >= 1.0):
            return
        bucket = min(BUCKETS - 1, round(math.log2(batch)))
        self._buckets[bucket].add(math.log(seconds_per_token / self._expected(batch)), weight)
        self._table = None

    def at(self, batch: float) -> float:
        """Return the seconds per token at a batch size of at least 1; finite, above 0, monotone in ``batch``."""
        if self._table is None:
            self._table = self._made()
        place = min(math.log2(max(1.0, batch)), BUCKETS - 1.0)
        low = min(int(place), BUCKETS - 2)
        share = place - low
        return math.exp((1.0 - share) * self._table[low] + share * self._table[low + 1])

    def _made(self) -> Sequence[float]:
        """Return the logarithm of seconds per token at each bucket's own batch size (rule 4)."""
        rows = [(self._mixed(i) + math.log(self._expected(2.0**i)), self._buckets[i].weight) for i in range(BUCKETS)]
        return monotone(rows)

    def _mixed(self, i: int) -> float:
        near, known = 0.0, _PRIOR
        for j, other in enumerate(self._buckets):
            if j != i and other.weight:
                weight = other.weight * _NEIGHBOUR ** abs(i - j)
                near, known = near + weight * other.mean, known + weight
        own = self._buckets[i]
        return (own.weight * own.mean + _BESIDE * near / known) / (own.weight + _BESIDE)


def monotone(rows: Sequence[tuple[float, float]]) -> Sequence[float]:
    """Return the non-decreasing values that lie nearest to the given ones, ``(value, weight)`` each."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in rows:
        pool = (value, weight + 0.01, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            pool = ((before[0] * before[1] + pool[0] * pool[1]) / total, total, before[2] + pool[2])
        pools.append(pool)
    return [value for value, _, count in pools for _ in range(count)]


class Pace:
    """All that is learned of one model at one target."""

    __slots__ = ("device", "overhead", "read", "write")

    def __init__(self, place: Place) -> None:
        self.device = place.device
        write, read, slope, least = _CPU if place.device.startswith("cpu") else _UNKNOWN
        if place.device.startswith("gpu"):
            write, read, slope, least = _GPU
        weights = place.weights_bytes or _USUAL_BYTES
        self.write = Curve(weights / write + least, slope)
        self.read = Curve(weights / read + least / 50, slope)
        self.overhead = Learned()

    def overhead_seconds(self) -> float:
        """Return what an answer takes before its first token that is neither reading nor waiting."""
        return _FIRST_SECONDS * math.exp(self.overhead.mean)

    def see(self, seen: Seen) -> None:
        """Learn from one answer."""
        if seen.whole_seconds > 0.0:
            self._see_whole(seen)
            return
        first, prompt = seen.first_seconds, seen.prompt_seconds
        if seen.ahead_tokens:
            self._see_crowded(seen)
            prompt = 0.0
        elif first > 0.0 and prompt > 0.0 and seen.told:
            over = min(max(first - prompt, 1e-4), 1e3)
            self.overhead.add(math.log(over / _FIRST_SECONDS), 1.0)
        elif first > 0.0 and seen.prompt_tokens and not seen.told:
            prompt = self._part_of(first, seen)
        if seen.prompt_tokens and prompt > 0.0:
            self.read.add(seen.batch, prompt / seen.prompt_tokens, min(1.0, seen.prompt_tokens / 64.0))
        if seen.output_tokens > 1 and seen.output_seconds > 0.0:
            self.write.add(seen.batch, seen.output_seconds / seen.output_tokens, min(1.0, seen.output_tokens / 16.0))

    def _see_whole(self, seen: Seen) -> None:
        """Learn from a plain answer of an engine that tells nothing: both paces were as far off as the whole was.

        Each counts for the part of the time that it is expected to have taken.
        """
        read, write = self.read.at(seen.batch), self.write.at(seen.batch)
        reading, writing = (seen.prompt_tokens + seen.ahead_tokens) * read, seen.output_tokens * write
        if reading + writing <= 0.0:
            return
        took = max(seen.whole_seconds - self.overhead_seconds(), 0.1 * seen.whole_seconds)
        off, part = took / (reading + writing), writing / (reading + writing)
        if seen.prompt_tokens:
            self.read.add(seen.batch, read * off, (1.0 - part) * min(1.0, seen.prompt_tokens / 64.0))
        if seen.output_tokens:
            self.write.add(seen.batch, write * off, part * min(1.0, seen.output_tokens / 16.0))

    def _see_crowded(self, seen: Seen) -> None:
        """Learn how fast prompts are read from one that others were read before, or beside.

        Engines differ in whether they count that time as the prompt's; our own clock has all of it, and all the tokens.
        """
        reading, tokens = seen.first_seconds - self.overhead_seconds(), seen.prompt_tokens + seen.ahead_tokens
        if seen.prompt_tokens and reading > 0.0:
            weight = min(1.0, seen.prompt_tokens / 64.0) * seen.prompt_tokens / tokens
            self.read.add(seen.batch, reading / tokens, weight)

    def _part_of(self, first: float, seen: Seen) -> float:
        """Return the part of the time to the first chunk that went into reading, where the engine tells nothing.

        A short prompt teaches what an answer takes in any case, a long one what its tokens take.
        """
        reading = seen.prompt_tokens * self.read.at(seen.batch)
        if seen.prompt_tokens < 64:
            over = min(max(first - reading, 0.1 * first), 1e3)
            self.overhead.add(math.log(max(over, 1e-4) / _FIRST_SECONDS), 1.0)
            return 0.0
        return max(first - self.overhead_seconds(), 0.1 * first)


class Rates:
    """The paces of all targets. Memory: some 3 KiB for each target and model that was ever asked."""

    def __init__(self) -> None:
        self._paces: dict[tuple[str, str], Pace] = {}

    def of(self, target: str, model: str, place: Place) -> Pace:
        """Return what is known of a model at a target. On another device than before, nothing is."""
        key = (target, model)
        pace = self._paces.get(key)
        if pace is None or pace.device != place.device:
            pace = self._paces[key] = Pace(place)
        return pace

    def observe(self, target: str, model: str, place: Place, seen: Seen) -> None:
        """Learn from one answer."""
        self.of(target, model, place).see(seen)

    def read_seconds(self, target: str, model: str, place: Place, batch: float) -> float:
        """Return the seconds for one token of a prompt."""
        return self.of(target, model, place).read.at(batch)

    def write_seconds(self, target: str, model: str, place: Place, batch: float) -> float:
        """Return the seconds for one token of an answer, while as many are answered at once as ``batch`` says."""
        return self.of(target, model, place).write.at(batch)
