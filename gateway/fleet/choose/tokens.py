"""How many tokens a text is likely to have, before anybody tokenised it.

Characters are counted by how many bytes UTF-8 takes for them, which tells scripts apart well enough: ASCII, then Latin
with marks, Greek, Cyrillic, Arabic, then Chinese, Japanese, Korean and the rest. What an engine counted then corrects
the estimates of its model. Pure; a text of 100,000 characters takes some 20 µs.

Example::

    counter = TokenCounter()
    counter.estimate("m", "The quick brown fox")        # 4
    counter.correct("m", estimated=4, counted=5)
"""

from __future__ import annotations

import math

from gateway.fleet.choose.rates import Learned

ASCII, TWO_BYTES, MORE_BYTES = 0.25, 0.45, 0.8
"""Tokens a character: usual vocabularies of 50,000 to 150,000 pieces."""

_FURTHEST = math.log(8.0)  # a correction beyond this factor is an engine's mistake, or not of this text


class TokenCounter:
    """Estimates, corrected by model."""

    def __init__(self) -> None:
        self._off: dict[str, Learned] = {}  # logarithm of counted over estimated

    def estimate(self, model: str, text: str) -> int:
        """Return about how many tokens a text has; 0 only where it is empty."""
        return self.corrected(model, weighed(text))

    def corrected(self, model: str, weight: float) -> int:
        """As :meth:`estimate`, of what :func:`weighed` returned, or the sum of several."""
        off = self._off.get(model)
        return math.ceil(weight * math.exp(off.mean) if off is not None else weight)

    def correct(self, model: str, estimated: int, counted: int) -> None:
        """Learn from what an engine counted where ``estimated`` was said; ignored where one of them is 0."""
        if estimated <= 0 or counted <= 0:
            return
        off = self._off.setdefault(model, Learned())
        missed = off.mean + math.log(counted / estimated)
        off.add(max(-_FURTHEST, min(_FURTHEST, missed)), 1.0)


def weighed(text: str) -> float:
    """Return the tokens of a text by the usual share of each class of characters."""
    count = len(text)
    if text.isascii():
        return count * ASCII
    ascii_count = len(text.encode("ascii", "ignore"))
    size = len(text.encode("utf-8", "replace"))
    more = max(0, size + ascii_count - 2 * count)  # of three bytes and more, those of four twice
    more = min(more, count - ascii_count)
    return ascii_count * ASCII + (count - ascii_count - more) * TWO_BYTES + more * MORE_BYTES
