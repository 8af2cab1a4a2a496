"""Log keys that follow each other, for tests: a chain is made of keys, and of the rotations that both have signed.

::

    chain = Chain.of(first)
    log = OpenLog(folder, chain, settings)
    chain = chain.rotated(second)                      # heads are signed by both from now on
    log.book.change_key(chain)
    log.book.change_key(chain := chain.alone())        # the overlap is over
    chain.vkeys()                                      # oldest first
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.note import format_verifier_key
from gateway.audit.log.succession import signed_bytes

NAME = "sekisho-log"


@dataclass(frozen=True)
class Chain:
    """The :class:`~gateway.audit.log.succession.LogKeys` of a test."""

    signing: tuple[Ed25519PrivateKey, ...]
    rotations: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, key: Ed25519PrivateKey) -> Chain:
        return cls((key,))

    def rotated(self, new: Ed25519PrivateKey) -> Chain:
        """Return the chain with a newer key; the one before it still signs too."""
        return Chain((new, self.signing[0]), (*self.rotations, rotation(self.signing[0], new)))

    def alone(self) -> Chain:
        """Return the chain after the overlap."""
        return Chain(self.signing[:1], self.rotations)

    def vkeys(self) -> list[str]:
        """Return the verifier keys of the whole chain, oldest first."""
        first = [self.rotations[0]["old"]] if self.rotations else [vkey(self.signing[0])]
        return first + [each["new"] for each in self.rotations]


def vkey(key: Ed25519PrivateKey) -> str:
    return format_verifier_key(NAME, key.public_key().public_bytes_raw())


def rotation(old: Ed25519PrivateKey, new: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the details of the record ``key.rotated``."""
    text = signed_bytes(vkey(old), vkey(new))
    return {
        "purpose": "log",
        "old": vkey(old),
        "new": vkey(new),
        "old_signs": base64.b64encode(old.sign(text)).decode(),
        "new_signs": base64.b64encode(new.sign(text)).decode(),
        "by": "mia",
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-08T00:00:00Z",
    }
