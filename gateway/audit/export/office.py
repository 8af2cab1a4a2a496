"""Signs manifests of exports: only what is one, only of logs whose heads the same key signed, and on record first.

The rules are the same in the running server and on the command line without one::

    book.event(EVENT, by=operator, details=summary(payload))     # ManifestError: nothing is signed
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from gateway.audit.export.manifest import PAYLOAD_TYPE, VERSION, ManifestError
from gateway.audit.log.note import NoteError, Signer, Verifier, open_checkpoint
from gateway.audit.log.site import name_of
from gateway.audit.log.succession import LogKeys, verifiers
from gateway.audit.receipt.issue import pre_authentication

EVENT = "admin.exported"
KEY_NAME = "sekisho-log"
"""The name under which the log's key signs what is no head of one log; its file ``log.vkey`` has it too."""

MOST_BYTES = 64 * 1024 * 1024
_MOST_TOLD = 64  # logs of one export that the record names one by one


class Book(Protocol):
    """What is needed of the audit log."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    bytes: int
    sha256: str


class _Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str
    retention_class: str = msgspec.field(name="class")
    range: tuple[int, int]
    rows: int
    pruned: int
    before: msgspec.Raw
    omitted: msgspec.Raw
    checkpoint: str
    witnessed: msgspec.Raw
    keys: msgspec.Raw


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest, as far as whoever signs it reads it."""

    version: str
    time: str
    program: str
    format: str
    time_zone: str
    filter: dict[str, str]
    rows: int
    file: _File
    logs: tuple[_Log, ...]


def checked(payload: bytes) -> Said:
    """Return what a manifest says. Raises ManifestError when it is none."""
    try:
        said = msgspec.json.decode(payload, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestError("it is no manifest of an export") from error
    if said.version != VERSION:
        raise ManifestError(f"it is not of version {VERSION}")
    return said


def summary(payload: bytes) -> dict[str, Any]:
    """Return what the record of an export says of it. Raises ManifestError."""
    said = checked(payload)
    logs = [[name_of(log.origin, log.retention_class), *log.range, log.rows] for log in said.logs[:_MOST_TOLD]]
    file = {"name": said.file.name[:255], "sha256": said.file.sha256, "bytes": said.file.bytes}
    shape = {"format": said.format, "filter": said.filter, "rows": said.rows}
    told = {**shape, "file": file, "logs": logs, "logs_in_all": len(said.logs)}
    return told | {"manifest_sha256": sha256(payload).hexdigest()}


class ExportOffice:
    """Signs manifests in the running server."""

    def __init__(self, book: Book, keys: Callable[[], LogKeys]) -> None:
        """``keys`` are asked for at each export: they may have followed one another."""
        self._book, self._keys = book, keys

    async def sign(self, manifest: str, by: str) -> Mapping[str, str]:
        """Return key id and signature for a manifest in base64.

        Raises:
            ManifestError: it is none, or a head in it is not this house's.
            AuditUnavailable: it cannot be put on record; nothing is signed.
        """
        keys = self._keys()
        payload, told = await asyncio.to_thread(_examined, manifest, verifiers(KEY_NAME, keys))
        self._book.event(EVENT, by=by, details=told)
        await self._book.durable()
        signer = Signer(KEY_NAME, keys.signing[0])
        signature = await asyncio.to_thread(signer.sign_bytes, pre_authentication(PAYLOAD_TYPE, payload))
        return {"keyid": signer.key_name, "sig": base64.b64encode(signature).decode()}


def _examined(manifest: str, known: Sequence[Verifier]) -> tuple[bytes, dict[str, Any]]:
    """Return the manifest's bytes, which may be many, and what the record says of it. Raises ManifestError."""
    try:
        payload = base64.b64decode(manifest, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ManifestError("it is not base64") from error
    _check_heads(checked(payload), known)
    return payload, summary(payload)


def _check_heads(said: Said, known: Sequence[Verifier]) -> None:
    for log in said.logs:
        try:
            head = open_checkpoint(log.checkpoint.encode(), *known)
        except NoteError as error:
            raise ManifestError("a signed head in it is not this house's") from error
        if (head.origin, head.size) != (log.origin, log.range[1]):
            raise ManifestError("a signed head in it is not that of its log")
