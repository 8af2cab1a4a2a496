"""Reading the rule table: ``rules.csv`` beside the configuration; without one the site's preset holds.

Example::

    data,collected_in,class,purpose,destination,decision,redaction,legal_basis,review_by,owner,mode,note
    CREDIT_CARD,*,*,*,*,allow,mask,PCI DSS 3.4,2027-06-30,privacy officer,enforce,a model never needs one
    *,*,*,*,*,allow,pseudonymise,,,,,everything else

What the columns may hold, and what a row means, stands in :mod:`gateway.policy.table.row`. Every class and place must
meet some row for the text as a whole: what nobody decided is not sent.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
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
PRESETS = ("demo", "balanced", "strict")
KIND_NAMES = frozenset(map(name_of, KINDS))
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_LONGEST_TEXT = 200


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
    """Return the table's text, and its name for messages. Raises SetupError."""
    path = settings.rules_file
    if not path.is_file():
        if settings.policy.rules:
            raise SetupError(f"There is no rule table {path}.", "Mend policy.rules, or run: sekisho init", exit_code=2)
        return preset(settings.site.preset), f"{settings.site.preset}.csv"
    try:
        return path.read_text(encoding="utf-8-sig"), str(path)
    except UnicodeDecodeError as error:
        raise SetupError(f"{path} is not UTF-8.", "Save it as CSV UTF-8.", exit_code=2) from error


def parse(text: str, name: str, places: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows of a rule table.

    Raises:
        SetupError: names file, line and column: a wrong header, a wrong value, or a case that no row decides.
    """
    reader = csv.reader(io.StringIO(text), strict=True, skipinitialspace=True)
    try:
        header = next(reader, [])
        if [cell.strip() for cell in header] != list(COLUMNS):
            raise _wrong(name, 1, "", f"the columns must be {','.join(COLUMNS)}")
        rows = tuple(row_of(name, reader.line_num, cells, places) for cells in reader if any(c.strip() for c in cells))
    except csv.Error as error:
        raise _wrong(name, reader.line_num, "", "quotes do not match") from error
    _check_complete(name, rows)
    return rows


def row_of(name: str, line: int, cells: Sequence[str], places: frozenset[str]) -> Row:
    """Return one row from its cells, as they stand in the file.

    Raises:
        SetupError: names file, line and column.
    """
    if len(cells) > len(COLUMNS):
        raise _wrong(name, line, "", f"{len(cells)} cells where there must be {len(COLUMNS)}")
    given = dict(zip(COLUMNS, [*(cell.strip() for cell in cells), *[""] * (len(COLUMNS) - len(cells))], strict=True))
    for column, problem in _problems(given, places).items():
        raise _wrong(name, line, column, problem)
    return Row(
        data=_words(given["data"]),
        collected_in=_words(given["collected_in"]),
        data_class=_words(given["class"]),
        purpose=_words(given["purpose"]),
        destination=_words(given["destination"]),
        decision="deny" if given["decision"] == "deny" else "allow",
        redaction=cast(Operator, given["redaction"]) if given["redaction"] else None,
        legal_basis=given["legal_basis"],
        review_by=date.fromisoformat(given["review_by"]) if given["review_by"] else None,
        owner=given["owner"],
        mode="observe" if given["mode"] == "observe" else "enforce",
        note=given["note"],
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
    found = {
        column: f"longer than {_LONGEST_TEXT} characters"
        for column in ("legal_basis", "owner", "note")
        if len(given[column]) > _LONGEST_TEXT
    }
    if given["review_by"]:
        try:
            date.fromisoformat(given["review_by"])
        except ValueError:
            found["review_by"] = f"`{given['review_by']}` is not a day such as 2027-06-30"
    return found


def _is_data(word: str) -> bool:
    if word.startswith(SPECIAL):
        return word.removeprefix(SPECIAL) in {"*", *CATEGORIES}
    return word == TEXT or word in KIND_NAMES or _TYPE.fullmatch(word) is not None


def _is_site(word: str) -> bool:
    return word.startswith(SITE) and _NAME.fullmatch(word.removeprefix(SITE)) is not None


def _words(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.split()))


def _check_complete(name: str, rows: Sequence[Row]) -> None:
    nowhere = frozenset({""})
    for data_class in DATA_CLASSES:
        for near in NEAR:
            if first_row(rows, TEXT, Case(Spot(near, nowhere, ""), data_class, nowhere, "")) is None:
                line = rows[-1].line if rows else 1
                what = f"no row for other data of class {data_class}, {near}; end with `*,*,*,*,*,allow,pseudonymise`"
                raise _wrong(name, line, "", what)


def _wrong(name: str, line: int, column: str, what: str) -> SetupError:
    place = f"{Path(name)}, line {line}" + (f", column {column}" if column else "")
    return SetupError(f"{place}: {what}.", "Mend the rule table.", exit_code=2)
