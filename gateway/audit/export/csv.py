"""CSV that spreadsheets open as it is meant, in Japan and Germany too, and in which nothing runs.

UTF-8 with a byte order mark (without one Excel takes the bytes for Shift_JIS or Windows-1252), CRLF, quotes as in RFC
4180, and the separator that the reader's locale expects (:func:`separator_for`).

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break could run as a formula; so could one with the
full-width forms of the first four, which Japanese spreadsheets take for the same. Such text gets an apostrophe before
it, and so does every place within a cell where a reader with another separator would see a new cell begin
(:func:`defused`). Undoing it is exact (:func:`undefused`), so what was exported can be read back. Control characters
that no cell can hold are shown as the pictures of Unicode's block U+2400; that is the one change that cannot be undone.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

from gateway.audit.export.columns import COLUMNS, Row
from gateway.audit.export.forms import Lines

BOM = b"\xef\xbb\xbf"
COMMA, SEMICOLON = ",", ";"

_SEMICOLON_LANGUAGES = frozenset(
    "bg cs da de el es et fi fr hr hu it lt lv nb nl nn no pl pt ro ru sk sl sr sv tr uk".split()
)
"""Languages whose decimal separator is a comma, so that Excel lists with semicolons."""

_COMMA_PLACES = frozenset(("de-CH", "de-LI", "fr-CH", "it-CH", "es-MX", "es-US"))

_MARKS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_BEGINS = r"(?:^|(?<=[,;\t\r\n]))"
_RUNS = re.compile(rf"{_BEGINS}(?='*[{_MARKS}])")
_DEFUSED = re.compile(rf"{_BEGINS}'(?='*[{_MARKS}])")
_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D)} | {0x7F: 0x2421}


def separator_for(locale: str) -> str:
    """Return what a spreadsheet of that locale (BCP 47) separates cells by."""
    language, _, rest = locale.replace("_", "-").partition("-")
    place = f"{language.lower()}-{rest.upper()}" if rest else ""
    return SEMICOLON if language.lower() in _SEMICOLON_LANGUAGES and place not in _COMMA_PLACES else COMMA


def defused(text: str) -> str:
    """Return text in which nothing runs."""
    return _RUNS.sub("'", text)


def undefused(text: str) -> str:
    """Return the text that :func:`defused` made this of."""
    return _DEFUSED.sub("", text)


class Csv(Lines):
    """The columns of :mod:`gateway.audit.export.columns`, one record a row; the first row names them."""

    def head(self) -> bytes:
        return BOM + self._joined([column.name for column in COLUMNS])

    def line(self, row: Row) -> bytes:
        return self._joined([_cell(column.value(row)) for column in COLUMNS])

    def _joined(self, cells: list[str]) -> bytes:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self.ways.separator, lineterminator="\r\n").writerow(cells)
        return buffer.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
        case int():
            return str(value)
    text = str(value)
    return defused(text if text.isprintable() else text.translate(_PICTURES))
