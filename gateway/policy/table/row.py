"""One row of the rule table, and what it means: the plain reading that everything else is measured against. Pure.

A request carries *items*: the text as a whole (``*``), each type of finding (``PERSON``), each special category
(``special:health``). For each item the first row that fits decides whether it may go to a place, and how it is redacted
on the way. If one item may not go, nothing does.

A cell of the table may hold several words, parted by spaces; one that fits is enough; ``*`` fits everything. Places
contain one another: a row for ``same-site`` is also for ``same-node``, one for ``same-jurisdiction`` for both, one for
``elsewhere`` also for ``external``; a country or group (``CN``, ``EEA``) is where the target stands, however near;
``site:NAME`` is one site.

Operators, from the one that tells a model most to the one that tells it least: ``keep`` (the value itself),
``pseudonymise`` (a tag; only tags become values again in the answer), ``hash`` (``<PERSON#7K3M9QX2T4VWB6HD>``, by which
equal values can be told but none be had back), ``mask`` (``<PERSON>``), ``redact`` (``<REDACTED>``). A row about a
special category says the least that is done to every finding of such a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date
from typing import Literal, get_args

import msgspec

from gateway.kinds import GROUP_OF

Operator = Literal["keep", "pseudonymise", "hash", "mask", "redact"]
OPERATORS: tuple[str, ...] = get_args(Operator)
"""From the one that tells most to the one that tells least."""

NEAR: dict[str, frozenset[str]] = {
    "same-node": frozenset({"same-node", "same-site", "same-jurisdiction", "*"}),
    "same-site": frozenset({"same-site", "same-jurisdiction", "*"}),
    "same-jurisdiction": frozenset({"same-jurisdiction", "*"}),
    "elsewhere": frozenset({"elsewhere", "*"}),
    "external": frozenset({"external", "elsewhere", "*"}),
}
"""How near a target is, and the words for a destination that are for it."""

TEXT = "*"
SPECIAL = "special:"
SITE = "site:"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``line`` is its line in the file, counted from 1; a cell of several words is a tuple."""

    data: tuple[str, ...] = ("*",)
    collected_in: tuple[str, ...] = ("*",)
    data_class: tuple[str, ...] = ("*",)
    purpose: tuple[str, ...] = ("*",)
    destination: tuple[str, ...] = ("*",)
    decision: Literal["allow", "deny"] = "allow"
    redaction: Operator | None = None  # None where the decision is deny
    legal_basis: str = ""
    review_by: date | None = None
    owner: str = ""
    mode: Literal["enforce", "observe"] = "enforce"
    note: str = ""
    line: int = 0


class Spot(msgspec.Struct, frozen=True):
    """Where a target stands, as far as rows can tell; ``labels`` are its country and the groups that it is in."""

    near: str
    labels: frozenset[str]
    site: str


class Case(msgspec.Struct, frozen=True):
    """What a row is compared with besides the item; ``origin`` holds the origin's country and its groups."""

    spot: Spot
    data_class: str
    origin: frozenset[str]
    purpose: str


def first_row(rows: Iterable[Row], item: str, case: Case) -> Row | None:
    """Return the row that decides about ``item``, ``None`` when none fits: it may not go."""
    words = words_of(item)
    return next((row for row in rows if not words.isdisjoint(row.data) and fits(row, case)), None)


def fits(row: Row, case: Case) -> bool:
    """Whether the row is about the case, whatever the data."""
    return (
        meets(row.collected_in, case.origin)
        and meets(row.data_class, {case.data_class})
        and meets(row.purpose, {case.purpose})
        and reaches(row.destination, case.spot)
    )


def meets(words: Sequence[str], found: Set[str]) -> bool:
    """Whether a cell of origins, classes or purposes is about what was found."""
    return "*" in words or not found.isdisjoint(words)


def reaches(words: Iterable[str], spot: Spot) -> bool:
    """Whether a cell of destinations is about the spot."""
    near = NEAR[spot.near]
    return any(word in near or word in spot.labels or word == f"{SITE}{spot.site}" for word in words)


def words_of(item: str) -> frozenset[str]:
    """Return the words by which a row can mean the item."""
    if item == TEXT:
        return frozenset({TEXT})
    if item.startswith(SPECIAL):
        return frozenset({TEXT, f"{SPECIAL}*", item})
    return frozenset({TEXT, item, GROUP_OF.get(item, item)})


def strongest(operators: Iterable[str]) -> str:
    """Return the operator that tells the least."""
    return max(operators, key=OPERATORS.index)


def groups_of(jurisdictions: Mapping[str, Mapping[str, object]]) -> dict[str, frozenset[str]]:
    """Return each country with itself and the groups that it is in, from ``data/jurisdictions.json``."""
    return {name: frozenset([name, *_texts(entry.get("groups"))]) for name, entry in jurisdictions.items()}


def _texts(value: object) -> Sequence[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []
