"""Words near a candidate that speak for it, and words directly before it that rule it out.

1. Case does not matter. Words of scripts without spaces count wherever they stand.
2. A word that begins with a Latin, Greek or Cyrillic letter counts where a word begins: ``phone`` in ``phones`` and
   ``phone_no`` and ``userPhone``, not in ``microphone``. One of up to three letters must be the whole word: ``id`` is
   not in ``idea``.
3. A word against a match counts only directly before it: nothing but blanks and punctuation in between.

Which words occur anywhere in a text is asked once, with a Vectorscan database of all words of all rules; near a
candidate only those are looked for. Most texts hold few of them, and a text stuffed with one costs no more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

import hyperscan

from gateway.privacy.compiled import Compiler
from gateway.privacy.patterns.rule import Rule

_SHORT = 3
_MOST_PLACES = 4096
_AGAINST_REACH = 40
_BETWEEN = " \t\r\n:.,;=#\"'*|>-/_()[]{}"
"""What may stand between a word and the match that it rules out."""


class Words:
    """All context words of some rules, compiled once; shared by threads."""

    def __init__(self, rules: Iterable[Rule], compiler: Compiler) -> None:
        self.words: Sequence[str] = sorted({word.lower() for rule in rules for word in rule.context})
        self.numbers = {word: number for number, word in enumerate(self.words)}
        if self.words:
            flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH
            self._database = compiler.compile(
                [_literal(word) for word in self.words],
                [flags if word.isascii() else flags | hyperscan.HS_FLAG_UTF8 for word in self.words],
            )

    def scratch(self) -> hyperscan.Scratch | None:
        return hyperscan.Scratch(self._database) if self.words else None

    def mask(self, words: Iterable[str]) -> int:
        """Return these words as a number: a bit each."""
        return reduce(or_, (1 << self.numbers[word.lower()] for word in words), 0)

    def named(self, mask: int) -> tuple[str, ...]:
        """Return the words of a mask."""
        words = []
        while mask:
            lowest = mask & -mask
            words.append(self.words[lowest.bit_length() - 1])
            mask ^= lowest
        return tuple(words)

    def in_text(self, data: bytes, scratch: hyperscan.Scratch | None) -> int:
        """Return the mask of the words that occur anywhere in UTF-8 ``data``, word starts not looked at."""
        if scratch is None:
            return 0
        found: list[int] = []

        def report(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append(number)

        self._database.scan(data, match_event_handler=report, scratch=scratch)
        return reduce(or_, (1 << number for number in found), 0)


def _literal(word: str) -> bytes:
    return re.sub(r"([^\w\s]|_)", r"\\\1", word).replace(" ", r"\x20").encode()


class Whereabouts:
    """Where words stand in one text: says at the cost of a look-up that none is near, which :func:`near` need not read.

    It may say that one is near which is no whole word; :func:`near` decides.
    """

    def __init__(self, text: str) -> None:
        self._lowered = lowered(text)
        self._of_words: dict[Sequence[str], list[int] | None] = {}

    def may_hold(self, words: Sequence[str], low: int, high: int) -> bool:
        """Whether one of the lower-case ``words`` begins in ``text[low:high]``."""
        if words not in self._of_words:
            self._of_words[words] = self._beginnings(words)
        beginnings = self._of_words[words]
        if beginnings is None:
            return True
        at = bisect_left(beginnings, low)
        return at < len(beginnings) and beginnings[at] < high

    def _beginnings(self, words: Sequence[str]) -> list[int] | None:
        """Return where they begin, sorted; None when they stand all over."""
        found: list[int] = []
        for word in words:
            at = self._lowered.find(word)
            while at >= 0:
                found.append(at)
                if len(found) > _MOST_PLACES:
                    return None
                at = self._lowered.find(word, at + 1)
        return sorted(found)


def lowered(text: str) -> str:
    """Return the text in lower case, as long as it is."""
    small = text.lower()
    if len(small) != len(text):  # a capital I with a dot above, the one letter that grows
        small = text.replace("\u0130", "i").lower()
    return small


def near(text: str, start: int, end: int, words: Iterable[str], before: int, after: int) -> str:
    """Return the first of the lower-case ``words`` near ``text[start:end]``, "" when there is none.

    Args:
        text, start, end: the candidate.
        words: lower case.
        before, after: how many characters on either side are near.
    """
    for low, high in ((max(0, start - before), start), (end, end + after)):
        side = text[low:high]
        small = lowered(side)
        first = text[low - 1] if low else ""
        for word in words:
            if _occurs(word, small, side, first):
                return word
    return ""


def _occurs(word: str, small: str, side: str, before: str) -> bool:
    at = small.find(word)
    while at >= 0:
        if not _is_lettered(word[0]) or _is_a_word(word, side, at, side[at - 1] if at else before):
            return True
        at = small.find(word, at + 1)
    return False


def _is_lettered(character: str) -> bool:
    """Whether it is a letter of a script with spaces between words."""
    return character.isalpha() and character < "\u0590"


def _is_a_word(word: str, side: str, at: int, before: str) -> bool:
    hump = before.islower() and side[at].isupper()  # userPhone
    if before and _is_lettered(before) and not hump:
        return False
    after = side[at + len(word) : at + len(word) + 1]
    if len(word) > _SHORT or not after or not _is_lettered(word[-1]):
        return True
    return not _is_lettered(after) or (after.isupper() and side[at + len(word) - 1].islower())


def bare(against: Iterable[str]) -> tuple[str, ...]:
    """Return words as :func:`ruled_out` wants them: lower case, without what may follow them anyway."""
    return tuple(word.lower().rstrip(_BETWEEN) for word in against)


def ruled_out(text: str, start: int, against: tuple[str, ...]) -> bool:
    """Whether one of the words, made by :func:`bare`, stands directly before ``start``."""
    side = text[max(0, start - _AGAINST_REACH) : start].lower().rstrip(_BETWEEN)
    if not side.endswith(against):
        return False
    ending = (word for word in against if side.endswith(word))
    return any(not _continues(side[-len(word) - 1 : -len(word)], word) for word in ending)


def _continues(before: str, word: str) -> bool:
    """Whether the word is only the end of a longer one."""
    return bool(before) and _is_lettered(before) and _is_lettered(word[0])
