"""Rules that turn what several recognizers said of one text into findings that do not overlap.

0. Findings of one type that overlap are one finding, from the first's start to the last's end: two detectors that see
   parts of one name must not make two of it.
1. The higher score wins; at equal scores the longer finding, then the one that starts first, then the type's name.
2. Nothing found is lost: what a winner leaves uncovered of a loser stays a finding of the loser's type, unless only
   blanks and punctuation are left of it. A name that overlaps an address by half is still replaced as a whole.
3. The result is sorted by start, and every letter or digit that any recognizer covered is covered.

Rule 1 goes by score before length so that an e-mail address inside a link stays an e-mail address: a decision may keep
links and still have addresses replaced.

Example: ``URL[0:30] 0.6`` and ``EMAIL_ADDRESS[12:28] 1.0`` become ``URL[0:12]``, ``EMAIL_ADDRESS[12:28]``,
``URL[28:30]`` (the last only if it holds a letter or digit).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from gateway.domain import Finding
from gateway.privacy.span import Span

Found = TypeVar("Found", Finding, Span)


def merge(text: str, findings: Iterable[Found]) -> list[Found]:
    """Return findings of one text, not overlapping and sorted by start.

    Args:
        text: the segment that the offsets are about; findings that reach beyond it are cut at its ends.
        findings: in any order, overlapping at will, all of one segment.
    """
    accepted: list[Found] = []  # sorted by start, disjoint
    starts: list[int] = []
    for finding in sorted(_united(findings), key=_rank):
        for start, end in _uncovered(accepted, starts, max(finding.start, 0), min(finding.end, len(text))):
            if not any(map(str.isalnum, text[start:end])):
                continue
            at = bisect_left(starts, start)
            starts.insert(at, start)
            accepted.insert(at, msgspec.structs.replace(finding, start=start, end=end))
    return accepted


def _united(findings: Iterable[Found]) -> list[Found]:
    """Join what overlaps and is of one type (rule 0); the joined finding says what its surest part says."""
    united: list[Found] = []
    for finding in sorted(findings, key=lambda each: (each.type, each.start)):
        last = united[-1] if united else None
        if last is None or last.type != finding.type or last.end <= finding.start:
            united.append(finding)
            continue
        surest = max(last, finding, key=lambda each: (each.score, each.end - each.start))
        united[-1] = msgspec.structs.replace(surest, start=last.start, end=max(last.end, finding.end))
    return united


def _rank(finding: Finding | Span) -> tuple[float, int, int, str]:
    return (-finding.score, finding.start - finding.end, finding.start, finding.type)


def _uncovered(accepted: list[Found], starts: list[int], start: int, end: int) -> list[tuple[int, int]]:
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
