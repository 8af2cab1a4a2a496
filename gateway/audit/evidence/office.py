"""Signs manifests of packs: only what is one, only of logs whose heads the same keys signed, and on record first.

The rules are the same in the running server and on the command line without one::

    said = checked(payload, verifiers)                   # ManifestError: nothing is signed
    book.event(EVENT, by=operator, details=summary(said, payload))
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.audit.evidence.manifest import VERSION, signed_bytes
from gateway.audit.export.manifest import ManifestError
from gateway.audit.export.office import EVENT, KEY_NAME, Book
from gateway.audit.log.note import NoteError, Signer, Verifier, open_checkpoint
from gateway.audit.log.site import name_of
from gateway.audit.log.succession import LogKeys, verifiers

__all__ = ["EVENT", "KEY_NAME", "EvidenceOffice", "checked", "summary"]

_MOST_TOLD = 64  # logs of one pack that the record names one by one


class _Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str
    retention_class: str = msgspec.field(name="class")
    path: str
    records: int
    tree_size: int
    root: str
    checkpoint: str
    pruned: int
    witnessed: int
    unwitnessed: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    sha256: str
    bytes: int


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest, as whoever signs it reads it."""

    version: str
    site: str
    language: str
    since: str
    until: str
    filter: dict[str, str]
    as_of: str
    program: str
    logs: tuple[_Log, ...]
    files: tuple[_File, ...]
    left_out: tuple[str, ...]


def checked(payload: bytes, known: Sequence[Verifier]) -> Said:
    """Return what a manifest says. Raises ManifestError when it is none, or a head in it is not this house's."""
    try:
        said = msgspec.json.decode(payload, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestError("it is no manifest of a pack") from error
    if said.version != VERSION:
        raise ManifestError(f"it is not of version {VERSION}")
    for log in said.logs:
        try:
            head = open_checkpoint(log.checkpoint.encode(), *known)
        except NoteError as error:
            raise ManifestError("a signed head in it is not this house's") from error
        if (head.origin, head.size, head.root.hex()) != (log.origin, log.tree_size, log.root):
            raise ManifestError("a signed head in it is not that of its log")
    return said


def summary(said: Said, payload: bytes) -> dict[str, Any]:
    """Return what the record of a pack says of it."""
    logs = [[name_of(log.origin, log.retention_class), log.tree_size, log.records] for log in said.logs[:_MOST_TOLD]]
    shape = {
        "format": "evidence",
        "since": said.since,
        "until": said.until,
        "filter": said.filter,
        "files": len(said.files),
    }
    digest = hashlib.sha256(payload).hexdigest()
    return {**shape, "rows": sum(log.records for log in said.logs), "manifest": digest, "logs": logs}


class EvidenceOffice:
    """Signs manifests in the running server. ``keys`` are asked for each time: they may have followed one another."""

    def __init__(self, book: Book, keys: Callable[[], LogKeys]) -> None:
        self._book, self._keys = book, keys

    async def sign(self, manifest: str, by: str) -> Mapping[str, str]:
        """Return key id and signature for a manifest in base64.

        Raises:
            ManifestError: it is none, or a head in it is not this house's.
            AuditUnavailable: it cannot be put on record; nothing is signed.
        """
        try:
            payload = base64.b64decode(manifest, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ManifestError("it is not base64") from error
        keys = self._keys()
        said = checked(payload, verifiers(KEY_NAME, keys))
        self._book.event(EVENT, by=by, details=summary(said, payload))
        await self._book.durable()
        signer = Signer(KEY_NAME, keys.signing[0])
        signature = signer.sign_bytes(signed_bytes(payload))
        return {"keyid": signer.key_name, "sig": base64.b64encode(signature).decode()}
