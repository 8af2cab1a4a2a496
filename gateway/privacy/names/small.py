"""Names in texts that are all written small, as chats are: ``my name is lena holt``, ``mr. holt``, ``vera holt rang``.

Where nothing has a capital, the tagger has nothing to go by. Three things still tell: what announces a name; two words
of which the lexicon knows the first as a usual given name, the second as a usual surname, and neither as an ordinary
word; three given names or more in a row, with commas between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import regex

from gateway.privacy.names.announcements import BEFORE, LAST_WORDS
from gateway.privacy.names.features import Lexicon
from gateway.privacy.span import Span

_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
_GAP = re.compile(rf" (?={_WORD})")
_NAME = re.compile(rf"(?P<first>{_WORD})(?:(?: [a-z]\.?)? (?P<second>{_WORD}))?")
_BEFORE = regex.compile(
    rf"(?r)(?<!\w)(?:{'|'.join(form.expression for form in BEFORE)}|"
    r"mr|mrs|ms|dr|miss|herr|frau|hi|hello|dear|hey)\.?,?[ ]",
    regex.IGNORECASE,
)
_TITLES = frozenset("mr mr. mrs mrs. ms ms. dr dr. miss herr frau hi hello dear hey".split())
_PAIR = re.compile(rf"(?<![\w'’-])(?P<first>{_WORD})(?: [a-z]\.?)? (?=(?P<second>{_WORD})(?![\w]))")
_ROW = re.compile(rf"(?<!\w)(?:{_WORD}, ){{2,20}}(?:{_WORD} )?(?:and|und|et|e|y) {_WORD}")
_EACH = re.compile(_WORD)
_REMEMBERED = 10_000  # words
_LONGEST_BEFORE = 48  # characters
_KNOWN, _GIVEN, _SURNAME, _SMALLER, _STOP = 0, 3, 4, 6, 8  # what the lexicon says; how usual a name is of all
_USUAL, _LIKELY, _ROW_OF = 0.6, 0.3, 3  # how usual a name is; how many are a row
_OTHER, _MOSTLY_OTHER = 0.4, 0.5  # how often a word is written small that is an ordinary one


class Small:
    """Finds them in one text after another; may be shared."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._look = lru_cache(_REMEMBERED)(lexicon.look)

    def find(self, text: str) -> Iterator[Span]:
        """Yield names of a text that is all written small, nothing of another; they may overlap."""
        if not text.islower():
            return
        for gap in _GAP.finditer(text):
            at = gap.end()
            word = text[max(0, at - 16) : at].rstrip(", ").rpartition(" ")[2].rpartition("\n")[2]
            told = word in LAST_WORDS or word in _TITLES
            if told and _BEFORE.match(text, max(0, at - _LONGEST_BEFORE), at):
                yield from self._announced(text, at)
        for pair in _PAIR.finditer(text):
            if self._is(pair["first"], _GIVEN, _USUAL) and self._is(pair["second"], _SURNAME, _LIKELY):
                yield _span(pair.start("first"), pair.end("second"))
        for row in _ROW.finditer(text):
            words = [word for word in _EACH.finditer(row[0]) if word[0] not in ("and", "und", "et", "e", "y")]
            if sum(self._is(word[0], _GIVEN, _USUAL) for word in words) >= max(_ROW_OF, len(words) - 2):
                yield from (_span(row.start() + word.start(), row.start() + word.end()) for word in words)

    def _announced(self, text: str, at: int) -> Iterator[Span]:
        name = _NAME.match(text, at)
        if name is None or not self._may_be(name["first"]):
            return
        second = name["second"] and self._may_be(name["second"]) and not self._is(name["second"], _GIVEN, _USUAL)
        yield _span(at, name.end() if second else name.end("first"))

    def _may_be(self, word: str) -> bool:
        """Whether a usual name, or a word that nobody knows."""
        if not self._look(word.title())[_KNOWN]:
            return len(word) > _ROW_OF and not self._look(word)[_KNOWN]
        return self._is(word, _GIVEN, _LIKELY) or self._is(word, _SURNAME, _LIKELY)

    def _is(self, word: str, column: int, least: float) -> bool:
        entry = self._look(word.title())
        most = _MOSTLY_OTHER if column == _GIVEN else _OTHER
        return entry[column] >= least and entry[_SMALLER] < most and not entry[_STOP]


def _span(start: int, end: int) -> Span:
    return Span(start, end, "PERSON", 0.6, "cue:small", check="told as a name")
