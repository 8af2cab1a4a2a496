"""The records of the book, ``sekisho.record/1``, and their canonical bytes.

One flat JSON object each, RFC 8785, at most 60 KiB. Every record says its sequence (also its leaf index), when, and
which log it belongs to. What was asked and decided is written whole; what was typed is never written: there is no
field that a prompt, a found value, a tag or a key could go into.

Names and units: ``time`` is RFC 3339 UTC with microseconds; ``monotonic_ns`` is a string, since it passes 2^53 after
104 days of uptime; ``clock`` says whether something keeps the wall clock right; ``*_us`` are microseconds; ``request``
is a ULID; an outcome's ``intent`` is the sequence of its intent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from gateway.audit.canonical import canonical
from gateway.audit.log.layout import MOST_RECORD_BYTES
from gateway.domain import Caller, Choosing, Clock, Decision, Kept, Outcome, PolicyInput, Target, Usage

LONGEST_WORD = 64  # characters kept of a word that comes from outside: an engine's finish reason, a source address

_encoder = msgspec.json.Encoder(order="sorted")


class RecordTooLarge(ValueError):
    """The record is over 60 KiB."""


class Record(msgspec.Struct, kw_only=True, tag_field="type", omit_defaults=False):
    """What every record has; the journal fills in the place, the clock and the origin."""

    origin: str = ""
    sequence: int = 0
    time: str = ""
    monotonic_ns: str = ""
    clock: Clock = "unknown"
    version: Literal["sekisho.record/1"] = "sekisho.record/1"


class CallerRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """``person`` is there only where the key vouches for its end users: a pseudonym, never who it is."""

    key_id: str
    tenant: str
    project: str
    person: str = ""


class Intent(Record, kw_only=True, tag="intent"):
    """One attempt: who asked, what policy was asked and answered, where the prompt goes, how many tags it carries."""

    request: str
    caller: CallerRef
    input: PolicyInput
    decision: Decision
    target: Target
    redactions: Mapping[str, int]
    content: Kept | None = None  # the prompt in the side store
    choice: Choosing | msgspec.UnsetType = msgspec.UNSET  # only where there were several targets to choose among


class OutcomeRecord(Record, kw_only=True, tag="outcome"):
    request: str
    intent: int
    status: Literal["done", "failed", "hung_up", "interrupted"]
    code: str = ""
    finish_reason: str = ""
    usage: Usage | None = None
    first_byte_us: int | None = None
    total_us: int = 0
    energy_mj: int | None = None  # millijoules of the devices that computed it, where all of them are measured
    energy_beside_mj: int | None = None  # of the processors meanwhile, where GPUs computed it
    parts_us: Mapping[str, int] = {}  # by stage, of all attempts so far: detect, decide, choose, redact, sync
    redactions: Mapping[str, int] = {}
    restored: int = 0
    guarded: Mapping[str, int] = {}  # what the guard of the answer masked, or ended it for, by type
    content: Kept | None = None  # the answer in the side store


class Denial(Record, kw_only=True, tag="denial"):
    """One refusal of a known caller; what had not happened yet is ``null``."""

    request: str
    code: str
    status: int
    source: str
    caller: CallerRef | None
    input: PolicyInput | None
    decision: Decision | None
    decision_id: str = ""  # also where no valid answer came, so that there is no decision


class Preview(Record, kw_only=True, tag="preview"):
    """What would have become of a request that a caller only asked about: nothing was sent, so no outcome follows."""

    request: str
    caller: CallerRef
    input: PolicyInput
    decision: Decision


class DenialCount(msgspec.Struct, frozen=True):
    source: str
    code: str
    status: int
    count: int


class DenialSums(Record, kw_only=True, tag="denial.summed"):
    """All refusals before identity of about one second."""

    sums: list[DenialCount]


class Event(Record, kw_only=True, tag=False):
    """An administrative record. ``type`` says which."""

    type: str
    details: dict[str, Any]


def caller_ref(caller: Caller) -> CallerRef:
    return CallerRef(caller.key_id, caller.tenant, caller.project, caller.person)


def outcome_record(request: str, intent: int, outcome: Outcome) -> OutcomeRecord:
    first = outcome.first_byte_seconds
    return OutcomeRecord(
        request=request,
        intent=intent,
        status=outcome.status,
        code=outcome.code[:LONGEST_WORD],
        finish_reason=outcome.finish_reason[:LONGEST_WORD],
        usage=outcome.usage,
        first_byte_us=None if first is None else round(first * 1e6),
        total_us=round(outcome.total_seconds * 1e6),
        energy_mj=outcome.energy_mj,
        energy_beside_mj=outcome.energy_beside_mj,
        parts_us={stage: round(seconds * 1e6) for stage, seconds in outcome.parts.items()},
        redactions=outcome.redactions,
        restored=outcome.restored,
        guarded=outcome.guarded,
        content=outcome.content,
    )


def stamp(record: Record, origin: str, sequence: int, clock: Clock) -> None:
    """Give the record its place and its times."""
    record.origin = origin
    record.sequence = sequence
    record.time = now()
    record.monotonic_ns = str(time.monotonic_ns())
    record.clock = clock


def encode(record: Record) -> bytes:
    """Return the canonical bytes.

    msgspec sorts keys by their UTF-8 bytes, RFC 8785 by UTF-16 code units. They agree on ASCII; a record that is not
    ASCII throughout is written again by the exact, slower way. Fields of records are integers and text by their types;
    only an event's details are open, and always take the exact way.

    Raises:
        RecordTooLarge: over 60 KiB.
        UnicodeEncodeError: a lone surrogate.
        TypeError: an event's detail that is no JSON value, or a float.
    """
    if isinstance(record, Event):
        data = canonical({name: getattr(record, name) for name in record.__struct_fields__})
    else:
        data = _encoder.encode(record)
        if not data.isascii():
            data = canonical(json.loads(data))
    if len(data) > MOST_RECORD_BYTES:
        raise RecordTooLarge(f"{len(data)} bytes")
    return data


def now() -> str:
    """Return the wall clock in RFC 3339, UTC, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
