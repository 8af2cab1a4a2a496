"""Secrets behind a token that speaks PKCS #11: a smart card, an HSM, SoftHSM.

Guarantees: the log's Ed25519 key is made in the token, cannot be taken out of it, and signs there (CKM_EDDSA, PKCS #11
3.0). The folder key (:mod:`gateway.keys.seal`) lies under a key that the token made and keeps, as the token allows:

- ``aes-gcm``: the token encrypts and decrypts it (CKM_AES_GCM);
- ``hmac-sha256``: where it has no such mechanism, it makes the key that the folder key lies under, as the HMAC of a
  random salt (CKM_SHA256_HMAC).

In the key folder lies ``log.token``, which says which key of the token it is, and its public part. Its identifier
follows from the file's name and the folder's seal: a key whose file was never written is found, and a file that was
lost is made again.

A token that does not answer is asked once more by a new session; then a start is refused, and a running log waits. A
wrong PIN is never tried twice: tokens lock themselves.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import pkcs11
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, exceptions

from gateway.errors import SetupError
from gateway.keys import seal
from gateway.keys.folder import RESTORE
from gateway.keys.seal import Lock, Seal, SealFile, Unlock
from gateway.keys.vault import FileVault, SigningKey

GCM, HMAC = "aes-gcm", "hmac-sha256"
_ID_BYTES, _NONCE_BYTES, _KEY_BITS = 16, 12, 256
_CURVE = bytes.fromhex("06032b6570")  # the object identifier of Ed25519, RFC 8410
_LABEL = "sekisho"
_AAD = b"sekisho.seal/1"
_CONNECT = "Check that the token is there, keys.pkcs11_module and keys.pkcs11_token; then: sekisho doctor"
T = TypeVar("T")


class TokenSilent(OSError):
    """The token does not answer, or not as it must."""


class TokenKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file ``log.token``: which key of the token signs. Both in hex."""

    id: str
    public: str
    version: Literal["sekisho.token-key/1"] = "sekisho.token-key/1"


class Token:
    """A token, and the session that is open on it. Its use is in turn.

    Args:
        module: the shared library that speaks for it.
        label: of the token.
        pin: of the user.
    """

    def __init__(self, module: str, label: str, pin: str) -> None:
        self._module, self._label, self._pin = module, label, pin
        self._session: Any = None
        self._turn = threading.Lock()

    def ask(self, work: Callable[[Any], T]) -> T:
        """Return what ``work`` makes of the session.

        Raises:
            TokenSilent: the token does not answer.
            SetupError: the PIN is wrong or locked, or there is no such token.
        """
        with self._turn:
            try:
                return work(self._opened())
            except (exceptions.PKCS11Error, OSError, RuntimeError):
                self._session = None
            try:
                return work(self._opened())
            except exceptions.NoSuchKey as error:
                raise TokenSilent(f"the token {self._label} has not the key that it should have") from error
            except (exceptions.PKCS11Error, OSError, RuntimeError) as error:
                self._session = None
                raise TokenSilent(f"the token {self._label} does not answer") from error

    def allows(self, mechanism: Any) -> bool:
        """Whether the token knows a mechanism. Raises TokenSilent, SetupError."""
        return self.ask(lambda session: mechanism in session.token.slot.get_mechanisms())

    def _opened(self) -> Any:
        if self._session is None:
            self._session = self._open()
        return self._session

    def _open(self) -> Any:
        try:
            library = pkcs11.lib(self._module)
            token = library.get_token(token_label=self._label)
            try:
                return token.open(rw=True, user_pin=self._pin)
            except exceptions.UserAlreadyLoggedIn:  # by another session of this process
                return token.open(rw=True)
        except (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange) as error:
            mend = "Give the right one; a token locks itself after a few wrong ones."
            raise SetupError(f"The PIN of the token {self._label} is wrong.", mend) from error
        except exceptions.PinLocked as error:
            raise SetupError(f"The token {self._label} is locked.", "Unlock it with its security officer.") from error


class TokenSigner:
    """A log key in the token."""

    def __init__(self, token: Token, key: TokenKey) -> None:
        self._token, self._id = token, bytes.fromhex(key.id)
        self._public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public))

    def sign(self, data: bytes, /) -> bytes:
        """Return 64 bytes. Raises OSError when the token does not answer."""

        def work(session: Any) -> bytes:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=self._id)
            return bytes(key.sign(data, mechanism=Mechanism.EDDSA))

        try:
            return self._token.ask(work)
        except SetupError as error:
            raise TokenSilent(error.problem) from error

    def public_key(self) -> Ed25519PublicKey:
        return self._public


class TokenVault(FileVault):
    """The :class:`~gateway.keys.vault.Vault` whose log keys lie in a token, and whose files are sealed by it."""

    log_file = "log.token"

    def __init__(self, folder: Path, sealed: Seal, token: Token) -> None:
        super().__init__(folder, sealed)
        self._token = token

    def make_log_key(self, name: str) -> None:
        if not self.has(name):
            made = _told(partial(_log_key, self._token, self._identifier(name)))
            self.write_once(name, msgspec.json.encode(made))

    def log_key(self, name: str) -> SigningKey:
        if name.endswith(".pem"):  # made before the token kept log keys
            return super().log_key(name)
        return TokenSigner(self._token, self._reference(name))

    def destroy(self, name: str) -> None:
        if name.endswith(".token"):
            _told(partial(self._token.ask, partial(_destroy, key_id=self._identifier(name))))
        super().destroy(name)

    def _identifier(self, name: str) -> bytes:
        """Return which key of the token is that of a file."""
        return hashlib.sha256(f"{seal.read(self.folder).token}\0{name}".encode()).digest()[:_ID_BYTES]

    def _reference(self, name: str) -> TokenKey:
        try:
            return msgspec.json.decode(self.read(name), type=TokenKey)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SetupError(f"The key file {self.folder / name} is damaged.", RESTORE) from error


def by_token(token: Token) -> tuple[Lock, Unlock]:
    """Return how a token seals and opens."""

    def lock(key: bytes) -> SealFile:
        return _told(partial(_lock, token, key))

    def unlock(content: SealFile) -> bytes:
        seal.require(content, "pkcs11")
        return _told(partial(_unlock, token, content))

    return lock, unlock


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except TokenSilent as error:
        raise SetupError(f"The keys' keeper is silent: {error}.", _CONNECT) from error


def _log_key(token: Token, key_id: bytes) -> TokenKey:
    """Return the token's key pair of that identifier; where there is none it is made. It signs and cannot leave."""
    return TokenKey(key_id.hex(), token.ask(partial(_public_part, key_id=key_id)).hex())


def _public_part(session: Any, key_id: bytes) -> bytes:
    try:
        session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=key_id)
        public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, id=key_id)
    except exceptions.NoSuchKey:
        public = _made(session, key_id)
    return bytes(public[Attribute.EC_POINT])[-32:]  # an OCTET STRING around it, or the bare point


def _made(session: Any, key_id: bytes) -> Any:
    curve = session.create_domain_parameters(KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _CURVE}, local=True)
    public, _ = curve.generate_keypair(
        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        label=_LABEL,
        id=key_id,
        store=True,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return public


def _destroy(session: Any, key_id: bytes) -> None:
    for found in list(session.get_objects({Attribute.ID: key_id, Attribute.LABEL: _LABEL})):
        found.destroy()


def _lock(token: Token, folder_key: bytes) -> SealFile:
    key_id = os.urandom(_ID_BYTES)
    method = GCM if token.allows(Mechanism.AES_GCM) else HMAC
    token.ask(partial(_new_secret_key, key_id=key_id, method=method))
    head = {"version": "sekisho.seal/1", "by": "pkcs11", "token": key_id.hex(), "method": method}
    if method == GCM:
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = token.ask(partial(_gcm, key_id=key_id, nonce=nonce, data=folder_key, encrypt=True))
        return msgspec.convert({**head, "nonce": seal.text(nonce), "wrapped": seal.text(wrapped)}, SealFile)
    salt = os.urandom(32)
    under = token.ask(partial(_hmac, key_id=key_id, data=salt))
    sealed_nonce, text = seal.wrap(under, folder_key)
    return msgspec.convert({**head, "salt": seal.text(salt), "nonce": sealed_nonce, "wrapped": text}, SealFile)


def _unlock(token: Token, content: SealFile) -> bytes:
    key_id = seal.raw_hex(content.token)
    if content.method == GCM:
        nonce, wrapped = seal.raw(content.nonce), seal.raw(content.wrapped)
        return token.ask(partial(_gcm, key_id=key_id, nonce=nonce, data=wrapped, encrypt=False))
    under = token.ask(partial(_hmac, key_id=key_id, data=seal.raw(content.salt)))
    return seal.unwrap(under, content, "The token does not open the keys.")


def _new_secret_key(session: Any, key_id: bytes, method: str) -> None:
    kept = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    if method == GCM:
        uses, kind, made = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT, KeyType.AES, Mechanism.AES_KEY_GEN
    else:
        uses, kind = MechanismFlag.SIGN | MechanismFlag.VERIFY, KeyType.GENERIC_SECRET
        made = Mechanism.GENERIC_SECRET_KEY_GEN
    session.generate_key(
        kind, _KEY_BITS, label=_LABEL, id=key_id, store=True, capabilities=uses, mechanism=made, template=kept
    )


def _gcm(session: Any, key_id: bytes, nonce: bytes, data: bytes, *, encrypt: bool) -> bytes:
    key = session.get_key(object_class=ObjectClass.SECRET_KEY, id=key_id)
    work = key.encrypt if encrypt else key.decrypt
    return bytes(work(data, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, _AAD, 128)))


def _hmac(session: Any, key_id: bytes, data: bytes) -> bytes:
    key = session.get_key(object_class=ObjectClass.SECRET_KEY, id=key_id)
    return bytes(key.sign(data, mechanism=Mechanism.SHA256_HMAC))
