"""What a signature over a model's file is worth. Pure: bytes, keys and a verdict; reads and writes nothing.

Format: OpenSSF model signing 1.0, with elliptic-curve keys: a Sigstore bundle around a DSSE envelope around an in-toto
statement that names files by their SHA-256. ``model_signing verify key`` says the same of it. Rules:

1. A signature counts when a key of this site made it, it says the file's own SHA-256, and it agrees with itself.
2. One by a key that this site does not know counts as none: it says nothing here.
3. What a key of this site did not sign although the signature names that key, what was signed for other bytes, and what
   is no signature at all, is *bad*: no file with a bad signature is loaded, whatever the policy says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

MOST_BUNDLE_BYTES = 1024 * 1024
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
"""By curve; model_signing, _signing/sign_ec_key.py, get_ec_key_hash."""

Status = Literal["signed", "unsigned", "unknown key", "bad"]


@dataclass(frozen=True)
class Verdict:
    """``signer`` is the name of the key that signed; ``why`` says in words what is bad, or whose key is not known."""

    status: Status
    signer: str = ""
    why: str = ""


@dataclass(frozen=True)
class TrustedKey:
    """A public key whose signatures count at this site. ``id`` is the SHA-256 of its PEM, in hex: bundles name it."""

    name: str
    id: str
    key: EllipticCurvePublicKey


class BadKey(ValueError):
    """Not an elliptic-curve public key that signatures of models can be made with."""


T = TypeVar("T")


class _Bad(Exception):
    """The text says why."""


# --- the format; what is not named here is not looked at


class _PublicKey(msgspec.Struct, frozen=True):
    hint: str


class _Material(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _PublicKey


class _Signature(msgspec.Struct, frozen=True):
    sig: str


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    payload: str
    payload_type: str
    signatures: Annotated[tuple[_Signature, ...], msgspec.Meta(min_length=1, max_length=1)]


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


class _Digest(msgspec.Struct, frozen=True):
    sha256: str


class _Subject(msgspec.Struct, frozen=True):
    digest: _Digest


class _Resource(msgspec.Struct, frozen=True):
    algorithm: str
    digest: str


class _Serialization(msgspec.Struct, frozen=True):
    method: str


class _Predicate(msgspec.Struct, frozen=True):
    resources: Annotated[tuple[_Resource, ...], msgspec.Meta(min_length=1, max_length=65_536)]
    serialization: _Serialization


class _Statement(msgspec.Struct, frozen=True, rename="camel"):
    type_: str = msgspec.field(name="_type")
    subject: Annotated[tuple[_Subject, ...], msgspec.Meta(min_length=1, max_length=1)]
    predicate_type: str
    predicate: _Predicate


def read_key(name: str, pem: bytes) -> TrustedKey:
    """Return a public key from its PEM file. Raises BadKey: no PEM, or not on P-256, P-384 or P-521."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey("it is no public key in PEM") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise BadKey("it is not an elliptic-curve key on P-256, P-384 or P-521")
    return TrustedKey(name, key_id(key), key)


def pem_of(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: EllipticCurvePublicKey) -> str:
    return hashlib.sha256(pem_of(key)).hexdigest()


def judge(bundle: bytes, sha256: str, keys: Sequence[TrustedKey]) -> Verdict:
    """Return what a signature says of the file with that SHA-256 (rules 1 to 3).

    Args:
        bundle: the signature file; empty for none.
    """
    if not bundle:
        return Verdict("unsigned")
    try:
        return _judge(bundle, sha256, keys)
    except _Bad as bad:
        return Verdict("bad", why=str(bad))


def _judge(bundle: bytes, sha256: str, keys: Sequence[TrustedKey]) -> Verdict:
    read = _decode(bundle[: MOST_BUNDLE_BYTES + 1], _Bundle, "it is no signature file")
    if len(bundle) > MOST_BUNDLE_BYTES or read.media_type != _BUNDLE or read.dsse_envelope.payload_type != _PAYLOAD:
        raise _Bad("it is a signature of another kind")
    payload = _unbase64(read.dsse_envelope.payload)
    if sha256 not in _signed_digests(payload):
        raise _Bad("it is for other bytes")
    hint = read.verification_material.public_key.hint
    known = next((key for key in keys if key.id == hint), None)
    if known is None:
        return Verdict("unknown key", why=f"the key {hint[:16]} is not known here")
    _check(known, _unbase64(read.dsse_envelope.signatures[0].sig), payload)
    return Verdict("signed", signer=known.name)


def _check(key: TrustedKey, signature: bytes, payload: bytes) -> None:
    """github.com/secure-systems-lab/dsse, protocol 1.0.0: what is signed is type and payload together."""
    signed = b"DSSEv1 %d %b %d %b" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)
    try:
        key.key.verify(signature, signed, ECDSA(_HASHES[key.key.curve.name]))
    except InvalidSignature as error:
        raise _Bad(f"the key {key.name} did not sign this") from error


def _signed_digests(payload: bytes) -> frozenset[str]:
    """Return the SHA-256 of every file that a statement names; it must agree with itself."""
    statement = _decode(payload, _Statement, "it holds no statement about a model")
    if statement.type_ != _STATEMENT or statement.predicate_type != _PREDICATE:
        raise _Bad("it is a statement about something else")
    resources = statement.predicate.resources
    if statement.predicate.serialization.method != "files" or {each.algorithm for each in resources} != {"sha256"}:
        raise _Bad("it does not name whole files by their SHA-256")
    try:
        whole = hashlib.sha256(b"".join(bytes.fromhex(each.digest) for each in resources)).hexdigest()
    except ValueError as error:
        raise _Bad("it names a file by something that is no hash") from error
    if whole != statement.subject[0].digest.sha256:
        raise _Bad("it contradicts itself")
    return frozenset(each.digest for each in resources)


def _decode(raw: bytes, wanted: type[T], otherwise: str) -> T:
    try:
        return msgspec.json.decode(raw, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Bad(otherwise) from error


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Bad("a part of it is not base64") from error
