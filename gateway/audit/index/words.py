"""What the index knows of a record: its time, its place, and words by field. Nothing that the record does not say.

A record has any number of words in a field: an intent whose decision gives three reasons has three words ``reason``.

::

    seen = glean(b'{"origin":"berlin/node1/w0","sequence":7,"time":"2026-01-01T00:00:00.000000Z","type":"heartbeat",…}')
    seen.pairs      # (("type", "heartbeat"), ("origin", "berlin/node1/w0"), ("site", "berlin"))
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

FIELDS: dict[str, str] = {
    "type": "record type, or its first part: denial, key",
    "decision": "allowed or denied",
    "tenant": "tenant of the caller",
    "project": "project of the caller",
    "key": "id of the caller's API key",
    "model": "model that was asked for",
    "code": "stable code of a refusal or failure, such as policy.residency",
    "reason": "code of a reason that the decision gives",
    "rule": "rule that a reason names",
    "class": "data class: public, internal, confidential, strict",
    "entity": "type of personal data that was found, such as PERSON",
    "site": "site that the request came from; of other records, the log's",
    "origin": "log that the record stands in: site/node/worker",
    "collected": "where the data were collected, ISO 3166-1 alpha-2",
    "destination": "jurisdiction of the target, ISO 3166-1 alpha-2",
    "target": "id of the target: site/node/worker:model",
    "purpose": "purpose of the request",
    "revision": "policy revision that decided",
    "status": "how an attempt ended: done, failed, hung_up, interrupted",
}
"""Every field, with a line of help."""

Pair = tuple[str, str]

_CROCKFORD = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789abcdefghijklmnopqrstuv")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ULID_HEAD = 12  # characters: the time and ten of the random bits
_BEYOND_ULIDS = 1 << 60


class Seen(NamedTuple):
    """What the index knows of one record. ``idents`` are numbers of its request and decision, see :func:`ident`."""

    time_us: int
    sequence: int
    pairs: tuple[Pair, ...]
    idents: tuple[int, ...]

    def has(self, field: str) -> list[str]:
        """Return the words of one field."""
        return [word for name, word in self.pairs if name == field]


class _Caller(msgspec.Struct, gc=False):
    key_id: str = ""
    tenant: str = ""
    project: str = ""


class _Request(msgspec.Struct, gc=False):
    model: str = ""
    purpose: str = ""


class _From(msgspec.Struct, gc=False):
    site: str = ""


class _Data(msgspec.Struct, gc=False):
    data_class: str = msgspec.field(name="class", default="")
    collected_in: str = ""
    entities: dict[str, str] = {}


class _Input(msgspec.Struct):
    request: _Request
    caller: _From
    data: _Data


class _Reason(msgspec.Struct, gc=False):
    code: str = ""
    rule: str = ""


class _Decision(msgspec.Struct):
    id: str = ""
    allow: bool = False
    reasons: tuple[_Reason, ...] = ()
    revision: str = ""


class _Target(msgspec.Struct, gc=False):
    id: str = ""
    jurisdiction: str = ""


class _Sum(msgspec.Struct, gc=False):
    code: str = ""


class _Record(msgspec.Struct):
    type: str
    time: datetime
    sequence: int
    origin: str = ""
    request: str = ""
    code: str = ""
    status: int | str = 0
    caller: _Caller | None = None
    input: _Input | None = None
    decision: _Decision | None = None
    decision_id: str = ""
    target: _Target | None = None
    sums: tuple[_Sum, ...] = ()


class _Bare(msgspec.Struct):
    type: str
    time: datetime
    sequence: int
    origin: str = ""


_record = msgspec.json.Decoder(_Record)
_bare = msgspec.json.Decoder(_Bare)


def glean(data: bytes) -> Seen | None:
    """Return what the index keeps of a record; ``None`` when it is none, which the verifier names.

    A record of a shape that is not known is still found by its type, time and origin.
    """
    try:
        record = _record.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _glean_bare(data)
    pairs: list[Pair] = [("type", record.type), ("origin", record.origin)]
    site = record.origin.partition("/")[0]
    if record.input is not None:
        site = record.input.caller.site or site
        _add_input(pairs, record.input)
    pairs.append(("site", site))
    if record.caller is not None:
        pairs += (("tenant", record.caller.tenant), ("project", record.caller.project), ("key", record.caller.key_id))
    if record.decision is not None:
        _add_decision(pairs, record.decision)
    if record.target is not None:
        pairs += (("destination", record.target.jurisdiction), ("target", record.target.id))
    _add_end(pairs, record)
    return Seen(microseconds(record.time), record.sequence, tuple(p for p in pairs if p[1]), _idents(record))


def _glean_bare(data: bytes) -> Seen | None:
    try:
        record = _bare.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    site = record.origin.partition("/")[0]
    pairs = (("type", record.type), ("origin", record.origin), ("site", site))
    return Seen(microseconds(record.time), record.sequence, tuple(p for p in pairs if p[1]), ())


def _add_input(pairs: list[Pair], asked: _Input) -> None:
    data, request = asked.data, asked.request
    pairs += (("model", request.model), ("purpose", request.purpose))
    pairs += (("class", data.data_class), ("collected", data.collected_in))
    pairs += [("entity", kind) for kind in data.entities]


def _add_decision(pairs: list[Pair], decision: _Decision) -> None:
    pairs.append(("revision", decision.revision))
    for field, words in (("reason", {r.code for r in decision.reasons}), ("rule", {r.rule for r in decision.reasons})):
        pairs += [(field, word) for word in words]


def _add_end(pairs: list[Pair], record: _Record) -> None:
    """Add whether it was allowed, and how it ended."""
    pairs.append(("code", record.code))
    if record.type == "intent":
        pairs.append(("decision", "allowed"))
    elif record.type == "denial":
        pairs.append(("decision", "denied"))
    elif record.type == "preview" and record.decision is not None:
        pairs.append(("decision", "allowed" if record.decision.allow else "denied"))
    elif record.type == "outcome":
        pairs.append(("status", str(record.status)))
    if record.sums:
        pairs += [("code", code) for code in {one.code for one in record.sums}]


def _idents(record: _Record) -> tuple[int, ...]:
    decision = record.decision.id if record.decision is not None else record.decision_id
    return tuple(ident(text) for text in (record.request, decision or record.decision_id) if text)


def ident(text: str) -> int:
    """Return a number below 2^61 for the id of a request or decision; two ids may share one.

    Ids are ULIDs, which begin with their time: their numbers grow, and a tree of them is written at its end.
    """
    if _ULID.fullmatch(text):
        return int(text[:_ULID_HEAD].translate(_CROCKFORD), 32)
    return _BEYOND_ULIDS + (int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:7], "big"))


def is_ulid(text: str) -> bool:
    return bool(_ULID.fullmatch(text))


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970 of a time that says its zone."""
    return round(moment.timestamp() * 1_000_000)


def ids_of(record: dict[str, Any]) -> tuple[str, str]:
    """Return the ids of the request and of the decision that a record is about; empty where there is none."""
    decision = (record.get("decision") or {}).get("id") or record.get("decision_id") or ""
    return str(record.get("request") or ""), str(decision)
