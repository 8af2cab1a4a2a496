"""Counts of decisions, fit to be handed over: what would tell of fewer than five is withheld, and so is what covers it.

A table of counts and its total are one equation: who knows all but one of its numbers knows that one. So others are
withheld too, until nothing that is told proves that a number is under five: :mod:`gateway.audit.suppression`. Which of
those that are withheld are few, and which only cover them, is not told.

Counted are decisions: intents (allowed) and denials (denied). A request that was tried at two targets has two intents.
Previews, outcomes and administrative records are not counted.

::

    tally = Tally()
    for seen in map(glean, records):
        tally.add(seen)
    report = tally.report()
    report.tables["destination"]    # [Count("DE", 1200), Count("FR", None, True), Count("JP", None, True)]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from gateway.audit.index.words import Seen
from gateway.audit.suppression import LEAST, withheld

TABLES = ("decision", "rule", "reason", "code", "class", "destination", "tenant", "entity", "model", "collected")
"""Fields that are counted, each in a table of its own."""

COUNTED = ("intent", "denial")
SINGLE = ("class", "model", "collected")
"""Fields of which a decision that policy was asked for has one word at most."""

TOTAL = "total"


@dataclass(frozen=True)
class Count:
    """One line of a table. ``count`` is ``None`` where it is withheld."""

    value: str
    count: int | None
    withheld: bool = False


@dataclass(frozen=True)
class Day:
    """One day: all decisions, those that allowed, those that denied."""

    day: str
    decisions: Count
    allowed: Count
    denied: Count


@dataclass(frozen=True)
class Report:
    """Tables by field, each sorted by count (withheld ones last, by name); days in order."""

    decisions: Count
    tables: dict[str, list[Count]]
    days: list[Day]
    least: int = LEAST

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Tally:
    """Counts that are not fit for handing over yet: each by field and word, and by day.

    Args:
        zone: whose midnights part the days.
    """

    zone: tzinfo = UTC
    decisions: int = 0
    words: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in TABLES})
    days: Counter[tuple[str, str]] = field(default_factory=Counter)  # by day and "allowed" or "denied"

    def add(self, seen: Seen) -> None:
        """Count a record, if it is a decision."""
        if seen.has("type")[0] not in COUNTED:
            return
        words = ((name, word, 1) for name, word in seen.pairs if name in self.words)
        day = datetime.fromtimestamp(seen.time_us / 1_000_000, self.zone).date().isoformat()
        self.add_span(1, words, [(day, seen.has("decision")[0], 1)])

    def add_span(
        self, decisions: int, words: Iterable[tuple[str, str, int]], days: Iterable[tuple[str, str, int]]
    ) -> None:
        """Count many at once: by field and word, and by day and ``allowed`` or ``denied``."""
        self.decisions += decisions
        for name, word, count in words:
            self.words[name][word] += count
        for day, how, count in days:
            self.days[day, how] += count

    def report(self, least: int = LEAST) -> Report:
        """Return the counts as they may be told."""
        cells: dict[Hashable, int] = {TOTAL: self.decisions}
        equations, untold, telling = self._tables_into(cells)
        equations += self._days_into(cells)
        hidden = withheld(cells, equations, least, telling=telling, untold=untold)
        tables = {name: _table(name, counts, hidden) for name, counts in self.words.items()}
        days = [_day(day, cells, hidden) for day in sorted({day for day, _ in self.days})]
        return Report(_count(TOTAL, TOTAL, cells, hidden), tables, days, least)

    def _tables_into(
        self, cells: dict[Hashable, int]
    ) -> tuple[list[tuple[Hashable, list[Hashable]]], set[Hashable], list[Hashable]]:
        """Add the tables to the cells; return their equations, what no table names, and what tells of few besides.

        Whatever was allowed has a class, a model and reasons; a denial has them only where policy was asked. So what
        such a table counts beyond the allowed ones are denials by policy, and what it does not count are others.
        """
        equations: list[tuple[Hashable, list[Hashable]]] = []
        untold: set[Hashable] = set()
        telling: list[Hashable] = []
        for name, counts in self.words.items():
            parts: list[Hashable] = [(name, word) for word in counts]
            cells.update({(name, word): count for word, count in counts.items()})
            whole = sum(counts.values())
            same = [("decision", how) for how, count in self.words["decision"].items() if count == whole]
            equations += [(total, parts) for total in (same if same and name != "decision" else [TOTAL])]
            if name == "decision":
                continue
            if parts and whole < self.decisions and not same:
                cells["rest", name] = self.decisions - whole
                parts.append(("rest", name))
                untold.add(("rest", name))
            allowed = self.words["decision"]["allowed"]
            if name != "code":
                telling += [(name, word) for word, count in counts.items() if 0 < count - allowed < LEAST]
            if name in SINGLE and allowed and whole > allowed:
                sum_, denied = ("sum", name), ("denied", name)
                cells.update({sum_: whole, denied: whole - allowed})
                untold.update((sum_, denied))
                equations.append((sum_, [(name, word) for word in counts]))
                equations.append((sum_, [("decision", "allowed"), denied]))
        return equations, untold, telling

    def _days_into(self, cells: dict[Hashable, int]) -> list[tuple[Hashable, list[Hashable]]]:
        """Add the days to the cells; return the equations that hold between them and the table of decisions."""
        days = sorted({day for day, _ in self.days})
        for day in days:
            parts: dict[Hashable, int] = {("day", day, how): self.days[day, how] for how in ("allowed", "denied")}
            cells.update(parts)
            cells["day", day] = sum(parts.values())
        equations: list[tuple[Hashable, list[Hashable]]] = [(TOTAL, [("day", day) for day in days])]
        for day in days:
            equations.append((("day", day), [("day", day, "allowed"), ("day", day, "denied")]))
        for how in ("allowed", "denied"):
            equations.append((("decision", how), [("day", day, how) for day in days]))
        return [(total, parts) for total, parts in equations if total in cells]


def refused_unknown(counts: Mapping[str, int], least: int = LEAST) -> list[Count]:
    """Return how many were refused before it was known who called: all of them, then by code.

    They are no decisions, and belong to no tenant; they are summed as they are written (``denial.summed``).
    """
    hidden = withheld(
        {TOTAL: sum(counts.values()), **{("code", code): count for code, count in counts.items()}},
        [(TOTAL, [("code", code) for code in counts])],
        least,
    )
    total = _count(TOTAL, TOTAL, {TOTAL: sum(counts.values())}, hidden)
    return [total, *_table("code", counts, hidden)]


def _table(name: str, counts: Mapping[str, int], hidden: Collection[Hashable]) -> list[Count]:
    rows = [_count(word, (name, word), {(name, word): count}, hidden) for word, count in counts.items() if count]
    return sorted(rows, key=lambda row: (-(row.count or 0), row.value))


def _day(day: str, cells: Mapping[Hashable, int], hidden: Collection[Hashable]) -> Day:
    allowed, denied = (_count(how, ("day", day, how), cells, hidden) for how in ("allowed", "denied"))
    return Day(day, _count(TOTAL, ("day", day), cells, hidden), allowed, denied)


def _count(value: str, cell: Hashable, cells: Mapping[Hashable, int], hidden: Collection[Hashable]) -> Count:
    gone = cell in hidden
    return Count(value, None if gone else cells[cell], gone)
