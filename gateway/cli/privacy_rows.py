"""Texts in, findings out, row by row: what is read is bounded, and nothing of it stays once its row is written.

Rows come as JSONL (``{"id", "text"}``, further keys are left alone) or as one plain text. They go through in windows of
:data:`WINDOW_ROWS` rows or :data:`WINDOW_CHARS` characters, whichever is full first; order is kept. A row that is none
is named by its line, after the rows before it have been answered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gateway.cli.privacy_search import Found, Searcher, go_on, notes_of
from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

MOST_CHARS = 4_000_000
"""The longest single text, in code points."""

MOST_BYTES = 6 * MOST_CHARS
"""The longest line: every character of a text may be an escape."""

WINDOW_ROWS = 256
WINDOW_CHARS = 65_536


class Row(msgspec.Struct, frozen=True, gc=False):
    """One text; ``id`` comes back as it was given."""

    id: str | int
    text: str


class LabelledRow(msgspec.Struct, frozen=True, gc=False):
    """One text of a data set, with what it holds: ``[start, end, kind]`` in code points."""

    id: str | int
    text: str
    spans: list[tuple[int, int, str]]
    lang: str = ""


_ROW = msgspec.json.Decoder(Row)
_LABELLED = msgspec.json.Decoder(LabelledRow)


@contextmanager
def opened(file: Path | None) -> Iterator[BinaryIO]:
    """Open a file, or standard input. Raises SetupError: nobody pipes anything in, the file cannot be read."""
    if file is None:
        if sys.stdin.isatty():
            raise SetupError("There is no text to scan.", "Name a file, or pipe text in.", exit_code=USED_WRONGLY)
        yield sys.stdin.buffer
        return
    try:
        source = file.open("rb")
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check the path and its mode.") from error
    with source:
        yield source


def rows_of(source: BinaryIO) -> Iterator[Row]:
    """Yield the rows of JSONL; empty lines are no rows. Raises SetupError that names the line."""
    for number, line in _lines(source):
        try:
            row = _ROW.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _bad_row(number, 'JSON of the shape {"id", "text"}') from error
        _check_length(row.text, f"Row {number}")
        yield row


def labelled_rows(source: BinaryIO) -> Iterator[LabelledRow]:
    """Yield the rows of a data set. Raises SetupError that names the line: no row, or a span outside of its text."""
    for number, line in _lines(source):
        try:
            row = _LABELLED.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _bad_row(number, 'JSON of the shape {"id", "text", "spans": [[start, end, kind]]}') from error
        if not all(0 <= start < end <= len(row.text) for start, end, _ in row.spans):
            raise _bad_row(number, "right: a span lies outside of its text")
        yield row


def text_of(source: BinaryIO, name: str) -> Row:
    """Return all of ``source`` as one row. Raises SetupError: not UTF-8, too long."""
    raw = source.read(4 * MOST_CHARS + 1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SetupError("The text is not UTF-8.", "Convert it first.", exit_code=USED_WRONGLY) from error
    _check_length(text, "The text")
    return Row(name, text)


def search_rows(searcher: Searcher, rows: Iterator[Any]) -> Iterator[tuple[Any, Found]]:
    """Yield each row with what it holds, in order. What was read before an error is answered before it is raised."""
    for window in windows(rows):
        texts = [row.text for row in window]
        yield from zip(window, searcher.search(texts, go_on), strict=True)


def windows(rows: Iterator[Any]) -> Iterator[Sequence[Any]]:
    """Cut rows into windows; a long row is a window of its own or ends one."""
    window: list[Any] = []
    chars = 0
    try:
        for row in rows:
            window.append(row)
            chars += len(row.text)
            if len(window) >= WINDOW_ROWS or chars >= WINDOW_CHARS:
                yield window
                window, chars = [], 0
    except SetupError:
        if window:
            yield window
        raise
    if window:
        yield window


def plain_row(row: Row, found: Found, show: bool) -> dict[str, Any]:
    """Return a row of the answer. Values only with ``show``."""
    spans = [
        {
            "start": span.start,
            "end": span.end,
            "type": span.type,
            "score": round(span.score, 4),
            "source": span.source,
            **({"value": row.text[span.start : span.end]} if show else {}),
        }
        for span in found.spans
    ]
    return {"id": row.id, "spans": spans, **notes_of(found)}


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many rows are done. Silent where stderr, or the answer itself, is no terminal's."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ...") as status:
        yield lambda done: status.update(f"{what}: {done:,} rows") if done % 100 == 0 else None


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := source.readline(MOST_BYTES + 1):
        number += 1
        if len(line) > MOST_BYTES:
            raise SetupError(f"Row {number} is too long.", f"A text has at most {MOST_CHARS} characters.", exit_code=2)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield number, line


def _bad_row(number: int, what: str) -> SetupError:
    return SetupError(f"Row {number} is not {what}.", "One JSON object a line, in UTF-8.", exit_code=USED_WRONGLY)


def _check_length(text: str, what: str) -> None:
    if len(text) > MOST_CHARS:
        mend = "Scan it in parts."
        raise SetupError(f"{what} has more than {MOST_CHARS} characters.", mend, exit_code=USED_WRONGLY)
