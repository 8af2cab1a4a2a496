"""Counts of decisions, fit to be handed over: what would tell of fewer than five is withheld, and so is what covers it.

A table of counts and its total are one equation: who knows all but one of its numbers knows that one. So where a count
is withheld because it is small (``few``), another one of the same equation is withheld too (``cover``), the smallest
that is left, until every equation lacks two numbers at least, and what it lacks adds up to five or more. That is
complementary cell suppression, as statistical offices practise it.

Counted are decisions: intents (allowed) and denials (denied). A request that was tried at two targets has two intents.
Previews, outcomes and administrative records are not counted.

::

    tally = Tally()
    for seen in map(glean, records):
        tally.add(seen)
    report = tally.report()
    report.tables["destination"]    # [Count("DE", 1200, ""), Count("JP", None, "cover"), Count("FR", None, "few")]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, TypeVar

from gateway.audit.index.words import Seen

LEAST = 5
"""Counts below this are not told."""

TABLES = ("decision", "rule", "reason", "code", "class", "destination", "tenant", "entity", "model", "collected")
"""Fields that are counted, each in a table of its own."""

COUNTED = ("intent", "denial")
SINGLE = ("class", "model", "collected")
"""Fields of which a decision that policy was asked for has one word at most."""

TOTAL = "total"
Why = Literal["", "few", "cover"]
Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True)
class Count:
    """One line of a table. ``count`` is ``None`` where it is withheld; ``withheld`` says why."""

    value: str
    count: int | None
    withheld: Why = ""


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
        equations: list[tuple[Hashable, list[Hashable]]] = []
        for name, counts in self.words.items():
            cells.update({(name, word): count for word, count in counts.items()})
            equations.append((TOTAL, [(name, word) for word in counts]))
        equations += self._days_into(cells)
        telling = self._telling_into(cells, equations, least)
        hidden = withheld(cells, equations, least, telling)
        tables = {name: _table(name, counts, hidden) for name, counts in self.words.items()}
        days = [_day(day, cells, hidden) for day in sorted({day for day, _ in self.days})]
        return Report(_count(TOTAL, TOTAL, cells, hidden), tables, days, least)

    def _telling_into(
        self, cells: dict[Hashable, int], equations: list[tuple[Hashable, list[Hashable]]], least: int
    ) -> list[Hashable]:
        """Return cells that tell of few denials, since they count all that was allowed and few more.

        Whatever was allowed has a class, a model and reasons; a denial has them only where policy was asked. So what
        such a table counts beyond the allowed ones are denials by policy. The sums of tables join the cells.
        """
        allowed = self.words["decision"]["allowed"]
        telling: list[Hashable] = []
        for name, counts in self.words.items():
            if name in ("decision", "code"):
                continue
            whole = sum(counts.values())
            near: list[Hashable] = [(name, word) for word, count in counts.items() if 0 < count - allowed < least]
            if name in SINGLE and 0 < whole - allowed < least:
                cells["sum", name] = whole
                equations.append((("sum", name), [(name, word) for word in counts]))
                near.append(("sum", name))
            if near and len(counts) == 1 and whole < self.decisions:  # those without a line keep it from the total
                cells["rest", name] = self.decisions - whole
                parts = next(
                    found for total, found in equations if total == TOTAL and (name, next(iter(counts))) in found
                )
                parts.append(("rest", name))
                near.append(("rest", name))
            telling += near
        return telling

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


def withheld(
    cells: Mapping[Cell, int],
    equations: Iterable[tuple[Cell, Collection[Cell]]],
    least: int = LEAST,
    telling: Iterable[Cell] = (),
) -> dict[Cell, Why]:
    """Return which cells may not be told, and why.

    Args:
        cells: counts; one that is 0 tells of nobody and need not be withheld.
        equations: each a total and the cells that add up to it, or are widely taken to.
        telling: cells that are withheld besides, since they tell of small ones in other ways.
    """
    hidden: dict[Cell, Why] = dict.fromkeys(telling, "cover")
    hidden.update({cell: "few" for cell, count in cells.items() if 0 < count < least})
    known = [(total, [part for part in parts if cells[part]]) for total, parts in equations]
    changed = True
    while changed:
        changed = False
        for total, parts in known:
            cover = _cover(cells, total, parts, hidden, least)
            if cover is not None:
                hidden[cover] = "cover"
                changed = True
    return hidden


def _cover(
    cells: Mapping[Cell, int], total: Cell, parts: list[Cell], hidden: Mapping[Cell, Why], least: int
) -> Cell | None:
    """Return the cell that must be withheld next in an equation, ``None`` when it gives nothing away."""
    gone = [part for part in parts if part in hidden]
    shown = [part for part in parts if part not in hidden]
    if not gone and total not in hidden:
        return None
    short = sum(cells[part] for part in gone) < least
    if gone and (total in hidden or (len(gone) > 1 and not short)):
        return None
    smallest = min(shown, key=lambda part: cells[part], default=None)
    if smallest is not None:
        return smallest
    return None if total in hidden else total


def _table(name: str, counts: Mapping[str, int], hidden: Mapping[Hashable, Why]) -> list[Count]:
    rows = [_count(word, (name, word), {(name, word): count}, hidden) for word, count in counts.items() if count]
    return sorted(rows, key=lambda row: (-(row.count or 0), row.value))


def _day(day: str, cells: Mapping[Hashable, int], hidden: Mapping[Hashable, Why]) -> Day:
    allowed, denied = (_count(how, ("day", day, how), cells, hidden) for how in ("allowed", "denied"))
    return Day(day, _count(TOTAL, ("day", day), cells, hidden), allowed, denied)


def _count(value: str, cell: Hashable, cells: Mapping[Hashable, int], hidden: Mapping[Hashable, Why]) -> Count:
    why = hidden.get(cell, "")
    return Count(value, None if why else cells[cell], why)
