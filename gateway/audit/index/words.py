"""What the index knows of a record: its time, its place, and words by field. Nothing that the record does not say.

A record has any number of words in a field: an intent whose decision gives three reasons has three words ``reason``.

::

    seen = glean(b'{"origin":"berlin/node1/w0","sequence":7,"time":"2026-01-01T00:00:00.000000Z","type":"heartbeat",…}')
    seen.pairs    # (("type", "heartbeat"), ("origin", "berlin/node1/w0"), ("site", "berlin"))
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from itertools import cycle
from typing import NamedTuple

import msgspec

FIELDS: dict[str, str] = {
    "type": "record type, or its first part: denial, key",
    "decision": "allowed or denied",
    "tenant": "tenant of the caller",
    "project": "project of the caller",
    "key": "id of the caller's API key",
    "model": "model that was asked for, or that a change is about",
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
_ULID_CHARS = 26
_ULID_HEAD = 12  # characters: the time and ten of the random bits
_BEYOND_ULIDS = 1 << 60


Group = tuple[str, ...]
"""What kind of words, and the words: ``("caller", "acme", "support", "k1")``. Few groups are in many records, so that
whoever has looked one up need not look at its words again; :func:`pairs_of` tells them.
"""

_NAMES: dict[str, tuple[str, ...]] = {
    "head": ("type", "origin", "site"),
    "caller": ("tenant", "project", "key"),
    "asked": ("model", "purpose", "class", "collected"),
    "decided": ("decision", "revision"),
    "target": ("destination", "target"),
    "end": ("code", "status"),
}
_REPEATED: dict[str, tuple[str, ...]] = {"entities": ("entity",), "reasons": ("reason", "rule"), "sums": ("code",)}


class Seen(NamedTuple):
    """What the index knows of one record. ``idents`` are numbers of its request and decision, see :func:`ident`."""

    time_us: int
    sequence: int
    groups: tuple[Group, ...]
    idents: tuple[int, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Fields and words, each once."""
        return tuple(dict.fromkeys(pair for group in self.groups for pair in pairs_of(group)))

    def has(self, field: str) -> list[str]:
        """Return the words of one field."""
        return [word for name, word in self.pairs if name == field]


@lru_cache(maxsize=4096)
def pairs_of(group: Group) -> tuple[Pair, ...]:
    """Return the fields and words of a group, each once, without empty words."""
    kind, *words = group
    repeated = _REPEATED.get(kind)
    names = cycle(repeated) if repeated else iter(_NAMES[kind])
    return tuple(dict.fromkeys((name, word) for name, word in zip(names, words, strict=False) if word))


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
    details: msgspec.Raw = msgspec.Raw(b"{}")


class _Named(msgspec.Struct, frozen=True):
    model: str = ""
    name: str = ""


class _About(_Named, frozen=True):
    details: _Named = _Named()


class _Bare(msgspec.Struct):
    type: str
    time: datetime
    sequence: int
    origin: str = ""


_record = msgspec.json.Decoder(_Record)
_about = msgspec.json.Decoder(_About)
_bare = msgspec.json.Decoder(_Bare)


def glean(data: bytes) -> Seen | None:
    """Return what the index keeps of a record; ``None`` when it is none, which the verifier names.

    A record of a shape that is not known is still found by its type, time and origin.
    """
    try:
        record = _record.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _glean_bare(data)
    groups: list[Group] = []
    caller, asked, decision = record.caller, record.input, record.decision
    site = asked.caller.site if asked is not None else ""
    groups.append(("head", record.type, record.origin, site or record.origin.partition("/")[0]))
    if caller is not None:
        groups.append(("caller", caller.tenant, caller.project, caller.key_id))
    if asked is not None:
        of = asked.data
        groups.append(("asked", asked.request.model, asked.request.purpose, of.data_class, of.collected_in))
        groups.append(("entities", *of.entities))
    elif record.type.startswith("model.") and not record.type.startswith("model.key_"):
        groups.append(("asked", _model_of(record.details), "", "", ""))
    _add_decision(groups, record, decision)
    if record.target is not None:
        groups.append(("target", record.target.jurisdiction, record.target.id))
    if record.code or record.type == "outcome":
        groups.append(("end", record.code, str(record.status) if record.type == "outcome" else ""))
    if record.sums:
        groups.append(("sums", *(one.code for one in record.sums)))
    decided = decision.id if decision is not None else record.decision_id
    idents = tuple([ident(text) for text in (record.request, decided) if text])
    return Seen(microseconds(record.time), record.sequence, tuple(groups), idents)


def _model_of(details: msgspec.Raw) -> str:
    """Return which model a change is about; empty for one that names none, such as that of a key."""
    try:
        about = _about.decode(details)
    except msgspec.DecodeError:
        return ""
    return about.model or about.details.model or about.details.name


def _glean_bare(data: bytes) -> Seen | None:
    try:
        record = _bare.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    head = ("head", record.type, record.origin, record.origin.partition("/")[0])
    return Seen(microseconds(record.time), record.sequence, (head,), ())


_OUTCOMES = {"intent": "allowed", "denial": "denied"}


def _add_decision(groups: list[Group], record: _Record, decision: _Decision | None) -> None:
    """Add whether it was allowed, and why. A denial is one, also where policy had nothing against it."""
    allowed = _OUTCOMES.get(record.type, "")
    if record.type == "preview" and decision is not None:
        allowed = "allowed" if decision.allow else "denied"
    if allowed or decision is not None:
        groups.append(("decided", allowed, decision.revision if decision is not None else ""))
    if decision is not None:
        groups.append(("reasons", *(word for reason in decision.reasons for word in (reason.code, reason.rule))))


def ident(text: str) -> int:
    """Return a number below 2^61 for the id of a request or decision; two ids may share one.

    Ids are ULIDs, which begin with their time: their numbers grow, and a tree of them is written at its end.
    """
    if len(text) == _ULID_CHARS:
        try:
            return int(text[:_ULID_HEAD].translate(_CROCKFORD), 32)
        except ValueError:
            pass
    return _BEYOND_ULIDS + int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:7], "big")


def is_ulid(text: str) -> bool:
    return bool(_ULID.fullmatch(text))


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970 of a time that says its zone."""
    return round(moment.timestamp() * 1_000_000)
