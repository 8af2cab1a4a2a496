"""Which counts of requests a report tells: none under five, and none from which such a one could be computed. Pure.

A count of few requests speaks of few persons, where a project, a purpose or a day stands for them. So it is told as
``*``, and so are others, until no small one follows from all that the report says; which of them are small is not told.
:mod:`gateway.audit.evidence.sums` has what adds up to what, :mod:`gateway.audit.suppression` the rule. It holds for
totals too: where all that was refused is three requests, no number says so. How many records the logs have is told
exactly, and how many of them are read about where that tells nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.audit.evidence.counts import Counts
from gateway.audit.evidence.crossings import FEWEST, Crossings
from gateway.audit.evidence.history import History
from gateway.audit.evidence.sums import (
    ALLOWED,
    CROSSED,
    DECISIONS,
    INSIDE,
    OUTCOMES,
    RECORDS,
    REFUSED,
    UNIDENTIFIED,
    UNSET,
    Cell,
    Sums,
)
from gateway.audit.suppression import withheld

__all__ = [
    "ALLOWED",
    "COVERED",
    "CROSSED",
    "DECISIONS",
    "INSIDE",
    "OUTCOMES",
    "REFUSED",
    "UNIDENTIFIED",
    "UNSET",
    "Periods",
    "Told",
    "periods",
]

COVERED = "*"
MOST_DAYS = 92


@dataclass(frozen=True)
class Periods:
    """Days, or months where there are many days; labels without a gap."""

    title: str
    labels: tuple[str, ...]
    allowed: Mapping[str, int]
    refused: Mapping[str, int]


class Told:
    """Counts as they may be told. Cells are those of :class:`Sums`.

    Args:
        partial: whether the logs hold more records than are read about. If not, how many there are cannot be withheld:
            it is signed with the logs' heads.
    """

    def __init__(self, counts: Counts, crossings: Crossings, history: History, partial: bool = False) -> None:
        self.periods = periods(counts.allowed_by_day, counts.refused_by_day)
        sums = Sums(counts, crossings, history, (self.periods.allowed, self.periods.refused))
        self._cells = sums.cells
        fixed = () if partial else (RECORDS,)
        self._hidden = withheld(
            sums.cells, sums.equations, FEWEST, telling=sums.telling, untold=sums.untold, fixed=fixed
        )

    def __call__(self, cell: Cell) -> int | str:
        """Return the count as it is said: a number, or ``*``."""
        return COVERED if cell in self._hidden else self._cells.get(cell, 0)

    def __contains__(self, cell: Cell) -> bool:
        """Return whether it is one of the counts that may not be told."""
        return cell in self._cells

    def number(self, cell: Cell) -> int | None:
        """Return the count where it may be told, else ``None``."""
        return None if cell in self._hidden else self._cells.get(cell, 0)

    def records(self, count: int) -> int | str:
        """Return how many records of some kind were read, unless a count of few requests followed from it."""
        return COVERED if count and RECORDS in self._hidden else count

    def rank(self, cell: Cell) -> int:
        """Return what to sort by: what is not told comes last, so that its place tells nothing."""
        return -(self.number(cell) or 0)


def periods(allowed: Mapping[str, int], refused: Mapping[str, int]) -> Periods:
    """Return counts by day as they are shown."""
    days = sorted({*allowed, *refused})
    if not days:
        return Periods("by_day", (), {}, {})
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    span = (last - first).days + 1
    if span <= MOST_DAYS:
        labels = tuple((first + timedelta(at)).isoformat() for at in range(span))
        return Periods("by_day", labels, allowed, refused)
    return Periods("by_month", tuple(_months(days[0][:7], days[-1][:7])), _by_month(allowed), _by_month(refused))


def _by_month(days: Mapping[str, int]) -> Counter[str]:
    months: Counter[str] = Counter()
    for day, many in days.items():
        months[day[:7]] += many
    return months


def _months(first: str, last: str) -> Iterable[str]:
    year, month = int(first[:4]), int(first[5:7])
    labels = [first]
    while labels[-1] < last:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        labels.append(f"{year:04d}-{month:02d}")
    return labels
