"""Keys that sign metadata: Ed25519 (RFC 8032), one PEM file each (PKCS#8, mode 0600), under a passphrase if wished.

Beside ``NAME.pem`` lies ``NAME.pub.json``, the public key as TUF writes it, which whoever signs the root needs of the
others. A key is named by its TUF key id, the SHA-256 of its canonical public form.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from gateway import durable
from gateway.errors import SetupError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class KeyFile:
    """One key of the maker: where its secret half lies, and its public half."""

    path: Path
    public: Key

    @property
    def name(self) -> str:
        return self.path.stem


def make(folder: Path, name: str, passphrase: bytes = b"") -> KeyFile:
    """Make a key; both files are on stable storage when this returns. An existing one is never replaced.

    Raises:
        SetupError: the name is no name, or there is such a key already.
    """
    path = folder / f"{name}.pem"
    if not _NAME.fullmatch(name):
        raise SetupError(f"{name} is no name of a key.", "Use a-z, 0-9 and -.", exit_code=2)
    if path.exists():
        raise SetupError(f"{path} exists.", "A key is never replaced; give it another name.", exit_code=2)
    secret = Ed25519PrivateKey.generate()
    kept: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    public = SSlibKey.from_crypto(secret.public_key())
    durable.replace(path, secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept))
    told = {"keyid": public.keyid, **public.to_dict()}
    durable.replace(
        folder / f"{name}.pub.json", json.dumps(told, indent=1, sort_keys=True).encode() + b"\n", mode=0o644
    )
    return KeyFile(path, public)


def read_public(path: Path) -> Key:
    """Read ``NAME.pub.json``.

    Raises:
        SetupError
    """
    try:
        told = json.loads(path.read_bytes())
        return Key.from_dict(told.pop("keyid"), told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SetupError(f"{path} is no public key of a maker.", "sekisho bundle keys create writes them.") from None


def of_folder(folder: Path) -> tuple[KeyFile, ...]:
    """The keys whose secret half lies in a folder, by name."""
    return tuple(KeyFile(path, read_public(path.with_suffix(".pub.json"))) for path in sorted(folder.glob("*.pem")))


def needs_passphrase(path: Path) -> bool:
    """Whether a key lies under a passphrase; a file that cannot be read does not say so."""
    try:
        return b"ENCRYPTED" in path.read_bytes()[:64]
    except OSError:
        return False


def signer(path: Path, passphrase: bytes = b"") -> CryptoSigner:
    """Open a key for signing.

    Raises:
        SetupError: it cannot be read, others may read it, the passphrase is wrong, or it is of another kind.
    """
    try:
        if os.stat(path).st_mode & 0o077:
            raise SetupError(f"{path} can be read by others.", f"chmod 600 {path}")
        secret = load_pem_private_key(path.read_bytes(), passphrase or None)
    except OSError as problem:
        raise SetupError(f"{path} cannot be read ({problem.strerror}).", "Give the file of a key.") from None
    except (ValueError, TypeError):
        raise SetupError(f"{path} cannot be opened: no key, or another passphrase.", "Give its passphrase.") from None
    if not isinstance(secret, Ed25519PrivateKey):
        raise SetupError(f"{path} is no Ed25519 key.", "sekisho bundle keys create makes them.")
    return CryptoSigner(secret)
