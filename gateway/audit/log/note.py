"""Signed notes and checkpoints, as C2SP ``signed-note`` and ``tlog-checkpoint`` define them.

A checkpoint is three lines (origin, tree size, root hash in base64), an empty line, and one signature line. Only what
this log writes is accepted: no extension lines, Ed25519 only; signatures under other names are ignored, as the
specification demands, so that witnesses may add theirs::

    berlin/node1/w0
    1284
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — berlin/node1/w0 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

The key's name is the log's origin; the same key may sign the logs of several workers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ED25519 = b"\x01"  # signature type, C2SP signed-note
_ROOT_BYTES = 32
_SIGNATURE = "\u2014 "  # em dash, space
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


class NoteError(ValueError):
    """A note, checkpoint or verifier key that is not what it must be. The text says what, and quotes nothing."""


@dataclass(frozen=True)
class Checkpoint:
    """A tree head. ``root`` is 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Verifier:
    """A public key as the auditor holds it. ``name`` is what its file says; a log's own name is its origin."""

    name: str
    public: bytes

    def check(self, origin: str, named: bytes, signature: bytes, text: bytes) -> bool:
        """Whether this key, under the name ``origin`` and with the id ``named``, made the signature."""
        return named == key_id(origin, self.public) and self.signed(signature, text)

    def signed(self, signature: bytes, data: bytes) -> bool:
        """Whether this key made the signature over exactly these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, data)
        except InvalidSignature:
            return False
        return True


class Signer:
    """Signs the checkpoints of one log."""

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = Verifier(origin, public)
        self.origin = origin
        self._key = key
        self._id = key_id(origin, public)

    def sign(self, size: int, root: bytes) -> bytes:
        """Return the whole signed checkpoint, in UTF-8."""
        text = Checkpoint(self.origin, size, root).text()
        signature = base64.b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_SIGNATURE}{self.origin} {signature}\n".encode()

    @property
    def key_name(self) -> str:
        """The key's name and id, the first two parts of its verifier key."""
        return f"{self.origin}+{self._id.hex()}"

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the bare signature. ``data`` MUST begin as no checkpoint does: an origin has no space in it."""
        return self._key.sign(data)

    def verifier_key(self) -> str:
        """Return the public key as a line that C2SP tools read."""
        return format_verifier_key(self.origin, self.verifier.public)


def format_verifier_key(name: str, public: bytes) -> str:
    """Return ``<name>+<key id, hex>+<base64 of type and key>``."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def parse_verifier_key(line: str) -> Verifier:
    """Return the key of a verifier-key line. Raises NoteError."""
    parts = line.strip().split("+", 2)
    if len(parts) != 3 or not parts[0]:
        raise NoteError("not a verifier key: it must be name+id+key")
    name, named, encoded = parts
    key = _decode(encoded, "the verifier key is not base64")
    if len(key) != 33 or key[:1] != _ED25519:
        raise NoteError("the verifier key is not an Ed25519 key")
    if key_id(name, key[1:]).hex() != named:
        raise NoteError("the verifier key's id is not that of its name and key")
    return Verifier(name, key[1:])


def open_checkpoint(note: bytes, verifier: Verifier) -> Checkpoint:
    """Return what a signed checkpoint says, its signature verified. Raises NoteError."""
    text, signatures = split_note(note)
    checkpoint = parse_checkpoint(text)
    if not _signed(text.encode(), signatures, checkpoint.origin, verifier):
        raise NoteError("no valid signature by this key")
    return checkpoint


def split_note(note: bytes) -> tuple[str, list[str]]:
    """Return text (with its final newline) and signature lines of a note. Raises NoteError."""
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise NoteError("not UTF-8") from error
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("not a signed note: text, an empty line, signatures")
    lines = tail[:-1].split("\n")
    if any(ord(character) < 0x20 and character != "\n" for character in whole):
        raise NoteError("a control character")
    if not all(line.startswith(_SIGNATURE) for line in lines):
        raise NoteError("a signature line is malformed")
    return text + "\n", lines


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the tree head of a note's text. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0] or lines[3]:
        raise NoteError("not a checkpoint of three lines")
    if not _SIZE.fullmatch(lines[1]):
        raise NoteError("the tree size is not a decimal number")
    root = _decode(lines[2], "the root hash is not base64")
    if len(root) != _ROOT_BYTES:
        raise NoteError("the root hash is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def _signed(text: bytes, signatures: list[str], origin: str, verifier: Verifier) -> bool:
    """Whether there is a signature by this key, and every one that names it is valid (C2SP signed-note)."""
    found = False
    for line in signatures:
        name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
        if name == origin:
            blob = _decode(encoded, "a signature is not base64")
            found = verifier.check(origin, blob[:4], blob[4:], text)
            if not found:
                return False
    return found


def _decode(encoded: str, problem: str) -> bytes:
    """Decode base64 strictly: every text has one meaning and every value one text."""
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(problem) from error
    if base64.b64encode(value).decode() != encoded:
        raise NoteError(problem)
    return value


def key_id(name: str, public: bytes) -> bytes:
    """Return the id of a key under a name (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]
