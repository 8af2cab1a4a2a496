"""What crossed a border, by legal basis: GDPR art. 30(1)(e) and chapter V, PIPL art. 38 to 40, APPI art. 28. Pure.

A crossing is an attempt whose target lies in another country than the data come from, or whose answer is looked at in
another one. Its basis is what the decision in the record says of that way: the reason's code, the route where the house
arranged one, and the law that the reason names. Where no reason of the record names the way, that is said, and nothing
is guessed.

How many persons' data left is counted by the marks of ``policy.subjects`` events, each once: 64 bits of a keyed hash,
which tell nobody who it was.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FEWEST = 5
"""Fewer persons, or requests about something that only few persons have, are not told as a number."""

BASES = (
    "policy.residency_adequate",
    "policy.transfer_arranged",
    "policy.break_glass",
    "policy.residency_same_node",
    "policy.residency_arranged",
)
"""Reasons that open a way, the most telling first."""

_MARK_BYTES = 8


@dataclass(frozen=True, order=True)
class Way:
    """One way over a border, and by what it was open. ``how``: ``sent`` to a model, or ``shown`` to a reader."""

    origin: str
    destination: str
    how: str
    code: str
    route: str
    legal: str
    waives: str = ""  # under a break-glass grant: what it waived


class Crossings:
    """Reads records in any order."""

    def __init__(self) -> None:
        self.ways: Counter[Way] = Counter()
        self.classes: dict[Way, Counter[str]] = {}
        self.recipients: dict[Way, set[str]] = {}
        self.unset = 0  # attempts whose origin or destination nobody has said
        self.inside = 0  # attempts that crossed no border
        self._persons: dict[tuple[str, int, str], set[bytes]] = {}

    def read(self, record: Mapping[str, Any]) -> None:
        if record["type"] == "intent":
            self._intent(record)
        elif record["type"] == "policy.subjects":
            self._subjects(record["details"])

    @property
    def attempts(self) -> int:
        """Attempts that were sent over a border."""
        return sum(count for way, count in self.ways.items() if way.how == "sent")

    def persons(self) -> list[tuple[str, int, str, int]]:
        """Return legal entity, year, destination, and how many distinct persons' data went there, sorted."""
        return sorted((*place, len(marks)) for place, marks in self._persons.items())

    def _intent(self, record: Mapping[str, Any]) -> None:
        origin, target = record["input"]["data"].get("collected_in") or "", record["target"]
        if not origin or not target["jurisdiction"]:
            self.unset += 1
        crossed = list(_crossed(record, origin))
        self.inside += not crossed
        for destination, how in crossed:
            way = _way(record["decision"]["reasons"], origin, destination, how)
            self.ways[way] += 1
            self.classes.setdefault(way, Counter())[record["input"]["data"]["class"]] += 1
            if how == "sent":
                self.recipients.setdefault(way, set()).add(target["site"] or target["id"])

    def _subjects(self, details: Mapping[str, Any]) -> None:
        try:
            raw = base64.b64decode(details["marks"], validate=True)
            place = (str(details["entity"]), int(details["year"]), str(details["destination"]))
        except (binascii.Error, KeyError, TypeError, ValueError):
            return
        marks = {raw[at : at + _MARK_BYTES] for at in range(0, len(raw), _MARK_BYTES)}
        self._persons.setdefault(place, set()).update(marks)


def _crossed(record: Mapping[str, Any], origin: str) -> Iterator[tuple[str, str]]:
    """Yield country and manner of each border that an attempt crossed."""
    caller, sent_to = record["input"]["caller"], record["target"]["jurisdiction"]
    shown_in = caller.get("access_from") or caller.get("jurisdiction") or ""
    if origin and sent_to and sent_to != origin:
        yield sent_to, "sent"
    if origin and shown_in and shown_in != origin:
        yield shown_in, "shown"


def _way(reasons: list[Mapping[str, Any]], origin: str, destination: str, how: str) -> Way:
    for code in BASES:
        for reason in reasons:
            params = reason.get("params") or {}
            if reason["code"] == code and params.get("destination") == destination:
                route, legal = params.get("route", ""), reason.get("legal", "")
                return Way(origin, destination, how, code, route, legal, params.get("waives", ""))
    return Way(origin, destination, how, "", "", "")


def at_least_five(count: int) -> int | str:
    """Return a number as it may be told: below five it is ``< 5``."""
    return count if count == 0 or count >= FEWEST else f"< {FEWEST}"
