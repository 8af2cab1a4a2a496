"""What is withheld stays unknown to who adds, subtracts and solves equations."""

from __future__ import annotations

from collections.abc import Collection, Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.suppression import LEAST, withheld
from tests.audit.attacker import UNBOUNDED, Attacker

Equations = list[tuple[Hashable, list[Hashable]]]


def attacked(
    cells: dict[Hashable, int], equations: Equations, hidden: Collection[Hashable], untold: Collection[Hashable] = ()
) -> Attacker:
    attacker = Attacker()
    for cell, count in cells.items():
        if cell not in untold:
            attacker.read(cell, None if cell in hidden else count)
    for total, parts in equations:
        attacker.sums([total], parts)
    return attacker


def assert_none_of_few_is_known(
    cells: dict[Hashable, int], equations: Equations, hidden: Collection[Hashable], untold: Collection[Hashable] = ()
) -> None:
    few = [cell for cell, count in cells.items() if 0 < count < LEAST]
    assert not [cell for cell in few if cell not in hidden and cell not in untold]
    for cell, (least, most) in attacked(cells, equations, hidden, untold).bounds(few).items():
        assert most >= LEAST, f"{cell} is surely under five: {least} to {most}"
        assert most - least >= LEAST - 1, f"{cell} is from {least} to {most}"


def table(*counts: int) -> tuple[dict[Hashable, int], Equations]:
    cells: dict[Hashable, int] = {"total": sum(counts), **{str(at): count for at, count in enumerate(counts)}}
    return cells, [("total", [str(at) for at in range(len(counts))])]


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ((30, 20, 3), {"total", "0"}),
        ((30, 2, 2), {"total"}),
        ((5, 1), {"total"}),  # by a mark for the small one alone, the other were at least five, and so this one 1
        ((4, 4), set()),  # of a total of eight, two under five were four each
        ((1, 1, 1, 1), set()),
        ((30, 4, 4), {"total"}),
        ((30, 20), {"total", "0", "1"}),
        ((30, 0), {"total", "0", "1"}),  # none is nobody
        ((3,), set()),
    ],
)
def test_as_much_is_withheld_as_it_takes(counts: tuple[int, ...], shown: set[str]) -> None:
    cells, equations = table(*counts)

    hidden = withheld(cells, equations)

    assert set(cells) - hidden == shown
    assert_none_of_few_is_known(cells, equations, hidden)


def test_what_covers_in_one_sum_is_not_told_by_another() -> None:
    cells: dict[Hashable, int] = {"all": 70, "a": 47, "b": 3, "c": 20, "to a": 50, "to c": 20}
    equations: Equations = [("all", ["a", "b", "c"]), ("to a", ["a", "b"]), ("to c", ["c"])]

    hidden = withheld(cells, equations)

    assert_none_of_few_is_known(cells, equations, hidden)


def test_what_no_report_names_is_not_told_by_a_difference() -> None:
    cells: dict[Hashable, int] = {"all": 103, "inside": 100, "shown abroad": 3}
    equations: Equations = [("all", ["inside", "shown abroad"])]

    hidden = withheld(cells, equations, untold=["shown abroad"])

    assert len(hidden) == 1
    assert_none_of_few_is_known(cells, equations, hidden, ["shown abroad"])


def test_what_everybody_knows_is_not_taken_for_a_cover() -> None:
    cells: dict[Hashable, int] = {"records": 63, "asked": 3, "config": 20, "heartbeat": 40}

    hidden = withheld(cells, [("records", ["asked", "config", "heartbeat"])], fixed=["records", "config"])

    assert hidden == {"asked", "heartbeat"}


@given(st.lists(st.integers(0, 12), max_size=6))
def test_no_withheld_count_follows_from_the_others(counts: list[int]) -> None:
    cells, equations = table(*counts)

    assert_none_of_few_is_known(cells, equations, withheld(cells, equations))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=4))
def test_nor_in_two_directions(rows: list[list[int]]) -> None:
    cells: dict[Hashable, int] = {"total": sum(map(sum, rows))}
    equations: Equations = [
        ("total", [("row", at) for at in range(len(rows))]),
        ("total", [("column", at) for at in range(3)]),
    ]
    for at, row in enumerate(rows):
        cells["row", at] = sum(row)
        cells.update({(at, column): count for column, count in enumerate(row)})
        equations.append((("row", at), [(at, column) for column in range(3)]))
    for column in range(3):
        cells["column", column] = sum(row[column] for row in rows)
        equations.append((("column", column), [(at, column) for at in range(len(rows))]))

    assert_none_of_few_is_known(cells, equations, withheld(cells, equations))


def test_the_attacker_solves_what_can_be_solved() -> None:
    attacker = Attacker()
    attacker.read("all", 12)
    attacker.read("a", None)
    attacker.read("b", None, 5)
    attacker.sums(["all"], ["a", "b"])
    attacker.sums(["more"], ["b", "c"])

    assert attacker.bounds(["a", "b", "more"]) == {"a": (1, 7), "b": (5, 11), "more": (5, UNBOUNDED)}


def test_the_attacker_notices_what_cannot_be() -> None:
    attacker = Attacker()
    attacker.read("all", 3)
    attacker.read("a", None, 5)
    attacker.sums(["all"], ["a"])

    with pytest.raises(ValueError, match="contradicts"):
        attacker.bounds(["a"])
