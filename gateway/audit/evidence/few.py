"""Which counts of requests a report tells: none under five, and none from which such a one could be computed. Pure.

A count of few requests speaks of few persons, where a project, a purpose or a day stands for them. So it is told as
``< 5``, and where it would follow from a total, the smallest other count of that sum is told as ``*``: complementary
cell suppression, by the same rule as ``sekisho audit report`` (:mod:`gateway.audit.index.report`). It holds for totals
too: where all that was refused is three requests, no number says so. How many records the logs have is told exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gateway.audit.evidence.counts import Counts
from gateway.audit.evidence.crossings import FEWEST, Crossings
from gateway.audit.evidence.history import History
from gateway.audit.index.report import withheld

COVERED = "*"
MOST_DAYS = 92

DECISIONS, ALLOWED, REFUSED, CROSSED, INSIDE, UNSET, OUTCOMES, UNIDENTIFIED = (
    "decisions",
    "allowed",
    "refused",
    "crossed",
    "inside",
    "unset",
    "outcomes",
    "unidentified",
)
Cell = Hashable


@dataclass(frozen=True)
class Periods:
    """Days, or months where there are many days; labels without a gap."""

    title: str
    labels: tuple[str, ...]
    allowed: Mapping[str, int]
    refused: Mapping[str, int]


class Told:
    """Counts as they may be told. Cells are the names above, or pairs such as ``("purpose", "translation")``."""

    def __init__(self, counts: Counts, crossings: Crossings, history: History) -> None:
        self.periods = periods(counts.allowed_by_day, counts.refused_by_day)
        self._cells: dict[Cell, int] = {}
        self._equations: list[tuple[Cell, list[Cell]]] = []
        self._decisions(counts)
        self._attempts(counts, crossings)
        self._sum(DECISIONS, "revision", {id_: used.count for id_, used in history.revisions.items()})
        self._sum(None, "grant", {id_: used.count for id_, used in history.grants_used.items()})
        self._sum(UNIDENTIFIED, "unidentified", counts.unidentified, total=sum(counts.unidentified.values()))
        self._hidden = withheld(self._cells, self._equations, FEWEST)

    def __call__(self, cell: Cell) -> int | str:
        """Return the count as it is said: a number, ``< 5`` or ``*``."""
        why = self._hidden.get(cell)
        return self._cells.get(cell, 0) if not why else COVERED if why == "cover" else f"< {FEWEST}"

    def number(self, cell: Cell) -> int | None:
        """Return the count where it may be told, else ``None``."""
        return None if cell in self._hidden else self._cells.get(cell, 0)

    def count(self, cell: Cell) -> int:
        """Return the count as it is. MUST NOT be shown."""
        return self._cells.get(cell, 0)

    def sums(self) -> Iterator[tuple[Cell, Sequence[Cell]]]:
        """Yield every total with what adds up to it."""
        yield from self._equations

    def rank(self, cell: Cell) -> int:
        """Return what to sort by: what is not told comes last, so that its place tells nothing."""
        return -(self.number(cell) or 0)

    def _decisions(self, counts: Counts) -> None:
        self._cells.update({DECISIONS: counts.allowed + counts.refused})
        self._cells.update({ALLOWED: counts.allowed, REFUSED: counts.refused})
        self._equations.append((DECISIONS, [ALLOWED, REFUSED]))
        for total, by_day, by_class, tenants in (
            (ALLOWED, self.periods.allowed, counts.allowed_by_class, counts.tenants),
            (REFUSED, self.periods.refused, counts.refused_by_class, counts.refused_tenants),
        ):
            self._sum(total, f"{total} by day", by_day)
            self._sum(total, f"{total} by class", by_class)
            self._sum(total, f"{total} by tenant", tenants)
        self._sum(REFUSED, "code", counts.refused_by_code)
        for severity, reasons in counts.reasons.items():
            self._sum(None, severity, reasons)
        for code in counts.refused_by_code:
            same: list[Cell] = [("deny", reason) for reason in counts.reasons["deny"] if reason[0] == code]
            self._equations.append((("code", code), same))

    def _attempts(self, counts: Counts, crossings: Crossings) -> None:
        ended = sum(counts.outcomes.values())
        self._sum(ALLOWED, "destination", counts.destinations)
        self._sum(ALLOWED, "purpose", counts.purposes)
        self._sum(ALLOWED, "model", counts.models)
        self._sum(OUTCOMES, "outcome", counts.outcomes, total=ended)
        self._cells["outcome", "open"] = max(0, counts.allowed - ended)
        self._equations.append((ALLOWED, [OUTCOMES, ("outcome", "open")]))
        sent = {way: count for way, count in crossings.ways.items() if way.how == "sent"}
        self._sum(CROSSED, "way", sent, total=crossings.attempts)
        self._sum(None, "way", {way: count for way, count in crossings.ways.items() if way not in sent})
        self._cells.update({INSIDE: crossings.inside, UNSET: crossings.unset})
        self._equations.append((ALLOWED, [INSIDE, CROSSED]))

    def _sum(self, total_cell: Cell | None, name: str, counts: Mapping[Any, int], total: int | None = None) -> None:
        """Take counts that add up to a total, or to none that is told."""
        self._cells.update({(name, word): count for word, count in counts.items()})
        if total is not None:
            self._cells[total_cell] = total
        if total_cell is not None:
            self._equations.append((total_cell, [(name, word) for word in counts]))


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
