"""One item of the side store as bytes: sealed so that all keys it hangs on are needed, and any one can end it. Pure.

An item is a prompt, an answer, or a response that its caller may come back to. Layout: four bytes, big-endian, the
length of the head; the head, JSON
(``sekisho.content/1``); a nonce of 12 bytes; AES-256-GCM over (32 bytes of commitment nonce ‖ content) under a data
key of its own, with the head as additional data. Rules:

1. The data key is the exclusive or of as many random shares as there are keys: one for each person that the item
   speaks of, and one of the day on which it ends. Each share is sealed (AES-256-GCM) under its key. So every key is
   needed, and with one destroyed the item is noise for everybody, wherever a copy of it lies.
2. The head says nothing of whom the item speaks: its shares are named by the random ids of keys.
3. The log holds SHA-256 over (commitment nonce ‖ content). The nonce stands nowhere but in the sealed part, so that the
   digest tells nothing of a content that can be guessed, once the item is noise.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.audit.persons.key_file import KEY_BYTES, NONCE_BYTES, PersonKey

COMMITMENT_BYTES = 32
LENGTH_BYTES = 4
MOST_HEAD_BYTES = 2 * 1024 * 1024

Kind = Literal["prompt", "answer", "response", "file", "batch"]


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One share of the data key, sealed under the key with that id; base64."""

    key: str
    sealed: str


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may be known of an item without its keys."""

    item: str  # ULID
    kind: Kind
    tenant: str
    project: str
    origin: str  # site/node/worker: one of its logs has the digest
    request: str
    made: str  # RFC 3339, UTC
    ends: str  # the last day on which it is kept, ISO 8601
    day: str  # id of the key of that day
    shares: tuple[Share, ...] = ()
    version: Literal["sekisho.content/1"] = "sekisho.content/1"

    @property
    def persons(self) -> tuple[str, ...]:
        """The pseudonyms of those it speaks of."""
        return tuple(share.key for share in self.shares if share.key != self.day)


class NotAnItem(ValueError):
    """The bytes are no item, or not as they were written."""


class Noise(Exception):
    """A key that the item hangs on was destroyed: nobody can read it any more."""


def seal(head: Head, keys: Sequence[PersonKey], content: bytes) -> tuple[bytes, str]:
    """Return the item's bytes, and the digest for the log, in hex.

    Args:
        head: without shares.
        keys: all that it hangs on, at least one.
    """
    inside = secrets.token_bytes(COMMITMENT_BYTES) + content
    return _sealed(head, keys, inside), hashlib.sha256(inside).hexdigest()


def reseal(raw: bytes, key_of: Callable[[str], PersonKey | None], more: Sequence[PersonKey]) -> bytes:
    """Return an item's bytes sealed anew, so that it hangs on more keys. Its digest stays as the log has it.

    Args:
        key_of: returns the key with an id, ``None`` when it was destroyed.
        more: keys that it does not hang on yet.

    Raises:
        Noise, NotAnItem; ValueError: its head would grow too long.
    """
    found = {share.key: key_of(share.key) for share in read_head(raw)[0].shares}
    head, inside = _opened(raw, lambda id_: key.key if (key := found[id_]) else None)
    fresh = _sealed(head, [*(key for key in found.values() if key), *more], inside)
    if int.from_bytes(fresh[:LENGTH_BYTES], "big") > MOST_HEAD_BYTES:
        raise ValueError("too many persons")
    return fresh


def read_head(raw: bytes) -> tuple[Head, int]:
    """Return an item's head and where its sealed part begins. Raises NotAnItem."""
    end = LENGTH_BYTES + int.from_bytes(raw[:LENGTH_BYTES], "big")
    if len(raw) < LENGTH_BYTES or end > min(len(raw), LENGTH_BYTES + MOST_HEAD_BYTES):
        raise NotAnItem("it is cut short")
    try:
        return msgspec.json.decode(raw[LENGTH_BYTES:end], type=Head), end
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAnItem("its head cannot be read") from error


def unseal(raw: bytes, key_of: Callable[[str], bytes | None]) -> tuple[Head, bytes, str]:
    """Return an item's head, its content, and the digest that the log must have.

    Args:
        key_of: returns the key with an id, ``None`` when it was destroyed.

    Raises:
        Noise, NotAnItem.
    """
    head, inside = _opened(raw, key_of)
    return head, inside[COMMITMENT_BYTES:], hashlib.sha256(inside).hexdigest()


def _sealed(head: Head, keys: Sequence[PersonKey], inside: bytes) -> bytes:
    data_key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
    shares = zip(keys, _split(data_key, len(keys)), strict=True)
    head = msgspec.structs.replace(head, shares=tuple(_share(head.item, key, share) for key, share in shares))
    written = msgspec.json.encode(head)
    body = AESGCM(data_key).encrypt(nonce, inside, written)
    return len(written).to_bytes(LENGTH_BYTES, "big") + written + nonce + body


def _opened(raw: bytes, key_of: Callable[[str], bytes | None]) -> tuple[Head, bytes]:
    """Return the head, and (commitment nonce ‖ content). Raises Noise, NotAnItem."""
    head, end = read_head(raw)
    data_key = bytes(KEY_BYTES)
    try:
        for share in head.shares:
            key = key_of(share.key)
            if key is None:
                raise Noise
            data_key = _xor(data_key, _open(head.item, share, key))
        nonce, body = raw[end : end + NONCE_BYTES], raw[end + NONCE_BYTES :]
        return head, AESGCM(data_key).decrypt(nonce, body, raw[LENGTH_BYTES:end])
    except (InvalidTag, ValueError) as error:
        raise NotAnItem("it is not as it was written") from error


def _split(data_key: bytes, count: int) -> list[bytes]:
    shares = [secrets.token_bytes(KEY_BYTES) for _ in range(count - 1)]
    last = data_key
    for share in shares:
        last = _xor(last, share)
    return [*shares, last]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _share(item: str, key: PersonKey, share: bytes) -> Share:
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(key.key).encrypt(nonce, share, f"{item} {key.id}".encode())
    return Share(key.id, base64.b64encode(sealed).decode())


def _open(item: str, share: Share, key: bytes) -> bytes:
    sealed = base64.b64decode(share.sealed, validate=True)
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], f"{item} {share.key}".encode())
