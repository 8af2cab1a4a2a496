"""How one log key follows another: the record ``key.rotated``, and what it proves. Pure.

The details of that record, for the purpose ``log``::

    {"purpose": "log", "old": "sekisho-log+…", "new": "sekisho-log+…", "old_signs": "…", "new_signs": "…",
     "by": "mia", "since": "2026-01-01T00:00:00Z", "until": "2026-01-08T00:00:00Z"}

``old`` and ``new`` are C2SP verifier keys, whose names do not matter. ``old_signs`` and ``new_signs`` are the two keys'
Ed25519 signatures, in base64, over the pre-authentication encoding (DSSE 1.0.0) of one payload, which follows from the
two keys: canonical JSON ``{"new": …, "old": …, "version": "sekisho.key-succession/1"}``, of type
``application/vnd.sekisho.key-succession+json``. So the old key says who follows it, and the new one that it follows
that very key.

Rules:

1. Each log has the record of its own, before the first head that the new key signs.
2. A head that covers the record is signed by the new key; until ``until`` by the old one too.
3. A log that nobody wrote while a key was rotated gets the record when it is opened again; a new log begins with the
   records of all rotations before it, so that it too can be checked from any key of the chain.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gateway.audit.canonical import canonical
from gateway.audit.log.note import NoteError, SigningKey, Verifier, parse_verifier_key

RECORD = "key.rotated"
PURPOSE = "log"
VERSION = "sekisho.key-succession/1"
PAYLOAD_TYPE = "application/vnd.sekisho.key-succession+json"

Rotation = Mapping[str, Any]
"""The details of one ``key.rotated`` of the purpose ``log``."""


@runtime_checkable
class LogKeys(Protocol):
    """What the log takes of the keyring."""

    @property
    def signing(self) -> Sequence[SigningKey]:
        """The keys that sign heads now, newest first."""

    @property
    def rotations(self) -> Sequence[Rotation]:
        """All rotations so far, oldest first."""


@dataclass(frozen=True)
class OneKey:
    """The :class:`LogKeys` of a key that never followed another."""

    key: SigningKey

    @property
    def signing(self) -> Sequence[SigningKey]:
        return (self.key,)

    @property
    def rotations(self) -> Sequence[Rotation]:
        return ()


def log_keys(given: SigningKey | LogKeys) -> LogKeys:
    """Return the keys, also where only one is given."""
    return given if isinstance(given, LogKeys) else OneKey(given)


def verifiers(origin: str, keys: LogKeys) -> tuple[Verifier, ...]:
    """Return every key that may have signed a head of this log, newest first, each once.

    Raises:
        NoteError: a rotation is not signed by both keys.
    """
    known = [key.public_key().public_bytes_raw() for key in keys.signing]
    for rotation in reversed(keys.rotations):
        known += reversed(checked(rotation))
    return tuple(Verifier(origin, public) for public in dict.fromkeys(known))


def checked(rotation: Rotation) -> tuple[bytes, bytes]:
    """Return the public keys ``(old, new)`` of a rotation that both have signed. Raises NoteError."""
    try:
        old, new = parse_verifier_key(rotation["old"]), parse_verifier_key(rotation["new"])
        signatures = [base64.b64decode(rotation[name], validate=True) for name in ("old_signs", "new_signs")]
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
        raise NoteError("a rotation of the log key is not whole") from error
    text = signed_bytes(rotation["old"], rotation["new"])
    if old.public == new.public or not (old.signed(signatures[0], text) and new.signed(signatures[1], text)):
        raise NoteError("a rotation of the log key is not signed by both keys")
    return old.public, new.public


def signed_bytes(old: str, new: str) -> bytes:
    """Return what both keys sign (DSSE's pre-authentication encoding)."""
    payload = canonical({"new": new, "old": old, "version": VERSION})
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def unannounced(keys: LogKeys, signed_last: Iterable[Verifier], announced: Iterable[bytes]) -> list[Rotation]:
    """Return the rotations that a log has no record of yet, oldest first.

    Args:
        signed_last: the keys that signed its last head; none when it has no head.
        announced: public keys that records beyond that head speak of as new.
    """
    reached = {key.public for key in signed_last} | set(announced)
    pairs = [checked(rotation) for rotation in keys.rotations]
    known = [number for number, (_, new) in enumerate(pairs) if new in reached]
    return list(keys.rotations[known[-1] + 1 if known else 0 :])
