"""Whether a name or an address may lie across the cut of a seam: of a seam nothing else counts.

Most cuts are behind a line or a sentence, where hardly anything goes on; then nobody need be asked. What is said here
follows from how :mod:`gateway.privacy.names.spans` puts words together, and errs towards "it may":

1. Two blanks at most, and nothing else, are between two words of one span; only addresses go on over a line's end.
2. A mark other than a letter or a digit is part of no name. A full stop joins a name only behind one or two letters.
3. A word is part of an address only if the tagger thinks so, or the classifier is to be asked about it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.privacy.names.features import Floats
from gateway.privacy.names.spans import LIMITS, joins
from gateway.privacy.names.tagger import PLACE
from gateway.privacy.names.wordpiece import Word
from gateway.privacy.span import Seam

_INITIAL = 2  # letters of a word behind which a full stop ends no sentence
_JOINS = "-'’.,/"


def may_cross(text: Seam, words: Sequence[Word], chances: Floats, asked: Sequence[tuple[int, int]]) -> bool:
    """Return whether a span may lie over ``text.at``.

    Args:
        words: of the whole text, in order.
        chances: the tagger's, of each word.
        asked: the stretches of words that the classifier is to be asked about.
    """
    after = bisect_left(words, text.at, key=_start)
    if after and words[after - 1].end > text.at:  # a word that is cut in two
        return True
    if not after or after == len(words):
        return False
    gap = text[words[after - 1].end : words[after].start]
    if len(gap) > 2 or gap.strip():
        return False
    places = chances[:, PLACE] >= LIMITS[PLACE].near
    for first, last in asked:
        places[first:last] = True
    return not gap or _may_go_on(text, words, places, after)


def _may_go_on(text: str, words: Sequence[Word], places: NDArray[np.bool_], after: int) -> bool:
    """Whether a span may go on from the word before ``after``; ``places``: which may be part of an address."""
    before = words[after - 1]
    sign, broken = text[before.start : before.end], "\n" in text[before.end : words[after].start]
    if sign.isalnum():
        return not broken or bool(places[after])
    if broken or sign not in _JOINS:
        return bool(places[after] and places[after - 1])
    if sign != "." or after < 2 or _may_be_initial(text, words, after - 2):
        return True
    while after < len(words) - 1 and joins(text, words, after, PLACE) and not places[after]:
        after += 1
    return bool(places[after])


def _may_be_initial(text: str, words: Sequence[Word], index: int) -> bool:
    return words[index].end - words[index].start <= _INITIAL or joins(text, words, index, PLACE)


def _start(word: Word) -> int:
    return word.start
