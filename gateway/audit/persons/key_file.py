"""One person's key as bytes: sealed under a secret of its folder, found by a mark of whose it is. Pure, but for chance.

Version ``sekisho.person-key/1``; the folder's own secret is sealed in the same form, under the tenant's key.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Literal, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, ID_BYTES, NONCE_BYTES = 32, 16, 12
_PURPOSE = b"sekisho/person-keys/1\0"


class PersonKey(NamedTuple):
    """A key and its id, which is the pseudonym."""

    id: str
    key: bytes


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    mark: str
    sealed: str  # base64 of nonce and AES-256-GCM, with id and mark as additional data
    version: Literal["sekisho.person-key/1"] = "sekisho.person-key/1"


def mark_of(secret: bytes, name: str) -> str:
    """Return the mark of a name, 32 hex digits: one way, and nothing without the secret."""
    return hmac.digest(secret, _PURPOSE + b"mark\0" + name.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def new_key() -> PersonKey:
    """Return a random key with a random id."""
    return PersonKey(secrets.token_hex(ID_BYTES), secrets.token_bytes(KEY_BYTES))


def _wrapping(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, _PURPOSE + b"seal", "sha256"))


def sealed(secret: bytes, mark: str, key: PersonKey) -> bytes:
    """Return the file of a key."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    box = nonce + _wrapping(secret).encrypt(nonce, key.key, f"{key.id} {mark}".encode())
    return msgspec.json.encode(KeyFile(key.id, mark, base64.b64encode(box).decode()))


def opened(secret: bytes, stored: KeyFile) -> bytes | None:
    """Return the key in a file, ``None`` when it was sealed under another secret or is damaged."""
    try:
        box, about = base64.b64decode(stored.sealed, validate=True), f"{stored.id} {stored.mark}".encode()
        return _wrapping(secret).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], about)
    except (ValueError, InvalidTag):
        return None


def decoded(raw: bytes) -> KeyFile | None:
    """Return what a file says, ``None`` when it is none."""
    try:
        return msgspec.json.decode(raw, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
