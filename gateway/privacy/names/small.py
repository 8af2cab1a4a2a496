"""Names in texts that are all written small, as chats are: ``my name is lena holt``, ``mr. holt``, ``vera holt rang``.

Where nothing has a capital, the tagger has nothing to go by. Four things still tell: what announces a name, and behind
"my name is" any word is one that is not an ordinary one; two words of which the lexicon knows the first as a usual
given name, the second as a usual surname, and neither as an ordinary word; three given names or more in a row, with
commas between; a usual given name before what only people do (``selma lives in``). Whoever was announced is looked for
again in the same text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

import regex

from gateway.privacy.names.announcements import BEFORE, BEHIND, LAST_WORDS
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
_CALLED = regex.compile(rf"(?r)(?<!\w){BEFORE[0].expression}[ ]", regex.IGNORECASE)
_DOES = re.compile(rf"(?<=[^\W\d_]) (?={BEHIND.expression}(?!\w))")
_LAST_WORD = re.compile(rf"(?<![\w'’-]){_WORD}\Z")
_TITLES = frozenset("mr mr. mrs mrs. ms ms. dr dr. miss herr frau hi hello dear hey".split())
_PAIR = re.compile(rf"(?<![\w'’-])(?P<first>{_WORD})(?: [a-z]\.?)? (?=(?P<second>{_WORD})(?![\w]))")
_ROW = re.compile(rf"(?<!\w)(?:{_WORD}, ){{2,20}}(?:{_WORD} )?(?:and|und|et|e|y) {_WORD}")
_EACH = re.compile(_WORD)
_REMEMBERED = 10_000  # words
_LONGEST_BEFORE = 48  # characters
_KNOWN, _LISTED, _GIVEN, _SURNAME, _SMALLER, _STOP = 0, 2, 3, 4, 6, 8  # what the lexicon says; how usual a name is
_SURELY_LISTED = 0.75  # as a surname, of one that few bear
_AGAIN = 3  # letters of a name that is looked for again, at least
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
        announced = [*self._told(text)]
        yield from announced
        yield from _again(text, {word for span in announced for word in text[span.start : span.end].split(" ")})
        for does in _DOES.finditer(text):
            name = _LAST_WORD.search(text, max(0, does.start() - _LONGEST_BEFORE), does.start())
            if name and self._is(name[0], _GIVEN, _USUAL):
                yield _span(name.start(), name.end())
        for pair in _PAIR.finditer(text):
            if self._is(pair["first"], _GIVEN, _USUAL) and self._is(pair["second"], _SURNAME, _LIKELY):
                yield _span(pair.start("first"), pair.end("second"))
        for row in _ROW.finditer(text):
            words = [word for word in _EACH.finditer(row[0]) if word[0] not in ("and", "und", "et", "e", "y")]
            if sum(self._is(word[0], _GIVEN, _USUAL) for word in words) >= max(_ROW_OF, len(words) - 2):
                yield from (_span(row.start() + word.start(), row.start() + word.end()) for word in words)

    def _told(self, text: str) -> Iterator[Span]:
        for gap in _GAP.finditer(text):
            at = gap.end()
            word = text[max(0, at - 16) : at].rstrip(", ").rpartition(" ")[2].rpartition("\n")[2]
            told = word in LAST_WORDS or word in _TITLES
            if told and _BEFORE.match(text, max(0, at - _LONGEST_BEFORE), at):
                yield from self._announced(text, at)

    def _announced(self, text: str, at: int) -> Iterator[Span]:
        name = _NAME.match(text, at)
        called = bool(_CALLED.match(text, max(0, at - _LONGEST_BEFORE), at))
        if name is None or not (self._may_be(name["first"]) or (called and self._is_no_word(name["first"]))):
            return
        yield _span(at, name.end() if self._goes_on(name["second"], called) else name.end("first"))

    def _goes_on(self, word: str | None, called: bool) -> bool:
        """Whether the word behind a given name is its surname."""
        if not word or self._is(word, _GIVEN, _USUAL):
            return False
        return self._may_be(word) or (self._is_no_word(word) and (called or self._is(word, _LISTED, _SURELY_LISTED)))

    def _is_no_word(self, word: str) -> bool:
        """Whether nobody writes it small as an ordinary word."""
        entry = self._look(word.title())
        return len(word) > 1 and entry[_SMALLER] < _OTHER and not entry[_STOP] and not self._look(word)[_KNOWN]

    def _may_be(self, word: str) -> bool:
        """Whether a usual name, or a word that nobody knows."""
        if not self._look(word.title())[_KNOWN]:
            return len(word) > _ROW_OF and not self._look(word)[_KNOWN]
        return self._is(word, _GIVEN, _LIKELY) or self._is(word, _SURNAME, _LIKELY)

    def _is(self, word: str, column: int, least: float) -> bool:
        entry = self._look(word.title())
        most = _MOSTLY_OTHER if column == _GIVEN else _OTHER
        return entry[column] >= least and entry[_SMALLER] < most and not entry[_STOP]


def _again(text: str, names: Collection[str]) -> Iterator[Span]:
    """Yield where names of at least :data:`_AGAIN` letters stand as words."""
    longer = [re.escape(name) for name in names if len(name) >= _AGAIN]
    if longer:
        yield from (_span(*found.span()) for found in re.finditer(rf"(?<![\w-])(?:{'|'.join(longer)})(?![\w-])", text))


def _span(start: int, end: int) -> Span:
    return Span(start, end, "PERSON", 0.6, "cue:small", check="told as a name")
