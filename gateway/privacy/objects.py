"""Values of objects (the arguments of a tool call), read with their keys and with the values beside them.

A request's strings come one by one. ``Sommer2024!`` alone says nothing; behind ``"password":`` it does, and a latitude
wants its longitude. So each object is read once more as a whole, written as JSON is::

    segments: password, Sommer2024!, lat, 48.7665, lon, 11.4257
    reading:  "password": "Sommer2024!", "lat": 48.7665, "lon": 11.4257

Rules:

1. A key is a string at the path that its own value has, or that its value's begins with; the walk over a request's body
   visits it first. Segments that follow, at paths below the same object, belong to one reading.
2. What is found in a reading counts where it lies within a value; what lies over several values is each one's part.
   Keys were searched by themselves.
3. A schema of a tool is no object: what its properties are called says what a value would be, not what its words are.
4. The name of who speaks in a message (``Anna_Schmidt``: APIs allow no blank there) is read with blanks.
5. A string is written as it is, without escapes, so that offsets stay; a number without quotation marks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from gateway.domain import Path, Segment
from gateway.privacy.span import Span

_SCHEMAS = ("tools", "response_format")  # fields of a request that hold them
_SPEAKER = 3  # parts of the path: messages, number, name
_BLANKS = str.maketrans("_-", "  ")
_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?\Z")


class Place(NamedTuple):
    """Where a value stands in a reading, and which segment it is (rule 5)."""

    start: int
    end: int
    segment: int


class Reading(NamedTuple):
    """One object as text."""

    text: str
    places: tuple[Place, ...]  # in order, disjoint

    def spans(self, found: Sequence[Span]) -> Iterator[tuple[int, Span]]:
        """Yield (segment, span of its text) for what was found in the reading (rule 2)."""
        ends = [place.end for place in self.places]
        for span in found:
            for place in self.places[bisect_right(ends, span.start) :]:
                if place.start >= span.end:
                    break
                part = replace(span, start=max(span.start, place.start), end=min(span.end, place.end))
                yield place.segment, part.at(-place.start)


def readings(segments: Sequence[Segment]) -> list[Reading]:
    """Return the objects among the segments of a request, in order; empty where there are none."""
    found: list[Reading] = []
    index = 0
    while index < len(segments):
        if _is_speaker(segments[index]):
            found.append(_spoken(segments[index].text, index))
        if not _is_key(segments, index):
            index += 1
            continue
        root = segments[index].path[:-1]
        first, index = index, index + 1
        while index < len(segments) and _is_below(segments[index].path, root):
            index += 1
        found.append(_written(segments, first, index))
    return found


def _is_key(segments: Sequence[Segment], index: int) -> bool:
    """Rules 1 and 3."""
    here, text = segments[index].path, segments[index].text
    if not here or here[-1] != text or here[0] in _SCHEMAS or index + 1 >= len(segments):
        return False
    return _is_below(segments[index + 1].path, here)


def _is_speaker(segment: Segment) -> bool:
    """Rule 4."""
    return len(segment.path) == _SPEAKER and segment.path[0] == "messages" and segment.path[-1] == "name"


def _spoken(name: str, segment: int) -> Reading:
    return Reading(f"Name: {name.translate(_BLANKS)}\n", (Place(6, 6 + len(name), segment),))


def _is_below(path: Path, root: Path) -> bool:
    return len(path) >= len(root) and path[: len(root)] == root


def _written(segments: Sequence[Segment], first: int, last: int) -> Reading:
    parts: list[str] = []
    places: list[Place] = []
    length = 0
    for index in range(first, last):
        text = segments[index].text
        key = _is_key(segments, index)
        mark = "" if not key and _NUMBER.match(text) else '"'
        if not key:
            places.append(Place(length + len(mark), length + len(mark) + len(text), index))
        parts.append(f"{mark}{text}{mark}{': ' if key else ', '}")
        length += len(parts[-1])
    return Reading("".join(parts), tuple(places))
