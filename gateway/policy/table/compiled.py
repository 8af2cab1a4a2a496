"""The table as OPA gets it: an index that leads from a case to a cell, and cells that decide. Pure.

Everything that a row can ask is worked out beforehand for the places that there are, so that OPA looks up and never
compares rows. For any item and case, the cell says what :func:`gateway.policy.table.row.first_row` says; a test holds
the two against each other on tables of chance.

A cell maps words (``PERSON``, ``@ids``, ``special:*``, ``*``) to entries; the most precise word that it has counts. An
entry is ``{"row": line, "operator": …}`` where the item may go and ``{"row": line}`` where it may not. Where a row that
only observes would have decided, ``instead`` is the entry that holds without it, up to and including the day ``until``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from gateway.domain import DATA_CLASSES
from gateway.errors import SetupError
from gateway.kinds import KINDS, name_of
from gateway.policy.table.row import SITE, SPECIAL, TEXT, Case, Row, Spot, fits

MOST_CASES = 200_000
OTHER = "*"
"""An origin or a purpose that no row names."""


class Where(msgspec.Struct, frozen=True):
    """A place as the fleet knows it: ``near`` is ``other`` when it hangs on the data whether it is near."""

    near: str
    jurisdiction: str
    site: str


def compile_table(rows: Sequence[Row], places: Iterable[Where], groups: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """Return ``data.facts.table``.

    Args:
        rows: the table, in order.
        places: where targets stand.
        groups: each country, with itself and its groups.

    Raises:
        SetupError: the table names so many origins, purposes and places that its index would not fit.
    """
    origins = _origins(rows, groups)
    purposes = sorted({word for row in rows for word in row.purpose} - {"*"})
    spots = {key: spot for place in places for key, spot in spots_of(place, rows, groups).items()}
    cases = len(spots) * len(DATA_CLASSES) * (len(origins) + 1) * (len(purposes) + 1)
    if cases > MOST_CASES:
        raise SetupError(f"The rule table distinguishes {cases} cases; at most {MOST_CASES} fit.", "Make rows broader.")
    cells = _Cells(rows)
    index = {
        key: {
            data_class: {
                origin: {
                    purpose: cells.of(Case(spot, data_class, groups.get(origin, frozenset({origin})), purpose))
                    for purpose in (*purposes, OTHER)
                }
                for origin in (*origins, OTHER)
            }
            for data_class in DATA_CLASSES
        }
        for key, spot in spots.items()
    }
    return {
        "index": index,
        "cells": cells.entries,
        "origins": {origin: True for origin in origins},
        "purposes": {purpose: True for purpose in purposes},
        "legal": {str(row.line): row.legal_basis for row in rows},
    }


def spots_of(place: Where, rows: Iterable[Row], groups: Mapping[str, frozenset[str]]) -> dict[str, Spot]:
    """Return the spots that a place can be, by their names in the index: two where it hangs on the data's origin."""
    words = {word for row in rows for word in row.destination}
    labels = groups.get(place.jurisdiction, frozenset({place.jurisdiction})) & words
    site = place.site if f"{SITE}{place.site}" in words else ""
    nears = ("same-jurisdiction", "elsewhere") if place.near == "other" else (place.near,)
    return {spot_name(near, labels, site): Spot(near, labels, site) for near in nears}


def spot_name(near: str, labels: Iterable[str], site: str) -> str:
    return "|".join((near, " ".join(sorted(labels)), site))


class _Cells:
    """Equal cells are one; they are few."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self._rows = rows
        self._words = _words(rows)
        self._known: dict[tuple[int, ...], str] = {}

    def of(self, case: Case) -> str:
        lines = tuple(number for number, row in enumerate(self._rows) if fits(row, case))
        name = self._known.get(lines)
        if name is None:
            name = self._known[lines] = f"c{len(self._known)}"
            fitting = [self._rows[number] for number in lines]
            self.entries[name] = {
                word: entry for word, meant in self._words.items() if (entry := _entry(fitting, meant)) is not None
            }
        return name


def _entry(rows: Sequence[Row], meant: frozenset[str]) -> dict[str, Any] | None:
    about = [row for row in rows if not meant.isdisjoint(row.data)]
    if not about:
        return None
    first, entry = about[0], _plain(about[0])
    if first.mode == "observe" and first.review_by is not None:
        without = next((row for row in about if not _observes_until(row, first.review_by)), None)
        entry["instead"] = {} if without is None else _plain(without)
        entry["until"] = first.review_by.isoformat()
    return entry


def _observes_until(row: Row, day: date) -> bool:
    return row.mode == "observe" and row.review_by is not None and row.review_by >= day


def _plain(row: Row) -> dict[str, Any]:
    line = {"row": str(row.line)}
    return {**line, "operator": row.redaction} if row.decision == "allow" else line


def _words(rows: Iterable[Row]) -> dict[str, frozenset[str]]:
    """Return the keys of a cell, each with the words of rows that are about it."""
    words = {word for row in rows for word in row.data} | {TEXT}
    kind_of = {type_: name_of(kind) for kind, types in KINDS.items() for type_ in types}
    meant: dict[str, frozenset[str]] = {}
    for word in sorted(words):
        broader = f"{SPECIAL}*" if word.startswith(SPECIAL) else kind_of.get(word, word)
        meant[word] = frozenset({TEXT, word, broader})
    return meant


def _origins(rows: Iterable[Row], groups: Mapping[str, frozenset[str]]) -> list[str]:
    """Return every country that some row tells from the others."""
    words = {word for row in rows for word in row.collected_in} - {"*"}
    countries = {country for country, labels in groups.items() if not labels.isdisjoint(words)}
    return sorted(countries | {word for word in words if len(word) == 2})
