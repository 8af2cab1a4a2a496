"""Rules that turn what several detectors said of one text into spans that do not overlap.

1. Spans of one type that overlap are one span, from the first's start to the last's end: two detectors that see parts
   of one name must not make two of it.
2. What has a form wins over links, and links over names. Among these the longer span wins, then what the customer
   wrote down (his pattern, his code name, his recognizer), then the higher score, then the one that starts first, then
   the type's name.
3. Nothing found is lost: what a winner leaves uncovered of a loser stays a span of the loser's type, without the blanks
   at its ends, unless only blanks and punctuation are left of it. A name that overlaps an address by half is still
   replaced as a whole.
4. The result is sorted by start, and every letter or digit that any detector covered is covered.

Links yield so that an e-mail address inside a link stays an e-mail address: a decision may keep links and still have
addresses replaced. A connection string is longer than the password in it and covers it.

Example: ``URL[0:30]`` and ``EMAIL_ADDRESS[12:28]`` become ``URL[0:12]``, ``EMAIL_ADDRESS[12:28]``, ``URL[28:30]`` (the
last only if it holds a letter or digit).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from operator import attrgetter

from msgspec.structs import replace

from gateway.privacy.span import Span

_LINK = "URL"
_BY_MODEL = ("name:", "cue:")
_OWN = ("pattern:own_", "pattern:code_name_", "custom:")


def merge(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return spans of one text, not overlapping and sorted by start.

    Args:
        text: what the offsets are about; spans that reach beyond it are cut at its ends.
        spans: in any order, overlapping at will.
    """
    united = sorted(_united(spans), key=attrgetter("start"))
    if all(left.end <= right.start for left, right in pairwise(united)) and (not united or united[-1].end <= len(text)):
        return [span for span in united if _holds_something(text, span.start, span.end)]
    accepted: list[Span] = []  # sorted by start, disjoint
    starts: list[int] = []
    for span in sorted(united, key=_rank):
        for low, high in _uncovered(accepted, starts, max(span.start, 0), min(span.end, len(text))):
            left = text[low:high]
            if not _holds_something(text, low, high):
                continue
            start, end = high - len(left.lstrip()), low + len(left.rstrip())
            at = bisect_left(starts, start)
            starts.insert(at, start)
            accepted.insert(at, replace(span, start=start, end=end))
    return accepted


def _holds_something(text: str, start: int, end: int) -> bool:
    """Whether a letter or digit is in it."""
    part = text[start:end]
    return part[:1].isalnum() or any(map(str.isalnum, part))


def _united(spans: Iterable[Span]) -> list[Span]:
    """Join what overlaps and is of one type (rule 1); the joined span says what its surest part says."""
    united: list[Span] = []
    for span in sorted(sorted(spans, key=attrgetter("start")), key=attrgetter("type")):
        last = united[-1] if united else None
        if last is None or last.type != span.type or last.end <= span.start:
            united.append(span)
            continue
        surest = max(last, span, key=lambda each: (each.score, each.end - each.start))
        united[-1] = replace(surest, start=last.start, end=max(last.end, span.end))
    return united


def _rank(span: Span) -> tuple[int, int, bool, float, int, str]:
    """Rule 2, the winner first."""
    order = 2 if span.source.startswith(_BY_MODEL) else 1 if span.type == _LINK else 0
    foreign = not span.source.startswith(_OWN)
    return (order, span.start - span.end, foreign, -span.score, span.start, span.type)


def _uncovered(accepted: list[Span], starts: list[int], start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of ``[start, end)`` that no accepted finding covers, in order."""
    parts = []
    at = bisect_left(starts, start)
    if at and accepted[at - 1].end > start:
        at -= 1
    cursor = start
    while at < len(accepted) and accepted[at].start < end:
        if accepted[at].start > cursor:
            parts.append((cursor, accepted[at].start))
        cursor = max(cursor, accepted[at].end)
        at += 1
    if cursor < end:
        parts.append((cursor, end))
    return parts
