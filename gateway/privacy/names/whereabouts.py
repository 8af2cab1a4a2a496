"""Where somebody is said to be, to come from, to go: towns and countries in prose, told from facts of business.

A supplier in Germany is nobody's address; ``I grew up in Olmütz``, ``my flight to Quito``, ``she moved here from
Tunisia`` tell where somebody is. Three degrees, by what stands before the place:

1. *Surely* (``lives in``, ``born in``, ``wohnt in``, ``originaire de``): any word with a capital may be the place.
2. *Moving* (``returned to``, ``arrived in``, ``my trip to``, ``a customer from``): a place of the lexicon or a country;
   another word only where the sentence speaks of a person.
3. *Near a person*: a place that many know, or a country, behind ``in``, ``from``, ``to`` in a sentence that speaks of a
   person: I, she, his wife, Ms Ng. We and they are as likely firms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import regex

from gateway.privacy.names.countries import ALSO_NAMES, COUNTRIES, COUNTRY, countries_in, country_at
from gateway.privacy.names.dwelling import BEHIND_JAPANESE, CHINESE, JAPANESE, MOVING, SURELY
from gateway.privacy.names.features import Lexicon
from gateway.privacy.span import Span

_U = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĢĪĮİŁŃŇŌŐŒŘŚŞŠŢŤŪŮŰŹŻŽΆ-ΏΑ-ΫЀ-Я"
_WORD = rf"(?:[{_U}][^\W\d_]+(?:['’.-][^\W\d_]+){{0,3}})"
_SMALL = r"(?:am|an der|ob der|im|sur|sous|de|del|della|di|do|da|dos|la|le|les|el|los|las|upon|en|nad|pod)"
_PLACE = re.compile(
    rf"(?:the[ ]|den[ ]|die[ ]|der[ ]|los[ ]|"
    rf"la[ ])?(?P<place>{_WORD}(?:[ ](?:{_SMALL}[ ]){{0,2}}{_WORD}){{0,4}}(?:[ ]\([^\W\d_]+\))?)"
)
_AND_REGION = re.compile(rf",[ ](?P<place>{_WORD}(?:[ ]{_WORD}){{0,2}})(?=[,.;!?)\n]|\Z|[ ][a-z])")
_LEADS = frozenset(
    "in near at outside from of is to through around city town country hometown visit visited visiting visits for "
    "bei aus nach von à en au aux de du a ad da di dal dalla per pour desde para the den die der los la".split()
)
_PREPOSITIONS = frozenset("in near from to around through nach aus à en au aux da desde hacia".split())
_PERSON = re.compile(
    r"(?<!\w)(?:I|I'm|I've|I'd|I'll|i|[Mm]y|[Mm]e|[Ss]he|[Hh]e|[Hh]er|[Hh]is|[Hh]im|[Mm]yself|Mr|Mrs|Ms|Dr|Who's|"
    r"who's|[Yy]ou|"
    r"[Yy]our|born|Princess|Prince|Queen|wife|husband|mother|father|daughter|ich|mich|mir|mein\w{0,2}|seine[rnms]?|"
    r"ihre[rnms]?|Frau|Herrn?|"
    r"je|j|mon|ma|mes|elle|il|son|sa|Mme|M|io|mio|mia|suo|sua|lui|lei|yo|mi|mis|su|él|ella|Sr|Sra|Don|Doña)(?!\w)"
)
_THERE = re.compile(r"(?:\A|[.!?\"“”] |[\n\"“])In \Z")
_THEY = re.compile(r",? (?:they|people|everyone|everybody|I|my)\b")
_FUN = re.compile(
    r"[ ](?:was|is|were)[ ](?:\w+[ ]){0,2}(?:fun|great|nice|beautiful|amazing|lovely|awesome|"
    r"wonderful)(?:[ ]to[ ]visit)?[ .!]"
)
_CAPITAL = re.compile(rf" (?=[{_U}])")
_SURE_BEFORE, _MOVING_BEFORE = (  # read backwards from the place
    regex.compile(rf"(?r)(?<![\w])(?:{form})[ ](?:(?:the|den|die|der|los|la)[ ])?", regex.IGNORECASE)
    for form in (SURELY, MOVING)
)
_SMALL_GAP = re.compile(r" (?=[^\W\d_]{4})")
_COUNTRY_SMALL = re.compile(rf"(?:{COUNTRY})(?!\w)", re.IGNORECASE)
_WORD_SMALL = re.compile(r"[^\W\d_]{4,30}(?![\w])")
_KEYS = tuple("住|出身|生まれ|育|引っ越|旅行|帰省|里帰|滞在|実家|自宅|来自|出生|生于|搬|老家|籍|定居|现居".split("|"))
_BEHIND_JAPANESE = re.compile(BEHIND_JAPANESE)
_JAPANESE = regex.compile(rf"(?r)(?:{JAPANESE})")  # read backwards from what stands behind it
_CHINESE = re.compile(CHINESE)
_END = re.compile(r"[.!?][\s\"”’]|\n")
_NEVER = frozenset(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday "
    "saturday sunday januar februar märz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag "
    "samstag "
    "sonntag the this that english german french italian spanish chinese japanese i production customer supplier "
    "customers "
    "suppliers line station gate hall halle linie werk plant sap teams slack outlook excel sharepoint jira github "
    "god fact order "
    "general particular front charge addition case need love person line accordance".split()
)
_REACH, _SENTENCE = 64, 160  # characters before a place that are read; before and after it that may be its sentence
_SHORTEST = 3  # characters of a place's first word
_LONGEST_JAPANESE = 12  # characters
_REMEMBERED = 10_000  # words
_GIVEN, _SURNAME, _COMMON, _SMALLER, _PLACED = 1, 2, 5, 6, 7  # what the lexicon says
_WELL_KNOWN = 0.4  # how large a place is that many know
_USUAL, _MOSTLY = 0.3, 0.4  # how common a word is; how often it is written small


class Whereabouts:
    """Finds them in one text after another; may be shared."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._look = lru_cache(_REMEMBERED)(lexicon.look)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the places where somebody is said to be; they may overlap."""
        if text.islower():
            yield from self._small(text)
            return
        for gap in _CAPITAL.finditer(text):
            at = gap.end()
            lead = text[max(0, at - 16) : at].rstrip().rpartition(" ")[2].lower()
            match = _PLACE.match(text, at, at + 100) if lead in _LEADS else None
            if match and self._is_told(text, at, match["place"], lead):
                end = max(match.end("place"), match.start("place") + len(country_at(text, match.start("place"))))
                yield _span(match.start("place"), end)
                region = _AND_REGION.match(text, end, end + 60)
                if region and self._is_place(region["place"]):
                    yield _span(region.start("place"), region.end("place"))
        yield from _countries(text)
        if any(key in text for key in _KEYS):
            yield from _eastern(text)

    def _small(self, text: str) -> Iterator[Span]:
        """Yield such places in a text that is all written small."""
        for gap in _SMALL_GAP.finditer(text):
            at = gap.end()
            low = max(0, at - _REACH)
            lead = text[max(0, at - 16) : at].rstrip().rpartition(" ")[2]
            if lead not in _LEADS or not (_SURE_BEFORE.match(text, low, at) or _MOVING_BEFORE.match(text, low, at)):
                continue
            match = _COUNTRY_SMALL.match(text, at) or _WORD_SMALL.match(text, at)
            if match and self._is_place(match[0].title()):
                yield _span(match.start(), match.end())

    def _is_told(self, text: str, at: int, place: str, lead: str) -> bool:
        words = place.split(" ")
        if len(words[0]) < _SHORTEST or words[0].lower() in _NEVER:
            return False
        low = max(0, at - _REACH)
        known = self._is_place(place)
        likely = known or not all(map(self._is_ordinary, words))
        if _SURE_BEFORE.match(text, low, at):
            return likely
        if _MOVING_BEFORE.match(text, low, at):
            return known or (likely and _speaks_of_somebody(text, at))
        weak = lead in _PREPOSITIONS and known and self._is_well_known(words[0])
        return weak and _speaks_of_somebody(text, at)

    def _is_place(self, place: str) -> bool:
        """Whether a country, or its first or last word is a place's and no ordinary word."""
        if place in COUNTRIES:
            return True
        words = place.split(" ")
        return any(self._look(word)[_PLACED] > 0 and not self._is_ordinary(word) for word in (words[0], words[-1]))

    def _is_well_known(self, word: str) -> bool:
        entry = self._look(word)
        named = max(entry[_GIVEN], entry[_SURNAME])
        return word in COUNTRIES or (entry[_PLACED] >= _WELL_KNOWN and named < _WELL_KNOWN)

    def _is_ordinary(self, word: str) -> bool:
        """Whether a word is mostly written small, or a noun of German; and no place that many know."""
        entry = self._look(word)
        noun = entry[_COMMON] >= _USUAL and max(entry[_GIVEN], entry[_SURNAME]) < _USUAL and not entry[_PLACED]
        return noun or (entry[_SMALLER] >= _MOSTLY and entry[_PLACED] < _WELL_KNOWN)


def _eastern(text: str) -> Iterator[Span]:
    for behind in _BEHIND_JAPANESE.finditer(text):
        match = _JAPANESE.match(text, max(0, behind.start() - _LONGEST_JAPANESE), behind.start())
        if match:
            yield _span(match.start(), match.end())
    for match in _CHINESE.finditer(text):
        yield _span(match.start(1), match.end(1))


def _countries(text: str) -> Iterator[Span]:
    for start, end in countries_in(text, 0, len(text)):
        if text[start:end] in ALSO_NAMES:
            continue
        there = _THERE.search(text, max(0, start - 6), start) and _THEY.match(text, end)
        if there or _FUN.match(text, end) or _speaks_of_somebody(text, start):
            yield _span(start, end)


def _speaks_of_somebody(text: str, at: int) -> bool:
    """Whether the sentence around ``at`` speaks of a person."""
    before = [match.end() for match in _END.finditer(text, max(0, at - _SENTENCE), at)]
    after = _END.search(text, at, at + _SENTENCE)
    start = before[-1] if before else max(0, at - _SENTENCE)
    return _PERSON.search(text, start, after.start() if after else at + _SENTENCE) is not None


def _span(start: int, end: int) -> Span:
    return Span(start, end, "LOCATION", 0.6, "cue:whereabouts", check="told to be there")
