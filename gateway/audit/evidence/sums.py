"""The counts of a report, and every sum that holds between them, in one table or across several. Pure.

Who looks for a small count does not stop at the end of a table: attempts by destination and the ways over borders count
the same attempts, and how many records there are of each type adds up to what the log's heads say. So all of it is one
system of equations, with unknowns where a number follows although no chapter names it (:attr:`Sums.untold`)::

    attempts to JP             = ways to JP + attempts from JP to JP             of each country
    attempts not sent abroad   = those that crossed no border + those only shown abroad
    attempts of class strict   = those of each way + those that were not sent abroad
    ways with a basis          = reasons of that code, destination and route, where they are as many
    refusals with a code       = reasons of that code + refusals without one
    records                    = allowed + refused + outcomes + previews + heartbeats + …

Cells are the names below, or pairs such as ``("purpose", "translation")``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from gateway.audit.evidence.continuity import NEWS
from gateway.audit.evidence.counts import Counts, Reason
from gateway.audit.evidence.crossings import FEWEST, Crossings, Way
from gateway.audit.evidence.history import QUIET, History, chapter_of

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
RECORDS, SHOWN, HOME = "records", "shown", "home"
Cell = Hashable
Days = Mapping[str, int]

_REQUESTS = frozenset({"intent", "denial", "outcome"})
_OF_NOBODY = frozenset({"heartbeat", "denial.summed", "policy.subjects", "policy.shadow"})


class Sums:
    """Cells with their counts; equations, each a total and what adds up to it.

    Attributes:
        untold: cells that no chapter names.
        telling: cells that all but few others have, so that they tell of those.
    """

    def __init__(self, counts: Counts, crossings: Crossings, history: History, days: tuple[Days, Days]) -> None:
        self.cells: dict[Cell, int] = {}
        self.equations: list[tuple[Cell, list[Cell]]] = []
        self.untold: set[Cell] = set()
        self.telling: set[Cell] = set()
        self._decisions(counts, days)
        self._reasons(counts)
        self._attempts(counts)
        self._crossings(crossings)
        self._destinations(counts, crossings)
        self._classes(counts, crossings)
        self._bases(counts, crossings)
        self._history(counts, history)
        self._sum(UNIDENTIFIED, "unidentified", counts.unidentified, total=sum(counts.unidentified.values()))
        self._types(counts)

    def _decisions(self, counts: Counts, days: tuple[Days, Days]) -> None:
        self.cells.update({DECISIONS: counts.allowed + counts.refused})
        self.cells.update({ALLOWED: counts.allowed, REFUSED: counts.refused})
        self._adds_up(DECISIONS, [ALLOWED, REFUSED])
        for total, by_day, by_class, tenants in (
            (ALLOWED, days[0], counts.allowed_by_class, counts.tenants),
            (REFUSED, days[1], counts.refused_by_class, counts.refused_tenants),
        ):
            self._sum(total, f"{total} by day", by_day)
            self._sum(total, f"{total} by class", by_class)
            self._sum(total, f"{total} by tenant", tenants)
        self._sum(REFUSED, "code", counts.refused_by_code)

    def _reasons(self, counts: Counts) -> None:
        """Reasons of one code often stand once in each decision: then they add up to all of them."""
        for severity, reasons in counts.reasons.items():
            self._sum(None, severity, reasons)
        for code, denied in _by_code(counts.reasons["deny"]).items():
            if code in counts.refused_by_code:
                self._adds_up(("code", code), [("deny", reason) for reason in denied])
        for said in _by_code(counts.reasons["info"]).values():
            parts: list[Cell] = [("info", reason) for reason in said]
            whole = sum(self.cells[part] for part in parts)
            for total in (ALLOWED, DECISIONS):
                if self.cells[total] == whole:
                    self.equations.append((total, parts))
            self.telling.update(part for part in parts if 0 < counts.allowed - self.cells[part] < FEWEST)

    def _attempts(self, counts: Counts) -> None:
        ended = sum(counts.outcomes.values())
        self._sum(ALLOWED, "destination", counts.destinations)
        self._sum(ALLOWED, "purpose", counts.purposes)
        self._sum(ALLOWED, "model", counts.models)
        self._sum(OUTCOMES, "outcome", counts.outcomes, total=ended)
        self.cells["outcome", "open"] = max(0, counts.allowed - ended)
        if ended > counts.allowed:
            self._untold(("outcome", "of earlier ones"), ended - counts.allowed)
            self._adds_up(OUTCOMES, [ALLOWED, ("outcome", "of earlier ones")])
        else:
            self._adds_up(ALLOWED, [OUTCOMES, ("outcome", "open")])

    def _crossings(self, crossings: Crossings) -> None:
        sent, shown = ({w: n for w, n in crossings.ways.items() if w.how == how} for how in ("sent", "shown"))
        self._sum(CROSSED, "way", sent, total=crossings.attempts)
        self._untold(SHOWN, sum(shown.values()))
        self._sum(SHOWN, "way", shown)
        self.cells.update({INSIDE: crossings.inside, UNSET: crossings.unset})
        self._untold(HOME, self.cells[ALLOWED] - crossings.attempts)
        only_shown = self._untold(("shown", "only"), self.cells[HOME] - crossings.inside)
        both = self._untold(("shown", "and sent"), self.cells[SHOWN] - self.cells[only_shown])
        self._adds_up(ALLOWED, [CROSSED, HOME])
        self._adds_up(HOME, [INSIDE, only_shown])
        self._adds_up(SHOWN, [only_shown, both])
        self._adds_up(CROSSED, [both, self._untold(("sent", "only"), crossings.attempts - self.cells[both])])

    def _destinations(self, counts: Counts, crossings: Crossings) -> None:
        """What goes to a country is sent over a border, or stays at home."""
        homes: list[Cell] = []
        for country in sorted({place[0] for place in counts.destinations}):
            here: list[Cell] = [("destination", place) for place in counts.destinations if place[0] == country]
            ways: list[Cell] = [("way", way) for way in _sent(crossings) if way.destination == country]
            whole = sum(self.cells[cell] for cell in here)
            to = self._untold(("to", country), whole)
            home = self._untold(("home of", country), whole - sum(self.cells[way] for way in ways))
            self._adds_up(to, here)
            self._adds_up(to, [*ways, home])
            homes.append(home)
            if not country and whole == self.cells[UNSET]:
                self._adds_up(UNSET, here)
        self._adds_up(HOME, homes)

    def _classes(self, counts: Counts, crossings: Crossings) -> None:
        """A report names the classes of each way: where it names one, that many of the class went there."""
        for way in _sent(crossings):
            parts: list[Cell] = [
                self._untold(("sent", way, class_), count) for class_, count in crossings.classes[way].items()
            ]
            self._adds_up(("way", way), parts)
        for class_, count in counts.allowed_by_class.items():
            sent: list[Cell] = [("sent", way, class_) for way in _sent(crossings) if crossings.classes[way][class_]]
            home = self._untold(("home as", class_), count - sum(self.cells[cell] for cell in sent))
            self._adds_up(("allowed by class", class_), [*sent, home])
        self._adds_up(HOME, [("home as", class_) for class_ in counts.allowed_by_class])

    def _bases(self, counts: Counts, crossings: Crossings) -> None:
        """What opened a way is a reason of its decisions, and mostly of no other: then they count the same."""
        for how in ("sent", "shown"):
            ways: dict[tuple[str, str, str], list[Cell]] = defaultdict(list)
            for way in sorted(crossings.ways):
                if way.how == how and way.code:
                    ways[way.code, way.destination, way.route].append(("way", way))
            for opened, cells in ways.items():
                said: list[Cell] = [("info", reason) for reason in counts.reasons["info"] if _opens(reason) == opened]
                whole = sum(self.cells[cell] for cell in cells)
                if whole == sum(self.cells[cell] for cell in said):
                    total = self._untold(("opened", how, opened), whole)
                    self._adds_up(total, cells)
                    self._adds_up(total, said)

    def _history(self, counts: Counts, history: History) -> None:
        self._sum(None, "revision", {id_: used.count for id_, used in history.revisions.items()})
        revisions: list[Cell] = [("revision", id_) for id_ in history.revisions]
        self._adds_up(DECISIONS, revisions)
        self._sum(None, "grant", {id_: used.count for id_, used in history.grants_used.items()})
        for id_, used in history.grants_used.items():
            said: list[Cell] = [
                (severity, reason)
                for severity, reasons in counts.reasons.items()
                for reason in reasons
                if ("grant", id_) in reason[2]
            ]
            if sum(self.cells[cell] for cell in said) == used.count:
                self._adds_up(("grant", id_), said)

    def _types(self, counts: Counts) -> None:
        """Records of all types are told exactly; beside them those that stand in the report one by one."""
        parts: list[Cell] = [DECISIONS, OUTCOMES]
        for kind, count in counts.types.items():
            listed = kind in NEWS or (kind not in QUIET and kind != "preview" and chapter_of(kind))
            if kind in _REQUESTS or listed or (kind in _OF_NOBODY and count < FEWEST):
                continue
            self.cells["type", kind] = count
            parts.append(("type", kind))
        self.cells[RECORDS] = sum(self.cells[part] for part in parts)
        self._adds_up(RECORDS, parts)

    # --- parts

    def _sum(self, total_cell: Cell | None, name: str, counts: Mapping[Any, int], total: int | None = None) -> None:
        """Take counts that add up to a total, or to none that is told."""
        self.cells.update({(name, word): count for word, count in counts.items()})
        if total is not None:
            self.cells[total_cell] = total
        if total_cell is not None:
            self._adds_up(total_cell, [(name, word) for word in counts])

    def _adds_up(self, total: Cell, parts: Sequence[Cell]) -> None:
        """Take a sum; what it lacks to its total is a cell that no chapter names."""
        missing = self.cells[total] - sum(self.cells[part] for part in parts)
        if missing > 0:
            parts = [*parts, self._untold(("others of", total, len(self.equations)), missing)]
        self.equations.append((total, list(parts)))

    def _untold(self, cell: Cell, count: int) -> Cell:
        self.cells[cell] = max(0, count)
        self.untold.add(cell)
        return cell


def _by_code(reasons: Counter[Reason]) -> dict[str, list[Reason]]:
    found: dict[str, list[Reason]] = defaultdict(list)
    for reason in reasons:
        found[reason[0]].append(reason)
    return found


def _opens(reason: Reason) -> tuple[str, str, str]:
    params = dict(reason[2])
    return reason[0], params.get("destination", ""), params.get("route", "")


def _sent(crossings: Crossings) -> list[Way]:
    return [way for way in sorted(crossings.ways) if way.how == "sent"]
