"""Signed notes and checkpoints, as C2SP ``signed-note`` and ``tlog-checkpoint`` define them.

A checkpoint is three lines (origin, tree size, root hash in base64), an empty line, and one signature line. Only what
this log writes is accepted: no extension lines, Ed25519 only; signatures under other names are ignored, as the
specification demands, so that witnesses may add theirs::

    berlin/node1/w0
    1284
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — berlin/node1/w0 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

The key's name is the log's origin; the same key may sign the logs of several workers. While one log key follows another
(:mod:`gateway.audit.log.succession`) a head has two such lines, the newer key's first. They have one name and differ in
the first four bytes, the key's id, so whoever holds either key finds the line that is meant for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"  # signature type, C2SP signed-note
_ROOT_BYTES = 32
_SIGNATURE = "\u2014 "  # em dash, space
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


class NoteError(ValueError):
    """A note, checkpoint or verifier key that is not what it must be. The text says what, and quotes nothing."""


class KeySilent(TimeoutError):
    """What keeps the log key does not answer: nothing can be signed."""


class SigningKey(Protocol):
    """An Ed25519 key that signs: one in memory, or one that never leaves its token."""

    def sign(self, data: bytes, /) -> bytes:
        """Return 64 bytes. Raises OSError when the key's keeper does not answer."""

    def public_key(self) -> Ed25519PublicKey: ...


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
    """Signs the checkpoints of one log: with its key and, for the time of an overlap, with the ones before it too.

    Args:
        origin: of the log; the name of every key.
        key: the newest; whatever is no checkpoint is signed by it alone.
        older: those that still sign beside it, newest first.
    """

    def __init__(self, origin: str, key: SigningKey, *older: SigningKey) -> None:
        self.origin = origin
        self.verifiers = tuple(Verifier(origin, each.public_key().public_bytes_raw()) for each in (key, *older))
        self._keys = (key, *older)
        self._id = key_id(origin, self.verifier.public)

    @property
    def verifier(self) -> Verifier:
        """The newest key's public part."""
        return self.verifiers[0]

    def sign(self, size: int, root: bytes) -> bytes:
        """Return the whole signed checkpoint, in UTF-8, one signature line for each key. Raises KeySilent."""
        return self.note(Checkpoint(self.origin, size, root).text())

    def note(self, text: str) -> bytes:
        """Return any text as a signed note. It ends with a newline, and begins as no checkpoint may. Raises OSError."""
        lines = [self._line(text.encode(), *each) for each in zip(self._keys, self.verifiers, strict=True)]
        return f"{text}\n{''.join(lines)}".encode()

    def _line(self, text: bytes, key: SigningKey, verifier: Verifier) -> str:
        named = key_id(self.origin, verifier.public)
        return f"{_SIGNATURE}{self.origin} {base64.b64encode(named + _signed_by(key, text)).decode()}\n"

    @property
    def key_name(self) -> str:
        """The key's name and id, the first two parts of its verifier key."""
        return f"{self.origin}+{self._id.hex()}"

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the bare signature. ``data`` MUST begin as no checkpoint does: an origin has no space in it.

        Raises:
            KeySilent: the key's keeper does not answer.
        """
        return _signed_by(self._keys[0], data)

    def try_all(self) -> None:
        """Return when every key signs. Raises KeySilent."""
        for key in self._keys:
            _signed_by(key, b"sekisho: does it sign?")

    def verifier_key(self) -> str:
        """Return the public key as a line that C2SP tools read."""
        return format_verifier_key(self.origin, self.verifier.public)


def _signed_by(key: SigningKey, data: bytes) -> bytes:
    try:
        return key.sign(data)
    except OSError as error:
        raise KeySilent("the keeper of the log key does not answer") from error


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


def open_checkpoint(note: bytes, *verifiers: Verifier) -> Checkpoint:
    """Return what a signed checkpoint says, signed by one of these keys at least, and wrongly by none.

    Raises:
        NoteError: it is malformed, or not signed so.
    """
    return open_signed(note, verifiers)[0]


def open_signed(note: bytes, verifiers: Sequence[Verifier]) -> tuple[Checkpoint, tuple[Verifier, ...]]:
    """Return what a signed checkpoint says, and those of the keys that signed it. Raises NoteError."""
    text, signatures = split_note(note)
    checkpoint = parse_checkpoint(text)
    signed = tuple(key for key in verifiers if _signed(text.encode(), signatures, checkpoint.origin, key))
    if not signed:
        raise NoteError("no valid signature by this key")
    return checkpoint, signed


def only_by(note: bytes, verifier: Verifier) -> bytes:
    """Return a signed checkpoint with this key's signature line alone. Raises NoteError when it has none that holds."""
    head = open_checkpoint(note, verifier)
    text, signatures = split_note(note)
    lines = [line for line in signatures if _blob_of(line, head.origin, verifier)]
    return f"{text}\n{lines[0]}\n".encode()


def open_note(note: bytes, origin: str, *verifiers: Verifier) -> str:
    """Return the text of a note, signed under that origin by at least one of these keys. Raises NoteError."""
    text, signatures = split_note(note)
    if not any([_signed(text.encode(), signatures, origin, verifier) for verifier in verifiers]):
        raise NoteError("no valid signature by this key")
    return text


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
    """Whether there is a signature by this key. Raises NoteError when one that names it does not hold.

    A line names a key by name and id together; those of other keys are passed over (C2SP signed-note).
    """
    blobs = [blob for line in signatures if (blob := _blob_of(line, origin, verifier))]
    if not all(verifier.signed(blob[4:], text) for blob in blobs):
        raise NoteError("no valid signature by this key")
    return bool(blobs)


def _blob_of(line: str, origin: str, verifier: Verifier) -> bytes:
    """Return key id and signature of a line that names this key, nothing for another's. Raises NoteError."""
    name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
    blob = _decode(encoded, "a signature is not base64") if name == origin else b""
    return blob if blob[:4] == key_id(origin, verifier.public) else b""


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
