"""Every secret behind one door: the door of ``keys``."""

from __future__ import annotations

from typing import Protocol

from gateway.keys.succession import LogKeys
from gateway.keys.vault import SigningKey


class Keyring(Protocol):
    """Secrets by purpose. Each has an id, which may be logged; the bytes never are."""

    def pepper(self) -> bytes:
        """32 bytes that turn an API key into its stored HMAC."""

    def tag_key(self, tenant: str) -> bytes:
        """32 bytes, distinct per tenant, for pseudonyms."""

    def subjects_key(self, year: int) -> bytes:
        """32 bytes, distinct per calendar year, for the marks by which persons are counted; made at its first use."""

    def tag_keys(self, tenant: str) -> tuple[bytes, ...]:
        """Those of a tenant that count now, newest first: one, or two while the tenants' key was rotated lately."""

    def log_key(self) -> SigningKey:
        """The key that signs checkpoints of the audit log."""

    def log_keys(self) -> LogKeys:
        """What signs the log now, and how the keys followed each other so far."""

    def ids(self) -> dict[str, str]:
        """Key ids by purpose: the first 8 bytes of SHA-256 over (purpose, public part or bytes), in hex."""
