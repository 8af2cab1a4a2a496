"""What the law says, as data: ``data/*.json`` of a policy folder, each in the form that the rules read it in.

A rule that looks for a field that is misspelt finds nothing, and some rules permit what they find nothing about. So a
file of a known name that does not have its form is refused before it is built; files of other names belong to a
house's own rules, and hold what those want.

Example: ``policies/data/adequacy.json, line 4, column 5: missing required field `until```.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from gateway.domain import DataClass
from gateway.kinds import SPECIAL
from gateway.policy.lines import Spot, fault_of, spot_at, tree_of
from gateway.policy.organisation import Place, Route

Distance = Literal["same-node", "same-site", "same-jurisdiction", "elsewhere", "external"]
Bucket = Literal["1", "2-4", "5-19", "20+"]
Category = Literal[SPECIAL]  # type: ignore[valid-type]  # a Literal of what kinds.py lists
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
Label = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2,4}|\*)$")]
"""A country, a group of them, or ``*`` for every other law."""
Persons = Annotated[int, msgspec.Meta(ge=0)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Way(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    condition: str
    legal: str
    since: date
    until: date


class Jurisdiction(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    groups: list[Place] = []
    name: str = ""


class Means(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    legal: str
    holds: Literal["always", "conditional", "narrow", "limited", "exempt"]


class Transfers(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    legal: str
    routes: dict[Route, Means]
    since: date


class Numbers(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    assessment_from_persons: Persons
    assessment_from_sensitive: Persons
    contract_from_persons: Persons
    contract_from_sensitive: Persons
    legal: str
    operators_of_critical_infrastructure: list[str]
    since: date
    year_begins_at: Annotated[str, msgspec.Meta(pattern=r"^\d\d:\d\d:\d\d[+-]\d\d:\d\d$")]


class Signal(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    all: dict[str, Bucket]
    legal: str


class ChinaAutomotive(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    assessed_references: list[str]
    legal: str
    origins: list[Country]
    since: date
    signals: dict[str, Signal]


class Categories(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    categories: list[Category]
    legal: str


class SpecialCategories(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    bases: dict[str, dict[Label, Categories]]
    free: list[Distance]
    laws: dict[Label, Categories]


class Purpose(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    class_: Literal["prohibited", "high-risk", "safety"] = msgspec.field(name="class")
    legal: str
    since: date


class Purposes(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    aliases: dict[str, str]
    purposes: dict[str, Purpose]
    note: str = ""
    read: date | None = None


class Prototypes(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    types: list[str]
    note: str = ""


class BreakGlass(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    longest_hours: Annotated[int, msgspec.Meta(ge=1, le=24)]
    never: dict[str, str]


class Source(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    about: str
    looked_at: date
    sources: list[str]
    for_a_lawyer: list[str]


class Unsigned(_Entry, frozen=True, forbid_unknown_fields=True, kw_only=True):
    classes: dict[Literal["demo", "balanced", "strict"], list[DataClass]]
    note: str = ""


MOST_LEVELS = 64
_DEEP = f"nested more than {MOST_LEVELS} deep"
FORMS: Mapping[str, Any] = {
    "adequacy": dict[Label, dict[Label, Way]],
    "break_glass": BreakGlass,
    "china_automotive": ChinaAutomotive,
    "jurisdictions": dict[Country, Jurisdiction],
    "output_guard": dict[Distance, Literal["off", "redact", "block"]],
    "prototypes": Prototypes,
    "purposes": Purposes,
    "sources": dict[str, Source],
    "special_categories": SpecialCategories,
    "thresholds": dict[Label, Numbers],
    "transfers": dict[Label, Transfers],
    "unsigned": Unsigned,
}


class BadLaw(Exception):
    """A file that is not as it must be: where, and what is wrong there."""

    def __init__(self, path: Path, spot: Spot, what: str) -> None:
        super().__init__(f"{path}, line {spot.line}, column {spot.column}: {what}.")


def read(path: Path) -> Any:
    """Return what a data file says.

    Raises:
        BadLaw: not UTF-8, not JSON, a key that stands twice in a mapping, or not in the form that goes with its name.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_number)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(errors="replace")
        raise BadLaw(path, spot_at(before, len(before)), "not UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadLaw(path, Spot(error.lineno, error.colno), f"not JSON ({error.msg})") from error
    except _Wrong as error:
        raise BadLaw(path, _last(text, error.word), str(error)) from error
    except RecursionError as error:
        raise BadLaw(path, _deepest(text), _DEEP) from error
    if _is_deep(raw):
        raise BadLaw(path, _deepest(text), _DEEP)
    form = FORMS.get(path.stem)
    try:
        if form is not None:
            msgspec.convert(raw, form, strict=True)
    except msgspec.ValidationError as error:
        raise BadLaw(path, *fault_of(raw, form, tree_of(text))) from error
    return raw


class _Wrong(Exception):
    def __init__(self, word: str, what: str) -> None:
        self.word = word
        super().__init__(f"`{word}` {what}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two entries of one name neither is silently the weaker."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Wrong(name, "stands twice")
        found[name] = value
    return found


def _number(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise _Wrong(word, "is no number that anybody can hold")
    return number


def _is_deep(raw: Any) -> bool:
    level = [raw]
    for _ in range(MOST_LEVELS):
        level = [inner for each in level for inner in _within(each)]
    return bool(level)


def _within(raw: Any) -> list[Any]:
    return [*raw.values()] if isinstance(raw, dict) else raw if isinstance(raw, list) else []


def _deepest(text: str) -> Spot:
    """Return the place of the bracket that is one too many; those within texts are counted too, so it is near there."""
    depth = 0
    for found in re.finditer(r"[][{}]", text):
        depth += 1 if found[0] in "[{" else -1
        if depth > MOST_LEVELS:
            return spot_at(text, found.start())
    return Spot()


def _no_number(word: str) -> Any:
    raise _Wrong(word, "is no number")


def _last(text: str, word: str) -> Spot:
    """Return where a word stands last: that of the two which is too much, where it stands twice."""
    return spot_at(text, max(text.rfind(word), 0))
