"""The persons whose signature on a policy counts: ``keys/policy-signers.json``, public keys with names and roles.

A private key is the person's own: a PKCS #8 PEM file, which a passphrase should protect, and which never comes here.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Literal, get_args

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.revisions import replace_file

FILE = "policy-signers.json"
Role = Literal["policy-author", "approver", "auditor", "privacy-officer"]
ROLES: tuple[str, ...] = get_args(Role)
OF_POLICY = frozenset({"policy-author", "approver"})
"""Roles whose signature counts on a policy; the others' counts where persons are searched for."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Signer(dsse.Signer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person. ``added`` is when the key was made known here."""

    roles: tuple[Role, ...]
    added: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal["sekisho.signers/1"] = "sekisho.signers/1"
    signers: tuple[Signer, ...] = ()


class Signers:
    """The file of signers. Only one process changes it at a time: who holds the data folder's lock.

    Args:
        keys: the folder with the keys.
    """

    def __init__(self, keys: Path) -> None:
        self.path = keys / FILE

    def list(self) -> tuple[Signer, ...]:
        """Return all of them, by name. Raises SetupError when the file cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_File).signers
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise SetupError(f"{self.path} is damaged.", "Restore it from the backup of your keys.") from error

    def checked(self, signer: Signer) -> Signer:
        """Return a signer that could be added.

        Raises:
            SetupError: no name, no role, not an Ed25519 key, or one that is known already.
        """
        if not _NAME.fullmatch(signer.name):
            raise _wrong(f"`{signer.name}` is no name of a signer", "Use a-z, 0-9, and . _ - inside.")
        if not signer.roles:
            raise _wrong(f"{signer.name} has no role", f"Give one of: {', '.join(ROLES)}.")
        try:
            Ed25519PublicKey.from_public_bytes(signer.raw())
        except (dsse.BadEnvelope, ValueError) as error:
            raise _wrong(f"The key of {signer.name} is not an Ed25519 key", "Give its public part.") from error
        for other in self.list():
            if other.name == signer.name or other.key_id == signer.key_id:
                raise _wrong(f"{other.name} is known already", "Remove that signer first, or take another key.")
        return signer

    def add(self, signer: Signer) -> None:
        """Make a signer known. Raises SetupError, as :meth:`checked`."""
        self._write((*self.list(), self.checked(signer)))

    def find(self, name: str) -> Signer:
        """Return one by name. Raises SetupError."""
        for signer in self.list():
            if signer.name == name:
                return signer
        raise _wrong(f"No signer is called {name}", "See: sekisho policy signer list")

    def remove(self, name: str) -> None:
        """Take away a signer; what that person signed counts no more."""
        gone = self.find(name)
        self._write(tuple(signer for signer in self.list() if signer != gone))

    def _write(self, signers: tuple[Signer, ...]) -> None:
        content = msgspec.json.encode(_File(signers=tuple(sorted(signers, key=lambda signer: signer.name))))
        try:
            replace_file(self.path, msgspec.json.format(content, indent=2) + b"\n")
        except OSError as error:
            raise SetupError(f"{self.path} cannot be written.", "Check its owner and free space.") from error


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as it is given to others: its 32 bytes in base64."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def read_public(text: str) -> str:
    """Return the public key in a PEM text, or in base64, in base64. Raises SetupError."""
    text = text.strip()
    if text.startswith("-----BEGIN PUBLIC KEY"):
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if isinstance(key, Ed25519PublicKey):
            return public_text(key)
    try:
        if len(base64.b64decode(text, validate=True)) == 32:
            return text
    except (binascii.Error, ValueError):
        pass
    raise _wrong("That is not an Ed25519 public key", "Give its 32 bytes in base64, or a PEM file.")


def create_private(path: Path, passphrase: str) -> str:
    """Write a new private key into a file that is not there yet, mode 0600; return its public part.

    Args:
        passphrase: empty for none.

    Raises:
        SetupError: there is such a file, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    protection = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise _wrong(f"There is a file {path} already", "Give another name.") from error
    except OSError as error:
        raise SetupError(f"{path} cannot be written.", "Check its folder.") from error
    with open(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return public_text(key.public_key())


def needs_passphrase(path: Path) -> bool:
    """Whether a private key's file is protected. Raises SetupError when it cannot be read."""
    return b"ENCRYPTED" in _bytes_of(path)


def read_private(path: Path, passphrase: str = "") -> Ed25519PrivateKey:
    """Return the private key in a PKCS #8 PEM file.

    Raises:
        SetupError: it cannot be read, is open to others, is another kind of key, or the passphrase is wrong.
    """
    pem = _bytes_of(path)
    if path.stat().st_mode & 0o077:
        raise _wrong(f"{path} is open to other users", f"Run: chmod go-rwx {path}")
    try:
        key = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except TypeError as error:  # a passphrase where there is none, or none where there is one
        raise _wrong(
            f"{path} and the passphrase do not go together", "Give a passphrase only if it has one."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(f"{path} could not be opened", "Check the passphrase, and that it is a PEM file.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong(f"{path} is not an Ed25519 key", "Make one: sekisho policy signer create NAME")
    return key


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _wrong(f"{path} cannot be read", "Check the path of the key file.") from error


def _wrong(problem: str, mend: str) -> SetupError:
    return SetupError(f"{problem}.", mend, exit_code=2)
