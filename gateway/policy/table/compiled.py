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
from gateway.policy.table.row import SITE, SPECIAL, TEXT, Row, Spot, meets, reaches

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
    words = frozenset(word for row in rows for word in row.destination)
    spots = {key: spot for place in dict.fromkeys(places) for key, spot in _spots(place, words, groups).items()}
    cases = len(spots) * len(DATA_CLASSES) * (len(origins) + 1) * (len(purposes) + 1)
    if cases > MOST_CASES:
        raise SetupError(f"The rule table distinguishes {cases} cases; at most {MOST_CASES} fit.", "Make rows broader.")
    cells = _Cells(rows)
    by_class = {name: _bits(meets(row.data_class, {name}) for row in rows) for name in DATA_CLASSES}
    by_origin = {
        name: _bits(meets(row.collected_in, groups.get(name, frozenset({name}))) for row in rows)
        for name in (*origins, OTHER)
    }
    by_purpose = {name: _bits(meets(row.purpose, {name}) for row in rows) for name in (*purposes, OTHER)}

    def index(spot: Spot) -> dict[str, Any]:
        there = _bits(reaches(row.destination, spot) for row in rows)
        return {
            data_class: {
                origin: {purpose: cells.of(there & of_class & of_origin & bits) for purpose, bits in by_purpose.items()}
                for origin, of_origin in by_origin.items()
            }
            for data_class, of_class in by_class.items()
        }

    return {
        "index": {key: index(spot) for key, spot in spots.items()},
        "cells": cells.entries,
        "origins": {origin: True for origin in origins},
        "purposes": {purpose: True for purpose in purposes},
        "legal": {str(row.line): row.legal_basis for row in rows},
    }


def spots_of(place: Where, rows: Iterable[Row], groups: Mapping[str, frozenset[str]]) -> dict[str, Spot]:
    """Return the spots that a place can be, by their names in the index: two where it hangs on the data's origin."""
    return _spots(place, frozenset(word for row in rows for word in row.destination), groups)


def _spots(place: Where, words: frozenset[str], groups: Mapping[str, frozenset[str]]) -> dict[str, Spot]:
    labels = groups.get(place.jurisdiction, frozenset({place.jurisdiction})) & words
    site = place.site if f"{SITE}{place.site}" in words else ""
    nears = ("same-jurisdiction", "elsewhere") if place.near == "other" else (place.near,)
    return {spot_name(near, labels, site): Spot(near, labels, site) for near in nears}


def spot_name(near: str, labels: Iterable[str], site: str) -> str:
    return "|".join((near, " ".join(sorted(labels)), site))


class _Cells:
    """Cells, each once; they are few. A set of rows is a number: its bit ``n`` stands for the row at index ``n``."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self._rows = rows
        self._words = {
            word: _bits(not meant.isdisjoint(row.data) for row in rows) for word, meant in _words(rows).items()
        }
        self._last = _bits(TEXT in row.data and row.mode == "enforce" for row in rows)
        self._by_fitting: dict[int, str] = {}
        self._by_content: dict[tuple[tuple[int, int], ...], str] = {}

    def of(self, fitting: int) -> str:
        """Return the name of the cell that says what these rows say."""
        last = fitting & self._last
        if last:
            fitting &= (_lowest(last) << 1) - 1  # behind a row about all data no row is asked
        name = self._by_fitting.get(fitting)
        if name is None:
            name = self._by_fitting[fitting] = self._named(fitting)
        return name

    def _named(self, fitting: int) -> str:
        content = tuple(self._deciding(fitting & about) for about in self._words.values())
        name = self._by_content.get(content)
        if name is None:
            name = self._by_content[content] = f"c{len(self._by_content)}"
            said = zip(self._words, content, strict=True)
            self.entries[name] = {word: self._entry(*deciding) for word, deciding in said if deciding[0] >= 0}
        return name

    def _deciding(self, about: int) -> tuple[int, int]:
        """Return which row decides, and which one where that one steps back; -1 for none."""
        if not about:
            return -1, -1
        first = _index(about)
        until = self._rows[first].review_by
        if self._rows[first].mode != "observe" or until is None:
            return first, -1
        rest = about & (about - 1)
        while rest and _observes_until(self._rows[_index(rest)], until):
            rest &= rest - 1
        return first, _index(rest) if rest else -1

    def _entry(self, first: int, without: int) -> dict[str, Any]:
        row = self._rows[first]
        entry = _plain(row)
        if row.mode == "observe" and row.review_by is not None:
            entry["instead"] = {} if without < 0 else _plain(self._rows[without])
            entry["until"] = row.review_by.isoformat()
        return entry


def _bits(answers: Iterable[bool]) -> int:
    """Return the number whose bit ``n`` is the answer at index ``n``."""
    return sum(1 << number for number, answer in enumerate(answers) if answer)


def _lowest(bits: int) -> int:
    return bits & -bits


def _index(bits: int) -> int:
    """Return the index of the lowest bit."""
    return _lowest(bits).bit_length() - 1


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
