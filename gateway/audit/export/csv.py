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
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from gateway.audit.export.columns import COLUMNS, NAMES, Row, cells
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
_MARK = re.compile(f"[{_MARKS}]")
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
        return BOM + self._joined(NAMES)

    def line(self, row: Row) -> bytes:
        pairs = zip(_SAID, cells(row), strict=True)
        return self._joined(["" if value is None else said(value) for said, value in pairs])

    def _joined(self, texts: Sequence[str]) -> bytes:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self.ways.separator, lineterminator="\r\n").writerow(texts)
        return buffer.getvalue().encode()


def _text(value: str) -> str:
    shown = value if value.isprintable() else value.translate(_PICTURES)
    return defused(shown) if _MARK.search(shown) else shown


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _boolean(value: bool) -> str:
    return "true" if value else "false"


_BY_KIND: dict[str, Callable[[Any], str]] = {"text": _text, "integer": str, "boolean": _boolean, "time": _time}
_SAID = [_BY_KIND[column.kind] for column in COLUMNS]
