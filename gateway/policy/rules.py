"""The rule table: what happens to which finding, edited by a person who does not program.

``rules.csv`` lies beside the configuration; without one the site's preset holds. Columns ``class, type, where,
operator, note``; the first row that fits wins; ``*`` fits everything. Places contain one another: a row for
``same-site`` is also for ``same-node``, one for ``same-jurisdiction`` for both, one for ``elsewhere`` also for
``external``. Every class, type and place must meet some row: what nobody decided is not sent.

Example::

    class,type,where,operator,note
    *,CREDIT_CARD,*,mask,never needed
    *,*,*,pseudonymise,everything else

A type is a finding type such as ``PERSON``, or a kind of them: ``@secrets``, ``@ids`` (numbers of one person, of any
country), ``@accounts`` (:mod:`gateway.kinds`).

Operators, from the one that tells a model most to the one that tells it least: ``keep`` (the value itself),
``pseudonymise`` (a tag; only tags become values again in the answer), ``hash`` (``<PERSON#7K3M9QX2T4VWB6HD>``, by which
equal values can be told but none be had back), ``mask`` (``<PERSON>``), ``redact`` (``<REDACTED>``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.kinds import GROUP_OF, KINDS, name_of
from gateway.settings import SHIPPED, Settings

Operator = Literal["keep", "pseudonymise", "mask", "hash", "redact"]
OPERATORS: tuple[str, ...] = get_args(Operator)
COLUMNS = ("class", "type", "where", "operator", "note")
WITHIN: dict[str, frozenset[str]] = {
    "same-node": frozenset({"same-node", "same-site", "same-jurisdiction", "*"}),
    "same-site": frozenset({"same-site", "same-jurisdiction", "*"}),
    "same-jurisdiction": frozenset({"same-jurisdiction", "*"}),
    "elsewhere": frozenset({"elsewhere", "*"}),
    "external": frozenset({"external", "elsewhere", "*"}),
}
"""Where a target is, and the ``where`` of the rows that are for it."""
PRESETS = ("demo", "balanced", "strict")
GROUPS = frozenset(map(name_of, KINDS))
_TYPE = re.compile(r"^(\*|[A-Z][A-Z0-9_]{1,63})$")


class Row(msgspec.Struct, frozen=True):
    """One row of the table. ``line`` is its line in the file, counted from 1."""

    data_class: str
    type: str
    where: str
    operator: Operator
    note: str = ""
    line: int = 0


def preset(name: str) -> str:
    """Return the rule table, as CSV text, that ships under that name.

    Raises:
        SetupError: there is no such preset.
    """
    if name not in PRESETS:
        raise SetupError(f"There is no preset {name}.", f"Use one of: {', '.join(PRESETS)}.", exit_code=2)
    return (SHIPPED / "policies" / "presets" / f"{name}.csv").read_text(encoding="utf-8")


def load(settings: Settings) -> tuple[Row, ...]:
    """Return the rows of ``rules.csv``, or of the site's preset where there is no such file.

    Raises:
        SetupError: as :func:`parse`, or a file that was named does not exist.
    """
    path = settings.rules_file
    if not path.is_file():
        if settings.policy.rules:
            raise SetupError(f"There is no rule table {path}.", "Mend policy.rules, or run: sekisho init", exit_code=2)
        return parse(preset(settings.site.preset), f"{settings.site.preset}.csv")
    try:
        return parse(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise SetupError(f"{path} is not UTF-8.", "Save it as CSV UTF-8.", exit_code=2) from error


def parse(text: str, name: str = "rules.csv") -> tuple[Row, ...]:
    """Return the rows of a rule table.

    Raises:
        SetupError: names file, line and column: a wrong header, a wrong value, or a case that no row decides.
    """
    reader = csv.reader(io.StringIO(text), strict=True, skipinitialspace=True)
    try:
        header = next(reader, [])
        if [cell.strip() for cell in header] != list(COLUMNS):
            raise _wrong(name, 1, "", f"the columns must be {','.join(COLUMNS)}")
        rows = tuple(_row(name, reader.line_num, cells) for cells in reader if any(c.strip() for c in cells))
    except csv.Error as error:
        raise _wrong(name, reader.line_num, "", "quotes do not match") from error
    _check_complete(name, rows)
    return rows


def compile_table(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, Operator]]]:
    """Return class, place and finding type, or kind of them (``*`` for the others), to operator. Pure.

    A type's own entry goes before its kind's, and that before ``*``; each says what the first row that fits says.
    """
    types = sorted({row.type for row in rows} | {"*"})
    return {
        data_class: {
            place: {type_: operator for type_ in types if (operator := operator_for(rows, data_class, type_, place))}
            for place in WITHIN
        }
        for data_class in DATA_CLASSES
    }


def operator_for(rows: Iterable[Row], data_class: str, type_: str, place: str) -> Operator | None:
    """Return what the first row that fits says, ``None`` when none does."""
    for row in rows:
        fits = ("*", type_, GROUP_OF.get(type_))
        if row.data_class in ("*", data_class) and row.type in fits and row.where in WITHIN[place]:
            return row.operator
    return None


def _row(name: str, line: int, cells: list[str]) -> Row:
    values = [cell.strip() for cell in cells]
    if not len(COLUMNS) - 1 <= len(values) <= len(COLUMNS):
        raise _wrong(name, line, "", f"{len(values)} cells where there must be {len(COLUMNS)}")
    data_class, type_, where, operator, note = [*values, ""][: len(COLUMNS)]
    _one_of(name, line, "class", data_class, ("*", *DATA_CLASSES))
    if not _TYPE.match(type_) and type_ not in GROUPS:
        kinds = ", ".join(sorted(GROUPS))
        raise _wrong(name, line, "type", f"`{type_}` is not a finding type such as PERSON, nor one of {kinds}, nor *")
    _one_of(name, line, "where", where, ("*", *WITHIN))
    _one_of(name, line, "operator", operator, OPERATORS)
    return Row(data_class, type_, where, cast(Operator, operator), note, line)


def _one_of(name: str, line: int, column: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise _wrong(name, line, column, f"`{value}` is not one of {', '.join(allowed)}")


def _check_complete(name: str, rows: Sequence[Row]) -> None:
    for data_class in DATA_CLASSES:
        for place in WITHIN:
            if operator_for(rows, data_class, "*", place) is None:
                line = rows[-1].line if rows else 1
                what = f"no row for other findings of class {data_class}, {place}; end with `*,*,*,pseudonymise,`"
                raise _wrong(name, line, "", what)


def _wrong(name: str, line: int, column: str, what: str) -> SetupError:
    place = f"{Path(name)}, line {line}" + (f", column {column}" if column else "")
    return SetupError(f"{place}: {what}.", "Mend the rule table.", exit_code=2)
