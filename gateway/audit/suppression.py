"""Which counts are withheld, so that none of few can be computed from those that are told. Pure.

Complementary cell suppression, as statistical offices practise it. A count of few (one to four) is withheld. Numbers
that are told are equations, a total and what adds up to it; so others are withheld too, until each count of few could
as well be larger by ``least - 1``, with every number that is told, and every sum, as it stands. Then it may be any of
at least five numbers, and nobody can prove that it is under five::

    total 53 = 30 + 20 + 3       told: 53 = 30 + * + *       3 could be 7, if 20 were 16
    total  8 =  4 +  4           told:  * =  * + *           of a total of 8, no 4 could be 8: it would be 4 for sure

Such another way to fill what is withheld (a *witness*) is searched for each count of few, over all equations at once:
what one of them takes must be given in every other that the same count stands in. Where what is withheld leaves none,
the search goes on through what is told, the counts in the fewest sums and then the smallest first, and what it needed
is withheld.

All that is withheld MUST be told by one and the same mark. A mark that says which of them are few tells too much: of a
total of 6, a ``< 5`` beside something larger is 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar
from zlib import crc32

LEAST = 5
"""Counts below this are not told."""

_TRIES, _STEPS = 6, 150
"""Orders that a search is tried in, and how many changes it may try in each: ways to go through would multiply."""

Cell = TypeVar("Cell", bound=Hashable)


def withheld(
    cells: Mapping[Cell, int],
    equations: Iterable[tuple[Cell, Collection[Cell]]],
    least: int = LEAST,
    *,
    telling: Iterable[Cell] = (),
    untold: Iterable[Cell] = (),
    fixed: Iterable[Cell] = (),
) -> frozenset[Cell]:
    """Return which cells may not be told.

    Args:
        cells: counts; one that is 0 tells of nobody and need not be withheld.
        equations: each a total and the cells that add up to it, or are widely taken to.
        least: the smallest count that may be told.
        telling: cells that are withheld and covered besides, since they tell of few in other ways.
        untold: cells that no report names, but that could be computed; they may be 0 for all that a reader knows.
        fixed: cells that everybody knows and that cannot be withheld. Where what they are the total of is few and
            nothing else, nobody can keep that from being known.
    """
    search = _Search(cells, [(total, tuple(parts)) for total, parts in equations], frozenset(untold))
    search.fixed = frozenset(fixed)
    few = {cell for cell, count in cells.items() if 0 < count < least and cell not in search.fixed}
    guarded = few.union(telling)
    search.hide({*guarded, *search.untold})
    for cell in sorted(guarded, key=lambda cell: (-len(search.of[cell]), cells[cell], repr(cell))):
        search.guard(cell, least - 1)
    return frozenset(search.hidden - search.idle(guarded) - search.untold)


class _Search(Generic[Cell]):
    """Looks for another way to fill what is withheld."""

    fixed: frozenset[Cell] = frozenset()

    def __init__(
        self, cells: Mapping[Cell, int], equations: list[tuple[Cell, tuple[Cell, ...]]], untold: frozenset[Cell]
    ) -> None:
        self.cells, self.untold = cells, untold
        self.hidden: set[Cell] = set()
        self.of: dict[Cell, list[int]] = defaultdict(list)
        self._signs: list[dict[Cell, int]] = []  # by equation: -1 for its total, 1 for each part
        self._exact: list[bool] = []
        for at, (total, parts) in enumerate(equations):
            known = [part for part in parts if cells[part] or part in untold]
            signs = {**dict.fromkeys(known, 1), total: -1}
            self._signs.append(signs)
            self._exact.append(cells[total] == sum(cells[part] for part in parts))
            for cell in signs:
                self.of[cell].append(at)
        self._sorted: dict[int, list[Cell]] = {}
        self._changed: dict[Cell, int] = {}
        self._trail: list[tuple[Cell, int | None]] = []
        self._settled: dict[int, None] = {}
        self._may_hide = False
        self._skipped: frozenset[int] = frozenset()
        self._order = 0
        self._steps = 0

    def hide(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            if cell not in self.hidden:
                self.hidden.add(cell)
                for equation in self.of[cell]:
                    self._sorted.pop(equation, None)

    def guard(self, cell: Cell, by: int) -> None:
        """Withhold what lets a cell be larger by that much.

        A search does not go back on what it chose, so it is tried in several orders. Where no other way is found since
        a sum of fixed cells leaves none, all but those sums are held to; at last all that stands beside it is withheld.
        """
        none: frozenset[int] = frozenset()
        tries = [(False, none, 0), *((True, none, at) for at in range(_TRIES))]
        tries += [(True, self._bound(), at) for at in range(_TRIES)] if self.fixed else []
        for may_hide, skipped, at in tries:
            self._begin(may_hide, skipped, at)
            if self._settle(cell, by, None):
                self.hide(self._changed)
                return
        self.hide(near for equation in self.of[cell] for near in self._signs[equation] if near not in self.fixed)

    def _begin(self, may_hide: bool, skipped: frozenset[int], order: int) -> None:
        if order != self._order:
            self._sorted.clear()
        self._may_hide, self._skipped, self._order = may_hide, skipped, order
        self._steps = _STEPS
        self._changed.clear()
        self._trail.clear()
        self._settled.clear()

    def idle(self, guarded: Collection[Cell]) -> set[Cell]:
        """Return what is withheld in vain: all others of a sum are told, and it guards nobody."""
        idle: set[Cell] = set()
        found = True
        while found:
            found = False
            for signs, exact in zip(self._signs, self._exact, strict=True):
                gone = [cell for cell in signs if cell in self.hidden and cell not in idle]
                if (
                    exact
                    and not self.fixed.intersection(signs)
                    and len(gone) == 1
                    and gone[0] not in guarded
                    and gone[0] not in self.untold
                ):
                    idle.add(gone[0])
                    found = True
        return idle

    def _bound(self) -> frozenset[int]:
        """Return equations with a cell that cannot be withheld."""
        return frozenset(equation for cell in self.fixed for equation in self.of[cell])

    def _settle(self, cell: Cell, by: int, via: int | None) -> bool:
        """Change a cell, and balance its other equations. Leaves everything as it was where that fails."""
        self._steps -= 1
        if self._steps < 0 or cell in self._changed or self.cells[cell] + by < (cell not in self.untold):
            return False
        others = [equation for equation in self.of[cell] if equation != via and equation not in self._skipped]
        if self._order > 1:
            others.sort(key=lambda equation: crc32(b"%d %d" % (self._order, equation)))
        changed, settled = len(self._trail), len(self._settled)
        self._change(cell, by)
        if not all(self._top_up(equation, cell) for equation in others if equation in self._settled):
            self._undo(changed, settled)
            return False
        for equation in others:
            if equation not in self._settled and not self._balance(equation):  # settled meanwhile, on the way round
                self._undo(changed, settled)
                return False
        return True

    def _balance(self, equation: int) -> bool:
        """Let others of an equation take what its changed cells need."""
        signs = self._signs[equation]
        self._settled[equation] = None
        over = sum(signs[cell] * by for cell, by in self._changed.items() if cell in signs)
        for cell in self._candidates(equation):
            if over == 0:
                break
            by = -over * signs[cell]
            by = max(by, (cell not in self.untold) - self.cells[cell])
            if by and self._settle(cell, by, equation):
                over += signs[cell] * by
        return over == 0

    def _top_up(self, equation: int, cell: Cell) -> bool:
        """Let one that stands in no other equation take what a balanced one needs anew."""
        signs = self._signs[equation]
        for other in self._candidates(equation):
            by = self._changed.get(other, 0) - signs[cell] * self._changed[cell] * signs[other]
            if other == self._trail[0][0]:  # the one to guard keeps what it was given
                continue
            if len(self.of[other]) == 1 and self.cells[other] + by >= (other not in self.untold):
                self._change(other, by)
                return True
        return False

    def _change(self, cell: Cell, by: int) -> None:
        self._trail.append((cell, self._changed.get(cell)))
        self._changed[cell] = by

    def _undo(self, changed: int, settled: int) -> None:
        while len(self._trail) > changed:
            cell, before = self._trail.pop()
            if before is None:
                del self._changed[cell]
            else:
                self._changed[cell] = before
        while len(self._settled) > settled:
            self._settled.popitem()

    def _candidates(self, equation: int) -> Iterable[Cell]:
        """Return cells that may take: withheld ones first, of these who stand nowhere else and can give most."""
        found = self._sorted.get(equation)
        if found is None:
            found = sorted(self._signs[equation], key=self._rank)
            self._sorted[equation] = found
        if self._may_hide:
            return [cell for cell in found if cell not in self.fixed]
        return [cell for cell in found if cell in self.hidden]

    def _rank(self, cell: Cell) -> tuple[int, int, int, str]:
        """Return by what to sort: in the second order those in the fewest sums come first, in others it is by lot."""
        hidden = cell in self.hidden
        if self._order > 1:
            return crc32(f"{self._order} {cell!r}".encode()), 0, 0, ""
        return (
            not hidden and not self._order,
            len(self.of[cell]),
            -self.cells[cell] if hidden else self.cells[cell],
            repr(cell),
        )
