"""An attacker with a report and linear algebra: between which bounds a withheld number must lie.

What is told are equations between counts; each count that is not told is an unknown that is at least so much. The
smallest and the largest value of an unknown is a linear program: solved here by the two-phase simplex method on a dense
tableau with numpy (Chvatal, *Linear Programming*, 1983, chapters 2 and 8; Bland's rule, so that it ends).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

_TINY = 1e-7
UNBOUNDED = float("inf")

Name = Hashable


class Attacker:
    """Learns equations, and says what follows from them."""

    def __init__(self) -> None:
        self._known: dict[Name, int] = {}
        self._least: dict[Name, int] = {}
        self._equations: list[dict[Name, int]] = []

    def read(self, name: Name, count: int | None, least: int = 1) -> None:
        """Note a number, or ``None``: it is not told, but at least that large."""
        if count is None:
            self._least.setdefault(name, least)
        else:
            self._known[name] = count

    def sums(self, totals: Iterable[Name], parts: Iterable[Name]) -> None:
        """Note that totals add up to what parts add up to. Names never read are unknowns of at least 0."""
        row: dict[Name, int] = {}
        for sign, names in ((1, parts), (-1, totals)):
            for name in names:
                row[name] = row.get(name, 0) + sign
        self._equations.append(row)

    def bounds(self, names: Iterable[Name]) -> Mapping[Name, tuple[float, float]]:
        """Return the smallest and the largest value of unknowns. Raises ValueError: the equations contradict."""
        unknown = sorted({name for row in self._equations for name in row if name not in self._known}, key=repr)
        at = {name: column for column, name in enumerate(unknown)}
        low = np.array([float(self._least.get(name, 0)) for name in unknown])
        matrix, right = np.zeros((len(self._equations), len(unknown))), np.zeros(len(self._equations))
        for number, row in enumerate(self._equations):
            for name, sign in row.items():
                if name in at:
                    matrix[number, at[name]] += sign
                else:
                    right[number] -= sign * self._known[name]
        program = _Simplex(matrix, right - matrix @ low)
        found = {}
        for name in names:
            if name not in at:
                found[name] = (float(self._least.get(name, 0)), UNBOUNDED)
                continue
            column = at[name]
            found[name] = (low[column] - program.largest(column, -1.0), low[column] + program.largest(column, 1.0))
        return found


class _Simplex:
    """``matrix @ x = right``, ``x >= 0``: a feasible corner, from which one variable is made as large as it can be."""

    def __init__(self, matrix: Any, right: Any) -> None:
        flipped = np.where(right < 0, -1.0, 1.0)
        rows, self._columns = matrix.shape
        self._table = np.hstack([matrix * flipped[:, None], np.eye(rows), (right * flipped)[:, None]])
        self._basis = list(range(self._columns, self._columns + rows))
        costs = np.zeros(self._columns + rows)
        costs[self._columns :] = -1.0
        if _climb(self._table, self._basis, costs, self._columns + rows) < -_TINY * max(
            1.0, float(np.abs(right).max())
        ):
            raise ValueError("what was read contradicts itself")
        self._drive_out()

    def largest(self, column: int, sign: float) -> float:
        """Return the most of ``sign * x[column]``."""
        costs = np.zeros(self._table.shape[1] - 1)
        costs[column] = sign
        return _climb(self._table.copy(), list(self._basis), costs, self._columns)

    def _drive_out(self) -> None:
        """Take the helping variables out of the basis; rows that say nothing new go."""
        kept = []
        for row, basic in enumerate(self._basis):
            if basic >= self._columns:
                free = np.flatnonzero(np.abs(self._table[row, : self._columns]) > _TINY)
                if not len(free):
                    continue
                _pivot(self._table, self._basis, row, int(free[0]))
            kept.append(row)
        self._table = self._table[kept]
        self._basis = [self._basis[row] for row in kept]


def _climb(table: Any, basis: list[int], costs: Any, columns: int) -> float:
    while True:
        gains = costs[:columns] - costs[basis] @ table[:, :columns]
        better = np.flatnonzero(gains > _TINY)
        if not len(better):
            return float(costs[basis] @ table[:, -1])
        entering = int(better[0])
        steps = table[:, entering]
        rows = np.flatnonzero(steps > _TINY)
        if not len(rows):
            return UNBOUNDED
        ratios = table[rows, -1] / steps[rows]
        least = ratios.min()
        leaving = min(
            (int(row) for row, ratio in zip(rows, ratios, strict=True) if ratio <= least + _TINY), key=basis.__getitem__
        )
        _pivot(table, basis, leaving, entering)


def _pivot(table: Any, basis: list[int], row: int, column: int) -> None:
    table[row] /= table[row, column]
    others = np.arange(len(table)) != row
    table[others] -= np.outer(table[others, column], table[row])
    basis[row] = column
