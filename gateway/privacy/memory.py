"""What was found before: findings in texts that were already searched, never the texts.

Rules:

1. Findings stand under an HMAC-SHA-256 of (scope, text) with a key of this process; the scope names the tenant, the
   detector's version and its settings. So nobody's findings can be asked for by another tenant, a new detector starts
   afresh, and nothing of a text can be read back.
2. The memory is bounded in bytes; what was used longest ago goes first.
3. A text is cut into chunks where its content says so (:func:`cuts`), the same way wherever it stands: a retrieval
   prompt that recombines known passages has known chunks. What could lie across a cut is searched apart, in a seam of
   :data:`SEAM` characters to both sides, so a chunk's findings never hang on its neighbours. A blank line always ends a
   chunk that is long enough, and needs no seam: nothing is looked for across it.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar
from zlib import crc32

from gateway.privacy.span import Proceed, Seam, Span

LEAST = 400
"""A chunk has at least so many characters, unless a blank line or the text ends it."""

WHOLE = 1_500
"""A paragraph with at most so many is never cut.

Each cut costs a seam, and a search costs something however short its text is: chunks of half the length take a sixth
longer in all.
"""

LEAST_JOINED = 400
"""Short paragraphs that come to so many are a chunk."""

LEAST_PARAGRAPH = 80
"""A paragraph with so many is never joined with others."""

MOST = 4_000
"""And at most so many."""

SEAM = 80
_ENTRY_BYTES = 250  # a key, an entry of the dictionary, a tuple
_SPAN_BYTES = 160
_TELLING = 128  # characters before a cut that tell whether it is one; less than LEAST
_STEP = 16  # how far apart the places are, at least, that might be one
_END = re.compile(
    r"[.!?。！？\n](?<![.!?。！？\n]{2})[.!?。！？\n]*+\s*+(?<![.!?])"
)  # no full stop within a number or a name
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Findings by text, for all threads of a process.

    Args:
        most_bytes: how much it may hold; 0 remembers nothing.
        spans_in: how many spans a value has: what it takes hangs on nothing else.
    """

    def __init__(self, most_bytes: int, spans_in: Callable[[Value], int]) -> None:
        self._key = secrets.token_bytes(32)
        self._most_bytes = most_bytes
        self._spans_in = spans_in
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Value] = OrderedDict()
        self.bytes = 0

    def name(self, scope: bytes, text: str) -> bytes:
        """Return what a text's findings stand under."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, len(scope).to_bytes(4, "big") + scope + data, "sha256")

    def get(self, name: bytes) -> Value | None:
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
            return known

    def put(self, name: bytes, value: Value) -> None:
        size = self._size(value)
        if size > self._most_bytes:
            return
        with self._lock:
            if name in self._known:
                return
            self._known[name] = value
            self.bytes += size
            while self.bytes > self._most_bytes:
                _, gone = self._known.popitem(last=False)
                self.bytes -= self._size(gone)

    def _size(self, value: Value) -> int:
        return _ENTRY_BYTES + _SPAN_BYTES * self._spans_in(value)


def cuts(text: str) -> list[int]:
    """Return where the text is cut, 0 and its length included, in order.

    Blank lines cut off every paragraph that is long enough, and keep short ones together. One longer than
    :data:`WHOLE` is cut behind lines or sentences; which of those is told by the characters around it. So the same
    paragraph is cut alike in any text, and so is the same passage within a paragraph, but for its edges.
    """
    places = [0]
    start = 0
    for end in (*(blank.end() for blank in _BLANK_LINES.finditer(text)), len(text)):
        if end - start >= LEAST_PARAGRAPH:
            _add(places, start)
            _cut_paragraph(places, text, end)
            _add(places, end)
        elif end - places[-1] >= LEAST_JOINED:
            _add(places, end)
        start = end
    _add(places, len(text))
    return places


def _cut_paragraph(places: list[int], text: str, end: int) -> None:
    """Add the cuts within a paragraph that begins at the last cut and ends at ``end``.

    Each place has a number, made of the characters right before it. A place is cut whose number is the least within
    :data:`LEAST` to both sides: nothing further off has a say.
    """
    start = places[-1]
    if end - start <= WHOLE:
        return
    ends = _ends(text, start + LEAST, end - LEAST)
    numbers = [crc32(text[at - _TELLING : at].encode("utf-8", "replace")) for at in ends]
    for index, at in enumerate(ends):
        far = at - places[-1]
        if far > MOST // 2 or (far >= LEAST and _is_least(ends, numbers, index)):
            _add(places, at)


def _ends(text: str, low: int, high: int) -> list[int]:
    """Return where lines and sentences end, some characters apart."""
    ends, look = [], low
    for found in _END.finditer(text, low, high):
        at = found.end()
        if look <= at < high:
            ends.append(at)
            look = at + _STEP
    return ends


def _is_least(ends: Sequence[int], numbers: Sequence[int], index: int) -> bool:
    low, high = bisect_left(ends, ends[index] - LEAST), bisect_right(ends, ends[index] + LEAST)
    return numbers[index] == min(numbers[low:high])


def _add(places: list[int], at: int) -> None:
    """Add a cut, and others before it where the piece would be too long."""
    while at - places[-1] > MOST:
        places.append(places[-1] + MOST)
    if at > places[-1]:
        places.append(at)


class _Piece(NamedTuple):
    """A part of a text that is searched by itself. Spans count that lie over ``across``, or all."""

    start: int
    text: str
    across: int | None = None


def pieces(text: str) -> list[_Piece]:
    """Return the chunks of a text, and the seams between them."""
    places = cuts(text)
    chunks = [_bare(start, text[start:end]) for start, end in pairwise(places)]
    seams = [_seam(text, at) for at in places[1:-1]]
    return [piece for piece in chunks + seams if piece.text]


def _bare(start: int, text: str) -> _Piece:
    """Return a chunk without the blanks around it, which are its neighbours' as much as its own."""
    begins = text.lstrip()
    return _Piece(start + len(text) - len(begins), begins.rstrip())


def _seam(text: str, at: int) -> _Piece:
    """Return what stands around a cut, as far as the next blank lines; nothing where the cut is one."""
    before, after = text[max(0, at - SEAM) : at], text[at : at + SEAM]
    if before[len(before.rstrip()) :].count("\n") > 1:
        return _Piece(at, "", at)
    *_, before = _BLANK_LINE.split(before)
    after = _BLANK_LINE.split(after, maxsplit=1)[0]
    return _Piece(at - len(before), Seam.of(before + after, len(before)), at)


Find = Callable[[Sequence[str], Proceed], list[list[Span]]]


def find_by_pieces(
    memory: Memory[tuple[Span, ...]], scope: bytes, texts: Sequence[str], find: Find, proceed: Proceed
) -> list[list[Span]]:
    """Return the spans of each text; only pieces that are not known are searched, all of them in one call.

    Args:
        find: gets chunks as they are and what stands around a cut as :class:`gateway.privacy.span.Seam`.

    Raises:
        Exception: what ``find`` raises; nothing is remembered then.
    """
    of_texts = [[(piece, _name(memory, scope, piece)) for piece in pieces(text)] for text in texts]
    known = {name: memory.get(name) for of_text in of_texts for _, name in of_text}
    missing = {name: piece.text for of_text in of_texts for piece, name in of_text if known[name] is None}
    for name, spans in zip(missing, find([*missing.values()], proceed) if missing else [], strict=True):
        known[name] = tuple(spans)
        memory.put(name, tuple(spans))
    return [[placed for piece, name in of_text for placed in _placed(piece, known[name] or ())] for of_text in of_texts]


def _name(memory: Memory[tuple[Span, ...]], scope: bytes, piece: _Piece) -> bytes:
    place = b"" if piece.across is None else b"\0%d" % (piece.across - piece.start)
    return memory.name(scope + place, piece.text)


def _placed(piece: _Piece, spans: Sequence[Span]) -> list[Span]:
    """Return a piece's spans at their places in the text."""
    return [
        span.at(piece.start)
        for span in spans
        if piece.across is None or piece.start + span.start < piece.across < piece.start + span.end
    ]
