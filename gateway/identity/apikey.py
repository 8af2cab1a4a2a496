"""What an API key looks like, and what is stored of it.

A key is ``sk-sekisho-`` + 32 characters (160 random bits, RFC 4648 base32 in lower case) + 6 characters of checksum
(the first 30 bits of SHA-256 over all that stands before). The checksum is no secret: it tells a mistyped or cut-off
key from a wrong one, and lets secret scanners find keys in places where they should not be.

Only ``HMAC-SHA256(pepper, key)`` is ever stored: who reads the store learns no key, and without the pepper cannot test
a guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

PREFIX = "sk-sekisho-"
SECRET_BITS = 160
_SECRET_CHARS = SECRET_BITS // 5
_CHECKSUM_CHARS = 6
KEY_CHARS = len(PREFIX) + _SECRET_CHARS + _CHECKSUM_CHARS


def new_key() -> str:
    """Return a fresh key with 160 bits from the operating system's generator."""
    body = PREFIX + base64.b32encode(secrets.token_bytes(SECRET_BITS // 8)).decode().lower()
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether the key has the right shape and checksum; says nothing of whether it is known."""
    body, checksum = key[:-_CHECKSUM_CHARS], key[-_CHECKSUM_CHARS:]
    shaped = len(key) == KEY_CHARS and key.startswith(PREFIX) and key.isascii()
    return shaped and _checksum(body) == checksum


def seal(pepper: bytes, key: str) -> bytes:
    """Return the 32 bytes under which a key is stored and looked up.

    The lookup by this value leaks no timing about the key: an attacker who does not know the pepper cannot steer it.
    """
    return hmac.digest(pepper, key.encode("ascii"), "sha256")


def pepper_id(pepper: bytes) -> str:
    """Return the pepper's id, as ``Keyring.ids`` gives it; it stands in the store, so that a swap is noticed."""
    return hashlib.sha256(b"pepper\x00" + pepper).digest()[:8].hex()


def _checksum(body: str) -> str:
    return base64.b32encode(hashlib.sha256(body.encode()).digest()).decode().lower()[:_CHECKSUM_CHARS]
