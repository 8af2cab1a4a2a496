"""How many persons' data left their country in a year: the counting itself. Pure.

A person is counted as a *mark*: 64 bits of HMAC-SHA256 over (legal entity, finding type, canonical value) under a key
of the year. A mark tells nobody who it is; with the key gone nothing can be tried, and marks of two entities or two
years cannot be joined. Rules:

1. A person is each distinct value of a finding type that can be one natural person's (:func:`persons_of`). Somebody
   with a name, an e-mail address and a number is counted three times: nothing here can tell that they are one, and the
   laws that ask set upper limits, so counting too many is the safe side. Each type counts but those that are known to
   be nobody's, so that one that is new, or a customer's own, is not forgotten.
2. If anything in a text is sensitive, every person in it is (PIPL art. 28; minors under 14 cannot be seen).
3. What an open reservation holds is counted, once, whoever else holds it. Released, only what nobody else holds and
   what was never kept is taken back; kept, it stays for the year.
4. Memory is bounded: 16 bytes for each kept mark, and no more than ``most`` of them. Persons beyond are counted each
   time they come, so the count is never too low.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain import CounterFacts
from gateway.kinds import KIND_OF

MARK_BYTES = 8
MOST_MARKS = 2_000_000
"""Marks kept for one entity and year: twice the highest number that a law asks about."""

NOBODYS = frozenset(
    """
    ABA_ROUTING_NUMBER BIC_CODE CH_UID CLASSIFICATION_MARK CN_CREDIT_CODE CN_POSTAL_CODE DATE_OF_BIRTH
    DE_HANDELSREGISTER DE_VAT_ID ES_CIF EU_VAT_ID FR_SIREN FR_SIRET GPS_COORDINATE IT_VAT_CODE JP_CORPORATE_NUMBER
    JP_POSTAL_CODE LOCATION PL_NIP PL_REGON SE_ORGANISATIONSNUMMER UK_POSTCODE URL US_EIN
    """.split()
)
"""Finding types that do not point to one person: companies' numbers; marks; places, dates and addresses, which many
share. Secrets, a kind of their own, are nobody's either."""

SENSITIVE_KINDS = frozenset({"ids", "accounts"})
SENSITIVE_TYPES = frozenset({"GPS_COORDINATE"})
"""What makes a text sensitive besides its special categories: specific identity, accounts, whereabouts."""

_ALL, _SENSITIVE, _FIRST_DESTINATION = 1, 2, 4
_MOST_DESTINATIONS = 60  # bits of the flags of a mark
_ELSEWHERE = "ZZ"  # destinations beyond those
_FRESH = 8192  # marks in a dictionary before they are settled in the arrays


class Persons(NamedTuple):
    """The persons of one request: pairs of finding type and canonical value, and whether the text is sensitive."""

    values: frozenset[tuple[str, str]]
    sensitive: bool


def persons_of(findings: Iterable[tuple[str, str]], special: Collection[str]) -> Persons:
    """Return who counts (rules 1 and 2).

    Args:
        findings: type and canonical value of each finding.
        special: the special categories that the texts speak of.
    """
    found = list(findings)
    values = frozenset((type_, value) for type_, value in found if is_person(type_))
    sensitive = bool(special) or any(is_sensitive(type_) for type_, _ in found)
    return Persons(values, sensitive)


def is_person(type_: str) -> bool:
    """Whether a value of this finding type counts as a person."""
    return type_ not in NOBODYS and KIND_OF.get(type_) != "secrets"


def is_sensitive(type_: str) -> bool:
    """Whether a finding of this type makes its text sensitive."""
    return type_ in SENSITIVE_TYPES or KIND_OF.get(type_) in SENSITIVE_KINDS


def yearly_key(master: bytes, year: int) -> bytes:
    """Return the key of a year's marks from a secret of 32 bytes."""
    return hmac.digest(master, f"sekisho/subjects/1\0{year}".encode(), "sha256")


def marks_of(key: bytes, entity: str, persons: Persons) -> frozenset[int]:
    """Return the marks of persons. Lengths are part of what is hashed."""
    return frozenset(_mark(key, entity, type_, value) for type_, value in persons.values)


def _mark(key: bytes, *parts: str) -> int:
    message = b"".join(len(data).to_bytes(8, "big") + data for data in (part.encode("utf-8") for part in parts))
    return int.from_bytes(hmac.digest(key, message, "sha256")[:MARK_BYTES], "big")


def pack(marks: Iterable[int]) -> bytes:
    """Return marks as bytes, :data:`MARK_BYTES` each, in ascending order."""
    return b"".join(mark.to_bytes(MARK_BYTES, "big") for mark in sorted(marks))


def unpack(data: bytes) -> frozenset[int]:
    """Return the marks in bytes. Raises ValueError when a mark is cut."""
    if len(data) % MARK_BYTES:
        raise ValueError("a mark is cut")
    parts = (data[at : at + MARK_BYTES] for at in range(0, len(data), MARK_BYTES))
    return frozenset(int.from_bytes(part, "big") for part in parts)


class Kept:
    """Flags by mark, 16 bytes each: two sorted arrays, and what came since they were sorted."""

    def __init__(self, marks: NDArray[np.uint64] | None = None, flags: NDArray[np.uint64] | None = None) -> None:
        self._marks = np.empty(0, np.uint64) if marks is None else marks
        self._flags = np.empty(0, np.uint64) if flags is None else flags
        self._fresh: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._marks) + len(self._fresh)

    def get(self, mark: int) -> int:
        """Return the mark's flags, 0 when it is not kept."""
        return self.get_all([mark])[0]

    def get_all(self, marks: Sequence[int]) -> list[int]:
        """Return the flags of each mark, in order."""
        if not len(self._marks):
            return [self._fresh.get(mark, 0) for mark in marks]
        wanted = np.fromiter(marks, np.uint64, len(marks))
        at = np.minimum(np.searchsorted(self._marks, wanted), len(self._marks) - 1)
        settled = np.where(self._marks[at] == wanted, self._flags[at], np.uint64(0)).tolist()
        return [flags or self._fresh.get(mark, 0) for mark, flags in zip(marks, settled, strict=True)]

    def add(self, mark: int, flags: int) -> None:
        """Set flags of a mark that is kept, beside those that it has."""
        if mark in self._fresh:
            self._fresh[mark] |= flags
        else:
            self._flags[np.searchsorted(self._marks, np.uint64(mark))] |= np.uint64(flags)

    def insert(self, mark: int, flags: int) -> None:
        """Keep a mark that is not kept yet."""
        self._fresh[mark] = flags
        if len(self._fresh) >= _FRESH:
            self.settle()

    def settle(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Sort everything into the arrays and return them."""
        if self._fresh:
            marks = np.concatenate([self._marks, np.fromiter(self._fresh.keys(), np.uint64, len(self._fresh))])
            flags = np.concatenate([self._flags, np.fromiter(self._fresh.values(), np.uint64, len(self._fresh))])
            order = np.argsort(marks, kind="stable")
            self._marks, self._flags, self._fresh = marks[order], flags[order], {}
        return self._marks, self._flags


class Dump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tally as plain values. ``marks`` ascend, 8 bytes each, big-endian; ``flags`` are theirs."""

    entity: str
    year: int
    most: int
    destinations: tuple[str, ...]
    counts: dict[str, int]  # by flag
    marks: bytes
    flags: bytes


class Tally:
    """The persons of one legal entity in one year.

    A *claim* is marks with where they go and whether they are sensitive; :meth:`hold` and :meth:`drop` come in pairs.
    """

    def __init__(self, entity: str, year: int, most: int = MOST_MARKS) -> None:
        self.entity = entity
        self.year = year
        self._most = most
        self._kept = Kept()
        self._held: dict[int, dict[int, int]] = {}  # mark: flag: by how many open claims
        self._counts: dict[int, int] = {}  # by flag
        self._destinations: list[str] = []

    def facts(self) -> CounterFacts:
        """Return the numbers, open claims counted in."""
        named = zip(self._destinations, _flags_from(_FIRST_DESTINATION), strict=False)
        by_destination = {name: self._counts.get(flag, 0) for name, flag in named}
        return CounterFacts(
            entity=self.entity,
            year=self.year,
            all=self._counts.get(_ALL, 0),
            sensitive=self._counts.get(_SENSITIVE, 0),
            by_destination={name: count for name, count in sorted(by_destination.items()) if count},
        )

    def hold(self, marks: Collection[int], destinations: Iterable[str], *, sensitive: bool) -> None:
        """Count a claim while it is open (rule 3)."""
        flags = self._flags(destinations, sensitive=sensitive)
        for mark, kept in self._with_flags(marks):
            held = self._held.setdefault(mark, {})
            for flag in _each(flags):
                if not kept & flag and flag not in held:
                    self._count(flag, 1)
                held[flag] = held.get(flag, 0) + 1

    def drop(self, marks: Collection[int], destinations: Iterable[str], *, sensitive: bool) -> None:
        """Close a claim that was held; what it alone held is not counted any more."""
        flags = self._flags(destinations, sensitive=sensitive)
        for mark, kept in self._with_flags(marks):
            held = self._held[mark]
            for flag in _each(flags):
                held[flag] -= 1
                if not held[flag]:
                    del held[flag]
                    if not kept & flag:
                        self._count(flag, -1)
            if not held:
                del self._held[mark]

    def lacks(self, marks: Collection[int], destination: str, *, sensitive: bool) -> list[int]:
        """Return which marks are not kept yet with all that is said of them, sorted."""
        flags = self._flags([destination], sensitive=sensitive)
        return sorted(mark for mark, kept in self._with_flags(marks) if flags & ~kept)

    def keep(self, marks: Collection[int], destination: str, *, sensitive: bool) -> None:
        """Count marks, each given once, for the rest of the year."""
        flags = self._flags([destination], sensitive=sensitive)
        for mark, kept in self._with_flags(marks):
            if not kept and len(self._kept) >= self._most:
                for flag in _each(flags):  # rule 4
                    self._count(flag, 1)
                continue
            held = self._held.get(mark, {})
            for flag in _each(flags & ~kept):
                if flag not in held:
                    self._count(flag, 1)
            if kept:
                self._kept.add(mark, flags)
            else:
                self._kept.insert(mark, flags)

    def dump(self) -> Dump:
        """Return what was kept; open claims are left out."""
        marks, flags = self._kept.settle()
        return Dump(
            entity=self.entity,
            year=self.year,
            most=self._most,
            destinations=tuple(self._destinations),
            counts={str(flag): count - self._only_held(flag) for flag, count in self._counts.items()},
            marks=marks.astype(">u8").tobytes(),
            flags=flags.astype(">u8").tobytes(),
        )

    @classmethod
    def load(cls, dumped: Dump) -> Tally:
        """Return the tally that :meth:`dump` described. Raises ValueError when it cannot have been one."""
        tally = cls(dumped.entity, dumped.year, dumped.most)
        marks, flags = (np.frombuffer(data, ">u8").astype(np.uint64) for data in (dumped.marks, dumped.flags))
        if len(marks) != len(flags) or bool((marks[1:] <= marks[:-1]).any()):
            raise ValueError("marks and flags do not fit")
        tally._kept = Kept(marks, flags)
        tally._destinations = list(dumped.destinations)
        tally._counts = {int(flag): count for flag, count in dumped.counts.items() if count}
        return tally

    def _only_held(self, flag: int) -> int:
        return sum(1 for mark, kept in self._with_flags(self._held) if flag in self._held[mark] and not kept & flag)

    def _with_flags(self, marks: Collection[int]) -> Iterator[tuple[int, int]]:
        listed = list(marks)
        return zip(listed, self._kept.get_all(listed), strict=True)

    def _count(self, flag: int, by: int) -> None:
        self._counts[flag] = self._counts.get(flag, 0) + by

    def _flags(self, destinations: Iterable[str], *, sensitive: bool) -> int:
        flags = _ALL | (_SENSITIVE if sensitive else 0)
        for destination in sorted(destinations):
            flags |= _FIRST_DESTINATION << self._index(destination)
        return flags

    def _index(self, destination: str) -> int:
        known = self._destinations
        if destination not in known and len(known) >= _MOST_DESTINATIONS - 1:
            destination = _ELSEWHERE
        if destination not in known:
            known.append(destination)
        return known.index(destination)


def _flags_from(flag: int) -> Iterator[int]:
    while True:
        yield flag
        flag <<= 1


def _each(flags: int) -> Iterator[int]:
    """Yield each flag of a set of them."""
    while flags:
        lowest = flags & -flags
        yield lowest
        flags ^= lowest
