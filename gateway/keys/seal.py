"""Key files that are worth nothing to who only has the files.

Every secret of a sealed folder is AES-256-GCM under one random folder key, with its own name as associated data, so
that no file passes for another. The folder key lies in the file ``seal``, itself under a key that does not lie in the
folder: made from a passphrase, from a systemd credential, or by a token (PKCS #11). A new passphrase changes ``seal``
alone.

Formats::

    seal          {"version": "sekisho.seal/1", "by": "passphrase", "kdf": {"n", "r", "p", "salt"}, "nonce", "wrapped"}
    pepper, …     "sekisho.sealed/1" LF, 12 bytes of nonce, ciphertext with its tag of 16 bytes

Derivations: scrypt (RFC 7914) with n = 2^17, r = 8, p = 1, that is 128 MiB for each guess, for a passphrase;
HKDF-SHA256 (RFC 5869) for a credential, which must have 32 random bytes at least. What a token does is in
:mod:`gateway.keys.token`.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.errors import SetupError
from gateway.keys import folder as files

FILE = "seal"
MAGIC = b"sekisho.sealed/1\n"
COST = 2**17
LEAST_CREDENTIAL_BYTES = 32
LEAST_PASSPHRASE_CHARS = 12
_KEY_BYTES, _NONCE_BYTES, _SALT_BYTES = 32, 12, 32
_FOLDER_KEY = b"sekisho.seal/1"
_RIGHT = "Check the passphrase, credential or token; or put the key folder back from its backup."

By = Literal["passphrase", "systemd", "pkcs11"]


class Scrypted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a key follows from a passphrase. The bounds keep a damaged file from taking all memory."""

    salt: str
    n: Annotated[int, msgspec.Meta(ge=2**14, le=2**20)] = COST
    r: Annotated[int, msgspec.Meta(ge=8, le=16)] = 8
    p: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1


class SealFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The file ``seal``."""

    version: Literal["sekisho.seal/1"]
    by: By
    kdf: Scrypted | None = None
    salt: str = ""
    token: str = ""  # the identifier of the token's own key, in hex
    method: str = ""  # how the token does it
    nonce: str = ""
    wrapped: str


class Seal(Protocol):
    """How secrets lie in their files."""

    def closed(self, name: str, secret: bytes) -> bytes:
        """Return what the file ``name`` holds for a secret."""

    def opened(self, name: str, raw: bytes) -> bytes:
        """Return the secret of the file ``name``. Raises SetupError."""


class Plain:
    """Secrets lie in their files as they are."""

    def closed(self, name: str, secret: bytes) -> bytes:
        return secret

    def opened(self, name: str, raw: bytes) -> bytes:
        if raw.startswith(MAGIC):
            mend = "Set keys.provider to what seals them; after `sekisho keys protect` was interrupted, run it again."
            raise SetupError(f"The key file {name} is sealed.", mend)
        return raw


class Sealed:
    """Secrets are encrypted under the folder key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def closed(self, name: str, secret: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return MAGIC + nonce + self._cipher.encrypt(nonce, secret, MAGIC + name.encode())

    def opened(self, name: str, raw: bytes) -> bytes:
        if not raw.startswith(MAGIC):
            mend = "Run: sekisho keys protect; or put it back from the backup of your keys."
            raise SetupError(f"The key file {name} is not sealed.", mend)
        nonce, rest = raw[len(MAGIC) :][:_NONCE_BYTES], raw[len(MAGIC) + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, MAGIC + name.encode())
        except (InvalidTag, ValueError) as error:
            raise SetupError(f"The key file {name} is damaged, or belongs to another folder.", files.RESTORE) from error


Lock = Callable[[bytes], SealFile]
"""Puts a folder key under a key from elsewhere."""

Unlock = Callable[[SealFile], bytes]
"""Gives it back. Raises SetupError."""


def is_sealed(folder: Path) -> bool:
    """Whether the folder has a seal."""
    return (folder / FILE).exists()


def make(folder: Path, lock: Lock, unlock: Unlock) -> Sealed:
    """Return the folder's seal; the first time it is made, and proven to open again before it lies there.

    Raises:
        SetupError: the seal that is there does not open, or it cannot be written.
    """
    if not is_sealed(folder):
        files.make(folder)
        key = os.urandom(_KEY_BYTES)
        content = lock(key)
        if unlock(content) != key:
            raise SetupError("What was sealed does not open again.", "Check the token; nothing was written.")
        files.write_once(folder / FILE, _encoded(content))
    return open_seal(folder, unlock)


def open_seal(folder: Path, unlock: Unlock) -> Sealed:
    """Return the folder's seal. Raises SetupError: there is none, it is damaged, or it does not open."""
    return Sealed(unlock(read(folder)))


def change(folder: Path, lock: Lock, unlock: Unlock) -> None:
    """Put the folder key under another key. No other file changes. Raises SetupError."""
    files.replace(folder / FILE, _encoded(lock(unlock(read(folder)))))


def read(folder: Path) -> SealFile:
    """Return what the seal says of itself. Raises SetupError."""
    path = folder / FILE
    if not path.exists():
        raise SetupError(f"The keys in {folder} are not sealed.", "Run: sekisho keys protect, or set keys.provider.")
    try:
        return msgspec.json.decode(files.read_secret(path), type=SealFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is damaged.", files.RESTORE) from error


def _encoded(content: SealFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


# --- a passphrase


def by_passphrase(passphrase: bytes, cost: int = COST) -> tuple[Lock, Unlock]:
    """Return how a passphrase seals and opens."""

    def lock(key: bytes) -> SealFile:
        kdf = Scrypted(text(os.urandom(_SALT_BYTES)), n=cost)
        nonce, wrapped = wrap(_scrypt(passphrase, kdf), key)
        return SealFile(version="sekisho.seal/1", by="passphrase", kdf=kdf, nonce=nonce, wrapped=wrapped)

    def unlock(content: SealFile) -> bytes:
        require(content, "passphrase")
        if content.kdf is None:
            raise SetupError("The seal of the keys is damaged.", files.RESTORE)
        return unwrap(_scrypt(passphrase, content.kdf), content, "The passphrase of the keys is wrong.")

    return lock, unlock


def _scrypt(passphrase: bytes, kdf: Scrypted) -> bytes:
    return Scrypt(salt=raw(kdf.salt), length=_KEY_BYTES, n=kdf.n, r=kdf.r, p=kdf.p).derive(passphrase)


# --- a credential


def by_credential(secret: bytes) -> tuple[Lock, Unlock]:
    """Return how a secret of systemd seals and opens. Raises SetupError when it is too short."""
    if len(secret) < LEAST_CREDENTIAL_BYTES:
        mend = "Make one: head -c 32 /dev/urandom | systemd-creds encrypt --name=sekisho-keys - FILE"
        raise SetupError(f"The credential for the keys has less than {LEAST_CREDENTIAL_BYTES} bytes.", mend)

    def lock(key: bytes) -> SealFile:
        salt = text(os.urandom(_SALT_BYTES))
        nonce, wrapped = wrap(derive(secret, salt), key)
        return SealFile(version="sekisho.seal/1", by="systemd", salt=salt, nonce=nonce, wrapped=wrapped)

    def unlock(content: SealFile) -> bytes:
        require(content, "systemd")
        return unwrap(derive(secret, content.salt), content, "The credential does not open the keys.")

    return lock, unlock


def derive(secret: bytes, salt: str) -> bytes:
    """Return 32 bytes from a secret of full strength."""
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=raw(salt), info=_FOLDER_KEY).derive(secret)


# --- what they have in common


def require(content: SealFile, by: By) -> None:
    """Refuse a seal that another provider made. Raises SetupError."""
    if content.by != by:
        raise SetupError(f"The keys are sealed by {content.by}, not by {by}.", f"Set keys.provider: {content.by}")


def wrap(key: bytes, folder_key: bytes) -> tuple[str, str]:
    """Return nonce and ciphertext of the folder key."""
    nonce = os.urandom(_NONCE_BYTES)
    return text(nonce), text(AESGCM(key).encrypt(nonce, folder_key, _FOLDER_KEY))


def unwrap(key: bytes, content: SealFile, problem: str) -> bytes:
    """Return the folder key. Raises SetupError with ``problem`` when this is not the key that it lies under."""
    try:
        return AESGCM(key).decrypt(raw(content.nonce), raw(content.wrapped), _FOLDER_KEY)
    except (InvalidTag, ValueError) as error:
        raise SetupError(problem, _RIGHT) from error


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def raw_hex(encoded: str) -> bytes:
    """Decode hexadecimal. Raises SetupError."""
    try:
        return bytes.fromhex(encoded)
    except ValueError as error:
        raise SetupError("The seal of the keys is damaged.", files.RESTORE) from error


def raw(encoded: str) -> bytes:
    """Decode base64. Raises SetupError."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SetupError("The seal of the keys is damaged.", files.RESTORE) from error
