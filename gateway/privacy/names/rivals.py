"""A second look at a Japanese candidate, beside its rivals: how sure the balance is of it, and of others near it.

Of ``松平`` and ``松平正質`` only one can be the name, a list of names (``A、B、C``) speaks for each of its members, and
what is a name once is mostly one again. :mod:`gateway.privacy.names.balance` weighs each candidate by itself; here a
small network reads these weights, what words a candidate is made of and which kinds of words stand beside it. It was
trained by ``models/detect/recipe/rivals.py`` on weights that the balance gave to sentences it had not been trained on.
Time grows with the letters of all candidates, not with their pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.privacy.names.candidates import Candidate, Reading, is_katakana

_HERE = Path(__file__).parent
LOW = -6.0  # no candidate weighs less here; that of nobody
HOPELESS, CERTAIN = -4.5, 4.0  # what the balance weighs less is no name, what more is one, whatever stands beside it
BESIDE, NEAR = 2, 30  # characters between a candidate and those beside it, and near it
_KINDS = ("姓", "名", "人", "地", "固", "名詞")
_BEFORE = {kind: place for place, kind in enumerate((*_KINDS, "尾", "数", "", "^"))}
_AFTER = {kind: place for place, kind in enumerate((*_KINDS, "尾", "数", "", "$"))}
_INSIDE = {kind: place for place, kind in enumerate(_KINDS)}
_WIDTH = 8 + 2 * len(_INSIDE) + len(_BEFORE) + len(_AFTER)  # of what is said by yes and no
Floats = NDArray[np.float32]


class Rivals:
    """Loaded once; shared by threads."""

    def __init__(self) -> None:
        with np.load(_HERE / "japanese-rivals.npz") as network:
            self._inner, self._bias, self._outer = network["inner"], network["bias"], network["outer"]
            self._last = float(network["last"])

    def weigh(self, reading: Reading, found: Sequence[Candidate], weights: Sequence[float]) -> list[float]:
        """Return each candidate's log odds; those that were hopeless or certain keep theirs."""
        chosen = open_questions(weights)
        again = list(weights)
        if chosen:
            table = np.array(beside(reading, found, weights, chosen), np.float32)
            odds = np.maximum(table @ self._inner + self._bias, 0.0) @ self._outer + self._last
            for at, value in zip(chosen, odds.tolist(), strict=True):
                again[at] = value
        return again


def open_questions(weights: Sequence[float]) -> list[int]:
    """Return which candidates are weighed again."""
    return [at for at, weight in enumerate(weights) if HOPELESS < weight < CERTAIN]


def beside(
    reading: Reading, found: Sequence[Candidate], weights: Sequence[float], chosen: Sequence[int]
) -> list[list[float]]:
    """Return what the network reads of the candidates at ``chosen``."""
    raised = [max(LOW, weight) for weight in weights]
    field = _Field(reading.text, found, raised)
    return [[*_sums(reading, found[at], raised[at], field.around(at)), *_signs(reading, found[at])] for at in chosen]


class _Field:
    """The weights of all candidates, by where they stand."""

    def __init__(self, text: str, found: Sequence[Candidate], weights: Sequence[float]) -> None:
        size = len(text) + 1
        self._found, self._weights = found, weights
        self._best, self._whose, self._second = [LOW] * size, [-1] * size, [LOW] * size
        self._starts, self._ends = [LOW] * size, [LOW] * size
        self._words: dict[str, list[float]] = {}
        self._said = [text[one.start : one.end] for one in found]
        for at, (one, weight) in enumerate(zip(found, weights, strict=True)):
            if weight <= LOW:  # as much as nobody
                continue
            self._cover(at, one, weight)
            self._starts[one.start] = max(self._starts[one.start], weight)
            self._ends[one.end] = max(self._ends[one.end], weight)
            self._words.setdefault(self._said[at], []).append(weight)

    def _cover(self, at: int, one: Candidate, weight: float) -> None:
        for place in range(one.start, one.end):
            if weight > self._best[place]:
                self._second[place], self._best[place], self._whose[place] = self._best[place], weight, at
            elif weight > self._second[place]:
                self._second[place] = weight

    def around(self, at: int) -> tuple[float, ...]:
        """Return the heaviest of those that overlap a candidate; beside it, before and after; near it; of its word."""
        one = self._found[at]
        over = max(
            self._second[place] if self._whose[place] == at else self._best[place]
            for place in range(one.start, one.end)
        )
        before, after = (self._ends, one.start + 1), (self._starts, one.end)
        return (
            over,
            _most(before[0], before[1] - 1 - BESIDE, before[1]),
            _most(*after, one.end + 1 + BESIDE),
            _most(before[0], before[1] - 1 - NEAR, before[1]),
            _most(*after, one.end + 1 + NEAR),
            self._again(at),
        )

    def _again(self, at: int) -> float:
        """Return the most that the same word weighs elsewhere."""
        others = self._words[self._said[at]]
        if len(others) == 1:
            return LOW
        most = max(others)
        if self._weights[at] < most or others.count(most) > 1:
            return most
        return max(weight for weight in others if weight < most)


def _most(weights: Sequence[float], start: int, end: int) -> float:
    return max(weights[max(0, start) : end], default=LOW)


def _sums(reading: Reading, one: Candidate, weight: float, around: tuple[float, ...]) -> list[float]:
    over, *others = around
    value, run = reading.text[one.start : one.end], reading.parts[one.first : one.last]
    looks = reading.likeness.each(value, is_katakana(reading, one))
    return [
        *(weight, weight * weight / 4, over, weight - over, *others),
        *(len(value), len(looks), looks[0], looks[-1], sum(looks) / len(looks), min(looks)),
        *(len(run), sum(part.unknown for part in run)),
    ]


def _signs(reading: Reading, one: Candidate) -> list[float]:
    text, parts = reading.text, reading.parts
    signs = [0.0] * _WIDTH
    after, run = text[one.end : one.end + 1], parts[one.first : one.last]
    signs[0] = is_katakana(reading, one)
    signs[1] = reading.titled(one.last)
    for place, letters in enumerate(("は", "の", "が", "、・"), 2):
        signs[place] = after in letters if after else letters == "、・"
    signs[6] = "「" in text[max(0, one.start - 3) : one.start]
    signs[7] = one.start == 0
    base = 8
    for kind, places in (
        (run[0].kind, _INSIDE),
        (run[-1].kind, _INSIDE),
        (parts[one.first - 1].kind if one.first else "^", _BEFORE),
        (parts[one.last].kind if one.last < len(parts) else "$", _AFTER),
    ):
        if kind in places:
            signs[base + places[kind]] = 1.0
        base += len(places)
    return signs
