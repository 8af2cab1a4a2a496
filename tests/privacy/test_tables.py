"""What a column's heading says of the numbers below it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.privacy.cascade import Cascade, Parts
from gateway.settings import PrivacySettings

ROWS = (("Maier", "48213", "B2"), ("Weber", "48977", "B4"))
HEADINGS = ("Name", "Personalnummer", "Halle")

Layout = Callable[[tuple[str, ...]], str]


def joined(mark: str) -> Layout:
    return mark.join


def markdown(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def padded(cells: tuple[str, ...]) -> str:
    return "".join(f"{cell:<18}" for cell in cells).rstrip()


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade(Parts.load(PrivacySettings(names=False)))


def found(cascade: Cascade, text: str) -> list[tuple[str, str]]:
    [of_text] = cascade.search([text], lambda: None)
    return [(span.type, text[span.start : span.end]) for span in of_text.spans]


@pytest.mark.parametrize(
    "layout", [joined(";"), joined("\t"), joined(","), joined(" ; "), markdown, padded], ids=lambda each: each.__name__
)
@pytest.mark.parametrize("ruled", [False, True])
def test_a_column_is_what_its_heading_says(cascade: Cascade, layout: Layout, ruled: bool) -> None:
    lines = [layout(HEADINGS), *([layout(("---",) * 3)] if ruled else []), *map(layout, ROWS)]
    text = "Schichtplan\n" + "\n".join(lines) + "\n\nEnde"

    assert found(cascade, text) == [("EMPLOYEE_ID", "48213"), ("EMPLOYEE_ID", "48977")]


@pytest.mark.parametrize(
    ("heading", "value", "type"),
    [
        ("社員番号", "A-4711", "EMPLOYEE_ID"),
        ("工号", "G471147", "EMPLOYEE_ID"),
        ("Matricule", "47114", "EMPLOYEE_ID"),
        ("Badge no.", "E10482", "EMPLOYEE_ID"),
        ("Personalnr.", "4711234", "EMPLOYEE_ID"),
        ("KVNR", "A123456780", "DE_HEALTH_INSURANCE"),
    ],
)
def test_in_every_language(cascade: Cascade, heading: str, value: str, type: str) -> None:
    text = f"Name;{heading}\nX;{value}\n"

    assert found(cascade, text) == [(type, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Teil;Menge;Preis\n48213;12;4,50\n48977;3;9,10\n",
        "Macchina;Matricola;Reparto\nPressa 4;47114;B2\n",  # a machine's serial number
        "Name;Personalnummer;Halle\n\n48213;48977;B2\n",  # the table has ended
        "Name;Personalnummer;Halle\nMaier;48213\n",  # another number of cells: no row of this table
        "Die Personalnummer; siehe dort.\n48213;12\n",  # a sentence
    ],
)
def test_what_is_no_such_column(cascade: Cascade, text: str) -> None:
    assert [each for each in found(cascade, text) if each[0] == "EMPLOYEE_ID"] == []


def test_a_table_about_machines_and_persons_is_about_persons(cascade: Cascade) -> None:
    text = "Macchina;Operatore;Matricola\nPressa 4;Rossi;47114\n"

    assert found(cascade, text) == [("EMPLOYEE_ID", "47114")]


def test_ten_thousand_rows_are_found_and_stand_where_they_are(cascade: Cascade) -> None:
    rows = [f"Maier;{number};B{number % 9}" for number in range(40_000, 50_000)]
    text = "Name;Personalnummer;Halle\n" + "\n".join(rows)

    assert [value for _, value in found(cascade, text)] == [str(number) for number in range(40_000, 50_000)]


@pytest.mark.parametrize("unit", [";", "\t", "|", "a;", "a  ", "Name;Nr\n", "1;2\n", "  "])
def test_work_is_linear(cascade: Cascade, unit: str) -> None:
    assert found(cascade, (unit * 200_000)[:200_000]) == []
