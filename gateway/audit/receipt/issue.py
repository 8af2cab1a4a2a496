"""Residency receipts, ``sekisho.receipt/1``: where one prompt went, signed by the log. Standard library and
``cryptography`` only, so that a receipt can be checked on any machine.

A receipt is a DSSE envelope (payload type ``application/vnd.sekisho.receipt+json``) over canonical JSON (RFC 8785),
signed with the log's Ed25519 key. What it states follows from one intent record, byte for byte (:func:`statement_of`),
whose leaf hash it names. Beside the envelope's own fields stands ``inclusion``: ``{"status": "pending"}`` until a
signed head of the log covers the record, then the audit path to that head (RFC 6962) and the head itself.

Every byte counts: a receipt has one form, canonical JSON and at most one newline, so that a changed byte is found
wherever it stands::

    report = verify_receipt(Path("receipt.json").read_bytes(), Path("log.vkey").read_text())
    report.ok or print(*report.problems, sep="\\n")
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.audit.canonical import canonical
from gateway.audit.log.merkle import leaf_hash, verify_inclusion
from gateway.audit.log.note import NoteError, Signer, Verifier, key_id, open_checkpoint, parse_verifier_key, split_note
from gateway.audit.log.proof import Inclusion

VERSION = "sekisho.receipt/1"
PAYLOAD_TYPE = "application/vnd.sekisho.receipt+json"
PENDING, INCLUDED = "pending", "included"
MOST_BYTES = 64 * 1024

WORDS = (
    "bundle_digest", "data_revision", "decision", "device", "jurisdiction", "leaf_hash", "model", "model_digest",
    "node", "origin", "request", "revision", "site", "target", "time", "version",
)  # fmt: skip
"""What a receipt states, besides ``leaf_index``; all of it text."""

_HEX = re.compile(r"[0-9a-f]{64}")
_ENVELOPE = {"payload", "payloadType", "signatures", "inclusion"}


class ReceiptError(ValueError):
    """What a receipt must be and is not. The text says what, and quotes nothing."""


@dataclass
class ReceiptReport:
    """What a verification found. ``statement`` is empty when it could not be read or its signature is not valid."""

    statement: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""
    tree_size: int = 0
    problems: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def statement_of(record: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """Return what a receipt says of an intent record.

    Args:
        record: the record.
        data: its canonical bytes, as they stand in the log.
    """
    decision, target = record["decision"], record["target"]
    return {
        "version": VERSION,
        "decision": decision["id"],
        "request": record["request"],
        "time": record["time"],
        "site": target["site"],
        "node": target["node"],
        "jurisdiction": target["jurisdiction"],
        "target": target["id"],
        "device": target.get("device", ""),
        "model": target["model"],
        "model_digest": target.get("digest", ""),
        "revision": decision["revision"],
        "bundle_digest": decision["bundle_digest"],
        "data_revision": decision["data_revision"],
        "origin": record["origin"],
        "leaf_index": record["sequence"],
        "leaf_hash": leaf_hash(data).hex(),
    }


def issue(statement: Mapping[str, Any], signer: Signer, inclusion: Inclusion | None) -> bytes:
    """Return the receipt: signed, with its proof where there is one already; ends with a newline."""
    payload = canonical(dict(statement))
    signature = {"keyid": signer.key_name, "sig": _text(signer.sign_bytes(pre_authentication(PAYLOAD_TYPE, payload)))}
    proof: dict[str, Any] = {"status": PENDING}
    if inclusion:
        hashes = [_text(digest) for digest in inclusion.hashes]
        proof = {"status": INCLUDED, "checkpoint": inclusion.checkpoint.decode(), "hashes": hashes}
    envelope = {"payload": _text(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    return canonical({**envelope, "inclusion": proof}) + b"\n"


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE signs (PAE, protocol version 1)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def verify_receipt(raw: bytes, vkey: str) -> ReceiptReport:
    """Check a receipt: its form, its signature, and the path from its record to a signed head.

    Args:
        vkey: the log's public key, a C2SP verifier key, or those that followed each other, one a line; their names do
            not matter. One of them must have signed all of the receipt.

    Raises:
        NoteError: ``vkey`` is not a verifier key.
    """
    lines = [line for line in vkey.split("\n") if line.strip()] or [vkey]
    reports = [_checked(raw, parse_verifier_key(line)) for line in lines]
    signed = (report for report in reports if report.statement)
    return next((report for report in reports if report.ok), next(signed, reports[0]))


def _checked(raw: bytes, verifier: Verifier) -> ReceiptReport:
    report = ReceiptReport()
    try:
        envelope = _opened(raw)
        report.statement = _signed_statement(envelope, verifier)
        report.status, report.tree_size = _inclusion(envelope["inclusion"], report.statement, verifier)
    except (ReceiptError, NoteError) as problem:
        report.problems.append(str(problem))
    report.not_checked += _beyond(report.status)
    return report


def compare(report: ReceiptReport, data: bytes | None) -> None:
    """Hold the statement against the log's own record; what differs becomes a problem.

    Args:
        data: the canonical bytes of the record at the receipt's leaf index; ``None`` when there is none.
    """
    if not report.statement:
        return
    if data is None or leaf_hash(data).hex() != report.statement["leaf_hash"]:
        report.problems.append("the log's record at this leaf index is not the one that the receipt names")
        return
    record = json.loads(data)
    if record.get("type") != "intent" or statement_of(record, data) != dict(report.statement):
        report.problems.append("the receipt states something else than the log's record")
    report.not_checked = [what for what in report.not_checked if what != RECORD_NOT_SEEN]


RECORD_NOT_SEEN = "whether the log's record says the same: give the log or an export of it too"


def _beyond(status: str) -> list[str]:
    """Return what a receipt cannot show."""
    what = [
        "whether the gateway told the truth about place, device and model: this is what it wrote down before it sent",
        RECORD_NOT_SEEN,
    ]
    if status == PENDING:
        what.append("whether the log holds the record: no signed head covered it yet; fetch the receipt again")
    if status == INCLUDED:
        what.append("whether everybody is shown the same log: compare its head with a copy kept elsewhere")
    return what


# --- form, signature, proof


def _opened(raw: bytes) -> dict[str, Any]:
    if len(raw) > MOST_BYTES:
        raise ReceiptError("it is too long for a receipt")
    envelope = _one_form(raw.removesuffix(b"\n"), "the receipt")
    if set(envelope) != _ENVELOPE:
        raise ReceiptError("it has other fields than a receipt")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ReceiptError("its payload is of another type")
    return envelope


def _signed_statement(envelope: Mapping[str, Any], verifier: Verifier) -> dict[str, Any]:
    payload = _bytes(envelope["payload"], "the payload")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise ReceiptError("it has not exactly one signature")
    if set(signatures[0]) != {"keyid", "sig"}:
        raise ReceiptError("its signature has other fields than a key id and a signature")
    signature = _bytes(signatures[0]["sig"], "the signature")
    if not verifier.signed(signature, pre_authentication(PAYLOAD_TYPE, payload)):
        raise ReceiptError("no valid signature by this key")
    statement = _one_form(payload, "the payload")
    _check_statement(statement)
    origin = statement["origin"]
    if signatures[0]["keyid"] != f"{origin}+{key_id(origin, verifier.public).hex()}":
        raise ReceiptError("the key id is not that of the log's key")
    return statement


def _check_statement(statement: Mapping[str, Any]) -> None:
    if set(statement) != {*WORDS, "leaf_index"}:
        raise ReceiptError("it states other things than a receipt of this version")
    if not all(isinstance(statement[name], str) for name in WORDS) or statement["version"] != VERSION:
        raise ReceiptError(f"it is not of version {VERSION}")
    index = statement["leaf_index"]
    if not isinstance(index, int) or isinstance(index, bool) or index < 0 or not _HEX.fullmatch(statement["leaf_hash"]):
        raise ReceiptError("it does not name its record")


def _inclusion(proof: Any, statement: Mapping[str, Any], verifier: Verifier) -> tuple[str, int]:
    """Return the status and the size of the signed head."""
    if proof == {"status": PENDING}:
        return PENDING, 0
    if not isinstance(proof, dict) or set(proof) != {"status", "checkpoint", "hashes"} or proof["status"] != INCLUDED:
        raise ReceiptError("its proof is neither pending nor one of inclusion")
    if not isinstance(proof["checkpoint"], str) or not isinstance(proof["hashes"], list):
        raise ReceiptError("its proof is not whole")
    note = proof["checkpoint"].encode()
    if len(split_note(note)[1]) != 1:
        raise ReceiptError("its signed head has other signatures than the log's")
    head = open_checkpoint(note, verifier)
    if head.origin != statement["origin"]:
        raise ReceiptError("its signed head is another log's")
    hashes = [_bytes(each, "a hash of the proof") for each in proof["hashes"]]
    leaf = bytes.fromhex(statement["leaf_hash"])
    if not verify_inclusion(leaf, statement["leaf_index"], head.size, hashes, head.root):
        raise ReceiptError("the proof does not lead from the record to the signed head")
    return INCLUDED, head.size


def _one_form(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data, parse_float=_no_float, parse_constant=_no_float)
        same = canonical(value) == data
    except (ValueError, TypeError, RecursionError) as error:  # of JSON, of UTF-8, of a fraction
        raise ReceiptError(f"{what} is not JSON") from error
    if not isinstance(value, dict) or not same:
        raise ReceiptError(f"{what} is not a JSON object in canonical form (RFC 8785)")
    return value


def _no_float(text: str) -> float:
    raise ValueError("no fractions")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(encoded: Any, what: str) -> bytes:
    """Decode base64 strictly: every text has one meaning and every value one text."""
    try:
        value = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError) as error:
        raise ReceiptError(f"{what} is not base64") from error
    if _text(value) != encoded:
        raise ReceiptError(f"{what} is not base64")
    return value
