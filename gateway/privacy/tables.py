"""Numbers in columns under a header, read as if each stood behind its column's heading.

An export of a personnel system names its columns once, and hundreds of lines later a number still is what the heading
says. What proves it is the same as everywhere: the rules are asked about ``heading: cell``::

    Name;Personalnummer;Halle          Personalnummer: 48213
    Maier;48213;B2

Rules:

1. A header is a line of at least two short cells without a lone number or a sentence, parted by ``;``, a tab, ``|``,
   ``,`` or at least two blanks; its table lasts as long as lines have as many cells.
2. A cell is asked about when it has a digit and at most 40 characters. Only what is found within it counts.
3. Numbers of a table about machines are no employees' (``Macchina;Matricola``), unless a column is about persons.

Work is linear in the text; the rules see each such cell once more.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateway.privacy.span import Finder, Proceed, Span

_LONGEST_LINE, _LONGEST_HEADING, _LONGEST_CELL = 2_000, 40, 40
_MOST_CELLS = 64
_BATCH = 20_000  # characters asked about at once
_MARKS = (";", "\t", "|", ",")
_BLANKS = re.compile(r"(?<=\S)[ ]{2,80}(?=\S)")
_AROUND = " \t\r\"'`*"
_RULED = re.compile(r"[\s|:=+-]+\Z")  # the line below a header
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_SENTENCE = re.compile(r"\S [^\n]{0,80}[a-z]{4}[.?!]\Z")  # "Personalnr." is none
_THING = re.compile(
    r"macchin|impiant|maschin|anlage|presse|pressa|machine|equipment|fixture|tool|werkzeug|roboter|robot|máquina|equipo|"
    r"outil|moteur|motore|motor|設備|機械|装置|设备|机器|机床",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(
    r"name|nome|nom\b|nombre|mitarbeit|kolleg|employee|operator|worker|staff|person|salari|dipendent|emplead|trabajador|"
    r"氏名|名前|社員|作業者|姓名|员工|员",
    re.IGNORECASE,
)
_OF_PERSONS = "EMPLOYEE_ID"


class _Cell(NamedTuple):
    """A stripped cell of a line; offsets in the text."""

    start: int
    text: str


class _Table(NamedTuple):
    mark: str  # "" : blanks
    headings: tuple[str, ...]
    of_things: bool


class _Asked(NamedTuple):
    """One question to the rules: where it stands among the others, and where its cell stands in the text."""

    start: int  # of the cell, among the questions
    end: int
    origin: int  # of the cell, in the text
    of_things: bool


def in_columns(text: str, rules: Finder, proceed: Proceed) -> list[Span]:
    """Return what the rules find in cells, given their columns' headings. Raises what they raise."""
    found: list[Span] = []
    for questions, asked in _batches(_questions(text)):
        starts = [each.start for each in asked]
        for span in rules.find([questions], proceed)[0]:
            at = bisect_right(starts, span.start) - 1
            if at >= 0 and span.end <= asked[at].end and not (asked[at].of_things and span.type == _OF_PERSONS):
                found.append(span.at(asked[at].origin - asked[at].start))
    return found


def _batches(questions: Iterable[tuple[str, _Cell, bool]]) -> Iterator[tuple[str, list[_Asked]]]:
    """Join questions, a line each, until there are enough to be worth a search."""
    lines: list[str] = []
    asked: list[_Asked] = []
    length = 0
    for heading, cell, of_things in questions:
        start = length + len(heading) + 2
        lines.append(f"{heading}: {cell.text}\n")
        asked.append(_Asked(start, start + len(cell.text), cell.start, of_things))
        length += len(lines[-1])
        if length >= _BATCH:
            yield "".join(lines), asked
            lines, asked, length = [], [], 0
    if lines:
        yield "".join(lines), asked


def _questions(text: str) -> Iterator[tuple[str, _Cell, bool]]:
    """Yield heading and cell of each cell that may hold a number."""
    table: _Table | None = None
    start = 0
    for line in text.split("\n"):
        if table is not None and not _RULED.match(line):
            cells = _cells(line, start, table.mark)
            if len(cells) == len(table.headings):
                yield from _asked_of(table, cells)
            else:
                table = None
        if table is None:
            table = _header(line)
        start += len(line) + 1


def _asked_of(table: _Table, cells: Sequence[_Cell]) -> Iterator[tuple[str, _Cell, bool]]:
    for heading, cell in zip(table.headings, cells, strict=True):
        if heading and 0 < len(cell.text) <= _LONGEST_CELL and _DIGIT.search(cell.text):
            yield heading, cell, table.of_things


def _header(line: str) -> _Table | None:
    """Return the table that a line begins, if it is a header."""
    if not 3 <= len(line) <= _LONGEST_LINE or not _LETTER.search(line):
        return None
    for mark in (*(mark for mark in _MARKS if mark in line), ""):
        headings = _headings(line, mark)
        if 2 <= sum(map(bool, headings)) <= _MOST_CELLS:
            things = any(map(_THING.search, headings)) and not any(map(_SOMEBODY.search, headings))
            return _Table(mark, headings, things)
    return None


def _headings(line: str, mark: str) -> tuple[str, ...]:
    """Return the cells of a line, as :func:`_cells` cuts it, if all may be headings; else none."""
    if not mark and "  " not in line:
        return ()
    headings: list[str] = []
    for part in line.split(mark) if mark else _BLANKS.split(line):
        cell = part.strip(_AROUND)
        if not _is_heading(cell):
            return ()
        headings.append(cell)
    return tuple(headings)


def _is_heading(cell: str) -> bool:
    if not cell:
        return True  # the margin of a Markdown table
    return len(cell) <= _LONGEST_HEADING and bool(_LETTER.search(cell)) and not _SENTENCE.search(cell)


def _cells(line: str, start: int, mark: str) -> list[_Cell]:
    if len(line) > _LONGEST_LINE:
        return []
    parts: list[tuple[int, str]] = []
    at = 0
    for low, high in _partings(line, mark):
        parts.append((at, line[at:low]))
        at = high
    parts.append((at, line[at:]))
    return [_Cell(start + at + len(part) - len(part.lstrip(_AROUND)), part.strip(_AROUND)) for at, part in parts]


def _partings(line: str, mark: str) -> Iterator[tuple[int, int]]:
    if not mark:
        yield from (match.span() for match in _BLANKS.finditer(line))
        return
    at = line.find(mark)
    while at >= 0:
        yield at, at + 1
        at = line.find(mark, at + 1)
