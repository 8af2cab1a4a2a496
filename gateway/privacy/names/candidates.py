"""Which stretches of a Japanese text may be a person's name; :mod:`gateway.privacy.names.balance` decides.

A candidate is a run of katakana that a dictionary does not know as a common word (``ヘルム``, ``J・ロンドン``), one to
four of Sudachi's words in kanji (``岡本吾市``), the last perhaps in kana (``高田エージ``), or a given name in kana.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from gateway.privacy.names.likeness import Likeness

HAN = re.compile(r"[㐀-䶿一-鿿々〆ヶ髙﨑豈-﫿]+")
KATAKANA = re.compile(r"[ァ-ヺー]+")
NAMED = frozenset("姓名人")
_KANA = re.compile(r"[ぁ-んァ-ヺー]{1,4}")
_JOINED = re.compile(
    r"(?:[A-Z]\.?[・=. ]?){0,3}[ァ-ヺー]{1,15}(?:[・=](?:[ァ-ヺー]{1,15}|[A-Z]\.?)){0,5}"
    r"(?:[\d一二三四五六七八九十]{1,2}世)?"
)
_GIVEN = re.compile(r"(?:[㐀-䶿一-鿿々]{1,3}|[ぁ-ん]{2,4}|[㐀-䶿一-鿿々][ぁ-ん]{1,3})(?![㐀-䶿一-鿿々ぁ-んァ-ヺー])")
_IN_RUN = re.compile(r"[ァ-ヺー・=]")
_PARTICLES = frozenset("が の に は を と で も から です へ や など まで より にて さん ら たち".split())
_NEVER_FIRST = frozenset(("", "尾", "数"))
_MOST_PARTS, _MOST_CHARS, _LONGEST = 4, 6, 60
_DOERS = frozenset("は が も に と の を".split())
_CLEAR = 0  # the same, before such a particle
_LONE_LIKELY = 2
_LIKELY = 2  # a katakana word that the dictionary knows as a common noun must look at least so much like a name


class Part(NamedTuple):
    """One of Sudachi's words: where it stands, its kind (姓, 名, 人, 地, 固, 名詞, 尾, 数 or nothing)."""

    start: int
    end: int
    kind: str
    unknown: bool
    full: bool  # a noun, verb, adjective or suffix; not a particle or a mark


class Candidate(NamedTuple):
    """``parts[first:last]``; ``end`` may lie beyond the last part's."""

    first: int
    last: int
    start: int
    end: int


class Word(Protocol):
    """What is asked of Sudachi's words."""

    def normalized_form(self) -> str: ...


class Reading(NamedTuple):
    """A text, its words, and what honorifics and ranks there are."""

    text: str
    parts: Sequence[Part]
    words: Sequence[Word]
    titles: Collection[str]
    likeness: Likeness

    def titled(self, index: int) -> bool:
        """Return whether an honorific or a rank stands at ``index``; there may be no such word."""
        return index < len(self.parts) and self.text[self.parts[index].start : self.parts[index].end] in self.titles


def candidates(reading: Reading) -> Iterator[Candidate]:
    """Yield them in order of their start; they overlap."""
    text, parts = reading.text, reading.parts
    for index, part in enumerate(parts):
        if part.kind in _NEVER_FIRST:
            continue
        letter = text[part.start]
        if "ァ" <= letter <= "ー" or (letter.isascii() and letter.isupper()):
            yield from _katakana(reading, index)
        elif HAN.match(letter):
            yield from _kanji(reading, index)
            yield from _apart(reading, index)
        elif part.kind in NAMED and part.end - part.start > 1 and not letter.isascii():
            yield Candidate(index, index + 1, part.start, part.end)
            if index + 1 < len(parts) and parts[index + 1].kind in ("名", "人"):
                yield Candidate(index, index + 2, part.start, parts[index + 1].end)


def is_katakana(reading: Reading, one: Candidate) -> bool:
    """Whether it is of katakana or Latin letters."""
    first = reading.text[one.start]
    return "ァ" <= first <= "ー" or first.isascii()


def _katakana(reading: Reading, index: int) -> Iterator[Candidate]:
    text, parts, start = reading.text, reading.parts, reading.parts[index].start
    if start and _IN_RUN.match(text[start - 1]) and (text[start - 1] != "・" or _within(text, start)):
        return
    match = _JOINED.match(text, start, min(len(text), start + _LONGEST))
    if match is None:
        return
    last = index
    while last < len(parts) and parts[last].start < match.end():
        last += 1
    joined = "・" in match[0] or "=" in match[0]
    if joined or (match.end() - start > 1 and _may(reading, index, last, match[0])):
        yield Candidate(index, last, start, match.end())
    if not joined and last < len(parts) and parts[last].kind in ("姓", "名") and parts[last].start == match.end():
        yield Candidate(index, last + 1, start, parts[last].end)


def _within(text: str, start: int) -> bool:
    """Whether ``・`` before ``start`` belongs to a run of katakana, and is no bullet."""
    return start > 1 and KATAKANA.match(text[start - 2]) is not None


def _may(reading: Reading, first: int, last: int, word: str) -> bool:
    """Whether one word of katakana may be a name: not all of it common nouns, or something else speaks for it."""
    run = reading.parts[first:last]
    if any(part.kind != "名詞" or part.unknown for part in run):
        return True
    if reading.titled(last):
        return True
    if len(run) == 1 and reading.likeness.of(word, True) >= (_CLEAR if _does(reading, last) else _LIKELY):
        return True
    return ("・" + word) in reading.text


def _does(reading: Reading, index: int) -> bool:
    """Whether a particle follows that a person is often before: ``ヤングは``."""
    if index >= len(reading.parts):
        return False
    part = reading.parts[index]
    return reading.text[part.start : part.end] in _DOERS


def _kanji(reading: Reading, index: int) -> Iterator[Candidate]:
    text, parts, first = reading.text, reading.parts, reading.parts[index]
    named = unknown = False
    for last in range(index + 1, min(len(parts), index + _MOST_PARTS) + 1):
        part = parts[last - 1]
        surface = text[part.start : part.end]
        if last > index + 1 and (part.kind in ("尾", "数") or surface in reading.titles or surface in _PARTICLES):
            return
        if not HAN.fullmatch(surface):
            after = last > index + 1 and (named or first.kind == "地") and _KANA.fullmatch(surface)
            if after or (part.kind in NAMED and last <= index + 2):
                yield Candidate(index, last, first.start, part.end)
            return
        known = part.kind not in NAMED and not part.unknown and part.end - part.start > 1
        if part.end - first.start > _MOST_CHARS + 2 * named:
            return
        if last > index + 1 and known and part.kind != "地":
            if _as_given(reading, index, last):
                yield Candidate(index, last, first.start, part.end)
            return
        named = named or part.kind in NAMED
        unknown = unknown or part.unknown
        place = first.kind in ("地", "固") and last == index + 1
        if (
            named
            or unknown
            or place
            or reading.titled(last)
            or _alone(reading, index, last)
            or _lone(reading, index, last)
        ):
            yield Candidate(index, last, first.start, part.end)


def _apart(reading: Reading, index: int) -> Iterator[Candidate]:
    """A surname, a space and a word of at most four letters before a space, a mark or the end: ``木村 さくら``."""
    text, parts, first = reading.text, reading.parts, reading.parts[index]
    if first.kind != "姓" or text[first.end : first.end + 1] != " " or index + 2 >= len(parts):
        return
    match = _GIVEN.match(text, first.end + 1)
    if match is None:
        return
    last = index + 2
    while last < len(parts) and parts[last].end <= match.end():
        last += 1
    if parts[last - 1].end == match.end():
        yield Candidate(index, last, first.start, match.end())


def _as_given(reading: Reading, first: int, last: int) -> bool:
    """Whether an ordinary word ends what looks like a full name: ``松平`` ``正質``."""
    text, start, end = reading.text, reading.parts[first].start, reading.parts[last - 1].end
    if reading.parts[first].kind != "姓" or end - start > 6 or HAN.match(text, end):
        return False
    given = reading.likeness.given(text[reading.parts[first].end : end])
    return given >= 0 and reading.likeness.of(text[start:end], False) >= 0


def _lone(reading: Reading, first: int, last: int) -> bool:
    """Whether an ordinary word that looks like a name stands between others than kanji: ``浅見は``."""
    if last > first + 1:
        return False
    text, start, end = reading.text, reading.parts[first].start, reading.parts[first].end
    if end - start != 2 or (start and HAN.match(text, start - 1)) or HAN.match(text, end):
        return False
    return reading.likeness.of(text[start:end], False) >= _LONE_LIKELY and _does(reading, last)


def _alone(reading: Reading, first: int, last: int) -> bool:
    """Whether words of a single kanji or two that look like a name stand between others than kanji: ``水野良``."""
    text, run = reading.text, reading.parts[first:last]
    start, end = run[0].start, run[-1].end
    if len(run) < 2 or end - start > 5 or min(part.end - part.start for part in run) > 1:
        return False
    if (start and HAN.match(text, start - 1)) or HAN.match(text, end):
        return False
    return reading.likeness.of(text[start:end], False) >= 0
