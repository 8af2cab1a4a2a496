"""Signed documents: DSSE envelopes, Ed25519 (secure-systems-lab/dsse, protocol 1.0.0). Pure.

What is signed is the type of the document together with its bytes, so that a signature for one kind of document is
none for another. The payload is canonical JSON (RFC 8785) of an object with ASCII keys and no fractions. The key id in
an envelope only says which key to try; it proves nothing.

::

    envelope = sign(GRANT, canonical({"id": "01J…"}), [anas_key])
    verify(GRANT, envelope, signers, needed=2)     # ("ana", "ben"), or BadEnvelope
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_SIGNATURES = 32


class BadEnvelope(ValueError):
    """It is no envelope of this type, or too few of the signers have signed it. The text is safe to show."""


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person whose signature counts. ``public_key`` is the raw Ed25519 key, 32 bytes, in base64."""

    name: str
    public_key: str

    @property
    def key_id(self) -> str:
        return key_id(self.raw())

    def raw(self) -> bytes:
        """Return the key's 32 bytes. Raises BadEnvelope when it is none."""
        raw = _unbase64(self.public_key)
        if len(raw) != 32:
            raise BadEnvelope(f"the public key of {self.name} is not 32 bytes in base64")
        return raw


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"payload_type": "payloadType"}):
    """The JSON envelope. ``payload`` is base64."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of type and payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(public_key: bytes) -> str:
    """Return 16 hex digits of SHA-256 over the raw public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


class SigningKey(Protocol):
    """An Ed25519 key that signs: one in memory, or one that never leaves its token."""

    def sign(self, data: bytes, /) -> bytes: ...

    def public_key(self) -> Ed25519PublicKey: ...


def public_bytes(key: SigningKey) -> bytes:
    return key.public_key().public_bytes_raw()


def canonical(document: Any) -> bytes:
    """Return canonical JSON (RFC 8785) of plain values; keys MUST be ASCII, numbers integers below 2^53."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)


def sign(payload_type: str, payload: bytes, keys: Iterable[SigningKey]) -> Envelope:
    """Return an envelope with one signature of each key, none for no key."""
    empty = Envelope(base64.b64encode(payload).decode(), payload_type, ())
    return add_signatures(empty, keys)


def add_signatures(envelope: Envelope, keys: Iterable[SigningKey]) -> Envelope:
    """Return the envelope with the keys' signatures too; a key that signed before signs anew.

    Raises:
        BadEnvelope: the payload is not base64.
    """
    text = pae(envelope.payload_type, payload_of(envelope))
    signatures = {signature.keyid: signature for signature in envelope.signatures}
    for key in keys:
        own = key_id(public_bytes(key))
        signatures[own] = Signature(own, base64.b64encode(key.sign(text)).decode())
    return msgspec.structs.replace(envelope, signatures=tuple(signatures.values()))


def verify(payload_type: str, envelope: Envelope, signers: Sequence[Signer], *, needed: int = 1) -> tuple[str, ...]:
    """Return the names of those signers whose signature holds, sorted, each once however many keys they have.

    Args:
        needed: how many different persons must have signed.

    Raises:
        BadEnvelope: another type, not base64, too many signatures, or fewer than ``needed`` persons and keys.
    """
    if envelope.payload_type != payload_type:
        raise BadEnvelope("it is a document of another type")
    if len(envelope.signatures) > MOST_SIGNATURES:
        raise BadEnvelope(f"it has more than {MOST_SIGNATURES} signatures")
    text = pae(envelope.payload_type, payload_of(envelope))
    held = [
        signer
        for signer in signers
        if any(s.keyid == signer.key_id and _holds(signer, s, text) for s in envelope.signatures)
    ]
    names = {signer.name for signer in held}
    persons = min(len(names), len({signer.raw() for signer in held}))
    if persons < needed:
        raise BadEnvelope(f"{persons} of the {needed} persons that are needed have signed it")
    return tuple(sorted(names))


def payload_of(envelope: Envelope) -> bytes:
    """Return the payload's bytes. Raises BadEnvelope."""
    return _unbase64(envelope.payload)


def read_envelope(raw: bytes) -> Envelope:
    """Return an envelope from its JSON. Raises BadEnvelope."""
    try:
        return msgspec.json.decode(raw, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadEnvelope("it is not a DSSE envelope") from error


def write_envelope(envelope: Envelope) -> bytes:
    """Return the envelope's JSON, indented for people, with a final newline."""
    return msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n"


def _holds(signer: Signer, signature: Signature, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(signer.raw()).verify(_unbase64(signature.sig), text)
    except (InvalidSignature, BadEnvelope):
        return False
    return True


def _unbase64(text: str) -> bytes:
    """Return the bytes of standard or URL-safe base64; verifiers must take both (protocol 1.0.0)."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadEnvelope("it is not base64") from error
