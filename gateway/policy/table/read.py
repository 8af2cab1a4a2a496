"""Reading the rule table: ``rules.csv`` beside the configuration; without one the site's preset holds.

Example::

    data,collected_in,class,purpose,destination,decision,redaction,legal_basis,review_by,owner,mode,note
    CREDIT_CARD,*,*,*,*,allow,mask,PCI DSS 3.4,2027-06-30,privacy officer,enforce,a model never needs one
    *,*,*,*,*,allow,pseudonymise,,,,,everything else

What the columns may hold, and what a row means, stands in :mod:`gateway.policy.table.row`. Every class and place must
meet some row for the text as a whole: what nobody decided is not sent.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import cast

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.kinds import KINDS, name_of
from gateway.kinds import SPECIAL as CATEGORIES
from gateway.policy.table.row import NEAR, OPERATORS, SITE, SPECIAL, TEXT, Case, Operator, Row, Spot, first_row
from gateway.settings import SHIPPED, Settings

COLUMNS = (
    "data",
    "collected_in",
    "class",
    "purpose",
    "destination",
    "decision",
    "redaction",
    "legal_basis",
    "review_by",
    "owner",
    "mode",
    "note",
)
TEXTS = ("legal_basis", "owner", "note")
MOST_ROWS = 2000
PRESETS = ("demo", "balanced", "strict")
KIND_NAMES = frozenset(map(name_of, KINDS))
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_DAY_FIRST = re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})")
_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})[/年](?P<month>[0-9]{1,2})[/月](?P<day>[0-9]{1,2})日?")
_SERIAL, _FIRST_DAY = re.compile(r"[3-9][0-9]{4}"), date(1899, 12, 30)  # ISO/IEC 29500-1, 18.17.4.1: days since
_LONGEST_TEXT = 200
_LONGEST_SAID = 400
_SAVE = "Save it as CSV UTF-8; or save it as XLSX and run: sekisho policy table import FILE"
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: a text would not say what it shows."""
Line = tuple[int, Sequence[str]]
"""The number of a line, counted from 1, and its cells."""


def preset(name: str) -> str:
    """Return the rule table, as CSV text, that ships under that name.

    Raises:
        SetupError: there is no such preset.
    """
    if name not in PRESETS:
        raise SetupError(f"There is no preset {name}.", f"Use one of: {', '.join(PRESETS)}.", exit_code=2)
    return (SHIPPED / "policies" / "presets" / f"{name}.csv").read_text(encoding="utf-8")


def load(settings: Settings, places: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows of ``rules.csv``, or of the site's preset where there is no such file.

    Args:
        places: the countries and groups that a row may name.

    Raises:
        SetupError: as :func:`parse`, or a file that was named does not exist.
    """
    return parse(*source(settings), places)


def source(settings: Settings) -> tuple[str, str]:
    """Return the table's text, and its name for messages. Raises SetupError.

    Only where there is nothing at all of that name the preset's table is taken: a folder, or a link to a disk that is
    away, is no table, and no reason to take another one.
    """
    path = settings.rules_file
    if path.exists() or path.is_symlink():
        return text_in(path), str(path)
    if settings.policy.rules:
        raise SetupError(f"There is no rule table {path}.", "Mend policy.rules, or run: sekisho init", exit_code=2)
    return preset(settings.site.preset), f"{settings.site.preset}.csv"


def text_in(path: Path) -> str:
    """Return the text of a table's file. What is not UTF-8 is never guessed at: a wrong guess changes a legal basis.

    Raises:
        SetupError: it cannot be read; or is in another encoding, with the line and the column of its first sign.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read ({error.strerror}).", "Check its path and mode.", exit_code=2
        ) from error
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SetupError(f"{path}, line 1: it is UTF-16, not UTF-8.", _SAVE, exit_code=2)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, begun = before.count("\n") + 1, before.rpartition("\n")[2]
        cells = next(csv.reader([begun], delimiter=_mark(before or ",")), [""])
        column = f", column {COLUMNS[len(cells) - 1]}" if len(cells) <= len(COLUMNS) else ""
        said = f"{path}, line {line}{column}: byte 0x{raw[error.start]:02X} is not UTF-8."
        raise SetupError(said, _SAVE, exit_code=2) from error


def parse(text: str, name: str, places: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows of a rule table. Cells are parted by commas, or by semicolons as some spreadsheets write them.

    Raises:
        SetupError: names file, line and column: a wrong header, a wrong value, or a case that no row decides.
    """
    return rows_of(name, _lines(text, name, _mark(text)), places)


def rows_of(name: str, lines: Iterable[Line], places: frozenset[str], at: str = "line") -> tuple[Row, ...]:
    """Return the rows of a rule table from its lines, the header among them; empty ones are passed over.

    Args:
        at: what a line is called in messages: ``line`` of a file, ``row`` of a sheet.

    Raises:
        SetupError: as :func:`parse`.
    """
    rest = iter(lines)
    _, header = next(rest, (1, []))
    if _trimmed(header) != list(COLUMNS):
        raise wrong(name, f"{at} 1", f"the columns must be {','.join(COLUMNS)}{_differs(_trimmed(header))}")
    rows: list[Row] = []
    for number, given in rest:
        cells = _trimmed(given)
        if len(rows) == MOST_ROWS and cells:
            raise wrong(name, f"{at} {number}", f"more than {MOST_ROWS} rows")
        if cells:
            rows.append(_row(name, number, cells, places, at))
    _check_complete(name, rows, at)
    return tuple(rows)


def _mark(text: str) -> str:
    """Return what parts the cells, as the first line tells."""
    first = text.partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","


def _lines(text: str, name: str, mark: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True, delimiter=mark)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells  # a cell in quotes may go over several lines
            before = reader.line_num
    except csv.Error as error:
        raise wrong(name, f"line {before + 1}", "quotes do not match, or a cell is far too long") from error


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return the cells without white space around them, and without empty ones at the end."""
    trimmed = [cell.strip() for cell in cells]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    return trimmed


def _differs(header: Sequence[str]) -> str:
    """Return the first thing by which a header is not that of the table, as the end of a sentence."""
    for column in header:
        if column not in COLUMNS:
            return f"; `{column}` is none of them"
        if header.count(column) > 1:
            return f"; `{column}` is there more than once"
    missing = next((column for column in COLUMNS if column not in header), "")
    if missing and header:
        return f"; `{missing}` is missing"
    return "; they stand in another order" if header else ""


def _row(name: str, line: int, cells: Sequence[str], places: frozenset[str], at: str) -> Row:
    if len(cells) > len(COLUMNS):
        raise wrong(name, f"{at} {line}", f"{len(cells)} cells where there must be {len(COLUMNS)}")
    given = dict(zip(COLUMNS, [*cells, *[""] * (len(COLUMNS) - len(cells))], strict=True))
    for column, problem in _problems(given, places).items():
        raise wrong(name, f"{at} {line}", problem, column)
    return Row(
        data=_words(given["data"]),
        collected_in=_words(given["collected_in"]),
        data_class=_words(given["class"]),
        purpose=_words(given["purpose"]),
        destination=_words(given["destination"]),
        decision="deny" if given["decision"] == "deny" else "allow",
        redaction=cast(Operator, given["redaction"]) if given["redaction"] else None,
        legal_basis=_text(given["legal_basis"]),
        review_by=date.fromisoformat(given["review_by"]) if given["review_by"] else None,
        owner=_text(given["owner"]),
        mode="observe" if given["mode"] == "observe" else "enforce",
        note=_text(given["note"]),
        line=line,
    )


def _problems(given: Mapping[str, str], places: frozenset[str]) -> dict[str, str]:
    """Return what is wrong, by column."""
    known = {"*", *places}
    near = {"*", *places, *NEAR}
    each: dict[str, Callable[[str], str]] = {
        "data": lambda w: (
            ""
            if _is_data(w)
            else f"`{w}` is not a finding type such as PERSON, nor one of "
            f"{', '.join(sorted(KIND_NAMES))}, nor special:CATEGORY, nor *"
        ),
        "collected_in": lambda w: "" if w in known else f"`{w}` is not a country or group that policies/data knows",
        "class": lambda w: "" if w in ("*", *DATA_CLASSES) else f"`{w}` is not one of *, {', '.join(DATA_CLASSES)}",
        "purpose": lambda w: "" if w == "*" or _NAME.fullmatch(w) else f"`{w}` is not a purpose (a-z, 0-9, -)",
        "destination": lambda w: (
            ""
            if w in near or _is_site(w)
            else f"`{w}` is not one of *, {', '.join(NEAR)}, a country or group, nor site:NAME"
        ),
    }
    found = {column: said for column, check in each.items() if (said := _first_said(check, given[column]))}
    return found | _verdict_problems(given) | _text_problems(given)


def _first_said(check: Callable[[str], str], cell: str) -> str:
    return next(filter(None, map(check, cell.split())), "") if cell else "it is empty; * means any"


def _verdict_problems(given: Mapping[str, str]) -> dict[str, str]:
    decision, redaction, mode = given["decision"], given["redaction"], given["mode"]
    found: dict[str, str] = {}
    if decision not in ("allow", "deny"):
        found["decision"] = f"`{decision}` is not one of allow, deny"
    elif decision == "allow" and redaction not in OPERATORS:
        found["redaction"] = f"`{redaction}` is not one of {', '.join(OPERATORS)}"
    elif decision == "deny" and redaction:
        found["redaction"] = "what may not go is not redacted; leave it empty"
    if mode not in ("", "enforce", "observe"):
        found["mode"] = f"`{mode}` is not one of enforce, observe"
    elif mode == "observe" and decision == "allow":
        found["mode"] = "only a row that denies can observe"
    elif mode == "observe" and not given["review_by"]:
        found["review_by"] = "a row that observes needs the day on which that ends"
    return found


def _text_problems(given: Mapping[str, str]) -> dict[str, str]:
    found = {column: said for column in TEXTS if (said := _text_problem(given[column]))}
    if given["review_by"] and not _is_day(given["review_by"]):
        found["review_by"] = f"`{given['review_by']}` is not a day such as 2027-06-30{_meant(given['review_by'])}"
    return found


def _text_problem(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        return f"longer than {_LONGEST_TEXT} characters"
    hidden = next((c for c in text if unicodedata.category(c) in _UNSEEN or c in _TURNING), "")
    return f"it holds a line break or a character that nobody sees (U+{ord(hidden):04X})" if hidden else ""


def _text(cell: str) -> str:
    return unicodedata.normalize("NFC", cell)


def _is_day(text: str) -> bool:
    """Whether it is a day as ISO 8601 writes one in full; week dates and days without hyphens are not for people."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _meant(text: str) -> str:
    """Return how to write a day that a spreadsheet wrote its own way, where only one can be meant; else nothing."""
    if _SERIAL.fullmatch(text):
        return f"; if that is a spreadsheet's number of a day, write {_FIRST_DAY + timedelta(days=int(text))}"
    found = _DAY_FIRST.fullmatch(text) or _YEAR_FIRST.fullmatch(text)
    iso = f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}" if found else ""
    return f"; write {iso}" if _is_day(iso) else ""


def _is_data(word: str) -> bool:
    if word.startswith(SPECIAL):
        return word.removeprefix(SPECIAL) in {"*", *CATEGORIES}
    return word == TEXT or word in KIND_NAMES or _TYPE.fullmatch(word) is not None


def _is_site(word: str) -> bool:
    return word.startswith(SITE) and _NAME.fullmatch(word.removeprefix(SITE)) is not None


def _words(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.split()))


def _check_complete(name: str, rows: Sequence[Row], at: str) -> None:
    nowhere = frozenset({""})
    for data_class in DATA_CLASSES:
        for near in NEAR:
            if first_row(rows, TEXT, Case(Spot(near, nowhere, ""), data_class, nowhere, "")) is None:
                line = rows[-1].line if rows else 1
                what = f"no row for other data of class {data_class}, {near}; end with `*,*,*,*,*,allow,pseudonymise`"
                raise wrong(name, f"{at} {line}", what)


def wrong(name: str, place: str, what: str, column: str = "") -> SetupError:
    """Return the error that names file, line or row, and column. What it quotes of a cell is harmless to a terminal."""
    where = f"{Path(name)}, {place}" + (f", column {column}" if column else "")
    seen = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in what)
    short = seen if len(seen) <= _LONGEST_SAID else seen[:_LONGEST_SAID] + "…"
    return SetupError(f"{where}: {short}.", "Mend the rule table.", exit_code=2)
