"""Text as detectors see it, and the way back to the text as it was written.

Guarantees:

- Every span of the normalised text is a span of the original, in code points, widened to whole original characters;
  the map never goes backwards.
- ASCII without ``&``, ``%`` and backslashes comes back as it is, at the speed of memory, and so does any text that
  nothing here changes.
- Time and space are linear in the text: no character becomes more than six.

Rules, in order:

1. What stands for a character becomes it: HTML entities (``&commat;``, ``&#64;``), what URLs and forms escape within a
   word (``%40``, ``%20``, ``%2B`` before a digit, ``%C3%BC``), JSON's ``\\uXXXX`` (pairs of surrogates are one), and
   JSON's ``\\n`` before a digit, which would otherwise stick to it.
2. Each character by itself: invisible ones go (zero width, soft hyphen, direction, variation selectors, tags), any
   blank is a space, any dash a hyphen, any script's digit an ASCII digit, the rest is NFKC (full-width, half-width,
   ligatures, squared words). Circled and raised digits stay, since they number things: ``①090-1234-5678``.
3. A letter and its accents become one character (NFC), at most eight accents at a time.
4. In a word with Latin letters or digits, Cyrillic and Greek look-alikes become Latin, if the word has no other letters
   of their scripts: ``pаypal`` with a Cyrillic а, not ``5км``. A long vowel mark or a line between digits is a hyphen:
   ``03ー1234``. Three circled or raised digits in a row are digits.

Example: ``normalise("Ｔｅｌ：０３ー１２３４").text`` is ``"Tel:03-1234"``.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Places = NDArray[np.int32]


class Normal:
    """A normalised text and its map."""

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, text: str, starts: _Places | None = None, ends: _Places | None = None) -> None:
        self.text = text
        self._starts = starts  # where the original of each character starts and ends; None: nothing moved
        self._ends = ends

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return where ``text[start:end]`` stands in the original; ``0 <= start < end <= len(text)``."""
        if self._starts is None or self._ends is None:
            return start, end
        return int(self._starts[start]), int(self._ends[end - 1])

    @property
    def moved(self) -> bool:
        """Whether any offset differs from the original's."""
        return self._starts is not None


def normalise(text: str) -> Normal:
    """Return the text by the rules of this module."""
    plain = text.isascii()
    if "&" in text or "\\" in text or "%" in text:
        written = _unescaped(text)
        if written.moved:
            return _onto(written, _by_character(written.text))
    return Normal(text) if plain else _by_character(text)


def _onto(first: Normal, second: Normal) -> Normal:
    """Return the second, which was made of the first's text, as made of the first's original."""
    if second._starts is None or second._ends is None:
        return Normal(second.text, first._starts, first._ends)
    assert first._starts is not None and first._ends is not None  # noqa: S101 - for the type checker
    return Normal(second.text, first._starts[second._starts], first._ends[second._ends - 1])


def _replaced(text: str, parts: list[tuple[int, int, str]]) -> Normal:
    """Return the text with ``(start, end, replacement)`` parts, in order; a replacement belongs to all of its part."""
    if not parts:
        return Normal(text)
    pieces: list[str] = []
    cursor = 0
    for start, end, replacement in parts:
        pieces += [text[cursor:start], replacement]
        cursor = end
    begins, stops = (np.array([part[side] for part in parts], dtype=np.int32) for side in (0, 1))
    inside = np.zeros(len(text) + 1, dtype=np.int32)
    np.add.at(inside, begins, 1)
    np.add.at(inside, stops, -1)
    lengths = np.where(np.cumsum(inside)[:-1] > 0, 0, 1)
    lengths[begins] = [len(part[2]) for part in parts]
    after = np.arange(1, len(text) + 1, dtype=np.int32)
    after[begins] = stops
    starts = np.repeat(np.arange(len(text), dtype=np.int32), lengths)
    return Normal("".join([*pieces, text[cursor:]]), starts, after[starts])


# --- rule 1 -----------------------------------------------------------------------------------------------------------

_ESCAPED = re.compile(  # begins with a set of characters, which is what makes searching fast
    r"[&%\\](?:(?<=&)(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][0-9A-Za-z]{1,31});"
    r"|(?<=[0-9A-Za-z]%)40(?=[0-9A-Za-z])"
    r"|(?<=[0-9A-Za-z]%)(?:20|2[cCdDeEfF]|3[aA])(?=[0-9A-Za-z%])"
    r"|2[bB](?=[0-9])"
    r"|(?:[cCdD][0-9A-Fa-f]|[eE][0-9A-Fa-f]%[89abAB][0-9A-Fa-f]|[fF][0-4](?:%[89abAB][0-9A-Fa-f]){2})%[89abAB][0-9A-Fa-f]"
    r"|(?<=\\)u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
    r"|(?<=\\)u[0-9A-Fa-f]{4}"
    r"|(?<=\\)[nrt](?=[0-9+(]))"
)


def _unescaped(text: str) -> Normal:
    parts = []
    for match in _ESCAPED.finditer(text):
        value = _meant(match[0])
        if value != match[0]:
            parts.append((match.start(), match.end(), value))
    return _replaced(text, parts)


@lru_cache(1024)  # of escapes, not of texts
def _meant(escape: str) -> str:
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[1] != "u":
        return "\n"
    units = bytes.fromhex("".join(escape.split("\\u")))
    return units.decode("utf-16-be", "replace")


# --- rule 2 -----------------------------------------------------------------------------------------------------------

_MOST = 6
_RANGES = ((0x80, 0x3400), (0xA000, 0xAC00), (0xD7B0, 0x20000), (0x2F800, 0x2FA20), (0xE0000, 0xE1000))
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_DASHES = re.compile("[\u02d7\u058a\u05be\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\ufe31\ufe32\ufe58\ufe63\uff0d]")
_NUMBERING = re.compile(
    "[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u24ff\u2776-\u2793\u3251-\u325f\u32b1-\u32bf]"
)
_KINDS = ((_INVISIBLE, ""), (_DASHES, "-"), (re.compile("[\ud800-\udfff]"), "\ufffd"))
_OWN = {"\u0085": " ", "\u2028": "\n", "\u2029": "\n", "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u2024": "."}


_ACCENTS = "\u0300-\u034e\u0350-\u036f\u3099\u309a"
_ACCENT = re.compile(f"[{_ACCENTS}]")
_LINE = re.compile("[\u30fc\u2500\u2501]")
_CHANGED, _ACCENT_TRAIT, _ALIKE_TRAIT, _LINE_TRAIT, _NUMBER_TRAIT = 1, 2, 4, 8, 16


class _Table(NamedTuple):
    """For every code point: where its replacement begins in ``flat``, how long it is, and what to look at then."""

    begin: NDArray[np.int32]
    length: NDArray[np.uint8]
    flat: NDArray[np.uint32]
    traits: NDArray[np.uint8]


@cache
def _table() -> _Table:
    begin = np.arange(0x110000, dtype=np.int32)
    length = np.ones(0x110000, dtype=np.uint8)
    traits = np.zeros(0x110000, dtype=np.uint8)
    added: list[int] = []
    for code in (code for low, high in _RANGES for code in range(low, high)):
        becomes = _becomes(chr(code))
        traits[code] = _traits(becomes)
        if becomes != chr(code):
            begin[code], length[code] = 0x110000 + len(added), len(becomes)
            traits[code] |= _CHANGED
            added.extend(map(ord, becomes))
    flat = np.concatenate([np.arange(0x110000, dtype=np.uint32), np.array(added, dtype=np.uint32)])
    return _Table(begin, length, flat, traits)


def _traits(text: str) -> int:
    """Return which of the rules that look at more than one character may apply."""
    if len(text) == 1 and not _ASKED.match(text):
        return 0
    asked = ((_ACCENT, _ACCENT_TRAIT), (_ALIKE, _ALIKE_TRAIT), (_LINE, _LINE_TRAIT), (_NUMBERING, _NUMBER_TRAIT))
    return sum(trait for expression, trait in asked if expression.search(text))


def _becomes(character: str) -> str:
    for expression, becomes in _KINDS:
        if expression.match(character):
            return becomes
    if character in _OWN:
        return _OWN[character]
    kind = unicodedata.category(character)
    if kind == "Nd":
        return str(unicodedata.digit(character))
    if kind == "Zs":
        return " "
    if _NUMBERING.match(character):
        return character
    becomes = unicodedata.normalize("NFKC", character)
    return becomes if len(becomes) <= _MOST else character


def _by_character(text: str) -> Normal:
    table = _table()
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    of_each = table.traits[codes]
    traits = int(np.bitwise_or.reduce(of_each, initial=0))
    normal = _translated(codes, np.flatnonzero(of_each & _CHANGED), table) if traits & _CHANGED else Normal(text)
    if traits & _ACCENT_TRAIT:
        normal = _composed(normal)
    normal.text = _in_words(normal.text, traits)
    return normal


def _translated(codes: NDArray[np.uint32], changed: NDArray[np.intp], table: _Table) -> Normal:
    """Return the text with what each character becomes; ``changed``: where those stand that become another."""
    others = codes[changed]
    if (table.length[others] == 1).all():
        replaced = codes.copy()
        replaced[changed] = table.flat[table.begin[others]]
        return Normal(_decoded(replaced))
    lengths = table.length[codes]
    source = np.repeat(np.arange(len(codes), dtype=np.int32), lengths)
    firsts = np.cumsum(lengths, dtype=np.int32) - lengths
    within = np.arange(len(source), dtype=np.int32) - firsts[source]
    return Normal(_decoded(table.flat[table.begin[codes[source]] + within]), source, source + np.int32(1))


def _decoded(codes: NDArray[np.uint32]) -> str:
    return codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")


# --- rule 3 -----------------------------------------------------------------------------------------------------------

_ACCENTED = re.compile(f"[^\\s{_ACCENTS}][{_ACCENTS}]{{1,8}}")


@lru_cache(4096)  # of letters with their accents, at most nine code points each
def _whole(letter: str) -> str:
    return unicodedata.normalize("NFC", letter)


def _composed(normal: Normal) -> Normal:
    parts = []
    for match in _ACCENTED.finditer(normal.text):
        whole = _whole(match[0])
        if whole != match[0]:
            parts.append((match.start(), match.end(), whole))
    composed = _replaced(normal.text, parts)
    return _onto(normal, composed) if normal.moved else composed


# --- rule 4: as many characters as before -----------------------------------------------------------------------------

_LOOK_ALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХҮԚԜаеѕіјкорсухһԁԛԝӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧον",
        "ABESIJKMHOPCTYXYQWaesijkopcyxhdqwlABEZHIKMNOPTYXov",
        strict=True,
    )
)
_ALIKE = re.compile(f"[{''.join(_LOOK_ALIKES)}]")
_LONGEST_HEAD = 64  # characters of a word before its first look-alike that are asked for Latin letters
_HEAD = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@._%+-"
_TAIL = re.compile(r"[\u0370-\u0527][0-9A-Za-z\u0370-\u0527@._%+-]*+")
_OWN_LETTER = re.compile(r"[0-9A-Za-z]")
_FOREIGN_LETTER = re.compile(r"[\u0370-\u0527]")
_TO_LATIN = str.maketrans(_LOOK_ALIKES)
_LINES = re.compile("[\u30fc\u2500\u2501](?<=[0-9][\u30fc\u2500\u2501])[\u30fc\u2500\u2501]*(?=[0-9])")
_NUMBERS = re.compile(f"{_NUMBERING.pattern}{{3,}}")


def _latin(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - _LONGEST_HEAD) : match.start()]
    head, tail = before[len(before.rstrip(_HEAD)) :], match[0]
    if not _OWN_LETTER.search(head + tail) or not all(map(_LOOK_ALIKES.__contains__, _FOREIGN_LETTER.findall(tail))):
        return tail
    return tail.translate(_TO_LATIN)


_ASKED = re.compile("|".join(each.pattern for each in (_ACCENT, _ALIKE, _LINE, _NUMBERING)))


def _lines(match: re.Match[str]) -> str:
    return "-" * len(match[0])


def _numbers(match: re.Match[str]) -> str:
    digits = [unicodedata.normalize("NFKC", character) for character in match[0]]
    return "".join(digits) if all(len(digit) == 1 for digit in digits) else match[0]


def _in_words(text: str, traits: int) -> str:
    if traits & _ALIKE_TRAIT:
        text = _TAIL.sub(_latin, text)
    if traits & _LINE_TRAIT:
        text = _LINES.sub(_lines, text)
    if traits & _NUMBER_TRAIT:
        text = _NUMBERS.sub(_numbers, text)
    return text
