"""What an export says of itself: ``FILE.manifest.json``, ``sekisho.export/1``, signed by the log's key.

A DSSE envelope (payload type ``application/vnd.sekisho.export+json``) over canonical JSON (RFC 8785) that names the
file by its digest, and for each log in it the signed head up to which it was read, how many of its records are in the
file, and, as hashes, all that are not: what lies before (``before``) and every run that was left out (``omitted``). So
whoever has the file computes the head's root again, and no record can be missing without a word
(:mod:`gateway.audit.export.cover`). Records of one log stand together, in the order of ``logs``. ``docs/reference/
exports.md`` has every field; :mod:`gateway.audit.export.schema` has them as JSON Schema.

::

    {"version": "sekisho.export/1", "time": "2026-07-01T08:00:00.000000Z", "program": "sekisho 0.1.0",
     "format": "jsonl", "time_zone": "Europe/Berlin", "filter": {"type": "denial"}, "rows": 12,
     "file": {"name": "denials.jsonl", "bytes": 18211, "sha256": "<hex>"},
     "logs": [{"origin": "berlin/node1/w0", "class": "default", "range": [300, 1284], "rows": 12, "pruned": 256,
               "before": ["<base64>", "<base64>", "<base64>"], "omitted": [[301, 3, ["<base64>", "<base64>"]]],
               "checkpoint": "berlin/node1/w0\\n1284\\n…", "keys": [],
               "witnessed": {"up_to": 0, "unwitnessed": 1284, "ranges": []}}]}
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.audit.canonical import canonical
from gateway.audit.export.cover import Cover
from gateway.audit.receipt.issue import pre_authentication

VERSION = "sekisho.export/1"
PAYLOAD_TYPE = "application/vnd.sekisho.export+json"
SUFFIX, KEY_SUFFIX = ".manifest.json", ".vkey"


class ManifestError(ValueError):
    """It is no manifest, or not in its one form. The text says what, and quotes nothing."""


class Signs(Protocol):
    """The log's key: see :class:`gateway.audit.log.note.Signer`."""

    @property
    def key_name(self) -> str: ...

    def sign_bytes(self, data: bytes) -> bytes: ...


@dataclass(frozen=True)
class LogPart:
    """What an export has of one log.

    Attributes:
        first: the first leaf that is not before the range; ``before`` are the roots of the perfect subtrees below it.
        rows: how many of its records are in the file.
        pruned: the log's first record when it was read; below it nothing was kept.
        omitted: a canonical JSON array ``[[first, count, [hash, …]], …]``, in order, of all from ``first`` up to the
            head that is not in the file.
        checkpoint: the signed head, the whole note.
        witnessed: how far it is witnessed, and where, see :mod:`gateway.audit.anchor.witnesses`.
        keys: how log keys follow each other: details of the records ``key.rotated``.
    """

    origin: str
    retention_class: str
    first: int
    size: int
    rows: int
    pruned: int
    before: Sequence[bytes]
    omitted: bytes
    checkpoint: bytes
    witnessed: Mapping[str, Any] = field(default_factory=dict)
    keys: Sequence[Mapping[str, Any]] = ()

    def said(self) -> bytes:
        """Return it in canonical JSON."""
        plain = {
            "origin": self.origin,
            "class": self.retention_class,
            "range": [self.first, self.size],
            "rows": self.rows,
            "pruned": self.pruned,
            "before": [to_text(root) for root in self.before],
            "checkpoint": self.checkpoint.decode(),
            "witnessed": dict(self.witnessed),
            "keys": [dict(each) for each in self.keys],
        }
        return _object({name: canonical(value) for name, value in plain.items()} | {"omitted": self.omitted})


@dataclass(frozen=True)
class About:
    """What the whole export is of. ``filter`` has only what was asked for; ``sha256`` is hex, of the file."""

    time: str
    program: str
    format: str
    time_zone: str
    filter: Mapping[str, str]
    name: str
    bytes: int
    sha256: str


def manifest(about: About, logs: Sequence[LogPart]) -> bytes:
    """Return the payload: canonical JSON."""
    plain = {
        "version": VERSION,
        "time": about.time,
        "program": about.program,
        "format": about.format,
        "time_zone": about.time_zone,
        "filter": dict(about.filter),
        "rows": sum(log.rows for log in logs),
        "file": {"name": about.name, "bytes": about.bytes, "sha256": about.sha256},
    }
    parts = {name: canonical(value) for name, value in plain.items()}
    return _object(parts | {"logs": b"[%b]" % b",".join(log.said() for log in logs)})


def sealed(payload: bytes, signer: Signs) -> bytes:
    """Return the envelope, signed: canonical JSON and a newline."""
    return envelope(payload, signer.key_name, signer.sign_bytes(pre_authentication(PAYLOAD_TYPE, payload)))


def envelope(payload: bytes, key_name: str, signature: bytes) -> bytes:
    """Return the envelope with a signature that was made elsewhere."""
    parts = {
        "payload": b'"%b"' % base64.b64encode(payload),
        "payloadType": canonical(PAYLOAD_TYPE),
        "signatures": canonical([{"keyid": key_name, "sig": to_text(signature)}]),
    }
    return _object(parts) + b"\n"


@dataclass(frozen=True)
class Opened:
    """An envelope that was read; whether its signature is anybody's is not said."""

    payload: bytes
    said: Mapping[str, Any]
    key_name: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        return pre_authentication(PAYLOAD_TYPE, self.payload)


def opened(raw: bytes) -> Opened:
    """Read an envelope. Raises ManifestError."""
    whole = _parsed(raw.removesuffix(b"\n"))
    if set(whole) != {"payload", "payloadType", "signatures"} or whole["payloadType"] != PAYLOAD_TYPE:
        raise ManifestError("it is no manifest of an export")
    signatures = whole["signatures"]
    if not (isinstance(signatures, list) and len(signatures) == 1 and isinstance(signatures[0], dict)):
        raise ManifestError("it has not exactly one signature")
    payload = to_bytes(whole["payload"])
    said = _parsed(payload)
    if said.get("version") != VERSION:
        raise ManifestError(f"it is not of version {VERSION}")
    one = signatures[0]
    return Opened(payload, said, str(one.get("keyid", "")), to_bytes(one.get("sig")))


def root_of(log: Mapping[str, Any], leaves: Mapping[int, bytes]) -> bytes:
    """Return the root that a log's rows and what its manifest says was left out lead to.

    Args:
        log: one of ``logs`` of a manifest.
        leaves: leaf hashes by index, of all rows of that log.

    Raises:
        CoverError, ManifestError: they do not lie one after the other up to the end of the range.
    """
    cover = Cover()
    first, end = log["range"]
    cover.omitted(0, first, [to_bytes(root) for root in log["before"]])
    for start, count, hashes in [*log["omitted"], [end, 0, []]]:
        cover.leaves(_present(leaves, cover.size, start))
        cover.omitted(start, count, [to_bytes(root) for root in hashes])
    return cover.root()


def _present(leaves: Mapping[int, bytes], start: int, end: int) -> list[bytes]:
    try:
        return [leaves[index] for index in range(start, end)]
    except KeyError as error:
        raise ManifestError("a record is neither there nor named as left out") from error


def to_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def to_bytes(encoded: Any) -> bytes:
    """Decode base64 strictly: every text has one meaning and every value one text. Raises ManifestError."""
    try:
        value = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError) as error:
        raise ManifestError("something in it is not base64") from error
    if to_text(value) != encoded:
        raise ManifestError("something in it is not base64")
    return value


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
        same = canonical(value) == data
    except (ValueError, TypeError, RecursionError) as error:
        raise ManifestError("it is not JSON") from error
    if not isinstance(value, dict) or not same:
        raise ManifestError("it is not a JSON object in canonical form (RFC 8785)")
    return value


def _object(parts: Mapping[str, bytes]) -> bytes:
    """Return a canonical object of values that are canonical already; names are ASCII."""
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), parts[name]) for name in sorted(parts))
