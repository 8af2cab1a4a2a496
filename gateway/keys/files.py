"""Every secret of an installation, by purpose: made once, read at the first use, rotated with an overlap.

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
| ``subjects-2026`` | 32 random bytes, for the marks of one year; made at its first use |
| ``log.pem`` | Ed25519 private key, PKCS #8 PEM; in its place ``log.token``, where a token keeps the key |
| ``pepper-…``, ``tenants-…``, ``log-….pem`` | those that followed them (:mod:`gateway.keys.generations`) |
| ``generations.json`` | which of them count; from the first rotation on |
| ``seal`` | what the secrets above lie under, if they are sealed (:mod:`gateway.keys.seal`) |
| ``policy-bundle.pem`` | P-256 private key for OPA bundles, PKCS #8 PEM; made when the first policy is built; never \
sealed, since OPA reads it: it opens nothing that the log's signature on a revision does not vouch for |
| ``log.vkey`` | the log key's public part, for auditors: a C2SP signed-note verifier key; mode 0644 |
| ``log-vkeys`` | from the first rotation on: those of the whole chain, oldest first; mode 0644 |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ulid import ULID

from gateway.errors import SetupError
from gateway.keys import folder as files
from gateway.keys import generations
from gateway.keys.generations import Generation, Generations, Pending, Purpose
from gateway.keys.succession import LOG_KEY_NAME, LogKeys, rotation, verifier_key
from gateway.keys.vault import FileVault, SigningKey, Vault

SECRET_BYTES = 32
VKEY, VKEYS = "log.vkey", "log-vkeys"
_MOST_CACHED_TENANTS = 4096


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Pepper:
    """One pepper, and until when it counts; ``None``: it is in force."""

    id: str
    secret: bytes
    until: datetime | None = None


class FileKeyring:
    """The :class:`~gateway.keys.door.Keyring`. Secrets are read once, at the first use.

    Args:
        folder: where they lie.
        vault: how they lie there; plain files when nothing is said.
        clock: says which overlaps are over.
    """

    def __init__(self, folder: Path, vault: Vault | None = None, clock: Callable[[], datetime] = _now) -> None:
        self.folder, self._clock = folder, clock
        self.vault: Vault = vault or FileVault(folder)
        self._secrets: dict[str, bytes] = {}
        self._tenant_keys: dict[tuple[str, str], bytes] = {}
        self._log_keys: dict[str, SigningKey] = {}
        self._generations: Generations | None = None

    def create(self) -> None:
        """Write every secret that is missing, and the public key beside the log key. Never overwrites a secret.

        For set-up only: a server that made itself a new pepper would lock out every caller without a word.

        Raises:
            SetupError: the folder cannot be written, or what is there already is not fit for use.
        """
        files.make(self.folder)
        if not (self.folder / generations.FILE).exists():
            self.vault.write_once("pepper", os.urandom(SECRET_BYTES))
            self.vault.write_once("tenants", os.urandom(SECRET_BYTES))
            self.vault.make_log_key(self.vault.log_file)
        self.check()
        files.write_once(self.folder / VKEY, f"{self.log_verifier_key()}\n".encode(), 0o644)

    def check(self) -> None:
        """Read every secret in force, and let the log key sign.

        Raises:
            SetupError: names the first one that is missing, open to others or damaged, or whose keeper is silent.
        """
        for purpose in ("pepper", "tenants"):
            self._secret(self.generations.newest(purpose).file)
        key = self.log_key()
        try:
            key.public_key().verify(key.sign(b"sekisho check"), b"sekisho check")
        except (OSError, InvalidSignature) as error:
            raise SetupError("The log key does not sign as it must.", "Run: sekisho doctor") from error

    @property
    def generations(self) -> Generations:
        """Which secrets count. Raises SetupError."""
        if self._generations is None:
            self._generations = generations.read(self.folder, self.vault.log_file)
        return self._generations

    # --- the secrets in force, and those that still count beside them

    def pepper(self) -> bytes:
        return self._secret(self.generations.newest("pepper").file)

    def peppers(self) -> tuple[Pepper, ...]:
        """Return all peppers that are not gone, newest first; each says until when it counts."""
        return tuple(
            Pepper(_key_id("pepper", secret), secret, each.until)
            for each in reversed(self.generations.pepper)
            if (secret := self._secret(each.file))
        )

    def tag_key(self, tenant: str) -> bytes:
        """Derive with HKDF-SHA256 (RFC 5869), the tenant's name in ``info``."""
        return self._tag_key(self.generations.tenants[-1], tenant)

    def tag_keys(self, tenant: str) -> tuple[bytes, ...]:
        """Return the tenant's keys that count now, newest first: to find again what was marked before a rotation."""
        return tuple(self._tag_key(each, tenant) for each in self.generations.counting("tenants", self._clock()))

    def kept_tag_keys(self, tenant: str) -> tuple[bytes, ...]:
        """Return the tenant's keys that are not gone yet, newest first: to open what is sealed under one of them."""
        return tuple(self._tag_key(each, tenant) for each in reversed(self.generations.tenants))

    def _tag_key(self, generation: Generation, tenant: str) -> bytes:
        key = self._tenant_keys.get((generation.file, tenant))
        if key is None:
            if len(self._tenant_keys) >= _MOST_CACHED_TENANTS:
                self._tenant_keys.clear()
            info = b"sekisho tag key/1\x00" + tenant.encode()
            master = self._secret(generation.file)
            key = HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(master)
            self._tenant_keys[generation.file, tenant] = key
        return key

    def subjects_key(self, year: int) -> bytes:
        """Return the key of a file of its own, ``subjects-2026``: with it gone, that year's marks tell nobody anything.

        Raises:
            SetupError: it cannot be read or written.
        """
        name = f"subjects-{year:04}"
        if name not in self._secrets:
            self.vault.write_once(name, os.urandom(SECRET_BYTES))
        return self._secret(name)

    def log_key(self) -> SigningKey:
        return self._log_key(self.generations.newest("log").file)

    def log_keys(self) -> LogKeys:
        """Return what signs the log now and how the keys followed each other; a decided rotation counts already."""
        known = self.generations.carried_out() if self._pending("log") else self.generations
        signing = tuple(self._log_key(each.file) for each in known.counting("log", self._clock()))
        return LogKeys(signing, known.rotations)

    def bundle_key_file(self) -> Path:
        """Return the file of the key that OPA bundles are signed with; made at its first use, since a new one harms
        nobody: each revision says which key OPA verifies it with.

        Raises:
            SetupError: it cannot be written, or is open to others.
        """
        path = self.folder / "policy-bundle.pem"
        files.write_once(path, _new_bundle_key)
        files.read_secret(path)
        return path

    def log_verifier_key(self, name: str = LOG_KEY_NAME) -> str:
        """Return the log's public key for auditors, under ``name``."""
        return verifier_key(self.log_key().public_key(), name)

    def ids(self) -> dict[str, str]:
        return {purpose: self.id_of(self.generations.newest(purpose), purpose) for purpose in generations.PURPOSES}

    def id_of(self, generation: Generation, purpose: Purpose) -> str:
        """Return the id of one generation of a purpose."""
        if purpose == "log":
            return _key_id(purpose, self._log_key(generation.file).public_key().public_bytes_raw())
        return _key_id(purpose, self._secret(generation.file))

    # --- rotation: the steps; who puts them on record between is gateway.keys.office

    def draft(self, purpose: Purpose, by: str, since: datetime, until: datetime) -> Pending:
        """Make the secret that is to follow, and what is to be said of it. It is not in force, and known to nobody.

        Raises:
            SetupError: it cannot be made, or an overlap of that purpose still runs.
        """
        before = self.generations.newest(purpose)
        _require_room(self.generations, purpose)
        kind = self.vault.log_file.partition(".")[2]
        file = f"{purpose}-{str(ULID()).lower()}" + (f".{kind}" if purpose == "log" else "")
        self._keep(self.generations.drafting(file))
        if purpose == "log":
            self.vault.make_log_key(file)
            told = rotation(self._log_key(before.file), self._log_key(file))
        else:
            self.vault.write_once(file, os.urandom(SECRET_BYTES))
            told = {"old": self.id_of(before, purpose), "new": self.id_of(Generation(file), purpose)}
        details = {"purpose": purpose, **told, "by": by, "since": said(since), "until": said(until)}
        return Pending(purpose, file, since, until, details)

    def decide(self, pending: Pending) -> None:
        """Keep a draft, durably: from now on it is carried out, by this process or the next. Raises SetupError."""
        self._keep(self.generations.decided(pending))

    def give_up(self) -> None:
        """Forget a rotation that was decided and is nowhere on record. Raises SetupError."""
        self._keep(self.generations.undecided())
        self.sweep()

    def carry_out(self) -> None:
        """Put the decided rotation in force. MUST NOT be called before it is on record, durably. Raises SetupError."""
        self._keep(self.generations.carried_out())
        self.publish()

    def end(self, purpose: Purpose, now: datetime) -> None:
        """End the overlap of a purpose now: what is older counts no more. Raises SetupError."""
        self._keep(self.generations.ended(purpose, now))

    def forget(self, purpose: Purpose, gone: tuple[Generation, ...]) -> None:
        """Make secrets whose overlap is over gone for good. Raises SetupError."""
        self._keep(self.generations.without(purpose, gone))
        self.sweep()
        for each in gone:
            self._secrets.pop(each.file, None)
            self._log_keys.pop(each.file, None)
        self._tenant_keys.clear()

    def publish(self) -> None:
        """Let ``log.vkey`` and ``log-vkeys`` say what is in force. Raises SetupError."""
        if not self.generations.rotations:
            return
        chain = LogKeys((self.log_key(),), self.generations.rotations).vkeys()
        for name, lines in ((VKEYS, chain), (VKEY, chain[-1:])):
            content = "".join(f"{line}\n" for line in lines).encode("ascii")
            path = self.folder / name
            if not path.exists() or path.read_bytes() != content:
                files.replace(path, content, 0o644)

    def sweep(self) -> None:
        """Make gone what is to be gone: drafts that nobody decided on, and secrets whose overlap is over."""
        if self.generations.leftover:
            for file in self.generations.leftover:
                self.vault.destroy(file)
            self._keep(self.generations.swept())

    def _pending(self, purpose: Purpose) -> Pending | None:
        pending = self.generations.pending
        return pending if pending and pending.purpose == purpose else None

    def _keep(self, changed: Generations) -> None:
        generations.write(self.folder, changed)
        self._generations = changed

    def _log_key(self, file: str) -> SigningKey:
        if file not in self._log_keys:
            self._log_keys[file] = self.vault.log_key(file)
        return self._log_keys[file]

    def _secret(self, name: str) -> bytes:
        secret = self._secrets.get(name)
        if secret is None:
            secret = self.vault.read(name)
            if len(secret) != SECRET_BYTES:
                problem = f"The key file {self.folder / name} holds {len(secret)} bytes; it must hold {SECRET_BYTES}."
                raise SetupError(problem, files.RESTORE)
            self._secrets[name] = secret
        return secret


def said(moment: datetime) -> str:
    """Return a time as records have it: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _require_room(known: Generations, purpose: Purpose) -> None:
    """Refuse a rotation beside another one. Raises SetupError."""
    if known.pending:
        problem = f"A rotation of {known.pending.purpose} is under way."
        raise SetupError(problem, "Start the server: it is carried out then; or wait a minute.")
    older = known.older(purpose)
    if older and older[-1].until:
        mend = f"Wait for it, or end it: sekisho keys rotate {purpose} --end-overlap"
        raise SetupError(f"The overlap of the last rotation of {purpose} runs until {said(older[-1].until)}.", mend)


def _key_id(purpose: str, part: bytes) -> str:
    return hashlib.sha256(purpose.encode() + b"\x00" + part).digest()[:8].hex()


def _new_bundle_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
