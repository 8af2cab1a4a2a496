"""How many persons' data left their country this year, by legal entity: reserved, written, kept, restored.

Some laws ask for more the more persons' data a house sends abroad in a calendar year (``data.law.thresholds``). So each
attempt that could cross such a border reserves its persons before it is decided, and the decision is made on numbers
that count them in::

    counters = Counters(key=..., write=book.event, logs=..., snapshot=..., counted={"CN"})
    counters.open()                                        # restores from the logs
    held = counters.reserve(entity, persons, counters.crossing("CN", countries), time)
    question = ...                                         # counters=held.facts if held else None
    held.confirm({"DE"})                                   # before the prompt leaves: written, then kept
    held.release()                                         # or: it did not cross after all

Guarantees:

1. The log is the truth. What is kept was written first, as ``policy.subjects`` events; what is restored from them
   equals what was live, so a restart forgets nobody and invents nobody.
2. Only marks are written (:mod:`gateway.policy.persons.tally`), never a value.
3. The snapshot only saves time. It names the last record that it holds of each log; where that record is not there, or
   the file is damaged, it is thrown away and everything is counted from the logs.
4. What cannot be counted is not counted: :meth:`Counters.reserve` returns ``None``, the question goes without numbers,
   and the rules close every way that hangs on them.

Details of a ``policy.subjects`` event: ``entity``, ``year``, ``destination`` (ISO 3166-1 alpha-2), ``sensitive``,
``marks`` (base64; at most :data:`MOST_MARKS_A_RECORD` a record, so that it stays under 60 KiB).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.domain import CounterFacts
from gateway.errors import SetupError
from gateway.policy.persons.tally import MOST_MARKS, Dump, Persons, Tally, marks_of, pack, unpack

EVENT = "policy.subjects"
VERSION = "sekisho.subjects/1"
MOST_MARKS_A_RECORD = 5000
CHINA = timezone(timedelta(hours=8))
_log = logging.getLogger("sekisho.policy")

Read = Callable[[int], Iterable[tuple[int, Mapping[str, Any]]]]
"""Reads one log: sequence and details of each ``policy.subjects`` event from a sequence on, in order."""


class Subjects(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Details of a ``policy.subjects`` event."""

    entity: str
    year: int
    destination: str
    sensitive: bool
    marks: str


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last record of a log that was counted, and the SHA-256 of its details."""

    sequence: int
    digest: str


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    logs: dict[str, Place]
    tallies: tuple[Dump, ...]
    version: str = VERSION


class NotOfThisLogError(Exception):
    """What was counted is not what the logs hold."""


class Claim(NamedTuple):
    """What one reservation holds."""

    tally: Tally
    marks: frozenset[int]
    destinations: frozenset[str]
    sensitive: bool


class Reservation:
    """Persons that are counted while their request is under way. MUST be confirmed or released; later calls do nothing.

    ``facts`` are the numbers with this request counted in, as they were when it was made.
    """

    def __init__(self, claim: Claim, facts: CounterFacts, write: Callable[[Subjects], None]) -> None:
        self.facts = facts
        self._claim: Claim | None = claim
        self._write = write

    def confirm(self, destinations: Collection[str]) -> None:
        """Write and keep the persons for those countries, of the ones reserved, that they go to; give the rest back.

        MUST be called before the prompt leaves, and before the intent is written: what makes the intent durable makes
        these records durable too. Nothing is written of persons that are known already.

        Raises:
            AuditUnavailable: not written; the reservation is released, the prompt MUST NOT leave.
            ValueError: a country that was not reserved; likewise.
        """
        claim = self._claim
        if claim is None:
            return
        try:
            if not claim.destinations.issuperset(destinations):
                raise ValueError("that country was not reserved")
            for destination in sorted(destinations):
                self._keep(claim, destination)
        finally:
            self.release()

    def release(self) -> None:
        """Give back what this reservation alone added."""
        claim, self._claim = self._claim, None
        if claim:
            claim.tally.drop(claim.marks, claim.destinations, sensitive=claim.sensitive)

    def _keep(self, claim: Claim, destination: str) -> None:
        """One record after the other, each kept once it is written: what is live is what the log holds."""
        lacking = claim.tally.lacks(claim.marks, destination, sensitive=claim.sensitive)
        for at in range(0, len(lacking), MOST_MARKS_A_RECORD):
            marks = lacking[at : at + MOST_MARKS_A_RECORD]
            packed = base64.b64encode(pack(marks)).decode()
            self._write(Subjects(claim.tally.entity, claim.tally.year, destination, claim.sensitive, packed))
            claim.tally.keep(marks, destination, sensitive=claim.sensitive)


class Counters:
    """The counters of one process. Not for several threads.

    Args:
        key: returns the secret of a year's marks; its SetupError means that nothing can be counted.
        write: writes an administrative record, as :meth:`gateway.audit.door.Book.event`.
        logs: the logs there are now, by name: this process's own and those of others beside it.
        snapshot: a file that this object may replace.
        counted: origins whose law asks for numbers, as ``data.law.thresholds`` names them.
        zone: where the calendar year is that of the law.
        most: marks kept for each entity and year.
    """

    def __init__(
        self,
        *,
        key: Callable[[int], bytes],
        write: Callable[..., None],
        logs: Callable[[], Mapping[str, Read]],
        snapshot: Path,
        counted: Collection[str] = ("CN",),
        zone: timezone = CHINA,
        most: int = MOST_MARKS,
    ) -> None:
        self._key = key
        self._write = write
        self._logs = logs
        self._snapshot = snapshot
        self._counted = frozenset(counted)
        self._zone = zone
        self._most = most
        self._tallies: dict[tuple[str, int], Tally] = {}
        self._places: dict[str, Place] = {}
        self._open = False

    def open(self) -> None:
        """Restore from the snapshot and the logs, or from the logs alone. Blocks.

        Raises:
            ValueError: a log holds a ``policy.subjects`` event that is none. OSError: a log cannot be read.
                The counters stay closed.
        """
        self._open = False
        try:
            self._restore()
        except (OSError, ValueError) as error:
            _log.error("persons cannot be counted, a log cannot be read: %s", error)
            raise
        self._open = True

    def ready(self) -> bool:
        """Whether persons can be counted now."""
        return self._open

    def crossing(self, origin: str, countries: Iterable[str]) -> frozenset[str]:
        """Return which countries are abroad for data whose law asks for numbers; empty: there is nothing to count.

        Args:
            countries: where the candidates stand, and where the answer is looked at; "" is none.
        """
        return frozenset(countries) - {origin, ""} if origin in self._counted else frozenset()

    def reserve(self, entity: str, persons: Persons, destinations: Collection[str], time: str) -> Reservation | None:
        """Count persons in, for all countries that they could go to; ``None`` when they cannot be counted.

        Args:
            entity: the legal entity that answers for the data; the tenant's own name where it has said none.
            destinations: as :meth:`crossing` returns them, at least one.
            time: RFC 3339.
        """
        if not self._open:
            return None
        year = datetime.fromisoformat(time).astimezone(self._zone).year
        try:
            key = self._key(year)
        except SetupError as error:
            _log.error("persons cannot be counted: %s", error)
            return None
        tally = self._tally(entity, year)
        claim = Claim(tally, marks_of(key, entity, persons), frozenset(destinations), persons.sensitive)
        tally.hold(claim.marks, claim.destinations, sensitive=claim.sensitive)
        return Reservation(claim, tally.facts(), self._record)

    def save(self) -> None:
        """Write the snapshot, so that the next start need not read everything. Blocks; call it at the end, or rarely.

        Raises:
            OSError, ValueError: as :meth:`open`, or it cannot be written. The counters go on; the logs hold everything.
        """
        if not self._open:
            return
        try:
            self._catch_up()  # a record's place in its log is known to whoever reads it
        except NotOfThisLogError:
            self._snapshot.unlink(missing_ok=True)
            return
        tallies = tuple(tally.dump() for tally in self._tallies.values())
        body = msgspec.json.encode(Snapshot(dict(self._places), tallies))
        _replace(self._snapshot, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

    # --- how

    def _tally(self, entity: str, year: int) -> Tally:
        """Return the tally. None is ever dropped: a clock that was wrong for a moment would drop the running year."""
        tally = self._tallies.get((entity, year))
        if tally is None:
            tally = self._tallies[entity, year] = Tally(entity, year, self._most)
        return tally

    def _record(self, subjects: Subjects) -> None:
        self._write(EVENT, **msgspec.structs.asdict(subjects))

    def _restore(self) -> None:
        try:
            self._load()
            self._catch_up()
        except NotOfThisLogError:
            _log.warning("the snapshot of the counters is not of these logs; they are counted anew")
            self._forget()
            self._catch_up()

    def _forget(self) -> None:
        self._tallies, self._places = {}, {}

    def _load(self) -> None:
        self._forget()
        try:
            head, _, body = self._snapshot.read_bytes().partition(b"\n")
            if hashlib.sha256(body).hexdigest().encode() != head:
                raise ValueError("damaged")
            snapshot = msgspec.json.decode(body, type=Snapshot)
            if snapshot.version != VERSION:
                raise ValueError("of another version")
            self._tallies = {(dump.entity, dump.year): Tally.load(dump) for dump in snapshot.tallies}
            self._places = snapshot.logs
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _log.warning("the snapshot of the counters cannot be used (%s)", type(error).__name__)
            self._forget()

    def _catch_up(self) -> None:
        """Count what the logs hold beyond the places that are known. What is counted already does no harm.

        Raises:
            NotOfThisLogError: a place is not in its log, or its log is gone.
        """
        logs = self._logs()
        if not self._places.keys() <= logs.keys():
            raise NotOfThisLogError
        for name, read in logs.items():
            place = self._places.get(name)
            seen = place is None
            for sequence, details in read(place.sequence if place else 0):
                here = Place(sequence, _digest(details))
                if seen:
                    self._apply(details)
                elif here != place:
                    raise NotOfThisLogError
                seen = True
                self._places[name] = here
            if not seen:
                raise NotOfThisLogError

    def _apply(self, details: Mapping[str, Any]) -> None:
        try:
            subjects = msgspec.convert(dict(details), Subjects)
            marks = unpack(base64.b64decode(subjects.marks, validate=True))
        except ValueError as error:  # what msgspec and base64 raise is one
            raise ValueError(f"a record of {EVENT} is none") from error
        tally = self._tally(subjects.entity, subjects.year)
        tally.keep(marks, subjects.destination, sensitive=subjects.sensitive)


def _digest(details: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(details, order="deterministic")).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Replace a file whole, mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
