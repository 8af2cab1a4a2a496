"""What two log keys sign when one follows the other: DSSE 1.0.0, Ed25519. See ``docs/reference/files.md``."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.keys.vault import SigningKey

LOG_KEY_NAME = "sekisho-log"
PAYLOAD_TYPE = "application/vnd.sekisho.key-succession+json"
VERSION = "sekisho.key-succession/1"
_ED25519_NOTE = b"\x01"  # signature type of C2SP signed-note


@dataclass(frozen=True)
class LogKeys:
    """The keys that sign the log now, newest first, and all rotations so far, oldest first."""

    signing: tuple[SigningKey, ...]
    rotations: tuple[dict[str, str], ...] = ()

    def vkeys(self) -> list[str]:
        """Return the verifier keys of the whole chain, oldest first."""
        oldest = self.rotations[0]["old"] if self.rotations else vkey_of(self.signing[0])
        return [oldest, *(rotation["new"] for rotation in self.rotations)]


def rotation(old: SigningKey, new: SigningKey) -> dict[str, str]:
    """Return what a record says of two keys: each is told, and each has signed both. Raises OSError."""
    named = {"old": vkey_of(old), "new": vkey_of(new)}
    payload = json.dumps({**named, "version": VERSION}, sort_keys=True, separators=(",", ":")).encode("ascii")
    signed = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    signatures = {"old_signs": old.sign(signed), "new_signs": new.sign(signed)}
    return {**named, **{name: base64.b64encode(value).decode() for name, value in signatures.items()}}


def vkey_of(key: SigningKey) -> str:
    return verifier_key(key.public_key())


def verifier_key(key: Ed25519PublicKey, name: str = LOG_KEY_NAME) -> str:
    """Return a public key as ``<name>+<key id, hex>+<base64>`` (C2SP signed-note)."""
    public = _ED25519_NOTE + key.public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(public).decode()}"
