"""Cosignatures, as C2SP ``tlog-cosignature`` defines them: that a witness saw a log grow, and when. Ed25519 only.

A cosignature is one more signature line below a checkpoint, under the witness's own name. What is signed is::

    cosignature/v1
    time 1795347000
    berlin/node1/w0
    1284
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

::

    cosigner = Cosigner("witness.example/w1", key)
    line = cosigner.cosign(text, 1795347000)              # "— witness.example/w1 jWbP…\\n"
    time_of_cosignature(line, cosigner.key, text)         # 1795347000
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.log.note import NoteError

_COSIGNATURE = b"\x04"  # signature type of a cosignature with Ed25519
_DASH = "\u2014 "
_PRIVATE = "PRIVATE+KEY+"
_NAME = re.compile(r"[^\s+]{1,200}")
_time = struct.Struct(">Q")
_ID, _TIME, _SIGNATURE = 4, 8, 64
_MOST_TIME = 2**63 - 1


@dataclass(frozen=True)
class WitnessKey:
    """A witness's public key, under its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.public).digest()[:_ID]

    def line(self) -> str:
        """Return it as C2SP tools read it: ``<name>+<id, hex>+<base64 of type and key>``."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_COSIGNATURE + self.public).decode()}"


class Cosigner:
    """A witness's own key."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        if not _NAME.fullmatch(name):
            raise NoteError("a witness's name has no space and no plus sign")
        self.key = WitnessKey(name, key.public_key().public_bytes_raw())
        self._private = key

    def verifier_key(self) -> str:
        return self.key.line()

    def private_line(self) -> str:
        """Return the private key as a line, in the manner of verifier keys: for a file that nobody else can read."""
        blob = base64.b64encode(_COSIGNATURE + self._private.private_bytes_raw()).decode()
        return f"{_PRIVATE}{self.key.name}+{self.key.id.hex()}+{blob}"

    def cosign(self, text: str, seconds: int) -> str:
        """Return the signature line, newline included.

        Args:
            text: of the checkpoint, with its final newline.
            seconds: since 1970, UTC.
        """
        signature = self._private.sign(_message(text, seconds))
        blob = base64.b64encode(self.key.id + _time.pack(seconds) + signature).decode()
        return f"{_DASH}{self.key.name} {blob}\n"


def parse_cosigner(line: str) -> Cosigner:
    """Return the witness whose private key a line holds. Raises NoteError."""
    name, named, seed = _key_parts(line.strip().removeprefix(_PRIVATE))
    if not line.startswith(_PRIVATE):
        raise NoteError("not a witness's private key")
    cosigner = Cosigner(name, Ed25519PrivateKey.from_private_bytes(seed))
    if cosigner.key.id.hex() != named:
        raise NoteError("the witness's key has another id than its name and bytes make")
    return cosigner


def parse_witness_key(line: str) -> WitnessKey:
    """Return the key of a witness's verifier-key line. Raises NoteError."""
    name, named, public = _key_parts(line.strip())
    key = WitnessKey(name, public)
    if key.id.hex() != named:
        raise NoteError("the witness's key has another id than its name and bytes make")
    return key


def _key_parts(line: str) -> tuple[str, str, bytes]:
    """Return name, id in hex and 32 bytes of ``name+id+key``. Raises NoteError."""
    parts = line.split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise NoteError("not a witness's key: it must be name+id+key")
    try:
        blob = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("the witness's key is not base64") from error
    if len(blob) != 33 or blob[:1] != _COSIGNATURE:
        raise NoteError("not an Ed25519 key for cosignatures")
    return parts[0], parts[1], blob[1:]


def time_of_cosignature(line: str, key: WitnessKey, text: str) -> int | None:
    """Return when this witness cosigned a checkpoint, in seconds since 1970; ``None`` for another's line.

    Args:
        line: a signature line, with or without its newline.
        text: of the checkpoint.

    Raises:
        NoteError: the line names this key, and does not hold.
    """
    name, _, encoded = line.rstrip("\n").removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or name != key.name:
        return None
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("a cosignature is not base64") from error
    if blob[:_ID] != key.id:
        return None
    if len(blob) != _ID + _TIME + _SIGNATURE:
        raise NoteError("a cosignature has not its length")
    (seconds,) = _time.unpack(blob[_ID : _ID + _TIME])
    if seconds > _MOST_TIME or not _holds(key, blob[_ID + _TIME :], _message(text, seconds)):
        raise NoteError("the witness's cosignature does not hold")
    return int(seconds)


def cosignature_in(lines: str | list[str], key: WitnessKey, text: str) -> tuple[str, int]:
    """Return the first line that is this witness's cosignature, without its newline, and its time. Raises NoteError."""
    for line in lines.splitlines() if isinstance(lines, str) else lines:
        seconds = time_of_cosignature(line, key, text)
        if seconds is not None:
            return line, seconds
    raise NoteError("no cosignature by this witness")


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _holds(key: WitnessKey, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        return False
    return True
