"""Reading a rule table out of a workbook (XLSX) that somebody filled in: what it says, never what it computes.

A workbook comes from outside: it is refused when it is larger than any rule table, or would be when unpacked, before a
part of it is read; XML is read without entities. A formula is refused, since what it shows hangs on who opens it. Days
may be days or text. Messages name file, row of the sheet and column.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from gateway.errors import SetupError
from gateway.policy.table.read import COLUMNS, Line, rows_of, wrong
from gateway.policy.table.row import Row
from gateway.policy.table.sheet import TITLE

MOST_BYTES = 4 * 1024 * 1024
MOST_UNPACKED_BYTES = 32 * 1024 * 1024
MOST_PARTS = 256
MOST_SHEET_ROWS = 20_000
_MOST_COLUMNS = 64
_ESCAPED = re.compile(r"_x005F_(?=x[0-9A-Fa-f]{4}_)")  # ECMA-376 part 1, 22.9.2.19: an underscore that is one
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, DefusedXmlException, EOFError),
    *(
        OSError,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        AttributeError,
        NotImplementedError,
        RuntimeError,
        AssertionError,
    ),
)
"""What zipfile, ElementTree and openpyxl raise for files that are no workbooks, or broken ones."""


def read_workbook(path: Path, places: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows of the sheet ``rules``, or of the only sheet there is.

    Raises:
        SetupError: no workbook, too large, a formula, or as :func:`gateway.policy.table.read.parse`.
    """
    if not openpyxl.DEFUSEDXML:
        mend = "Unset OPENPYXL_DEFUSEDXML, and install what the lock names."
        raise SetupError("Workbooks cannot be read: openpyxl would read XML with entities.", mend)
    content = _content(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl leaves out: pictures, styles, newer drop-downs
            lines = list(_lines(path, content))
    except _UNREADABLE as error:
        raise _refused(path, "is no XLSX workbook, or a broken one") from error
    return rows_of(str(path), lines, places, at="row")


def _content(path: Path) -> BytesIO:
    """Return the file's bytes, unless it is too large. What a part says of its size when unpacked is believed: more
    than that is never read of it."""
    try:
        with path.open("rb") as file:
            content = BytesIO(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read ({error.strerror}).", "Check its path and mode.", exit_code=2
        ) from error
    if len(content.getbuffer()) > MOST_BYTES:
        raise _refused(path, f"is larger than {MOST_BYTES} bytes")
    try:
        with zipfile.ZipFile(content) as packed:
            parts = packed.infolist()
    except _UNREADABLE as error:
        raise _refused(path, "is no XLSX workbook") from error
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED_BYTES:
        raise _refused(path, f"is more than {MOST_PARTS} parts or {MOST_UNPACKED_BYTES} bytes when unpacked")
    return content


def _lines(path: Path, content: BytesIO) -> Iterator[Line]:
    book = openpyxl.load_workbook(content, read_only=True, keep_links=False)
    yield from _of_sheet(path, _sheet(path, book))


def _sheet(path: Path, book: Any) -> Any:
    sheets = book.worksheets
    named = [sheet for sheet in sheets if sheet.title == TITLE] or (sheets if len(sheets) == 1 else [])
    if not named:
        raise SetupError(f"{path} has no sheet `{TITLE}`.", "Name the sheet that holds the rules so.", exit_code=2)
    return named[0]


def _of_sheet(path: Path, sheet: Any) -> Iterator[Line]:
    sheet.reset_dimensions()  # a workbook may say anything of its own size
    for number, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS), start=1):
        if number > MOST_SHEET_ROWS:
            raise wrong(
                str(path), f"row {number}", f"the sheet goes on behind row {MOST_SHEET_ROWS}; remove those rows"
            )
        yield number, [_text(path, number, column, cell) for column, cell in enumerate(cells)]


def _text(path: Path, row: int, column: int, cell: Any) -> str:
    """Return a cell as the file would hold it."""
    name = COLUMNS[column] if column < len(COLUMNS) else str(column + 1)
    value = cell.value
    if value is None:
        return ""
    problem = ""
    if cell.data_type == "f":
        problem = "a formula; write what it shows"
    elif cell.data_type == "e":
        problem = "an error of the spreadsheet"
    elif isinstance(value, bool) or not isinstance(value, str | int | float | date):
        problem = "neither text nor a day"
    elif isinstance(value, date) and (name != "review_by" or _has_time(value)):
        problem = "a time of day, or a day where text must be; format the cell as text"
    if problem:
        raise wrong(str(path), f"row {row}", problem, name)
    return _plain(value)


def _plain(value: str | float | date) -> str:
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _ESCAPED.sub("_", str(value))


def _has_time(value: date) -> bool:
    return isinstance(value, datetime) and value.time() != time()


def _refused(path: Path, what: str) -> SetupError:
    return SetupError(f"{path} {what}.", "Save the table as an XLSX workbook of its own.", exit_code=2)
