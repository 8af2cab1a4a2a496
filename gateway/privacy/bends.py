"""Rules that find tags in text, also in the forms that models bend them into.

A tag counts if all 16 characters of a core made in this request are there, in order, within :data:`LONGEST` code points
of decoded text, whatever happens to the rest:

1. Letters in any case, full-width letters and digits; O for 0, I and L for 1 (Crockford's look-alikes).
2. Blanks, line breaks, ``_ - * \\``, also full-width or as a dash, and invisible characters anywhere inside.
3. Any character written as an escape: ``\\u005f``, ``\\n``, ``&#95;``, ``&lowbar;``. Each is one code point.
4. The type in front belongs to the tag if it is the right one, bent or not; else the core alone is the tag.
5. What follows the 16th character never belongs to the tag: endings stick to it, brackets around it are text.

A core that lost its end counts too, if it begins no other tag of this request and no letter or digit sticks to it:

6. With its type in front, :data:`SHORT_TYPED` characters are enough (``PERSON_7K3M``), else :data:`SHORT_BARE`. They
   hold together: no blank between them.

There is no guessing: a core with one wrong character is not a tag. Since 80 bits must be right (20 behind a type, 40
without), no text matches by accident, and text that somebody types on purpose is replaced before it leaves
(:mod:`gateway.privacy.redact`).

A text is *folded* to find tags: ignored characters vanish, each other one becomes one character. Positions are code
points of the unfolded text. From left to right, and what is not certain yet (the text may go on) is not a tag yet: so
the tags of a text do not depend on how it came in.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from gateway.privacy.tags import CORE_LENGTH

LONGEST = 64
"""Most decoded code points that one tag may take, and so the most that a stream may have to hold back."""

SHORT_TYPED = 4
SHORT_BARE = 8

_BLANK = "".join(
    map(chr, [*range(9, 14), 32, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)
_BLANKS = frozenset(_BLANK)
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_IGNORED = frozenset(_BLANK + _INVISIBLE + "_\uff3f-\u2010\u2011\u2012\u2013\u2212\uff0d*\uff0a\\\uff3c")
_FULL_WIDTH = 0xFEE0  # from U+0021..U+007E to U+FF01..U+FF5E
_MANY_HEADS = 64
_BLOCK = 4096
_LONGEST_ESCAPE = 9


def _fold_table() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys(map(ord, _IGNORED))
    for char in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        for form in {char, char.lower()}:
            table[ord(form)] = table[ord(form) + _FULL_WIDTH] = {"O": "0", "I": "1", "L": "1"}.get(char, char)
    return table


_FOLD = _fold_table()
_ESCAPE = r"\\\\|\\u[0-9a-fA-F]{4}|\\[nrtbf\"/]|&(?:#[0-9]{1,6}|#[xX][0-9a-fA-F]{1,5}|lowbar|nbsp|shy);"
_ESCAPED = re.compile(_ESCAPE)
_UNIT = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_CUT_JSON = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_CUT_HTML = re.compile(r"&(?:#(?:[0-9]{0,6}|[xX][0-9a-fA-F]{0,5})|[a-z]{0,6})\Z")
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Spot(NamedTuple):
    """A tag at ``text[start:end]``, with the core as it was made."""

    start: int
    end: int
    core: str


def _decode(match: re.Match[str]) -> str:
    """Return the one character that an escape stands for; other characters stand for themselves."""
    escape = match[0]
    if len(escape) == 1:
        return escape
    if escape[0] == "&":
        return html.unescape(escape)[:1] or "\0"
    if escape[1] == "u":
        return chr(int(escape[2:], 16))
    return _CONTROL.get(escape[1], escape[1])


def decode(text: str) -> str:
    """Return the text with its JSON and HTML escapes resolved, one character for each."""
    return _ESCAPED.sub(_decode, text) if "\\" in text or "&" in text else text


def fold(text: str) -> str:
    """Return the folded text (rules 1 to 3)."""
    return decode(text).translate(_FOLD)


def units(text: str) -> list[tuple[int, int, str]]:
    """Return the code points that a text decodes to: start and end in the text, and the character."""
    if "\\" not in text and "&" not in text:
        return [(at, at + 1, char) for at, char in enumerate(text)]
    return [(*match.span(), _decode(match)) for match in _UNIT.finditer(text)]


class _Folded:
    """A text, its folded form, and where each character of that stands."""

    def __init__(self, text: str) -> None:
        self.units = units(text)
        self.at = [index for index, (_, _, char) in enumerate(self.units) if char not in _IGNORED]
        self.text = "".join(self.units[index][2] for index in self.at).translate(_FOLD)
        self.length = len(self.units)

    def start(self, place: int) -> int:
        """Return where a folded character begins in the text; ``place`` may be one behind the last."""
        return self.units[self.at[place]][0]

    def end(self, place: int) -> int:
        return self.units[self.at[place]][1]

    def decided(self, place: int) -> int:
        """Return the index of the code point that a folded character is; behind the last, the text's length."""
        return self.at[place] if place < len(self.at) else self.length

    def together(self, place: int, most: int) -> int:
        """Return how many folded characters from a place on, at most so many, have no blank between them."""
        for count in range(1, most):
            between = self.units[self.at[place + count - 1] + 1 : self.at[place + count]]
            if any(char in _BLANKS for _, _, char in between):
                return count
        return most

    def sticks(self, place: int) -> bool:
        """Whether a letter or digit of the alphabet follows a folded character at once."""
        index = self.at[place] + 1
        return index < self.length and _FOLD.get(ord(self.units[index][2])) is not None


class Finder:
    """Finds the tags of one request.

    Args:
        types: core to type, as the tag writes it.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = {core: fold(type) for core, type in types.items()}
        self._distinct_types = sorted({*self._types.values()}, key=len, reverse=True)
        self._type_beginnings = {type[:length] for type in self._distinct_types for length in range(1, len(type))}
        self._longest_type = max(map(len, self._distinct_types), default=0)
        self._beginnings = {core[:length] for core in types for length in range(1, CORE_LENGTH)}
        self._heads: dict[str, list[str]] = {}
        for core in types:
            self._heads.setdefault(core[:SHORT_TYPED], []).append(core)

    def find(self, text: str) -> list[Spot]:
        """Return the tags in a whole text, from left to right, not overlapping."""
        return self.read(text, last=True)[0]

    def read(self, text: str, last: bool) -> tuple[list[Spot], int]:
        """Return the tags that are certain, and from where on the text may be the beginning of a tag.

        Args:
            text: MUST begin where an earlier reading said that a tag may begin, or at the very beginning.
            last: nothing follows, so everything is certain.
        """
        if not self._types:
            return [], len(text)
        spots: list[Spot] = []
        begin = end = 0
        while end < len(text):  # in blocks, so that a long text needs no more memory than a short one
            end = min(len(text), end + _BLOCK)
            found, open_from = self._read(text[begin:end], last and end == len(text))
            spots += [Spot(begin + spot.start, begin + spot.end, spot.core) for spot in found]
            begin += open_from
        return spots, begin

    def _read(self, text: str, last: bool) -> tuple[list[Spot], int]:
        body = text if last else text[: _uncut(text)]
        folded_text = fold(body)
        places = [place for place in _occurrences(folded_text, self._heads) if self._is_worth_it(folded_text, place)]
        if not places and (last or not self._open_lengths(folded_text)):
            return [], len(body)
        if not places and len(body) > LONGEST and "\\" not in body and "&" not in body:  # only its end matters
            return [], len(body) - LONGEST + self._open_from(_Folded(body[-LONGEST:]))
        folded = _Folded(body)
        spots: list[Spot] = []
        free = 0  # the first folded character behind the last tag
        for place in places:
            found = self._tag(folded, place, free, last) if place >= free else _NO_TAG
            if found is None:
                break
            type_length, length, core = found
            if length:
                spots.append(Spot(folded.start(place - type_length), folded.end(place + length - 1), core))
                free = place + length
        return spots, len(body) if last else self._open_from(folded, free)

    def _is_worth_it(self, folded: str, place: int) -> bool:
        """Whether a tag can stand there, judged by the folded text alone: cheap, and seldom yes by accident."""
        text = folded[place : place + CORE_LENGTH]
        common = max(_common(text, core) for core in self._heads[text[:SHORT_TYPED]])
        return (
            common >= SHORT_BARE
            or place + common == len(folded)
            or any(folded.endswith(type, 0, place) for type in self._distinct_types)
        )

    def _tag(self, folded: _Folded, place: int, free: int, last: bool) -> tuple[int, int, str] | None:
        """Return the tag at a place: lengths of its type and core, both 0 when it is none; ``None``: not certain."""
        text = folded.text[place : place + CORE_LENGTH]
        cores = self._heads[text[:SHORT_TYPED]]
        common = max(_common(text, core) for core in cores)
        whole = common == CORE_LENGTH
        decided = folded.decided(place + common - whole)  # the code point by which it is certain
        if decided - folded.at[place] >= LONGEST:
            return _NO_TAG
        if not whole and place + common == len(folded.text) and not last:
            return None
        length = CORE_LENGTH if whole else folded.together(place, common)
        if not whole and folded.sticks(place + length - 1):
            return _NO_TAG
        may_be = [core for core in cores if core.startswith(text[:length])]
        typed = [core for core in may_be if self._has_type(folded, place, free, core, decided)]
        if len(typed) == 1 and length >= SHORT_TYPED:
            return len(self._types[typed[0]]), length, typed[0]
        return (0, length, may_be[0]) if len(may_be) == 1 and length >= SHORT_BARE else _NO_TAG

    def _has_type(self, folded: _Folded, place: int, free: int, core: str, decided: int) -> bool:
        """Whether a core's type stands right in front (rule 4), near enough to what decided that there is a tag."""
        start = place - len(self._types[core])
        return (
            start >= free and folded.text.startswith(self._types[core], start) and decided - folded.at[start] < LONGEST
        )

    def _open_from(self, folded: _Folded, free: int = 0) -> int:
        """Return from where on the text may be the beginning of a tag; its length when nothing must wait."""
        starts = (len(folded.text) - length for length in self._open_lengths(folded.text[free:]))
        near = [start for start in starts if folded.length - folded.at[start] < LONGEST]
        return folded.start(min(near)) if near else folded.units[-1][1] if folded.units else 0

    def _open_lengths(self, folded: str) -> list[int]:
        """Return how many of the last folded characters may begin a tag; each way it may be."""
        most = min(CORE_LENGTH - 1, len(folded))
        cores = [length for length in range(1, most + 1) if folded[-length:] in self._beginnings]
        lengths = [
            length
            for length in range(1, min(self._longest_type, len(folded) + 1))
            if folded[-length:] in self._type_beginnings
        ]
        for length in (0, *cores):
            before = len(folded) - length
            lengths += [length + len(type) for type in self._distinct_types if folded.endswith(type, 0, before)]
        return lengths + cores


_NO_TAG = (0, 0, "")


def _common(text: str, core: str) -> int:
    """Return how many first characters are the same."""
    return next((at for at, (one, other) in enumerate(zip(text, core, strict=False)) if one != other), len(text))


def _uncut(text: str) -> int:
    """Return where an escape begins that may go on in further text; the text's length when there is none."""
    json = _CUT_JSON.search(text, max(0, len(text) - _LONGEST_ESCAPE)) if "\\" in text else None
    if json:
        backslashes = json.start() + 1 - len(text[: json.start() + 1].rstrip("\\"))
        return json.start() if backslashes % 2 else len(text)
    html = _CUT_HTML.search(text, max(0, len(text) - _LONGEST_ESCAPE)) if "&" in text else None
    return html.start() if html else len(text)


def _occurrences(folded: str, heads: Collection[str]) -> Iterator[int]:
    """Yield where heads of cores stand in a folded text, in order."""
    if len(folded) < SHORT_TYPED:
        return
    if len(heads) > _MANY_HEADS:
        last = len(folded) - SHORT_TYPED + 1
        yield from (at for at in range(last) if folded[at : at + SHORT_TYPED] in heads)
        return
    places = []
    for head in heads:
        at = folded.find(head)
        while at >= 0:
            places.append(at)
            at = folded.find(head, at + 1)
    yield from sorted(places)
