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
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar
from zlib import crc32

from gateway.privacy.span import Proceed, Span

LEAST = 400
"""A chunk has at least so many characters, unless a blank line or the text ends it."""

LEAST_PARAGRAPH = 80
"""And so many before a blank line."""

MOST = 4_000
"""And at most so many."""

SEAM = 80
_ENTRY_BYTES = 250  # a key, an entry of the dictionary, a tuple
_SPAN_BYTES = 160
_SHARE = 3  # one in so many line ends ends a chunk; more if lines are long
_TELLING = 128  # characters before a cut that tell whether it is one
_STEP = 16  # how far apart the places are, at least, that might be one
_GAP = re.compile(r"[\s。！？]+")
_SENTENCE_ENDS = frozenset(".!?")


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

    A cut lies behind a blank line, or behind a line or a sentence. Which of those is told by the characters right
    before it, so that the same passage is cut alike in any text, but for its first and last chunk.
    """
    places = [0]
    look = LEAST_PARAGRAPH
    while gap := _GAP.search(text, look):
        at = gap.end()
        ends = not gap[0].isspace() or "\n" in gap[0] or text[gap.start() - 1] in _SENTENCE_ENDS
        length = at - places[-1]
        sure = gap[0].count("\n") > 1 or length > MOST // 2
        if ends and at < len(text) and (sure or (length >= LEAST and _is_chosen(text, at))):
            _cut_long(places, at)
            look = at + LEAST_PARAGRAPH
        else:
            look = at + _STEP if ends else at
    _cut_long(places, len(text))
    return places


def _is_chosen(text: str, at: int) -> bool:
    return crc32(text[max(0, at - _TELLING) : at].encode("utf-8", "replace")) % _SHARE == 0


def _cut_long(places: list[int], at: int) -> None:
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
    chunks = [_Piece(start, text[start:end]) for start, end in pairwise(places)]
    joined = [at for at in places[1:-1] if not _is_blank_line(text, at)]
    return chunks + [_Piece(max(0, at - SEAM), text[max(0, at - SEAM) : at + SEAM], at) for at in joined]


def _is_blank_line(text: str, at: int) -> bool:
    before = text[max(0, at - SEAM) : at]
    return before[len(before.rstrip()) :].count("\n") > 1


Find = Callable[[Sequence[str], Proceed], list[list[Span]]]


def find_by_pieces(
    memory: Memory[tuple[Span, ...]], scope: bytes, texts: Sequence[str], find: Find, proceed: Proceed
) -> list[list[Span]]:
    """Return the spans of each text; only pieces that are not known are searched, all of them in one call.

    Raises:
        Exception: what ``find`` raises; nothing is remembered then.
    """
    of_texts = [[(piece, memory.name(scope, piece.text)) for piece in pieces(text)] for text in texts]
    known = {name: memory.get(name) for of_text in of_texts for _, name in of_text}
    missing = {name: piece.text for of_text in of_texts for piece, name in of_text if known[name] is None}
    for name, spans in zip(missing, find([*missing.values()], proceed) if missing else [], strict=True):
        known[name] = tuple(spans)
        memory.put(name, tuple(spans))
    return [[placed for piece, name in of_text for placed in _placed(piece, known[name] or ())] for of_text in of_texts]


def _placed(piece: _Piece, spans: Sequence[Span]) -> list[Span]:
    """Return a piece's spans at their places in the text."""
    return [
        span.at(piece.start)
        for span in spans
        if piece.across is None or piece.start + span.start < piece.across < piece.start + span.end
    ]
