"""From chances per word to spans: seeds, their weaker neighbours, and the small words that join them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gateway.privacy.names.cues import Cue
from gateway.privacy.names.evidence import Evidence
from gateway.privacy.names.features import TITLES, Floats
from gateway.privacy.names.tagger import NONE, PERSON, PLACE
from gateway.privacy.names.vetoes import is_nobody
from gateway.privacy.names.wordpiece import Word
from gateway.privacy.span import Span

TYPES = {PERSON: "PERSON", PLACE: "LOCATION"}
SURE = 0.8
SYLLABLE = 5  # letters
_TITLES = TITLES - {"san", "st", "saint", "don", "graf"}
_OFFICES = frozenset(  # left out before a name of more words; none that is a given name, too
    "admiral general colonel captain lieutenant sergeant president senator governor mayor judge justice critic "
    "director actor actress author bishop archbishop empress emperor chancellor ambassador commissioner "
    "coach manager commander premierminister bundeskanzler bürgermeister regisseur philanthrop landsfrau".split()
)
_ROLE_ENDS = (
    "minister",
    "präsident",
    "präsidentin",
    "kamerad",
    "kameraden",
    "kollege",
    "kollegen",
    "kollegin",
    "reicherin",
)
_ARTICLES = frozenset("der die das dem den des the la le les il lo gli el los las un una une".split())
_JOINING = frozenset(
    "de del della di da dos das do du des la le van von zu zum zur der den ter ten bin ibn al el y e af "
    "av d l o dello degli und of".split()
)


class Limits(NamedTuple):
    """From which chance on a word is one (seed), and beside one (near)."""

    seed: float
    near: float


LIMITS = {PERSON: Limits(0.35, 0.12), PLACE: Limits(0.5, 0.3)}


def spans(
    text: str, words: Sequence[Word], chances: Floats, announced: Mapping[int, Cue], evidence: Evidence
) -> Iterator[Span]:
    """Yield names and addresses, in order, not overlapping. ``announced`` says which words a cue announces."""
    kinds = _kinds(text, words, chances)
    index = 0
    while index < len(words):
        kind, first = kinds[index], index
        index += 1
        if kind == NONE:
            continue
        while following := _next(text, words, kinds, index, kind):
            index = following
        first, last = _trim(text, words, first, index, kind)
        if first == last:
            continue
        start, end = words[first].start, words[last - 1].end
        cue = next((announced[at] for at in range(first, last) if at in announced), None) if kind == PERSON else None
        if cue is not None:
            yield Span(start, end, TYPES[kind], 0.85, f"cue:{cue.name}", context=cue.word)
        elif _holds(text, words, (first, last), kind, chances, evidence):
            score = 0.85 if float(chances[first:last, kind].max()) > SURE else 0.6
            yield Span(start, end, TYPES[kind], score, "name:tagger")


def _holds(
    text: str, words: Sequence[Word], at: tuple[int, int], kind: int, chances: Floats, evidence: Evidence
) -> bool:
    """Whether a span that no cue announced stands on its own."""
    if kind == PLACE:
        return evidence.is_address(*at, chances)
    return evidence.is_person(*at) and not is_nobody(text, words[at[0]].start, words[at[1] - 1].end)


def _trim(text: str, words: Sequence[Word], first: int, last: int, kind: int) -> tuple[int, int]:
    """Leave out marks at either end, and titles before a name."""
    while first < last and not text[words[first].start].isalnum():
        first += 1
    while first < last and not text[words[last - 1].start].isalnum():
        last -= 1
    if kind == PLACE:
        first, last = _bare_place(text, words, first, last)
    while kind == PERSON and last - first > 1 and _is_title(text[words[first].start : words[first].end].lower()):
        first += 2 if text[words[first + 1].start] == "." and last - first > 2 else 1
    if kind == PERSON and last - first == 1 and text[words[first].start : words[first].end].lower() in _TITLES:
        return first, first
    return first, last


def _bare_place(text: str, words: Sequence[Word], first: int, last: int) -> tuple[int, int]:
    """Leave out an article before a place (``der Lindenstraße 5``), and small words behind its last comma."""
    said = [text[word.start : word.end] for word in words[first:last]]
    while said and said[0] in _ARTICLES:
        first, said = first + 1, said[1:]
    if "," in said:
        comma = len(said) - 1 - said[::-1].index(",")
        if comma and all(word.islower() and word.isalpha() for word in said[comma + 1 :]) and not text.islower():
            last = first + comma
    return first, last


def _is_title(word: str) -> bool:
    """Whether a word, in small letters, says what somebody is, not who."""
    return word in _TITLES or word in _OFFICES or word.endswith(_ROLE_ENDS)


def _kinds(text: str, words: Sequence[Word], chances: Floats) -> list[int]:
    kinds = [NONE] * len(words)
    near = (chances[:, PERSON] >= LIMITS[PERSON].near) | (chances[:, PLACE] >= LIMITS[PLACE].near)
    rows = {int(index): chances[index].tolist() for index in np.flatnonzero(near)}
    for index, row in rows.items():
        kind = PERSON if row[PERSON] >= row[PLACE] else PLACE
        if row[kind] >= LIMITS[kind].seed:
            kinds[index] = kind
    for step in (1, -1):
        for index in [*rows][::step]:
            kind = kinds[index - step] if 0 <= index - step < len(kinds) else NONE
            if kinds[index] == NONE and kind != NONE and rows[index][kind] >= LIMITS[kind].near:
                first, second = (index - 1, index) if step > 0 else (index, index + 1)
                if _touch(text, words, first, second) and _may(text[words[index].start], kind):
                    kinds[index] = kind
    return kinds


def _touch(text: str, words: Sequence[Word], first: int, second: int) -> bool:
    return text[words[first].end : words[second].start] in ("", " ")


def _may(letter: str, kind: int) -> bool:
    return letter.isupper() if kind == PERSON else letter.isalnum()


def _next(text: str, words: Sequence[Word], kinds: Sequence[int], index: int, kind: int) -> int:
    """Return how far the span goes on from ``index``: over a word of its kind, small ones before it; or 0."""
    if index >= len(words) or (kind == PLACE and _ends_sentence(text, words, index)):
        return 0
    if kinds[index] == kind:
        between = text[words[index - 1].end : words[index].start]
        return index + 1 if len(between) <= 2 and not between.strip() and (kind == PLACE or "\n" not in between) else 0
    if kind == PERSON and _is_syllable(text, words, kinds, index):
        return index + 2
    after = index
    while after < len(words) and after - index < 3 and joins(text, words, after, kind):
        after += 1
    if after == index or after >= len(words) or kinds[after] != kind or not _touch(text, words, after - 1, after):
        return 0
    if kind == PERSON and _parts(text, words, kinds, index, after):
        return 0
    full_stop = kind == PERSON and text[words[index].start] == "." and words[index - 1].end - words[index - 1].start > 2
    return 0 if full_stop else after + 1


def _parts(text: str, words: Sequence[Word], kinds: Sequence[int], index: int, after: int) -> bool:
    """Whether the small word at ``index`` is between two people: ``Veit Ott und Silke Nord``; not ``Ruiz y Paz``.

    One word before an ``e`` is a person of its own (``Ugo e Pia``): only a longer Portuguese name goes on over it.
    """
    word = text[words[index].start : words[index].end].lower()
    if word == "und":
        return True
    before = index > 1 and kinds[index - 2] == PERSON
    behind = after + 1 < len(kinds) and kinds[after + 1] == PERSON
    return (before and behind and word in ("y", "e")) or (word == "e" and not before)


def _is_syllable(text: str, words: Sequence[Word], kinds: Sequence[int], index: int) -> bool:
    """Whether a hyphen and a small syllable go on a name of two words, as in Korea: ``Han Il-woo``."""
    if index < 2 or index + 1 >= len(words) or kinds[index - 2] != PERSON or text[words[index].start] != "-":
        return False
    before, after = (text[words[at].start : words[at].end] for at in (index - 1, index + 1))
    tied = words[index - 1].end == words[index].start and words[index].end == words[index + 1].start
    return tied and len(before) <= SYLLABLE and len(after) <= SYLLABLE and after.isalpha() and after.islower()


def joins(text: str, words: Sequence[Word], index: int, kind: int) -> bool:
    """Whether a small word or a mark may stand within a span, between words of its kind."""
    word = text[words[index].start : words[index].end]
    small = word.lower() in _JOINING or word in "-'’." or (kind == PLACE and word in ",/")
    if kind == PLACE and _ends_sentence(text, words, index):
        return False
    return small and _touch(text, words, index - 1, index)


def _ends_sentence(text: str, words: Sequence[Word], index: int) -> bool:
    """Whether a full stop is at ``index`` that is no abbreviation's: ``Ingbert. Danke``, not ``St. Ingbert``."""
    if text[words[index].start] != "." or not index:
        return False
    before, after = words[index - 1], text[words[index].end : words[index].end + 2]
    return before.end - before.start > 4 and after[:1] == " " and after[1:].isalpha()
