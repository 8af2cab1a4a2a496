"""One-time tokens: what a machine joins with. Shown once; of the token only an HMAC is kept.

A token is ``skn.NAME.SECRET.AUTHORITY.CHECK``: 160 random bits and the SHA-256 of the authority's certificate, both in
RFC 4648 base32, lower case, and 30 bits of SHA-256 over all that stands before. The last tell a mistyped token from a
wrong one, and are no secret. By the hash the node knows its gateway before it says a word of the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec

PREFIX = "skn"
SECRET_BITS = 160
LONGEST = timedelta(days=7)
"""The longest time that a token may count: who has it may become that node."""

KEPT = timedelta(days=90)  # a token that counts no more is remembered so long, to say "used" and not "wrong"
_CHECK_CHARS = 6
_SHAPE = re.compile(r"skn\.([a-z0-9-]{1,63})\.([a-z2-7]{32})\.([a-z2-7]{52})\.([a-z2-7]{6})")
_PURPOSE = b"sekisho node token\x00"

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Country = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2})?$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Token(NamedTuple):
    """What a token says."""

    name: str
    authority: str  # SHA-256 over the certificate's DER, in hex
    text: str


class TokenRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One token as it is kept. Where the node stands is said here, by the operator: never by the node."""

    name: Name
    site: Name
    jurisdiction: Country
    seal: str  # HMAC-SHA256(pepper, token), in hex
    made: Instant
    ends: Instant
    by: str
    used: Instant | None = None

    def counts(self, now: datetime) -> bool:
        return self.used is None and now < self.ends


def new_token(name: str, authority: str) -> str:
    """Return a fresh token, with 160 bits of the operating system's generator."""
    secret = _base32(secrets.token_bytes(SECRET_BITS // 8))
    body = f"{PREFIX}.{name}.{secret}.{_base32(bytes.fromhex(authority))}"
    return f"{body}.{_check(body)}"


def parse(text: str) -> Token | None:
    """Return what a token says; ``None`` when it is none, was cut off or mistyped."""
    shape = _SHAPE.fullmatch(text)
    body, _, check = text.rpartition(".")
    if shape is None or not hmac.compare_digest(_check(body), check):
        return None
    return Token(shape[1], base64.b32decode(shape[3].upper() + "====").hex(), text)


def seal(pepper: bytes, token: str) -> str:
    """Return what is kept of a token. Without the pepper, who reads the store cannot even test a guess."""
    return hmac.digest(pepper, _PURPOSE + token.encode(), "sha256").hex()


def find(records: Iterable[TokenRecord], peppers: Sequence[bytes], token: str) -> TokenRecord | None:
    """Return the record of a token. Every record is compared, each in constant time."""
    sealed = [seal(pepper, token) for pepper in peppers]
    found = None
    for record in records:
        for each in sealed:
            if hmac.compare_digest(each, record.seal):
                found = record
    return found


def remembered(records: Sequence[TokenRecord], now: datetime) -> tuple[TokenRecord, ...]:
    """Return the records without those that ended long ago."""
    return tuple(record for record in records if now < record.ends + KEPT)


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode().lower().rstrip("=")


def _check(body: str) -> str:
    return _base32(hashlib.sha256(body.encode()).digest())[:_CHECK_CHARS]
