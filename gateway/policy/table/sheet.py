"""The rule table as a workbook (XLSX), for people who do not like CSV: drop-downs, a header that stays, explanations.

Every cell is text but the days, also one that begins with ``=``, ``+``, ``-`` or ``@``: nothing in a table is ever a
formula. What is written here, :mod:`gateway.policy.table.workbook` reads back as the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from gateway.domain import DATA_CLASSES
from gateway.policy.table.read import COLUMNS, MOST_ROWS
from gateway.policy.table.row import OPERATORS, Row
from gateway.policy.table.write import cells_of
from gateway.policy.words import LANGUAGES

TITLE = "rules"
_EXPLAINED = Path(__file__).with_name("columns.yaml")
_WIDTHS = {"data": 30, "destination": 24, "legal_basis": 30, "owner": 20, "note": 50}
_CHOICES: dict[str, tuple[str, ...]] = {
    "decision": ("allow", "deny"),
    "redaction": OPERATORS,
    "mode": ("enforce", "observe"),
    "class": ("*", *DATA_CLASSES),
}
_SEVERAL = frozenset({"class"})
"""Columns whose cells may hold more than one of the words: others than those listed are not refused."""
_DAY = "yyyy-mm-dd"
_TEXT = "@"
_HEADER = PatternFill("solid", start_color="1F2933")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # ECMA-376 part 1, 22.9.2.19: else it would be read as a character


def workbook_of(rows: Sequence[Row], language: str) -> Workbook:
    """Return the workbook, to be saved.

    Args:
        language: of the second sheet, one of :data:`gateway.policy.words.LANGUAGES`.
    """
    book = Workbook()
    sheet = book.active
    sheet.title = TITLE
    _fill(sheet, [COLUMNS, *map(cells_of, rows)])
    for number, column in enumerate(COLUMNS, start=1):
        _dress(sheet, number, column)
    for row, cells in zip(rows, sheet.iter_rows(min_row=2), strict=True):
        day = cells[COLUMNS.index("review_by")]
        if row.review_by:
            day.value, day.number_format = row.review_by, _DAY
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(COLUMNS))}{len(rows) + 1}"
    _explain(book, LANGUAGES.index(language))
    return book


def explained(language: int) -> tuple[str, list[tuple[str, str, str]], str]:
    """Return the second sheet's title, its rows (column, what it says, words it may hold), and what first fit means."""
    texts = _texts()
    head = tuple(heading[language] for heading in texts["heading"])
    rows = [(name, column["says"][language], column["words"]) for name, column in texts["columns"].items()]
    return texts["title"][language], [head, *rows], texts["order"][language]


def _fill(sheet: Worksheet, lines: Sequence[Sequence[str]]) -> None:
    for number, line in enumerate(lines, start=1):
        for column, text in enumerate(line, start=1):
            _write(sheet.cell(number, column), text)


def _write(cell: Cell, text: str) -> None:
    """Write text as text, whatever it begins with."""
    if not text:
        cell.number_format = _TEXT
        return
    cell.value = _ESCAPED.sub("_x005F_", text)
    cell.data_type = "s"
    cell.number_format = _TEXT
    cell.quotePrefix = text.startswith(("=", "+", "-", "@"))
    cell.alignment = Alignment(vertical="top", wrap_text=True)


def _dress(sheet: Worksheet, number: int, column: str) -> None:
    letter = get_column_letter(number)
    sheet.column_dimensions[letter].width = _WIDTHS.get(column, 16)
    sheet.column_dimensions[letter].number_format = _DAY if column == "review_by" else _TEXT
    header = sheet.cell(1, number)
    header.font, header.fill = Font(bold=True, color="FFFFFF"), _HEADER
    if column in _CHOICES:
        choices = DataValidation("list", formula1=f'"{",".join(_CHOICES[column])}"', allow_blank=True)
        choices.showErrorMessage = column not in _SEVERAL
        choices.add(f"{letter}2:{letter}{MOST_ROWS + 1}")
        sheet.add_data_validation(choices)


def _explain(book: Workbook, language: int) -> None:
    title, rows, order = explained(language)
    sheet = book.create_sheet(title)
    _fill(sheet, [*rows, ("",), (order,)])
    for letter, width in (("A", 16), ("B", 90), ("C", 70)):
        sheet.column_dimensions[letter].width = width
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), _HEADER
    sheet.freeze_panes = "A2"
    sheet.cell(len(rows) + 2, 1).alignment = Alignment(wrap_text=False)


@cache
def _texts() -> Mapping[str, Any]:
    return dict(msgspec.yaml.decode(_EXPLAINED.read_bytes()))
