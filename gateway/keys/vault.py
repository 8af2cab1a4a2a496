"""Where secrets lie: by name, in the key folder, sealed or not; a log key may lie in a token instead."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.errors import SetupError
from gateway.keys import folder as files
from gateway.keys.seal import Plain, Seal


class SigningKey(Protocol):
    """An Ed25519 key that signs: one in memory, or one that never leaves its token."""

    def sign(self, data: bytes, /) -> bytes:
        """Return 64 bytes. Raises OSError when the key's keeper does not answer."""

    def public_key(self) -> Ed25519PublicKey: ...


class Vault(Protocol):
    """Secrets by name. All raise SetupError, which names what is missing, open to others, damaged or silent."""

    folder: Path
    log_file: str
    """The name of the first log key; the part from its dot on is that of every later one too."""

    def has(self, name: str) -> bool: ...

    def read(self, name: str) -> bytes: ...

    def write_once(self, name: str, secret: bytes) -> None:
        """Write a secret, durably, unless one of that name is there."""

    def make_log_key(self, name: str) -> None:
        """Make a log key, durably, unless one of that name is there."""

    def log_key(self, name: str) -> SigningKey: ...

    def destroy(self, name: str) -> None:
        """Make a secret or log key gone for good; one that is not there is gone already."""


class FileVault:
    """The :class:`Vault` of files."""

    log_file = "log.pem"

    def __init__(self, folder: Path, seal: Seal | None = None) -> None:
        self.folder = folder
        self._seal = seal or Plain()

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def read(self, name: str) -> bytes:
        return self._seal.opened(name, files.read_secret(self.folder / name))

    def write_once(self, name: str, secret: bytes) -> None:
        files.make(self.folder)
        files.write_once(self.folder / name, lambda: self._seal.closed(name, secret))

    def make_log_key(self, name: str) -> None:
        self.write_once(name, new_log_key())

    def log_key(self, name: str) -> SigningKey:
        return parse_log_key(self.folder / name, self.read(name))

    def destroy(self, name: str) -> None:
        files.destroy(self.folder / name)


def new_log_key() -> bytes:
    """Return a new Ed25519 private key, PKCS #8 PEM without passphrase."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def parse_log_key(path: Path, pem: bytes) -> Ed25519PrivateKey:
    """Return the key of a PEM. Raises SetupError."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SetupError(f"The key file {path} is not an Ed25519 private key in PKCS #8 PEM.", files.RESTORE)
    return key
