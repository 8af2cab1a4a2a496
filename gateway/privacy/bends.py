"""Rules that find tags in text, also in the forms that models bend them into.

A tag counts if all 16 characters of a core made in this request are there, in order, within :data:`LONGEST` characters
of text, whatever happens to the rest:

1. Letters in any case, full-width letters and digits; O for 0, I and L for 1 (Crockford's look-alikes).
2. Blanks, line breaks, ``_ - * \\`` and invisible characters anywhere inside.
3. Any character written as an escape: ``\\u005f``, ``\\n``, ``&#95;``, ``&lowbar;``.
4. The type in front belongs to the tag if it is the right one, bent or not; else the core alone is the tag.
5. What follows the 16th character never belongs to the tag: endings stick to it, brackets around it are text.

There is no guessing: a core with one wrong character is not a tag. Since 80 bits must be right, no text matches by
accident, and text that somebody types on purpose is replaced before it leaves (:mod:`gateway.privacy.redact`).

A text is *folded* to find tags: ignored characters vanish, each other one becomes one character. Positions are code
points of the unfolded text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from gateway.privacy.tags import CORE_LENGTH

LONGEST = 96
"""Most characters of text that one tag may take, and so the most that a stream may have to hold back."""

_BLANK = "".join(
    map(chr, [*range(9, 14), 32, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_IGNORED = frozenset(_BLANK + _INVISIBLE + "_\uff3f-\u2010\u2011\uff0d*\\")
_FULL_WIDTH = 0xFEE0  # from U+0021..U+007E to U+FF01..U+FF5E
_MANY_CORES = 64


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
_CUT_ESCAPE = re.compile(
    r"(?<!\\)(?:\\\\)*(?P<json>\\(?:u[0-9a-fA-F]{0,3})?)\Z"
    r"|(?P<html>&(?:#(?:[0-9]{0,6}|[xX][0-9a-fA-F]{0,5})|[a-z]{0,6}))\Z"
)
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


def _positions(text: str) -> list[tuple[int, int]]:
    """Return where each character of ``fold(text)`` stands in the text."""
    if "\\" not in text and "&" not in text:
        return [(at, at + 1) for at, char in enumerate(text) if char not in _IGNORED]
    return [match.span() for match in _UNIT.finditer(text) if _decode(match).translate(_FOLD)]


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

    def find(self, text: str) -> list[Spot]:
        """Return the tags in a text, from left to right, not overlapping."""
        if not self._types:
            return []
        folded = fold(text)
        places = list(_occurrences(folded, self._types))
        if not places:
            return []
        positions = _positions(text)
        spots: list[Spot] = []
        for place in places:
            spot = self._spot(folded, positions, place, spots[-1].end if spots else 0)
            if spot:
                spots.append(spot)
        return spots

    def _spot(self, folded: str, positions: list[tuple[int, int]], place: int, earliest: int) -> Spot | None:
        core = folded[place : place + CORE_LENGTH]
        start, end = positions[place][0], positions[place + CORE_LENGTH - 1][1]
        if start < earliest or end - start > LONGEST:
            return None
        type = self._types[core]
        if folded.endswith(type, 0, place):  # rule 4
            with_type = positions[place - len(type)][0]
            if with_type >= earliest and end - with_type <= LONGEST:
                start = with_type
        return Spot(start, end, core)

    def open_end(self, text: str) -> int:
        """Return from where on the text may be the beginning of a tag; its length when nothing must wait.

        At most :data:`LONGEST` characters from the end, an escape that was cut included.
        """
        cut = _CUT_ESCAPE.search(text, max(0, len(text) - LONGEST)) if "\\" in text or "&" in text else None
        settled = max(cut.span("json")[0], cut.span("html")[0]) if cut else len(text)
        tail = _aligned_tail(text[:settled])
        folded = fold(tail)
        lengths = self._open_lengths(folded)
        if not lengths:
            return settled
        positions = _positions(tail)
        base = settled - len(tail)
        starts = (base + positions[-length][0] for length in lengths)
        return min((start for start in starts if len(text) - start < LONGEST), default=settled)

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


def _aligned_tail(text: str) -> str:
    """Return the end of a text that can matter, not cut inside an escape."""
    if len(text) <= 2 * LONGEST:
        return text
    if "\\" in text or "&" in text:
        for match in _UNIT.finditer(text):
            if match.end() >= len(text) - LONGEST:
                return text[match.start() :]
    return text[-LONGEST:]


def _occurrences(folded: str, cores: Collection[str]) -> Iterator[int]:
    """Yield where cores stand in a folded text, in order."""
    if len(folded) < CORE_LENGTH:
        return
    if len(cores) > _MANY_CORES:
        yield from (at for at in range(len(folded) - CORE_LENGTH + 1) if folded[at : at + CORE_LENGTH] in cores)
        return
    places = []
    for core in cores:
        at = folded.find(core)
        while at >= 0:
            places.append(at)
            at = folded.find(core, at + 1)
    yield from sorted(places)
