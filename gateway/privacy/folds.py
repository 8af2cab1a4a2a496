"""Long repetitions in a text, searched once and told of all over: a million characters of one word.

A stretch that repeats the same few characters for tens of thousands holds the same things everywhere but at its ends.
It is folded: its middle is left out before the search, and what is found around the place is put back wherever it
comes again::

    text     Hallo a@b.de a@b.de a@b.de ... a@b.de Ende      1,000,000 characters
    folded   Hallo a@b.de ...       ... a@b.de Ende          about 9,200, as periodic as before

Rules:

1. A stretch is folded when it is at least :data:`LEAST` characters long and repeats itself after at most
   :data:`LONGEST_PERIOD`. :data:`KEPT` characters stay at each end, more than any rule reads, and one zone between.
2. What is left out is a whole number of zones, and a zone a whole number of periods: the folded text goes on at the
   fold as if nothing were missing.
3. Whatever lies over the zone is told of at each zone that was left out as well. So every character whose twin in the
   zone is covered is covered; findings that come at another beat overlap where zones meet, and are united later.
4. A finding over the whole of a stretch, or reaching into it from outside as far as its zone, covers all of it.

Work is linear in the text with a very small factor: one look each 4,096 characters, and comparisons in C.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.privacy.span import Span

LONGEST_PERIOD = 1_024
KEPT = 4_096
_LEAST_ZONE = 1_024
LEAST = 4 * KEPT
_LOOK = 4_096  # characters between two looks; less than LEAST, so each stretch is looked into
_PROBE = 64
_BLOCK = 4_096  # characters compared at once


class Fold(NamedTuple):
    """A stretch ``[start, end)`` of the folded text with the zone ``[at, at + zone)``, which came ``times`` more."""

    start: int
    at: int
    zone: int
    end: int
    times: int

    @property
    def left_out(self) -> int:
        """How many characters are missing behind the zone."""
        return self.zone * self.times


class Folded(NamedTuple):
    """A text without its repetitions."""

    text: str
    folds: Sequence[Fold] = ()  # by start, not overlapping

    def unfold(self, spans: Iterable[Span]) -> list[Span]:
        """Return spans of the folded text as spans of the whole one, each of them everywhere it stands."""
        if not self.folds:
            return [*spans]
        return [*dict.fromkeys(placed for span in spans for placed in self._placed(span))]

    def _placed(self, span: Span) -> Iterator[Span]:
        behind = sum(fold.left_out for fold in self.folds if fold.at + fold.zone <= span.start)
        over = [fold for fold in self.folds if fold.at < span.end and span.start < fold.at + fold.zone]
        if not over:
            yield span.at(behind)
        elif len(over) == 1 and over[0].start <= span.start and span.end <= over[0].end:
            offsets = range(behind, behind + over[0].left_out + 1, over[0].zone)
            yield from map(span.at, offsets)
        else:  # rule 4
            longer = sum(fold.left_out for fold in over)
            start, end = span.start + behind, span.end + behind + longer
            yield Span(start, end, span.type, span.score, span.source, span.check, span.context)


def fold(text: str) -> Folded:
    """Return the text with its long repetitions folded; the same text, and no folds, where it has none."""
    parts: list[str] = []
    folds: list[Fold] = []
    done = 0  # of the text
    length = 0  # of the parts
    for start, end, period in _repetitions(text):
        zone = period * -(-_LEAST_ZONE // period)
        times = (end - start - 2 * KEPT) // zone - 1
        if times < 1:
            continue
        at = start + KEPT + zone
        parts.append(text[done:at])
        length += at - done
        done = at + times * zone
        folds.append(Fold(length - zone - KEPT, length - zone, zone, length + end - done, times))
    return Folded("".join((*parts, text[done:])), folds) if folds else Folded(text)


def _repetitions(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and period of each stretch that repeats itself, in order, not overlapping."""
    done = at = 0
    while len(text) - at >= _PROBE + _LOOK:
        again = text.find(text[at : at + _PROBE], at + 1, at + LONGEST_PERIOD + _PROBE)
        end = 0
        if again >= 0:
            period = again - at
            start, end = _backward(text, at, period, done), _forward(text, at, period)
            if end - start >= LEAST:
                yield start, end, period
                done = end
        at = max(at + _LOOK, end)


def _forward(text: str, at: int, period: int) -> int:
    """Return how far the text from ``at`` on is what stands ``period`` characters before it, at least a period."""
    low = at + period
    size = _BLOCK
    while size:
        if low + size <= len(text) and text[low : low + size] == text[low - period : low - period + size]:
            low += size
        else:
            size //= 2
    return low


def _backward(text: str, at: int, period: int, first: int) -> int:
    """Return where what goes on at ``at`` begins, no earlier than ``first``."""
    size = _BLOCK
    while size:
        if at - size >= first and text[at - size : at] == text[at - size + period : at + period]:
            at -= size
        else:
            size //= 2
    return at
