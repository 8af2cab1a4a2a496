"""Special categories of personal data: of which a text speaks, as classes of the text (GDPR Art. 9 and 10).

Rules:

1. One strong word makes a class ("diagnosed with", "Gewerkschaftsmitglied", "糖尿病"), or two different weak ones of
   that class near each other ("cancer" and "hospital": within a chunk of 1,500 characters).
2. Words count whole, in any case; in scripts without spaces they count wherever they stand.
3. All words of all classes and languages are one Vectorscan database: one pass, whatever the language. Time is
   linear in the text and does not grow with what is found: a word is reported once a chunk.

What it says is "somebody's health is spoken of here", not where and not whose. A policy uses that to keep such texts in
house; nothing is replaced because of it::

    Special().classes("Die Krankmeldung von Frau Beispiel liegt vor.")  # frozenset({"health"})
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

import hyperscan

from gateway.kinds import SPECIAL
from gateway.privacy.compiled import Compiler
from gateway.privacy.lexica import belief, health, person

_STRONG = {
    "health": health.STRONG,
    "religion": belief.RELIGION_STRONG,
    "politics": belief.POLITICS_STRONG,
    "union": belief.UNION_STRONG,
    "ethnic": person.ETHNIC_STRONG,
    "sex": person.SEX_STRONG,
    "biometric": person.BIOMETRIC_STRONG,
    "genetic": person.GENETIC_STRONG,
    "crime": person.CRIME_STRONG,
}
_WEAK = {
    "health": health.WEAK,
    "religion": belief.RELIGION_WEAK,
    "politics": belief.POLITICS_WEAK,
    "union": belief.UNION_WEAK,
    "ethnic": person.ETHNIC_WEAK,
    "sex": person.SEX_WEAK,
    "biometric": person.BIOMETRIC_WEAK,
    "genetic": person.GENETIC_WEAK,
    "crime": person.CRIME_WEAK,
}

_CHUNK = 1500
_OVERLAP = 120
"""Characters searched at a time, and how far back the next chunk begins: longer than the longest phrase."""


# Vectorscan has no word boundaries for letters beyond ASCII; so these are, on lower-case UTF-8: part of words
# are a to z, digits, _, and two-byte characters (é); three-byte ones are kana, Han and signs, which are not.
_BEFORE = rb"(?:[^a-z0-9_\x80-\xff]|[\xe2-\xef][\x80-\xbf][\x80-\xbf])"
_AFTER = rb"[^a-z0-9_\xc3-\xdf]"
_LETTERS = rb"[a-z\xc3-\xdf\x80-\xbf]{0,12}"


class _Word:
    """An entry of a lexicon, compiled. ``length`` is that of its bytes, for weak words."""

    def __init__(self, entry: str, of_class: str, strong: bool) -> None:
        self.entry = entry
        self.of_class = of_class
        self.strong = strong
        self.length = len(entry.rstrip("*?").encode()) - 1  # an end may lie a byte behind, where a word ends

    def expression(self) -> bytes:
        """Whole words in scripts with spaces; an asterisk for any letters, a question mark for a plural's s."""
        stem = self.entry.rstrip("?*")
        body = rb"[ \n]".join(re.escape(part.encode()).replace(rb"\*", _LETTERS) for part in stem.split(" "))
        before = _BEFORE if _has_spaces(self.entry[0]) else b""
        after = _AFTER if _has_spaces(stem[-1]) and not self.entry.endswith("*") else b""
        plural = b"s?" if self.entry.endswith("?") else b""
        return before + b"(?:" + body + b")" + plural + after


def _has_spaces(character: str) -> bool:
    """Return whether the character is of a script that separates words: a letter before kana and Han."""
    return character.isalnum() and character < "\u2e80"


def _words() -> Iterator[_Word]:
    for lexica, strong in ((_STRONG, True), (_WEAK, False)):
        for of_class, lexicon in lexica.items():
            entries = {entry.strip().lower() for entry in lexicon.replace("|\n", "|").replace("\n", "").split("|")}
            for entry in sorted(entries - {""}):
                yield _Word(entry, of_class, strong)


class Lexicon:
    """All words, compiled; shared by all threads."""

    def __init__(self, compiler: Compiler) -> None:
        self.words = tuple(_words())
        flags = [hyperscan.HS_FLAG_SINGLEMATCH] * len(self.words)
        self.database = compiler.compile([word.expression() for word in self.words], flags)


@cache
def _lexicon() -> Lexicon:
    return Lexicon(Compiler())


class Special:
    """Says of which special categories a text speaks. An instance belongs to one thread; ``lexicon`` may be shared."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        lexicon = lexicon or _lexicon()
        self._words, self._database = lexicon.words, lexicon.database
        self._scratch = hyperscan.Scratch(self._database)

    def classes(self, text: str) -> frozenset[str]:
        """Return the classes of a normalised text: a subset of :data:`SPECIAL`.

        Raises:
            hyperscan.error: the search failed. Never an empty set in place of an error.
        """
        found: set[str] = set()
        for start in range(0, max(1, len(text)), _CHUNK - _OVERLAP):
            hits = self._hits(f" {text[start : start + _CHUNK].lower()} ".encode("utf-8", "replace"))
            found.update(_classes_of(hits))
            if len(found) == len(SPECIAL):
                break
        return frozenset(found)

    def _hits(self, data: bytes) -> list[tuple[_Word, int]]:
        hits: list[tuple[_Word, int]] = []

        def report(number: int, start: int, end: int, flags: int, context: object) -> None:
            hits.append((self._words[number], end))

        self._database.scan(data, match_event_handler=report, scratch=self._scratch)
        return hits


def _classes_of(hits: Iterable[tuple[_Word, int]]) -> set[str]:
    found: set[str] = set()
    weak: dict[str, list[tuple[int, int]]] = {}
    for word, end in hits:
        if word.strong:
            found.add(word.of_class)
        else:
            weak.setdefault(word.of_class, []).append((end - word.length, end))
    return found | {of_class for of_class, places in weak.items() if _two_apart(places)}


def _two_apart(places: list[tuple[int, int]]) -> bool:
    """Return whether two of the places do not overlap: ``allergi`` and ``allerg`` in one word are one."""
    return max(start for start, _ in places) >= min(end for _, end in places)
