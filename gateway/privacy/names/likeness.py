"""How much a word's characters look like a Japanese name's: sums over its letters, pairs and triples.

Counted on JMdict and JMnedict (EDRDG, CC BY-SA 4.0) by ``models/detect/recipe/japanese.py``: names against all other
words, for katakana (``k``), whole names in kanji (``f``) and given names in kanji (``g``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

MOST_REMEMBERED = 4_096  # words
_MOST = 4
_STEP = 1.2  # of log odds
_FURTHEST = 6.0


class Likeness:
    """Steps from -4 (no name) to 4 (a name)."""

    def __init__(self, grams: Mapping[str, Mapping[str, float]]) -> None:
        self._grams = grams
        self._known = lru_cache(maxsize=MOST_REMEMBERED)(self._count)
        self._added = lru_cache(maxsize=MOST_REMEMBERED)(self._add)

    def of(self, word: str, katakana: bool) -> int:
        """Return it for a whole name; for katakana the mean of what ``・`` and ``=`` join."""
        return self._known(word, "k" if katakana else "f")

    def given(self, word: str) -> int:
        """Return it for a given name in kanji."""
        return self._known(word, "g")

    def each(self, word: str, katakana: bool) -> tuple[float, ...]:
        """Return the sum of each piece that ``・`` and ``=`` join, within six; at least one."""
        return self._added(word, "k" if katakana else "f")

    def _add(self, word: str, kind: str) -> tuple[float, ...]:
        pieces = [piece for piece in re.split("[・=]", word) if piece]
        return tuple(max(-_FURTHEST, min(_FURTHEST, _sum(self._grams[kind], piece))) for piece in pieces) or (0.0,)

    def _count(self, word: str, kind: str) -> int:
        weights = self._grams[kind]
        pieces = [piece for piece in re.split("[・=]", word) if piece] if kind == "k" else [word]
        return _step(sum(_sum(weights, piece) for piece in pieces) / max(1, len(pieces)))


def grams(word: str) -> set[str]:
    """Return a word's letters, pairs and triples, its ends marked."""
    padded = f"^{word}$"
    return {padded[at : at + size] for size in (1, 2, 3) for at in range(len(padded) - size + 1)}


def _sum(weights: Mapping[str, float], word: str) -> float:
    return weights.get("", 0.0) + sum(weights.get(gram, 0.0) for gram in grams(word))


def _step(value: float) -> int:
    return max(-_MOST, min(_MOST, round(value / _STEP)))
