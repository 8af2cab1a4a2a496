"""Secrets as files: one folder, mode 0700, one file each, mode 0600.

Guarantees: a secret is written whole or not at all, never over another one; a file that others could read, or that is
not what it should be, is refused at the first use instead of being used. Losing the folder means that no API key is
recognised any more and no checkpoint can be signed under the same key: it belongs into the backup, apart from the data.

::

    keyring = FileKeyring(Path(".sekisho/keys"))
    keyring.create()                    # at set-up: makes what is missing
    keyring.check()                     # at start: SetupError names the file that is wrong
    keyring.tag_key("acme")             # 32 bytes, another 32 for every other tenant

| file | content |
| --- | --- |
| ``pepper`` | 32 random bytes |
| ``tenants`` | 32 random bytes, the master of all tenants' keys |
| ``log.pem`` | Ed25519 private key, PKCS #8 PEM without passphrase |
| ``policy-bundle.pem`` | P-256 private key for OPA bundles, PKCS #8 PEM; made when the first policy is built |
| ``log.vkey`` | its public part, for auditors: a C2SP signed-note verifier key; mode 0644 |
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.errors import SetupError

SECRET_BYTES = 32
LOG_KEY_NAME = "sekisho-log"
_MOST_CACHED_TENANTS = 4096
_ED25519_NOTE = b"\x01"  # signature type of C2SP signed-note


def verifier_key(key: Ed25519PrivateKey, name: str) -> str:
    """Return the public part as ``<name>+<key id, hex>+<base64>`` (C2SP signed-note)."""
    public = _ED25519_NOTE + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(public).decode()}"


class FileKeyring:
    """The :class:`~gateway.keys.door.Keyring` on disk. Files are read once, at the first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._secrets: dict[str, bytes] = {}
        self._tenant_keys: dict[str, bytes] = {}
        self._log_key: Ed25519PrivateKey | None = None

    def create(self) -> None:
        """Write every secret that is missing, and the public key beside the log key. Never overwrites a secret.

        For set-up only: a server that made itself a new pepper would lock out every caller without a word.

        Raises:
            SetupError: the folder cannot be written, or what is there already is not fit for use.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_once(self.folder / "pepper", os.urandom(SECRET_BYTES), 0o600)
            _write_once(self.folder / "tenants", os.urandom(SECRET_BYTES), 0o600)
            _write_once(self.folder / "log.pem", _new_log_key(), 0o600)
            self.check()
            public = verifier_key(self.log_key(), LOG_KEY_NAME)
            _write_once(self.folder / "log.vkey", f"{public}\n".encode(), 0o644)
        except OSError as error:
            mend = "Check who owns it and whether its disk is full."
            raise SetupError(f"The key folder {self.folder} cannot be written.", mend) from error

    def check(self) -> None:
        """Read every secret. Raises SetupError, naming the first file that is missing, open to others or damaged."""
        self.pepper()
        self._secret("tenants")
        self.log_key()

    def pepper(self) -> bytes:
        return self._secret("pepper")

    def tag_key(self, tenant: str) -> bytes:
        """Derive with HKDF-SHA256 (RFC 5869), the tenant's name in ``info``."""
        key = self._tenant_keys.get(tenant)
        if key is None:
            if len(self._tenant_keys) >= _MOST_CACHED_TENANTS:
                self._tenant_keys.clear()
            info = b"sekisho tag key/1\x00" + tenant.encode()
            key = HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(self._secret("tenants"))
            self._tenant_keys[tenant] = key
        return key

    def subjects_key(self, year: int) -> bytes:
        """Return the key of a file of its own, ``subjects-2026``: with it gone, that year's marks tell nobody anything.

        Raises:
            SetupError: it cannot be read or written.
        """
        name = f"subjects-{year:04}"
        if name not in self._secrets:
            try:
                _write_once(self.folder / name, os.urandom(SECRET_BYTES), 0o600)
            except OSError as error:
                mend = "Check who owns it and whether its disk is full."
                raise SetupError(f"The key folder {self.folder} cannot be written.", mend) from error
        return self._secret(name)

    def log_key(self) -> Ed25519PrivateKey:
        if self._log_key is None:
            self._log_key = _parse_log_key(self.folder / "log.pem", _read_secret(self.folder / "log.pem"))
        return self._log_key

    def bundle_key_file(self) -> Path:
        """Return the file of the key that OPA bundles are signed with; made at its first use, since a new one harms
        nobody: each revision says which key OPA verifies it with.

        Raises:
            SetupError: it cannot be written, or is open to others.
        """
        path = self.folder / "policy-bundle.pem"
        try:
            _write_once(path, _new_bundle_key(), 0o600)
        except OSError as error:
            mend = "Check who owns it and whether its disk is full."
            raise SetupError(f"The key folder {self.folder} cannot be written.", mend) from error
        _read_secret(path)
        return path

    def log_verifier_key(self, name: str = LOG_KEY_NAME) -> str:
        """Return the log's public key for auditors, under ``name``."""
        return verifier_key(self.log_key(), name)

    def ids(self) -> dict[str, str]:
        public = self.log_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        parts = {"pepper": self.pepper(), "tenants": self._secret("tenants"), "log": public}
        return {purpose: _key_id(purpose, part) for purpose, part in parts.items()}

    def _secret(self, name: str) -> bytes:
        secret = self._secrets.get(name)
        if secret is None:
            path = self.folder / name
            secret = _read_secret(path)
            if len(secret) != SECRET_BYTES:
                problem = f"The key file {path} holds {len(secret)} bytes; it must hold {SECRET_BYTES}."
                raise SetupError(problem, "Put it back from the backup of your keys.")
            self._secrets[name] = secret
        return secret


def _key_id(purpose: str, part: bytes) -> str:
    return hashlib.sha256(purpose.encode() + b"\x00" + part).digest()[:8].hex()


def _new_log_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_bundle_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _parse_log_key(path: Path, pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        problem = f"The key file {path} is not an Ed25519 private key in PKCS #8 PEM."
        raise SetupError(problem, "Put it back from the backup of your keys.")
    return key


def _read_secret(path: Path) -> bytes:
    """Return the file's bytes. Raises SetupError when it is missing, not a plain file, or open to group or world."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise SetupError(f"There is no key file {path}.", "Run: sekisho init, or restore your keys.") from error
    except OSError as error:
        raise SetupError(f"The key file {path} cannot be read.", "Check its owner; it must be a plain file.") from error
    with os.fdopen(descriptor, "rb") as file:
        for holder, mode in ((path, os.fstat(descriptor).st_mode), (path.parent, path.parent.stat().st_mode)):
            if mode & 0o077:
                raise SetupError(f"{holder} is open to other users.", f"Run: chmod go-rwx {holder}")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SetupError(f"The key file {path} is not a plain file.", "Put it back from the backup of your keys.")
        return file.read()


def _write_once(path: Path, content: bytes, mode: int) -> None:
    """Write a new file whole: a temporary one, synced, then linked to its name. Leaves an existing file alone."""
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(temporary, path)
        except FileExistsError:  # another process was faster; its secret stands
            return
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
