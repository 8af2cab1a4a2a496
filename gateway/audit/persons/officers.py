"""Who may look at what is kept of persons: the part of the house that knows its signers, as this room sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

AUDITOR, PRIVACY_OFFICER = "auditor", "privacy-officer"


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature of a DSSE envelope: Ed25519, base64, with the id of the key that it is tried with."""

    keyid: str
    sig: str


class Officer(msgspec.Struct, frozen=True):
    """A person whose signature fits."""

    name: str
    key: str  # id
    roles: tuple[str, ...]


class Officers(Protocol):
    def signed(self, type: str, payload: bytes, signatures: Sequence[Signature]) -> Sequence[Officer]:
        """Return the persons, trusted now, who have signed that very document; each once.

        Raises:
            SetupError: it cannot be said who is trusted.
        """
