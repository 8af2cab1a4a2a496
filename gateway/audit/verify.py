"""Checks the book without its writer. One file: Python 3.9 or later, its standard library, and ``cryptography``.

A second implementation on purpose: it shares no code with the program that writes the log, so that a mistake in one is
not a mistake in both. It computes everything again from the published formats: RFC 6962 and RFC 9162 (tree), RFC 8785
(canonical JSON), C2SP tlog-tiles (files), signed-note and tlog-checkpoint (heads), tlog-cosignature (witnesses), DSSE
(exports, receipts)::

    python verify.py PACK --key PUBLIC [--since CHECKPOINT] [--witness PUBLIC --threshold N] [--json]

PACK is a log's folder (pruned or not, packed or not), a folder of logs, an export with its manifest, an export of
earlier releases, a receipt, or an evidence pack. What it leaves with:

==  =========================================================================================
0   everything was checked and is right
1   something is wrong; each place is named, with what was done there
2   used wrongly
3   cannot be read
4   right as far as it goes, but without a checkpoint kept elsewhere: ``not checked: roll-back``
==  =========================================================================================

How a changed record is found exactly: two trees grow side by side, one from the records, one from the leaf hashes in
``tile/0``. Where they part, the next signed head says which is true; if it is the tiles, records and hashes are held
side by side, and that tells what was flipped, deleted, inserted, moved or doubled. Where the tiles were made anew as
well, the numbers that records give themselves tell.

What one log on one machine cannot show, a checkpoint kept elsewhere does (``--since``): that its end was cut back with
all younger heads, that an older state was put back, that there are two histories, that the key's holder wrote it anew.
A witness's cosignature (``--witness``) shows that it saw the log as it is here up to some record, at some time: nobody
here can make one. It does not show that there is no younger one, so roll-back stays unchecked by it.

What it reads is hostile until it is checked: no link is followed, nothing is read beyond the longest that the formats
allow, memory is bounded by one bundle of 256 records, and the report by :data:`MOST_PROBLEMS`.

In a program::

    report = verify(Path(".sekisho/audit/site/node/w0/default"), Path(".sekisho/keys/log.vkey").read_text())
    report.ok or print(*report.problems, sep="\\n")
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import csv
import io
import json
import math
import os
import re
import stat
import struct
import sys
import time
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import SequenceMatcher
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

try:
    import fcntl
except ImportError:  # where there is no flock, no log is written either
    fcntl = None  # type: ignore[assignment]

ALL_CHECKED, WRONG, USED_WRONGLY, CANNOT_READ, NO_CHECKPOINT = 0, 1, 2, 3, 4

BUNDLE, HASH, MOST_RECORD = 256, 32, 60 * 1024
MOST_BUNDLE = BUNDLE * (2 + MOST_RECORD)
MOST_NOTE, MOST_DOCUMENT, MOST_KEY, MOST_LINES = 16 * 1024, 64 * 1024 * 1024, 64 * 1024, 65_536
MOST_PROBLEMS = 1000
"""Problems that one report holds; further ones are counted."""

_RETRIES, _PAUSE_SECONDS = 10, 0.02
_CHUNK, _MORE = 1 << 20, 1 << 16
_SAFE_INTEGER = 2**53 - 1
_MOST_NUMBER = 10**21 - 1  # beyond, ECMAScript writes an exponent

Progress = Callable[[int, int], None]
"""Called with (records checked, records expected)."""

KINDS = {
    "flipped": "bytes were changed",
    "deleted": "records or files were taken out",
    "cut-off": "the end is missing",
    "inserted": "records were put in",
    "reordered": "records changed places",
    "duplicated": "a record is there twice",
    "side-store": "kept content is not that of its record",
    "clock-back": "the clock went back, and the log does not say so",
    "other-key": "signed with another key",
    "left-out": "left out of an export without a word",
    "cut-back": "cut back to an older checkpoint",
    "rolled-back": "set back to an older state, and gone on from there",
    "forked": "two histories from one beginning",
    "rewritten": "written anew by the holder of the key",
    "form": "not in the form that is published",
    "order": "an outcome without its intent",
    "cosignature": "a witness's cosignature does not hold, or too few witnesses cosigned",
    "stray": "a file that does not belong there",
    "link": "a link or a special file, which is not followed",
}
"""Every kind of problem."""

ROLL_BACK = "roll-back to an older checkpoint, and rewriting by the key's holder: give a checkpoint kept elsewhere"
_CHANGED = "changed: this is not the record that was signed"
_DIFFERS = "differs from its hash in tile/0"
_ANOTHER_LOG = "it belongs to another log"
_NO_SIGNATURE = "no valid signature by this key"
_COSIGNATURES = "cosignatures of witnesses: give their public keys with --witness"


# --- what is found ---------------------------------------------------------------------------------------------------


class BadInput(ValueError):
    """Something that was read is not what it must be. The text says what, and quotes nothing of it."""

    def __init__(self, what: str, kind: str = "form") -> None:
        super().__init__(what)
        self.kind = kind


class BadKey(BadInput):
    """What was given as a key is no verifier key."""


class BadUse(Exception):
    """The verifier was asked for something that makes no sense. The text says what, and the mend."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where: the file below the log's folder, the record, the byte.

    ``kind`` is one of :data:`KINDS`; ``or_kinds`` are those that what is here cannot tell from it. ``last`` is the last
    of several records in a row.
    """

    file: str
    what: str
    sequence: int | None = None
    offset: int | None = None
    kind: str = "form"
    last: int | None = None
    or_kinds: Sequence[str] = ()

    def __str__(self) -> str:
        record = "" if self.sequence is None else f", record {self.sequence}"
        if self.last is not None and self.sequence is not None and self.last > self.sequence:
            record = f", records {self.sequence} to {self.last}"
        byte = "" if self.offset is None else f", byte {self.offset}"
        return f"{self.file}{record}{byte}: {self.what}"


@dataclass(frozen=True)
class Cosigned:
    """The records ``first`` to ``end`` (not included), and who cosigned a head that covers them: ``by`` has for each
    witness its name, the size of the newest such head, and when it cosigned it (RFC 3339, UTC)."""

    first: int
    end: int
    by: Sequence[Mapping[str, Any]]


@dataclass
class Report:
    """What was found in one log, export, receipt or pack. ``notes`` are true and no fault.

    ``tree_size`` and ``root`` (hex) are those of the last checkpoint with a valid signature; ``unsigned`` counts the
    records after it, ``open_intents`` those still without an outcome. Records below ``pruned`` are gone by right, those
    below ``witnessed`` are under a head that, by the log's own account, was seen elsewhere.

    ``cosigned`` has each range of records with the witnesses whose cosignatures over it hold; those below
    ``cosigned_up_to`` have at least ``threshold`` of them, which is 0 where none was asked for.
    """

    folder: str
    origin: str = ""
    records: int = 0
    checkpoints: int = 0
    tree_size: int = 0
    root: str = ""
    unsigned: int = 0
    open_intents: int = 0
    live: bool = False
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    what: str = "log"
    pruned: int = 0
    witnessed: int = 0
    keys: int = 1
    more_problems: int = 0
    since: list[str] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    cosigned: list[Cosigned] = field(default_factory=list)
    cosigned_up_to: int = 0
    threshold: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(
        self,
        file: str,
        what: str,
        *,
        sequence: int | None = None,
        offset: int | None = None,
        kind: str = "form",
        last: int | None = None,
        or_kinds: Sequence[str] = (),
    ) -> None:
        """Add a problem; of several at one record, the first stands."""
        self.put(Problem(file, what, sequence, offset, kind, last, or_kinds))

    def put(self, problem: Problem) -> None:
        if len(self.problems) >= MOST_PROBLEMS:
            self.more_problems += 1
            return
        at = (problem.file, problem.sequence)
        if problem.sequence is None or all((known.file, known.sequence) != at for known in self.problems):
            self.problems.append(problem)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


# --- tree (RFC 9162 2.1) ---------------------------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


class Tree:
    """A tree that only grows: the roots of its perfect subtrees, largest first, each with its level.

    Args:
        size, roots: where it begins: a compact range.
        finished: called with (level, index, root) of each subtree of ``256**n`` leaves that becomes whole.
    """

    def __init__(
        self, size: int = 0, roots: Sequence[bytes] = (), finished: Callable[[int, int, bytes], None] | None = None
    ) -> None:
        levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
        if len(levels) != len(roots):
            raise BadInput("a compact range has another number of hashes than it must have")
        self.size = size
        self._stack = [(level, roots[number]) for number, level in enumerate(levels)]
        self._finished = finished

    def add(self, root: bytes, level: int = 0) -> None:
        """Add a perfect subtree of ``2**level`` leaves; the size so far is a multiple of that."""
        self.size += 1 << level
        stack = self._stack
        while True:
            if not level & 7 and level and self._finished:
                self._finished(level // 8, (self.size >> level) - 1, root)
            if not stack or stack[-1][0] != level:
                break
            root = node_hash(stack.pop()[1], root)
            level += 1
        stack.append((level, root))

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes, the largest aligned blocks at once."""
        at = 0
        while at < len(leaves):
            width = 1 << (len(leaves) - at).bit_length() - 1
            if self.size:
                width = min(width, self.size & -self.size)
            self.add(fold(leaves[at : at + width]), width.bit_length() - 1)
            at += width

    def omit(self, count: int, roots: Sequence[bytes]) -> None:
        """Add a run of leaves of which only the largest aligned perfect subtrees' roots are there. Raises BadInput."""
        levels, at = [], self.size
        while at < self.size + count:
            level = (self.size + count - at).bit_length() - 1
            level = min(level, (at & -at).bit_length() - 1) if at else level
            levels.append(level)
            at += 1 << level
        if len(levels) != len(roots) or any(len(root) != HASH for root in roots):
            raise BadInput("a run that was left out has another number of hashes than it must have", "left-out")
        for number, level in enumerate(levels):
            self.add(roots[number], level)

    def root(self) -> bytes:
        if not self._stack:
            return sha256(b"").digest()
        root = self._stack[-1][1]
        for _, left in reversed(self._stack[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> Tree:
        other = Tree()
        other.size, other._stack = self.size, list(self._stack)
        return other


_EMPTY = sha256(b"").digest()


def _are_hashes(each: Sequence[bytes]) -> bool:
    """Whether each has a hash's length: 31 and 33 bytes side by side would give the same as 32 and 32."""
    return all(len(one) == HASH for one in each)


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path leads from a leaf hash to a root (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes([leaf, root, *path]):
        return False
    here, last = index, size - 1
    for sibling in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            leaf = node_hash(sibling, leaf)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and leaf == root


def check_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether a path shows that the tree of ``old`` leaves is a prefix of the one of ``new`` (RFC 9162 2.1.4.2).

    The empty tree is a prefix of every tree, and needs no path.
    """
    if not 0 <= old <= new or not _are_hashes([old_root, new_root, *path]):
        return False
    if old == 0 and old_root != _EMPTY:
        return False
    if old in (0, new):
        return not path and (old == 0 < new or old_root == new_root)
    steps = deque(path if old & (old - 1) else (old_root, *path))
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    if not steps:
        return False
    first = second = steps.popleft()
    for step in steps:
        if last == 0:
            return False
        if here & 1 or here == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            second = node_hash(second, step)
        here, last = here >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


# --- canonical JSON (RFC 8785) ---------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """Return canonical JSON, fractions as ECMAScript writes them too. Raises BadInput."""
    return _canonical(value).encode()


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise BadInput("a name that is no text")
        names = sorted(value, key=_utf16)
        return "{" + ",".join(f"{_quoted(name)}:{_canonical(value[name])}" for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_canonical(item) for item in value) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > _SAFE_INTEGER and (abs(value) > _MOST_NUMBER or _fraction(float(value)) != str(value)):
            raise BadInput("an integer that not every reader can hold")
        return str(value)
    if isinstance(value, float):
        return _fraction(value)
    raise BadInput("no JSON value")


def _utf16(name: str) -> bytes:
    """Names are ordered by UTF-16 code units (3.2.3)."""
    return name.encode("utf-16-be", "surrogatepass")


def _quoted(text: str) -> str:
    """Text with the shortest escapes (3.2.2.2), which are those of the standard library. Raises BadInput."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("half a character") from error
    return json.dumps(text, ensure_ascii=False)


def _fraction(value: float) -> str:
    """Write a number as ECMAScript's Number::toString does (3.2.2.3). Raises BadInput."""
    if not math.isfinite(value):
        raise BadInput("no number")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """Write digits with the decimal point after the first ``point`` of them."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def parse_canonical(data: bytes, *, fractions: bool = False) -> Any:
    """Return the value of JSON in its one canonical form. Raises BadInput."""
    try:
        value = (_any_number if fractions else _whole_numbers).decode(data.decode())
    except (ValueError, RecursionError) as error:  # of UTF-8, of JSON, of numbers
        raise BadInput("not JSON") from error
    try:
        same = (_written(value) if data.isascii() and not fractions else canonical(value)) == data
    except (RecursionError, UnicodeEncodeError) as error:
        raise BadInput("not JSON") from error
    if not same:
        raise BadInput("not in canonical form (RFC 8785)")
    return value


def _written(value: Any) -> bytes:
    """As :func:`canonical`, fast: where all is ASCII and whole numbers, code points are in the order of UTF-16."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _no_fraction(text: str) -> float:
    raise BadInput("a fraction")


def _integer(text: str) -> int:
    value = int(text) if len(text) < 18 else _SAFE_INTEGER + 1
    if abs(value) > _SAFE_INTEGER:
        raise BadInput("an integer that not every reader can hold")
    return value


_whole_numbers = json.JSONDecoder(parse_float=_no_fraction, parse_constant=_no_fraction, parse_int=_integer)
_any_number = json.JSONDecoder(parse_constant=_no_fraction, parse_int=_integer)


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """Return a canonical JSON object. Raises BadInput."""
    try:
        value = parse_canonical(data)
    except BadInput as error:
        raise BadInput(f"{what} is {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"{what} is no JSON object")
    return value


def base64_bytes(encoded: Any, what: str) -> bytes:
    """Decode base64 strictly: every text has one meaning and every value one text. Raises BadInput."""
    try:
        value = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except ValueError as error:  # binascii.Error is one
        raise BadInput(f"{what} is not base64") from error
    if base64.b64encode(value).decode() != encoded:
        raise BadInput(f"{what} is not base64")
    return value


# --- signed notes (C2SP signed-note, tlog-checkpoint), keys and how they follow each other ---------------------------

_ED25519 = b"\x01"
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")  # but for the end of a line


def key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def parse_key(line: str) -> bytes:
    """Return the Ed25519 key of a C2SP verifier key ``name+id+key``. Raises BadKey."""
    name, _, rest = line.strip().partition("+")
    named, _, encoded = rest.partition("+")
    try:
        key = base64_bytes(encoded, "it")
        Ed25519PublicKey.from_public_bytes(key[1:])
    except ValueError as error:
        raise BadKey("not a verifier key") from error
    if not name or key[:1] != _ED25519 or len(key) != 33 or key_id(name, key[1:]).hex() != named:
        raise BadKey("not a verifier key")
    return key[1:]


_public_key = lru_cache(maxsize=64)(Ed25519PublicKey.from_public_bytes)


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        _public_key(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def envelope_bytes(kind: str, payload: bytes) -> bytes:
    """Return what a DSSE envelope's signatures are over (pre-authentication encoding, version 1)."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


@dataclass(frozen=True)
class Note:
    """A signed note, taken apart; nothing of it is verified. ``signatures`` are (name, key id, signature)."""

    text: str
    signatures: Sequence[tuple[str, bytes, bytes]]


def parse_note(raw: bytes) -> Note:
    """Raises BadInput."""
    try:
        whole = raw.decode()
    except UnicodeDecodeError as error:
        raise BadInput("not UTF-8") from error
    text, separator, tail = whole.rpartition("\n\n")
    lines = tail[:-1].split("\n")
    if not separator or not tail.endswith("\n") or not all(line.startswith(_DASH) for line in lines):
        raise BadInput("not a signed note: text, an empty line, signatures")
    if _CONTROL.search(whole):
        raise BadInput("a control character")
    return Note(text + "\n", [_signature(line[len(_DASH) :]) for line in lines])


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.partition(" ")
    blob = base64_bytes(encoded, "a signature")
    if not _NAME.fullmatch(name) or len(blob) < 5:
        raise BadInput("a signature without a name, or too short")
    return name, blob[:4], blob[4:]


@dataclass(frozen=True)
class Head:
    """What a checkpoint says. ``root`` is 32 bytes."""

    origin: str
    size: int
    root: bytes
    note: Note
    raw: bytes
    offset: int = 0


def parse_head(raw: bytes, offset: int = 0) -> Head:
    """Return what a signed checkpoint says, nothing of it verified; more lines may follow. Raises BadInput."""
    note = parse_note(raw)
    lines = note.text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]):
        raise BadInput("not a checkpoint: origin, size, root, and no empty line")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > _SAFE_INTEGER:
        raise BadInput("the tree size is not a decimal number")
    root = base64_bytes(lines[2], "the root hash")
    if len(root) != HASH:
        raise BadInput("the root hash is not 32 bytes")
    return Head(lines[0], int(lines[1]), root, note, raw, offset)


class Keys:
    """The keys that may sign: those given, and every one that follows from them, forwards or backwards.

    A key follows another where each has signed the other's verifier key (record ``key.rotated``). So whoever trusts one
    of a chain can check all of it. A head that covers the record MUST be signed by the newer key.
    """

    _PAYLOAD = "application/vnd.sekisho.key-succession+json"
    _VERSION = "sekisho.key-succession/1"

    def __init__(self, lines: Iterable[str]) -> None:
        self.known = list(dict.fromkeys(parse_key(line) for line in lines))
        self._apart: list[tuple[bytes, bytes]] = []  # of keys that do not lead to a known one yet
        self._since: list[tuple[int, bytes]] = []  # (record, key that signs whatever covers it)
        self._looked: dict[
            tuple[int, str], tuple[Note, int, list[bytes]]
        ] = {}  # by identity: the last notes, and who signed them

    def learn(self, details: Mapping[str, Any], record: int | None = None) -> None:
        """Take in one rotation, told by the record of that sequence. Raises BadInput when not both keys signed it."""
        try:
            old, new = parse_key(str(details.get("old"))), parse_key(str(details.get("new")))
        except BadKey as error:
            raise BadInput("a rotation of the log's key does not name two keys") from error
        said = {"new": details["new"], "old": details["old"], "version": self._VERSION}
        text = envelope_bytes(self._PAYLOAD, canonical(said))
        for key, name in ((old, "old_signs"), (new, "new_signs")):
            if old == new or not is_signed(key, base64_bytes(details.get(name), "a signature"), text):
                raise BadInput("a rotation of the log's key is not signed by both keys", "other-key")
        self._apart.append((old, new))
        if record is not None:
            self._since.append((record, new))
        self._join()

    def _join(self) -> None:
        """Make known whatever leads to a known key."""
        joined = True
        while joined:
            joined = False
            for pair in list(self._apart):
                if pair[0] in self.known or pair[1] in self.known:
                    self.known += [key for key in pair if key not in self.known]
                    self._apart.remove(pair)
                    joined = True

    def signers(self, note: Note, name: str) -> list[bytes]:
        """Return the known keys that signed. Raises BadInput when a line that names one of them does not hold."""
        before = self._looked.get((id(note), name))
        if before and before[:2] == (note, len(self.known)):
            return before[2]
        found: list[bytes] = []
        for public in self.known:
            blobs = [blob for named, id_, blob in note.signatures if (named, id_) == (name, key_id(name, public))]
            if not all(is_signed(public, blob, note.text.encode()) for blob in blobs):
                raise BadInput(_NO_SIGNATURE, "flipped")
            found += [public] if blobs else []
        if len(self._looked) > 64:
            self._looked.clear()
        self._looked[id(note), name] = (note, len(self.known), found)
        return found

    def check(self, head: Head) -> bool:
        """Whether a known key signed this head, and the one that had to. Raises BadInput where it is wrong."""
        signers = self.signers(head.note, head.origin)
        due = [key for record, key in self._since if record < head.size and key in self.known]
        if signers and due and due[-1] not in signers:
            raise BadInput("signed only with a key that had been replaced", "other-key")
        return bool(signers)

    def opens(self, raw: bytes, kind: str) -> dict[str, Any]:
        """Return what a DSSE envelope with one signature by a known key says. Raises BadInput."""
        envelope = parse_object(raw[:-1] if raw.endswith(b"\n") else raw, "it")
        payload, public = self.opened(envelope, kind)
        del public
        return parse_object(payload, "the payload")

    def opened(self, envelope: Mapping[str, Any], kind: str) -> tuple[bytes, bytes]:
        """Return payload and signing key of an envelope's fields. Raises BadInput."""
        if envelope.get("payloadType") != kind:
            raise BadInput("its payload is of another type")
        payload = base64_bytes(envelope.get("payload"), "the payload")
        signatures = envelope.get("signatures")
        if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
            raise BadInput("it has not exactly one signature")
        if set(signatures[0]) != {"keyid", "sig"}:
            raise BadInput("its signature has other fields than a key id and a signature")
        signature = base64_bytes(signatures[0]["sig"], "the signature")
        name, _, named = str(signatures[0]["keyid"]).rpartition("+")
        for public in self.known:
            if is_signed(public, signature, envelope_bytes(kind, payload)):
                if key_id(name, public).hex() != named:
                    raise BadInput("the key id is not that of the log's key", "flipped")
                return payload, public
        raise BadInput(_NO_SIGNATURE, "other-key")


# --- witnesses (C2SP tlog-cosignature) -------------------------------------------------------------------------------

_COSIGNATURE = b"\x04"
_TIME_BYTES, _SIGNATURE_BYTES, _MOST_COSIGNATURES = 8, 64, 64
_END_OF_YEARS = 253_402_300_800  # seconds since 1970 of the year 10000


class WitnessKey(NamedTuple):
    """A witness's Ed25519 key, under its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.public).digest()[:4]


def parse_witness(line: str) -> WitnessKey:
    """Return the key of a witness's verifier key ``name+id+key``, of signature type 4. Raises BadKey."""
    name, _, rest = line.strip().partition("+")
    named, _, encoded = rest.partition("+")
    try:
        key = base64_bytes(encoded, "it")
        Ed25519PublicKey.from_public_bytes(key[1:])
    except ValueError as error:
        raise BadKey("not a witness's verifier key") from error
    found = WitnessKey(name, key[1:])
    if not name or re.search(r"\s", name) or key[:1] != _COSIGNATURE or len(key) != 33 or found.id.hex() != named:
        raise BadKey("not a witness's verifier key")
    return found


def cosigned_at(witness: WitnessKey, cosignature: bytes, text: str) -> int:
    """Return when a witness cosigned a checkpoint, in seconds since 1970.

    Args:
        cosignature: of a note's line, behind the key id: eight bytes of time, and the signature.
        text: of the checkpoint, with its final newline.

    Raises:
        BadInput: it does not hold.
    """
    seconds = int.from_bytes(cosignature[:_TIME_BYTES], "big")
    if len(cosignature) != _TIME_BYTES + _SIGNATURE_BYTES or seconds >= _END_OF_YEARS:
        raise BadInput(f"the cosignature of {witness.name} has not the form of one", "cosignature")
    said = f"cosignature/v1\ntime {seconds}\n{text}".encode()
    if not is_signed(witness.public, cosignature[_TIME_BYTES:], said):
        raise BadInput(f"the cosignature of {witness.name} does not hold", "cosignature")
    return seconds


class Witnesses:
    """Who may cosign, and how many of them must.

    Args:
        lines: verifier keys. A witness may have several, under one name: it counts once.
        threshold: how many witnesses make a quorum.

    Raises:
        BadKey, BadUse.
    """

    def __init__(self, lines: Iterable[str] = (), threshold: int = 1) -> None:
        self.known = list(dict.fromkeys(map(parse_witness, lines)))
        names = {witness.name for witness in self.known}
        if len({witness.public for witness in self.known}) < len(self.known):
            raise BadUse("Two witnesses have the same key. Give each witness's own.")
        if not 1 <= threshold <= max(1, len(names)):
            raise BadUse(f"--threshold {threshold} asks for more witnesses than --witness names, or for none.")
        self.threshold = threshold if self.known else 0

    def look(self, points: Iterable[Point], origin: str, report: Report) -> None:
        """Find out who cosigned heads seen elsewhere, and put what does not hold into the report."""
        unknown = 0
        for point in points:
            text = point.head.note.text if point.head else _text_of(origin, point)
            for line in point.signatures:
                unknown += not self._look(point, line, text, report)
            if point.cosigned:
                point.label += f", cosigned by {' and '.join(point.cosigned)}"
                point.time = point.time or _stamp(min(point.cosigned.values()))
        if unknown and not self.known:
            report.not_checked.append(_COSIGNATURES)
        elif unknown:
            report.notes.append(f"{unknown} cosignatures are by none of the witnesses that were given")

    def _look(self, point: Point, line: tuple[str, bytes, bytes], text: str, report: Report) -> bool:
        """Whether a line is by a known witness."""
        name, id_, cosignature = line
        witness = next((each for each in self.known if (each.name, each.id) == (name, id_)), None)
        if witness is None:
            return False
        try:
            seconds = cosigned_at(witness, cosignature, text)
            point.cosigned[name] = max(seconds, point.cosigned.get(name, 0))
        except BadInput as problem:
            report.add(point.label, f"head of {point.size} records: {problem}", kind=problem.kind)
        return True

    def tell(self, report: Report, points: Iterable[Point]) -> None:
        """Say from which witnesses each range is witnessed, once the log was walked through."""
        if not self.known:
            return
        newest: dict[str, tuple[int, int]] = {}  # of each witness: size, seconds
        for point in points:
            for name, seconds in point.cosigned.items() if point.agrees else ():
                newest[name] = max((point.size, seconds), newest.get(name, (0, 0)))
        sizes = sorted((size for size, _ in newest.values()), reverse=True)
        first = 0
        for end in sorted({*sizes} - {0}):
            by = [
                {"witness": name, "size": size, "time": _stamp(seconds)}
                for name, (size, seconds) in sorted(newest.items())
                if size >= end
            ]
            report.cosigned.append(Cosigned(first, end, by))
            first = end
        report.threshold = self.threshold
        report.cosigned_up_to = sizes[self.threshold - 1] if len(sizes) >= self.threshold else 0
        if report.tree_size and not report.cosigned_up_to:
            what = f"no head in it has the cosignatures of {self.threshold} of the witnesses that were given"
            report.add(report.folder, what, kind="cosignature")


def _text_of(origin: str, point: Point) -> str:
    """Return the text of the checkpoint whose size and root are known (C2SP tlog-checkpoint)."""
    return f"{origin}\n{point.size}\n{base64.b64encode(point.root).decode()}\n"


def _stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _cosignature_line(line: Any) -> Sequence[tuple[str, bytes, bytes]]:
    """Return a signature line, taken apart; nothing where there is none."""
    if not isinstance(line, str) or not line.startswith(_DASH):
        return ()
    try:
        return (_signature(line[len(_DASH) :].rstrip("\n")),)
    except BadInput:
        return ((line[len(_DASH) :].partition(" ")[0], b"", b""),)  # by nobody: it is counted


# --- records (sekisho.record/1) --------------------------------------------------------------------------------------

VERSION = "sekisho.record/1"
_TIME = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?Z", re.ASCII)
_TYPE = re.compile(r"[a-z]+(\.[a-z0-9_]+)*", re.ASCII)
_TEXT, _NUMBER, _OBJECT, _LIST = "text", "number", "object", "list"
_EVERY = {"monotonic_ns": _TEXT, "origin": _TEXT, "sequence": _NUMBER, "time": _TEXT, "type": _TEXT, "version": _TEXT}
_CALLED = {"request": _TEXT, "caller": _OBJECT, "input": _OBJECT, "decision": _OBJECT}
_BY_TYPE = {
    "intent": {**_CALLED, "target": _OBJECT, "redactions": _OBJECT},
    "outcome": {"request": _TEXT, "intent": _NUMBER, "status": _TEXT, "code": _TEXT, "total_us": _NUMBER},
    "denial": {"request": _TEXT, "code": _TEXT, "status": _NUMBER, "source": _TEXT},
    "preview": _CALLED,
    "denial.summed": {"sums": _LIST},
}
_OF_ROTATION = b'"type":"key.rotated"'  # in canonical JSON no text can have it: its quotation marks would be escaped
_ROTATED, _CLOCK_BACK, _HEARTBEAT = "key.rotated", "admin.clock_went_back", "heartbeat"
_STARTS, _STOPPED = ("config", "recovered", "gap"), "admin.stopped"
_TOLD_WITHIN, _TOLERATED_US, _SILENCE_US = 256, 1_000_000, 120_000_000
_MOST_OPEN, _MOST_SHAPES, _MOST_FAULTS = 200_000, 2048, 64


class Row(NamedTuple):
    """What is looked at in every record; what it lacks is empty or ``-1``."""

    type: str
    sequence: int
    version: str
    origin: str
    time: str
    monotonic: str
    request: str
    intent: int


_ROW = ("type", "sequence", "version", "origin", "time", "monotonic_ns", "request", "intent")


@dataclass
class Shape:
    """All that two canonical records have in common whose structure and names are the same.

    ``places`` say where, among the pieces between quotation marks, each field of :class:`Row` is, 0 where there is
    none: an odd place is a text's own piece, an even one begins with a number. ``kinds`` has the JSON kind of all names
    at the top.
    """

    places: list[int]
    kinds: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)  # by record type


@dataclass
class Structure:
    """Records alike but for texts, names and numbers. ``names`` takes the names out of a record's pieces."""

    names: Callable[[list[bytes]], Any]
    shapes: dict[Any, Shape] = field(default_factory=dict)  # by names


class Parser:
    """Takes records apart, and knows whether they are canonical, fast.

    JSON without backslashes and control characters is cut at its quotation marks: every other piece is a text. What
    lies between the texts, with every number made 0, is the record's structure; with the names, its shape. Of the first
    record of a shape the slow way shows that it is canonical. Another one of that shape differs from it in texts, which
    have no other form, and in whole numbers of at most 15 digits, of which none begins with a 0 that is not all of it.
    So it is canonical too. What has a minus always goes the slow way.
    """

    _UNLIKE_TEXT = bytes(range(32)) + b"\\"
    _ONES = bytes.maketrans(b"23456789", b"11111111")
    _ZEROS = bytes.maketrans(b"123456789", b"000000000")
    _BAD_NUMBERS = (b":00", b":01", b",00", b",01", b"[00", b"[01", b"-")
    _NUMBER = re.compile(rb"[1-9][0-9]{0,14}|0")

    def __init__(self) -> None:
        self._by_digits: dict[bytes, Structure] = {}  # each digit made 0: many for one structure
        self._structures: dict[bytes, Structure] = {}
        self._shapes = 0

    def row(self, data: bytes) -> tuple[Row, dict[str, Any]]:
        """Return what is looked at, and all of a record that is seldom or has more to be looked at.

        Raises:
            BadInput: not canonical, or not a record.
        """
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise BadInput("not a JSON record") from error
        if len(data.translate(None, self._UNLIKE_TEXT)) != len(data):
            return self._slow(data)
        pieces = data.split(b'"')
        plain = b'"'.join(pieces[0::2])
        ones = plain.translate(self._ONES)
        for bad in self._BAD_NUMBERS:
            if bad in ones:
                return self._slow(data)
        structure = self._by_digits.get(ones.translate(self._ZEROS)) or self._structure(plain)
        shape = structure.shapes.get(structure.names(pieces)) if structure else None
        if shape is None:
            row, value = self._slow(data)
            self._remember(plain, pieces, value)
            return row, value
        return self._fast(data, pieces, shape)

    def _structure(self, plain: bytes) -> Structure | None:
        """Return the structure of a record whose numbers have other lengths than those before."""
        structure = self._structures.get(self._NUMBER.sub(b"0", plain))
        if structure:
            if len(self._by_digits) >= 8 * _MOST_SHAPES:
                self._by_digits.clear()
            self._by_digits[plain.translate(self._ZEROS)] = structure
        return structure

    def _fast(self, data: bytes, pieces: list[bytes], shape: Shape) -> tuple[Row, dict[str, Any]]:
        found = [pieces[at].decode() if at & 1 else _number(pieces[at]) if at else "" for at in shape.places]
        type_ = str(found[0])
        fault = shape.faults.get(type_)
        if fault is None:
            fault = _fault(shape.kinds, type_)
            if len(shape.faults) < _MOST_FAULTS:
                shape.faults[type_] = fault
        if fault:
            raise BadInput(fault)
        more = type_ not in _PLAIN or shape.kinds.get("content") == _OBJECT
        return Row(*found), json.loads(data) if more else {}  # type: ignore[arg-type]

    def _slow(self, data: bytes) -> tuple[Row, dict[str, Any]]:
        try:
            value = parse_canonical(data)
        except BadInput as error:
            raise BadInput("not a JSON record" if str(error) == "not JSON" else str(error)) from error
        if not isinstance(value, dict):
            raise BadInput("not a JSON object")
        fault = _fault({name: _kind(each) for name, each in value.items()}, str(value.get("type")))
        if fault:
            raise BadInput(fault)
        return Row(*(value.get(name, "") for name in _ROW)), value

    def _remember(self, plain: bytes, pieces: list[bytes], value: dict[str, Any]) -> None:
        """Keep the shape of a record that the slow way found canonical."""
        if self._shapes >= _MOST_SHAPES:
            self._by_digits.clear()
            self._structures.clear()
            self._shapes = 0
        names = [at for at in range(1, len(pieces), 2) if pieces[at + 1].startswith(b":")]
        depth, top = 0, dict[str, int]()
        for at, piece in enumerate(pieces):
            if at % 2 == 0:
                depth += sum((c in b"{[") - (c in b"}]") for c in piece)
            elif depth == 1 and pieces[at + 1].startswith(b":"):
                top[piece.decode()] = at + 2 if pieces[at + 1] == b":" else at + 1
        kinds = {name: _kind(each) for name, each in value.items()}
        places = [top[name] if kinds.get(name) in (_TEXT, _NUMBER) else 0 for name in _ROW]
        normal = self._NUMBER.sub(b"0", plain)
        structure = self._structures.setdefault(normal, Structure(itemgetter(*names)))
        structure.shapes[structure.names(pieces)] = Shape(places, kinds)
        self._shapes += 1


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBER
    return _OBJECT if isinstance(value, dict) else _LIST if isinstance(value, list) else "other"


def _fault(kinds: Mapping[str, str], type_: str) -> str:
    """Return what of a record's fields is not there, or of another kind; ``""`` when all are right."""
    if not _TYPE.fullmatch(type_):
        return "its type is none"
    wrong = [name for name, kind in {**_EVERY, **_BY_TYPE.get(type_, {})}.items() if kinds.get(name) != kind]
    if type_ not in _BY_TYPE and kinds.get("details") != _OBJECT:
        wrong.append("details")
    return f"a field that it must have is missing or of another kind: {wrong[0]}" if wrong else ""


class Rules:
    """What records keep among themselves: form, place, one outcome for each intent, time. Fed in order.

    Args:
        origin: of the log; empty: not known.
        first: the first record that is here; an intent before it may have its outcome after it.
        partial: not all records are here, so what refers to another may refer to one that is not.
    """

    def __init__(self, origin: str, first: int = 0, *, partial: bool = False) -> None:
        self.origin = origin
        self.first = first
        self.open_intents: dict[int, str] = {}
        self.unread = partial
        self.rotations: list[tuple[int, Mapping[str, Any]]] = []
        self.commitments: list[tuple[int, Mapping[str, Any], Mapping[str, Any]]] = []
        self.backward: list[tuple[int, str, str]] = []  # the clock went back, and nothing says so yet
        self.silences: list[tuple[int, str, str]] = []
        self.told_backward = 0
        self.gaps: list[int] = []
        self.partial = partial
        self.too_many_open = False
        self._parser = Parser()
        self._last_time = ""
        self._beating = False

    def check(self, data: bytes, place: int) -> tuple[str, str, int | None]:
        """Return (kind, what is wrong or ``""``, the number that the record gives itself)."""
        try:
            row, value = self._parser.row(data)
        except BadInput as error:
            self.unread = True
            return "form", str(error), None
        what = self._head(row)
        if what:
            return "form", what, row.sequence
        what = self._pair(row)
        if what:
            return "order", what, row.sequence
        self._watch(row.type, place, row.time)
        if value:
            self._notice(row.type, value, place)
        return "", "", row.sequence

    def _head(self, row: Row) -> str:
        if row.version != VERSION:
            self.unread = True
            return f"its version is not {VERSION}"
        if self.origin and row.origin != self.origin:
            return _ANOTHER_LOG
        if not _TIME.fullmatch(row.time) or not (row.monotonic.isdigit() and len(row.monotonic) < 20):
            return "its time is none"
        return ""

    def _pair(self, row: Row) -> str:
        if row.type == "intent":
            if len(self.open_intents) >= _MOST_OPEN:
                self.too_many_open = self.unread = True
            else:
                self.open_intents[row.sequence] = row.request
        if row.type != "outcome":
            return ""
        opened = self.open_intents.pop(row.intent, None)
        if self.unread or row.intent < self.first:
            return ""
        if opened is None:
            return f"an outcome for {row.intent}, which is no intent without outcome"
        return "" if opened == row.request else f"an outcome whose request is not that of intent {row.intent}"

    def _watch(self, type_: str, place: int, now: str) -> None:
        """Hold the time against that of the record before."""
        last, self._last_time = self._last_time, now
        if type_ == _CLOCK_BACK:
            self.told_backward += 1
            self.backward.clear()
        if type_ == _HEARTBEAT:
            self._beating = True
        if not last or (now >= last and now[:16] == last[:16] and len(now) == len(last)):
            return  # most records: the same minute, and not before
        passed = _microseconds(now) - _microseconds(last)
        if passed < -_TOLERATED_US and type_ != _CLOCK_BACK:
            self.backward.append((place, last, now))
        if passed > _SILENCE_US and self._beating and type_ not in _STARTS and len(self.silences) < 100:
            self.silences.append((place, last, now))
        if type_ in _STARTS or type_ == _STOPPED:
            self._beating = False

    def _notice(self, type_: str, value: Mapping[str, Any], place: int) -> None:
        details = value.get("details")
        if type_ == _ROTATED and isinstance(details, dict) and details.get("purpose") == "log":
            number = value.get("sequence")  # where records before it were taken out, it stands too early
            self.rotations.append((number if type(number) is int else place, details))
        if type_ == "gap" and len(self.gaps) < 100:
            self.gaps.append(place)
        content = value.get("content")
        if isinstance(content, dict):
            self.commitments.append((place, value, content))


_PLAIN = frozenset(("intent", "outcome", "denial", "preview", "denial.summed", "heartbeat"))


def _number(piece: bytes) -> int:
    return int(piece[1:].rstrip(b",}]"))


def _microseconds(time_: str) -> int:
    """Return an RFC 3339 time in UTC as microseconds since year 0, by the civil calendar."""
    year, month, day = int(time_[:4]), int(time_[5:7]), int(time_[8:10])
    shifted = year - (month < 3)
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day
    seconds = days * 86_400 + int(time_[11:13]) * 3600 + int(time_[14:16]) * 60 + int(time_[17:19])
    return seconds * 1_000_000 + int(f"{time_[20:-1]:0<6}"[:6])


# --- order: what was done to a row of things -------------------------------------------------------------------------


def changes(truth: Sequence[Any], seen: Sequence[Any]) -> Iterator[tuple[str, int | None, int]]:
    """Yield ``(kind, index in truth, index in seen)`` of what makes ``seen`` another row than ``truth``.

    Of what is gone, the second index says where it would stand. Items are hashes or numbers; truth has each once.
    """
    missing: list[tuple[int, int]] = []
    extra: list[int] = []
    blocks = SequenceMatcher(None, truth, seen, autojunk=False).get_opcodes()
    for tag, first, end, start, stop in blocks:
        if tag != "equal":
            missing += [(index, min(start + index - first, stop)) for index in range(first, end)]
            again = _run_on(seen, start, stop) if tag == "insert" else 0
            extra += range(start + again, stop + again)
    places = {truth[index]: (index, where) for index, where in missing}
    known = set(truth)
    rest: list[int] = []
    for where in extra:
        item = seen[where]
        if item in places:
            yield "reordered", places.pop(item)[0], where
        elif item in known:
            yield "duplicated", None, where
        else:
            rest.append(where)
    gone = sorted(places.values())
    spans = {
        where: (start, stop) for tag, _, _, start, stop in blocks if tag == "replace" for where in range(start, stop)
    }
    for index, where in gone:
        span = spans.get(min(where, len(seen) - 1)) or spans.get(where - 1)
        same = next((each for each in rest if span and span[0] <= each < span[1]), None)
        if same is None:
            yield "deleted", index, where
        else:
            rest.remove(same)
            yield "flipped", index, same
    for where in rest:
        yield "inserted", None, where


def _run_on(seen: Sequence[Any], start: int, stop: int) -> int:
    """Return by how much a run that was put in can stand later, and say the same: of two alike the second is a copy."""
    by = 0
    while stop + by < len(seen) and seen[start + by] == seen[stop + by]:
        by += 1
    return by


_TOLD = {
    "flipped": _CHANGED,
    "deleted": "deleted: what was signed is not here",
    "inserted": "inserted: no such record was signed here",
    "reordered": "moved: it was signed, but not in this place",
    "duplicated": "doubled: it is signed once",
}


def told(
    file: str,
    numbers: Sequence[int],
    truth: Sequence[Any],
    seen: Sequence[Any],
    offsets: Sequence[int],
    said: Mapping[str, str],
) -> list[Problem]:
    """Return the problems of a row of records; neighbours of one kind are one problem.

    Args:
        numbers: sequences of ``truth``, in order; of what is not in it, that of its place.
        offsets: byte of each of ``seen``, and of their end.
        said: text of each kind.
    """
    found: list[Problem] = []
    for kind, index, where in sorted(changes(truth, seen), key=lambda each: (each[2], each[1] or 0)):
        sequence = numbers[min(where if index is None else index, len(numbers) - 1)] if numbers else 0
        before = found[-1] if found else None
        last = (before.last if before.last is not None else before.sequence) if before else None
        if before and before.kind == kind and last is not None and sequence == last + 1 and kind != "flipped":
            found[-1] = Problem(file, said[kind], before.sequence, before.offset, kind, sequence)
        else:
            found.append(Problem(file, said[kind], sequence, offsets[min(where, len(offsets) - 1)], kind))
    return found


class Numbers:
    """Holds the numbers that records give themselves against those that are due: all that tells, where tiles do not.

    Args:
        said: text of each kind.
    """

    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        self._next: int | None = None  # the number that is due, where that is not the place
        self._before: dict[int, bytes] = {}  # numbers of the row before, with their leaf hashes
        self._gone: dict[int, Problem] = {}  # may still turn up in the next row: then it was moved

    def hold_bundle(self, name: str, start: int, said: Sequence[int | None], items: Items) -> list[Problem]:
        """Return what is wrong with the numbers of a bundle, whose first record should be ``start``."""
        begin = start if self._next is None else self._next
        numbers = [begin + at if number is None else number for at, number in enumerate(said)]
        if numbers == list(range(start, start + len(said))):
            begin = start
        near = [number for number in numbers if begin <= number < begin + 4 * BUNDLE]
        truth = list(range(begin, max(near, default=begin + len(numbers) - 1) + 1))
        self._next = None if begin == start and truth == numbers else begin + len(truth)
        return self.hold(name, truth, numbers, items.leaves(), items.offsets)

    def hold(
        self, name: str, due: list[int], numbers: list[int], leaves: Sequence[bytes], offsets: Sequence[int]
    ) -> list[Problem]:
        """Return what is wrong with a row of numbers; what is missing is told with the next one."""
        waiting = list(self._gone)
        found = [] if due == numbers else self._changed(name, due, numbers, leaves, offsets)
        gone = [self._gone.pop(number) for number in waiting if number in self._gone]
        self._before = dict(zip(numbers, leaves))  # noqa: B905  Python 3.9
        return gone + found

    @property
    def off(self) -> bool:
        """Whether records do not stand at their numbers now."""
        return self._next is not None

    def rest(self) -> list[Problem]:
        """Return those that did not turn up."""
        gone, self._gone = list(self._gone.values()), {}
        return gone

    def knows(self, number: int | None) -> bool:
        """Whether a record of that number was in the row before."""
        return number in self._before

    def _changed(
        self, name: str, due: list[int], numbers: list[int], leaves: Sequence[bytes], offsets: Sequence[int]
    ) -> list[Problem]:
        seen, first = list[Any](), dict(self._before)
        for at, number in enumerate(numbers):
            same = first.setdefault(number, leaves[at]) == leaves[at]
            seen.append(number if same else ("another of this number", at))
        return [
            problem
            for each in told(name, due, due, seen, offsets, self._said)
            for problem in self._told(name, each, seen, offsets)
        ]

    def _told(self, name: str, problem: Problem, seen: list[Any], offsets: Sequence[int]) -> list[Problem]:
        """Look at a problem in the light of the row before."""
        at = offsets.index(problem.offset) if problem.offset in offsets else len(seen)
        number = seen[at] if at < len(seen) else None
        if problem.kind == "inserted" and number in self._gone:
            del self._gone[number]
            return [Problem(name, self._said["reordered"], number, problem.offset, "reordered")]
        if problem.kind == "inserted" and number in self._before:
            return [Problem(name, self._said["duplicated"], number, problem.offset, "duplicated")]
        if problem.kind == "deleted" and problem.last is None and problem.sequence is not None:
            self._gone[problem.sequence] = problem
            return []
        return [problem]


# --- files of a folder that may be hostile ---------------------------------------------------------------------------


class Folder:
    """Reads files below one folder: no links, no special files, nothing longer than it may be."""

    _FLAGS = (
        os.O_RDONLY
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_NONBLOCK", 0)
        | getattr(os, "O_CLOEXEC", 0)
        | getattr(os, "O_BINARY", 0)
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self._base = os.path.join(path, "")  # paths stay text: there are four files for 256 records
        self._real: set[str] = set()

    def open(self, name: str) -> BinaryIO | None:
        """Open a file; ``None`` when it is not there. Raises BadInput (a link), OSError."""
        found = self._open(name)
        return None if found is None else os.fdopen(found[0], "rb")

    def _open(self, name: str) -> tuple[int, int] | None:
        """Return a descriptor and the length that the file has now; ``None`` when it is not there."""
        inner = name.rpartition("/")[0]
        if inner and inner not in self._real:
            parts = inner.split("/")
            for count in range(1, len(parts) + 1):
                self._check_folder("/".join(parts[:count]))
        path = self._base + name
        try:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                raise BadInput("a link, which is not followed", "link")
            descriptor = os.open(path, self._FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise BadInput("not a file", "link")
        return descriptor, found.st_size

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file's bytes; ``None`` when it is not there. Raises BadInput (a link, too long), OSError."""
        found = self._open(name)
        if found is None:
            return None
        descriptor, size = found
        try:  # no more than it has: room for all that it may have is not there for nothing
            data = os.read(descriptor, min(most, size) + 1)
            while len(data) <= most:  # a read may give less than is there, and the file may have grown meanwhile
                more = os.read(descriptor, min(most + 1 - len(data), _MORE))
                if not more:
                    break
                data += more
        finally:
            os.close(descriptor)
        if len(data) > most:
            raise BadInput("longer than it can be")
        return data

    def exists(self, name: str) -> bool:
        try:
            return stat.S_ISREG(os.lstat(self._base + name).st_mode)
        except OSError:
            return False

    def below(self, name: str) -> Iterator[tuple[str, bool]]:
        """Yield (path below ``name``, whether it is a regular file) of all but folders. Raises OSError."""
        waiting = [""]
        while waiting:
            inner = waiting.pop()
            try:
                entries = os.scandir(self.path / name / inner)
            except FileNotFoundError:
                continue
            with entries:
                for entry in entries:
                    path = f"{inner}/{entry.name}" if inner else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if path.count("/") < 8:
                            waiting.append(path)
                    else:
                        yield path, entry.is_file(follow_symlinks=False)

    def _check_folder(self, name: str) -> None:
        if name in self._real:
            return
        try:
            mode = os.lstat(self._base + name).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            raise BadInput("a link, which is not followed", "link")
        self._real.add(name)


def tile_name(level: str, index: int) -> str:
    """Return the name of a tile (C2SP tlog-tiles): ``tile/entries/x001/x234/067``."""
    name = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        name = f"x{index % 1000:03d}/{name}"
    return f"tile/{level}/{name}"


_TILE = re.compile(r"(?:x[0-9]{3}/){0,5}[0-9]{3}", re.ASCII)


def tile_number(path: str) -> int | None:
    """Return the index that a path below ``tile/<level>`` names, ``None`` when it is no tile's."""
    if not _TILE.fullmatch(path):
        return None
    index = int(path.replace("x", "").replace("/", ""))
    return index if tile_name("", index) == f"tile//{path}" else None


def unpack(packed: bytes) -> bytes:
    """Return a packed bundle's plain bytes. Raises BadInput."""
    unpacker = zlib.decompressobj(31)
    try:
        plain = unpacker.decompress(packed, MOST_BUNDLE + 1)
    except zlib.error as error:
        raise BadInput("its gzip is damaged", "flipped") from error
    if not unpacker.eof or unpacker.unused_data or len(plain) > MOST_BUNDLE:
        raise BadInput("its gzip is damaged, or holds more than a bundle can", "flipped")
    return plain


@dataclass
class Items:
    """The records of a bundle. Of one that cannot be told from its neighbours, ``data`` is ``None``.

    ``offsets`` has one more: where the last one ends. ``torn``: the last one is not whole; ``left`` is what is there of
    it. ``raw`` is the whole bundle.
    """

    raw: bytes = b""
    data: list[bytes | None] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])
    torn: bool = False
    left: bytes = b""
    _leaves: list[bytes] = field(default_factory=list)

    def leaves(self) -> list[bytes]:
        """Return the leaf hashes; of a record that is none, 32 zero bytes."""
        if len(self._leaves) != len(self.data):
            self._leaves = self._hashed()
        return self._leaves

    def _hashed(self) -> list[bytes]:
        new, prefix = sha256, b"\x00"
        return [bytes(HASH) if each is None else new(prefix + each).digest() for each in self.data]


def take_apart(raw: bytes) -> Items:
    """Return the records of a bundle; behind a damaged length, go on at the next place that can be a record's."""
    items, at, end = Items(raw), 0, len(raw)
    while at < end and len(items.data) < 2 * BUNDLE:
        at = _take_whole(raw, at, items)
        if at == end:
            break
        stop = _next_record(raw, at + 1)
        items.data.append(None)
        items.offsets.append(stop)
        items.torn, items.left = stop == end, raw[at:stop]
        at = stop
    return items


def _take_whole(raw: bytes, at: int, items: Items) -> int:
    """Take records as long as they are whole; return where that ends."""
    begun, stops, end = at, list[int](), len(raw)
    last, put, head = end - 4, stops.append, _HEAD.unpack_from
    for _ in range(2 * BUNDLE - len(items.data)):
        if at > last:
            break
        length, brace = head(raw, at)
        stop = at + 2 + length
        if stop > end or brace != 0x7B or raw[stop - 1] != 0x7D or not 2 <= length <= MOST_RECORD:
            break
        put(stop)
        at = stop
    items.data += [raw[start + 2 : stop] for start, stop in zip([begun, *stops], stops)]  # noqa: B905  Python 3.9
    items.offsets += stops
    return at


_HEAD = struct.Struct(">HB")  # a record's length, and its first byte


def _record_end(raw: bytes, at: int) -> int:
    """Return where the record at ``at`` ends, 0 when there is none."""
    stop = at + 2 + int.from_bytes(raw[at : at + 2], "big")
    whole = at + 4 <= stop <= len(raw) and stop - at - 2 <= MOST_RECORD
    return stop if whole and raw[at + 2] == 0x7B and raw[stop - 1] == 0x7D else 0


def _next_record(raw: bytes, at: int) -> int:
    """Return where the next record begins that another one, or the end, follows; else the end."""
    while True:
        brace = raw.find(b'{"', at + 2)
        if brace < 0:
            return len(raw)
        stop = _record_end(raw, brace - 2)
        if stop and (stop == len(raw) or _record_end(raw, stop)):
            return brace - 2
        at = brace - 1


# --- the walk through leaves, heads, and heads seen elsewhere --------------------------------------------------------


@dataclass
class Point:
    """A head that was seen elsewhere, to be held against a log.

    ``agrees`` is ``None`` until the log reaches it; ``younger`` is a record before it that was written after it was
    seen.
    """

    size: int
    root: bytes
    label: str
    origin: str = ""
    time: str = ""
    head: Head | None = None
    trusted: bool = True
    agrees: bool | None = None
    younger: int | None = None
    log: str = ""  # its folder below the audit folder, where that is known
    signatures: Sequence[tuple[str, bytes, bytes]] = ()  # that may be cosignatures: (name, key id, signature)
    cosigned: dict[str, int] = field(default_factory=dict)  # witness -> seconds since 1970, of those that hold

    def again(self) -> Point:
        return replace(self, agrees=None, younger=None, cosigned={})


@dataclass
class Suspect:
    """Where records and leaf hashes part: what is wrong if the hashes are true, and what if the records are."""

    if_tiles: list[Problem]
    if_records: list[Problem]


class Walk:
    """Grows the tree, and holds it against every signed head on the way.

    Args:
        heads: in the order of their file, parsed only.
        file: where heads are, for the report.
        tile: told (level, index, hash) of each finished tile that is true as far as heads say.
    """

    _AHEAD = 16  # heads looked at before their records: one with a damaged size holds up no other

    def __init__(  # noqa: PLR0913, PLR0917  what is walked, by what it is judged, whom it tells
        self,
        report: Report,
        keys: Keys,
        heads: Iterator[Head],
        points: Iterable[Point],
        file: str,
        size: int = 0,
        roots: Sequence[bytes] = (),
        tile: Callable[[int, int, bytes], None] | None = None,
    ) -> None:
        self.report, self.keys, self.file = report, keys, file
        self.tree = Tree(size, roots, self._finished)
        self.quiet = False  # whoever walks says itself that a head does not agree
        self.blind = False  # leaves are missing, so no later root can be computed
        self.lost = False  # neither records nor tiles lead to a head
        self.last: Head | None = None
        self._before: Head | None = None  # in the order of the file
        self.unknown = 0  # heads by no known key
        self.mismatched: set[int] = set()  # offsets of those that did not agree either
        self._heads, self._ahead = heads, list[Head]()
        self._points = deque(sorted(points, key=lambda point: point.size))
        self._other: Tree | None = None
        self._suspects: list[Suspect] = []
        self._sound = size
        self._tile, self._fresh = tile, list[tuple[int, int, bytes]]()

    def suspect(self, if_tiles: list[Problem], if_records: list[Problem]) -> None:
        """Say, before growing, that records and tiles part here."""
        if len(self._suspects) < MOST_PROBLEMS:
            self._suspects.append(Suspect(if_tiles, if_records))

    def grow(self, leaves: Sequence[bytes], hints: Sequence[bytes] | None = None) -> None:
        """Add leaf hashes; ``hints`` are those that the tiles have for them."""
        start, at = self.tree.size, 0
        while at < len(leaves) and not self.blind:
            stop = self._boundary()
            upto = len(leaves) if stop is None else min(len(leaves), stop - start)
            if hints and not self._other and hints[at:upto] != leaves[at:upto]:
                self._other = self.tree.copy()
            self.tree.extend(leaves[at:upto])
            if self._other:
                self._other.extend((hints or leaves)[at:upto])
            at = upto
            if self.tree.size == stop:
                self._settle()

    def begin(self) -> None:
        """Hold what comes before the first leaf against heads that cover no more than that."""
        self._settle()

    def omit(self, count: int, roots: Sequence[bytes]) -> None:
        """Add a run of leaves that are not here. Raises BadInput."""
        self.tree.omit(count, roots)
        while self._points and self._points[0].size < self.tree.size:
            self._points.popleft()
        self._settle()

    def skip(self, root: bytes) -> None:
        """Add a bundle of which only the hash of its tile is known."""
        self.tree.add(root, 8)
        if self._other:
            self._other.add(root, 8)

    def end(self) -> None:
        """Look at the heads beyond the last record, and settle what is open."""
        while self._refill():
            self._opened(self._ahead.pop(0))
        self._blame(_DIFFERS)
        if not self.lost and not self.blind:
            self._tell_tiles()

    def _boundary(self) -> int | None:
        """Return the size at which the next head, or head seen elsewhere, stands; pass those that came too late."""
        while self._refill() and self._ahead[0].size <= self.tree.size:
            self._opened(self._ahead.pop(0))
        while self._points and self._points[0].size <= self.tree.size:
            self._points.popleft()
        sizes = [self._ahead[0].size] if self._ahead else []
        sizes += [self._points[0].size] if self._points else []
        return min(sizes) if sizes else None

    def _refill(self) -> bool:
        while len(self._ahead) < self._AHEAD:
            head = next(self._heads, None)
            if head is None:
                break
            try:
                if self.keys.signers(head.note, head.origin):
                    self._follows(head)
            except BadInput as problem:
                self.report.add(self.file, f"signed head: {problem}", offset=head.offset, kind=problem.kind)
                continue
            self._ahead.append(head)
            if len(self._ahead) > 1 and head.size < self._ahead[-2].size:
                self._ahead.sort(key=lambda each: each.size)
        return bool(self._ahead)

    def _follows(self, head: Head) -> None:
        """Heads stand in the order of their sizes, each once."""
        before, self._before = self._before, head
        if before and (head.origin != before.origin or head.size <= before.size):
            same = head.size == before.size
            kind = "reordered" if not same else "duplicated" if head.root == before.root else "forked"
            self.report.add(self.file, "signed head: does not follow the one before", offset=head.offset, kind=kind)

    def _opened(self, head: Head) -> bool:
        """Count a head if its signature holds. False: it does not, or the key is not known."""
        try:
            valid = self.keys.check(head)
        except BadInput as problem:
            self.report.add(self.file, f"signed head: {problem}", offset=head.offset, kind=problem.kind)
            return False
        if not valid:
            self.unknown += 1
            return False
        self.report.checkpoints += 1
        if not self.last or head.size > self.last.size:
            self.last = head
        return True

    def _settle(self) -> None:
        size = self.tree.size
        while self._refill() and self._ahead[0].size == size:
            head = self._ahead.pop(0)
            if self._opened(head):
                self._judge(head)
            elif self.tree.root() != head.root and len(self.mismatched) < MOST_PROBLEMS:
                self.mismatched.add(head.offset)
        while self._points and self._points[0].size == size:
            point = self._points.popleft()
            point.agrees = self.tree.root() == point.root

    def _judge(self, head: Head) -> None:
        """Let a signed head say which is true, records or tiles."""
        if self.lost:
            return
        if self.tree.root() == head.root:
            self._resolve(head.size, records_true=True)
        elif self._other and self._other.root() == head.root:
            self.tree = self._other
            self.tree._finished = self._finished
            self._fresh.clear()
            self._resolve(head.size, records_true=False)
        else:
            self.lost = True
            self._fresh.clear()
            last = head.size - 1
            row = f"records {self._sound} to {last}" if self._sound <= last else "the records before this log's first"
            what = f"signed head: {row} are not those that were signed"
            if not self.quiet:
                self.report.add(self.file, what, offset=head.offset, kind="flipped")
            self._blame(_DIFFERS)
        self._sound, self._other = head.size, None

    def _resolve(self, size: int, *, records_true: bool) -> None:
        """Report what is now known to be wrong below ``size``; the rest stays open."""
        self._tell_tiles()
        rest = []
        for suspect in self._suspects:
            for problem in suspect.if_records if records_true else suspect.if_tiles:
                if problem.sequence is None or problem.sequence < size:
                    self.report.put(problem)
            left = Suspect(
                *([p for p in each if (p.sequence or 0) >= size] for each in (suspect.if_tiles, suspect.if_records))
            )
            rest += [left] if left.if_tiles or left.if_records else []
        self._suspects = rest

    def _blame(self, what: str) -> None:
        """No head decides: the records are what can be told about."""
        for suspect in self._suspects:
            for problem in suspect.if_tiles:
                said = what if problem.what == _CHANGED else problem.what
                self.report.add(
                    problem.file,
                    said,
                    sequence=problem.sequence,
                    offset=problem.offset,
                    kind=problem.kind,
                    last=problem.last,
                )
        self._suspects = []

    def _finished(self, level: int, index: int, root: bytes) -> None:
        if self._tile and not self.lost:
            self._fresh.append((level, index, root))

    def _tell_tiles(self) -> None:
        for each in self._fresh:
            if self._tile:
                self._tile(*each)
        self._fresh.clear()


def hold(report: Report, keys: Keys, walk: Walk, points: Sequence[Point], witnesses: Witnesses) -> None:
    """Report what heads seen elsewhere say of a log that was walked through."""
    witnesses.tell(report, points)
    agreed = unreached = 0
    for point in sorted(points, key=lambda each: each.size):
        if not _is_sealed(point, report, keys):
            continue
        if point.size > walk.tree.size and not walk.blind:
            _tell_short(report, point, walk)
        elif point.agrees is None and not point.trusted:
            unreached += 1
        elif point.agrees is None:
            report.not_checked.append(f"{point.label}: its {point.size} records are no longer here, or not all of them")
        elif not point.agrees:
            _tell_other(report, point, agreed)
        else:
            agreed = max(agreed, point.size)
            _tell_same(report, point, walk)
    if unreached:
        report.not_checked.append(f"{unreached} heads that the log says were seen elsewhere: not all records are here")


def _is_sealed(point: Point, report: Report, keys: Keys) -> bool:
    if point.head is None:
        return True
    try:
        if keys.check(point.head):
            return True
        report.add(point.label, f"checkpoint: {_NO_SIGNATURE}", kind="other-key")
    except BadInput as problem:
        report.add(point.label, f"checkpoint: {problem}", kind=problem.kind)
    return False


def _tell_same(report: Report, point: Point, walk: Walk) -> None:
    if point.label.startswith(_WITNESSES):
        report.witnessed = max(report.witnessed, point.size)
    if point.cosigned and point.younger is not None:
        what = f"{point.label}: record {point.younger} says it is younger; one of two clocks is wrong"
        report.notes.append(what)
    if point.trusted:
        report.since.append(f"{point.label}: the first {point.size} records are those that it covers")
    if not report.live and point.size > (walk.last.size if walk.last else 0):
        what = f"cut back: a head of {point.size} records was signed and seen elsewhere ({point.label})"
        report.add(walk.file, what, kind="cut-back")


def _tell_short(report: Report, point: Point, walk: Walk) -> None:
    what = f"{walk.tree.size} records are here; {point.label} covers {point.size}"
    if point.younger is None:
        text = f"cut back to an older checkpoint, or rolled back to a copy: {what}"
        report.add(walk.file, text, kind="cut-back", or_kinds=("rolled-back",))
    else:
        text = f"rolled back, and gone on at record {point.younger} or before: {what}"
        report.add(walk.file, text, sequence=point.younger, kind="rolled-back")


def _tell_other(report: Report, point: Point, agreed: int) -> None:
    what = f"the first {point.size} records are not those that {point.label} covers"
    if point.younger is not None:
        text = f"rolled back, and gone on at record {point.younger} or before: {what}"
        report.add("checkpoints", text, sequence=point.younger, kind="rolled-back", or_kinds=("forked",))
    elif agreed:
        text = f"forked, rolled back or rewritten by the key's holder, after record {agreed - 1}: {what}"
        report.add("checkpoints", text, sequence=agreed, kind="forked", or_kinds=("rolled-back", "rewritten"))
    else:
        text = f"rewritten by the key's holder, forked or rolled back: {what}"
        report.add("checkpoints", text, kind="rewritten", or_kinds=("forked", "rolled-back"))


# --- the side store --------------------------------------------------------------------------------------------------

Opener = Callable[[Path], "str | None"]
"""Returns the digest (hex) of what an item holds, ``None`` when a key was destroyed. Raises ValueError: damaged."""

_MOST_ITEMS, _MOST_HEAD = 500_000, 2 * 1024 * 1024


class SideStore:
    """Kept content beside a data folder's logs, held against the records that speak of it.

    An item's head says whose it is; with ``opener``, which has the keys, also its content is held against the digest.
    """

    def __init__(self, log: Path, opener: Opener | None) -> None:
        self._folder = log.absolute().parents[4] / "content" if len(log.absolute().parents) > 4 else Path()
        self._opener = opener
        self._days: dict[str, str] | None = None  # item -> day
        self.seen = self.gone = self.noise = 0
        self.too_many = False

    def check(self, record: Mapping[str, Any], content: Mapping[str, Any]) -> str:
        """Return what is wrong with the content of a record; ``""`` when it fits, or is not there any more."""
        self.seen += 1
        item = str(content.get("item"))
        day = self._find(item)
        if day is None:
            self.gone += 1
            return ""
        kind = "prompt" if record.get("type") == "intent" else "answer"
        worker = "/".join(str(record.get("origin")).split("/")[:3])  # without a retention class
        said = {"item": item, "kind": kind, "origin": worker, "request": record.get("request")}
        try:
            head = self._head(f"{day}/{item}")
            wrong = [name for name, value in said.items() if head.get(name) != value]
            if wrong:
                return f"content of another record lies in its place: its {wrong[0]} is another"
            return self._opened(self._folder / day / item, content.get("sha256"))
        except BadInput as problem:
            return f"its content: {problem}"

    def _find(self, item: str) -> str | None:
        if self._days is None:
            self._days = {}
            days = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
            for day in days:
                for entry in os.scandir(day) if day.is_dir() and not day.is_symlink() else ():
                    self.too_many = self.too_many or len(self._days) >= _MOST_ITEMS
                    if not self.too_many:
                        self._days[entry.name] = day.name
        return self._days.get(item)

    def _head(self, name: str) -> Mapping[str, Any]:
        file = Folder(self._folder).open(name)
        if file is None:
            raise BadInput("it went just now")
        with file:
            length = int.from_bytes(file.read(4), "big")
            raw = file.read(min(length, _MOST_HEAD))
        try:
            head = json.loads(raw) if len(raw) == length else None
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict) or head.get("version") != "sekisho.content/1":
            raise BadInput("it is no item of a side store")
        return head

    def _opened(self, path: Path, digest: Any) -> str:
        if self._opener is None:
            return ""
        try:
            found = self._opener(path)
        except ValueError:
            return "its content is not as it was written"
        if found is None:
            self.noise += 1
            return ""
        return "" if found == digest else "its content is another than the record's digest says"

    def told(self, report: Report) -> None:
        """Put into the report what could not be looked at."""
        if self.gone and not self._folder.is_dir():
            report.not_checked.append(f"{self.seen} kept contents: their side store does not lie beside this log")
        elif self.gone:
            report.notes.append(f"of {self.seen} kept contents, {self.gone} are no longer in the side store")
        if self.noise:
            report.notes.append(
                f"of {self.seen} kept contents, {self.noise} can be read by nobody: a key was destroyed"
            )
        if self.too_many:
            report.not_checked.append(f"kept content beyond {_MOST_ITEMS} items")
        if self.seen > self.gone and self._opener is None:
            report.not_checked.append("what kept content says: that takes its keys, where it is kept")


# --- one log's folder ------------------------------------------------------------------------------------------------

_HISTORY, _PUBLISHED, _PRUNED, _WITNESSES = "checkpoints", "checkpoint", "pruned", "witnesses.jsonl"
_PRUNED_LINE = "sekisho.pruned/1 "
_TILE_BYTES = BUNDLE * HASH
_SIZES = 1024  # of bundles, read at once


def verify(  # noqa: PLR0913  what is looked at, by what it is judged, how deep
    folder: Path,
    vkey: str | Sequence[str],
    progress: Progress | None = None,
    *,
    since: Iterable[Point] = (),
    hashes_only: bool = False,
    alone: bool = True,
    opener: Opener | None = None,
    witnesses: Witnesses | None = None,
) -> Report:
    """Check the log in ``folder``: one that holds ``checkpoints`` and ``tile``. Goes beside a running writer too.

    Args:
        vkey: the log's public key, a C2SP verifier key, or several; their names do not matter.
        since: heads that were kept elsewhere (:func:`read_since`).
        hashes_only: only hashes, tree and signatures, not what records say.
        alone: there is no other log that a head could be of.
        opener: has the keys of kept content.
        witnesses: whose cosignatures count.

    Raises:
        BadKey: ``vkey`` is not a verifier key.
        OSError: a file cannot be read.
    """
    keys = Keys([vkey] if isinstance(vkey, str) else vkey)
    log = _Log(Path(folder), keys, witnesses or Witnesses(), hashes_only=hashes_only, alone=alone, opener=opener)
    return log.check(list(since), progress)


def notes_of(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield ``(offset, note)`` of a file of notes, an empty line after each; at last what is no whole note.

    A note ends with the empty line after a signature line. So a damaged one costs itself, or the next one too.
    """
    buffer, base, start, offset, left = b"", 0, 0, 0, end
    while True:
        found = buffer.find(b"\n\n", offset)
        if found < 0:
            chunk = file.read(min(_CHUNK, left)) if left > 0 else b""
            if not chunk:
                break
            left -= len(chunk)
            base, buffer, offset = base + start, buffer[start:] + chunk, max(0, len(buffer) - start - 1)
            start = 0
            if len(buffer) > _CHUNK + MOST_NOTE:  # no note is that long: give up what is before
                yield base, b""
                base, buffer, offset = base + len(buffer) - 1, buffer[-1:], 0
            continue
        if buffer[buffer.rfind(b"\n", start, found) + 1 : found].startswith(_DASH.encode()):
            yield base + start, buffer[start : found + 1]
            start = found + 2
        offset = found + 2
    if start < len(buffer):
        yield base + start, b""


class _Log:
    """Checks one log's folder."""

    def __init__(
        self,
        path: Path,
        keys: Keys,
        witnesses: Witnesses,
        *,
        hashes_only: bool,
        alone: bool,
        opener: Opener | None,
    ) -> None:
        self.files, self.keys, self.hashes_only, self.alone = Folder(path), keys, hashes_only, alone
        self.witnesses = witnesses
        self.report = Report(str(path), live=has_writer(path))
        self.contents = SideStore(path, opener)
        self.first = 0
        self.signed = 0  # size of the last head, before its signature was looked at
        self.present = 0
        self.seen_published = False
        self._expected: dict[tuple[int, int], dict[int, bytes]] = {}  # (level, tile) -> hashes by place
        self.numbers = Numbers({**_TOLD, "flipped": "its number is another's"})
        self._cut_told = False
        self._packed = False
        self._end = ("tile/entries", 0)
        self._sizes_read: tuple[int, bytes] = (-1, b"")  # which piece of the file was read last, and what it held

    def check(self, points: list[Point], progress: Progress | None) -> Report:
        report = self.report
        published = self._small(_PUBLISHED, MOST_NOTE)
        history = self._open_history()
        roots = self._begin()
        with history or io.BytesIO() as file:
            end = file.seek(0, os.SEEK_END)
            self._peek(file, end)
            mine = [point.again() for point in points if self._is_mine(point)]
            mine += self._seen()
            self.witnesses.look(mine, report.origin, report)
            self.rules = Rules(report.origin, self.first)
            heads = self._heads(file, end, published)
            self.walk = Walk(report, self.keys, heads, mine, _HISTORY, self.first, roots, self._expect)
            self.walk.begin()
            self._records(mine, progress)
            self.walk.end()
            if self.walk.unknown:
                self._again(file, end)
        self._finish(published)
        hold(report, self.keys, self.walk, mine, self.witnesses)
        if not any(point.trusted for point in mine):
            report.not_checked.append(ROLL_BACK)
        report.keys, report.chain = len(self.keys.known), [key.hex() for key in self.keys.known]
        report.problems.sort(key=lambda problem: (problem.sequence is None, problem.sequence or 0))
        return report

    def _is_mine(self, point: Point) -> bool:
        """Whether a head is of this log; one that says nothing any more, by head or note, is known by its folder."""
        here = self.files.path.absolute().as_posix()
        if point.log and not self.alone:
            return here.endswith(f"/{point.log}")
        if self.report.origin or not point.origin:
            return point.origin in ("", self.report.origin)
        return self.alone or here.endswith((f"/{point.origin}", f"/{point.origin}/default"))

    # heads

    def _open_history(self) -> BinaryIO | None:
        try:
            return self.files.open(_HISTORY)
        except BadInput as problem:
            self.report.add(_HISTORY, str(problem), kind=problem.kind)
            return None

    def _begin(self) -> Sequence[bytes]:
        """Read where the log begins; return the compact range before it."""
        raw = self._small(_PRUNED, MOST_NOTE)
        if not raw:
            return ()
        try:
            note = parse_note(raw)
            lines = note.text.split("\n")
            if len(lines) < 4 or not lines[0].startswith(_PRUNED_LINE) or not _SIZE.fullmatch(lines[1]):
                raise BadInput("not a note of pruning")
            roots = [base64_bytes(line, "a root") for line in lines[2:-1]]
            Tree(int(lines[1]), roots)
            if int(lines[1]) % BUNDLE or any(len(root) != HASH for root in roots):
                raise BadInput("not a note of pruning")
        except BadInput as problem:
            self.report.add(_PRUNED, str(problem), offset=0, kind="flipped")
            return ()
        self.first = self.report.pruned = int(lines[1])
        self._pruned_note = note
        self.report.origin = lines[0][len(_PRUNED_LINE) :]
        return roots

    def _check_pruned(self) -> None:
        if not self.first:
            return
        try:
            if self.keys.signers(self._pruned_note, self._pruned_note.text.split("\n")[0][len(_PRUNED_LINE) :]):
                return
            self.report.add(_PRUNED, _NO_SIGNATURE, offset=0, kind="other-key")
        except BadInput as problem:
            self.report.add(_PRUNED, str(problem), offset=0, kind=problem.kind)

    def _peek(self, file: BinaryIO, end: int) -> None:
        """Learn origin and size from the last head that can be read; nothing is trusted to it."""
        file.seek(max(0, end - _CHUNK))
        for _, raw in reversed(list(notes_of(file, _CHUNK))):
            try:
                head = parse_head(raw)
                self.keys.signers(head.note, head.origin)
            except BadInput:
                continue
            self.signed = head.size
            self.report.origin = self.report.origin or head.origin
            return

    def _heads(self, file: BinaryIO, end: int, published: bytes | None, *, quiet: bool = False) -> Iterator[Head]:
        file.seek(0)
        for offset, raw in notes_of(file, end):
            self.seen_published = self.seen_published or raw == published
            if not raw:
                if not quiet and not self.report.live:
                    self.report.add(_HISTORY, "the last signed head is not whole", offset=offset, kind="cut-off")
                continue
            try:
                head = parse_head(raw, offset)
            except BadInput as problem:
                if not quiet:
                    self.report.add(_HISTORY, f"signed head: {problem}", offset=offset, kind="flipped")
                continue
            yield head

    def _again(self, file: BinaryIO, end: int) -> None:
        """Look at all heads once more: keys may be known now that were not when they were passed."""
        self.report.checkpoints = 0
        for head in self._heads(file, end, None, quiet=True):
            try:
                valid = self.keys.check(head)
            except BadInput:
                continue  # told already, or a head that was passed before its key was known:
            if not valid:
                what = f"signed head: {_NO_SIGNATURE}"
                self.report.add(_HISTORY, what, offset=head.offset, kind="other-key")
                continue
            self.report.checkpoints += 1
            if head.offset in self.walk.mismatched:
                what = "signed head: the records before it are not those that were signed"
                self.report.add(_HISTORY, what, offset=head.offset, kind="flipped")
            if not self.walk.last or head.size > self.walk.last.size:
                self.walk.last = head

    def _seen(self) -> list[Point]:
        """Return the heads that the log says were seen elsewhere. It could have said otherwise: without a witness's
        cosignature they prove nothing."""
        points = _points_of(self._small(_WITNESSES, MOST_DOCUMENT) or b"", _WITNESSES, trusted=False)
        return [point for point in points if point.size >= self.first]

    # records

    def _records(self, points: Sequence[Point], progress: Progress | None) -> None:
        indexes = self._names()
        expected = self.first // BUNDLE
        for index in indexes:
            if index < expected:
                continue
            if index > expected:
                self._gone(expected, index)
            self._bundle(index, last=index == indexes[-1])
            self._date(points)
            expected = index + 1
            if progress:
                progress(self.walk.tree.size, max(self.signed, self.walk.tree.size))

    def _names(self) -> list[int]:
        """Return the indexes of all bundles; name what does not belong among them."""
        found = set()
        for path, regular in self.files.below("tile"):
            level, _, rest = path.partition("/")
            name = rest[:-3] if level == "entries" and rest.endswith(".gz") else rest
            index = tile_number(name) if level == "entries" or re.fullmatch(r"[0-9]|[1-5][0-9]", level) else None
            if not regular:
                self.report.add(f"tile/{path}", "a link, which is not followed", kind="link")
            elif index is None:
                self.report.add(f"tile/{path}", "this file does not belong here", kind="stray")
            elif level == "entries":
                found.add(index)
                self._packed = self._packed or rest.endswith(".gz")
        return sorted(found)

    def _gone(self, first: int, end: int) -> None:
        """Name bundles that are not there, and go on behind them with the tiles' hashes, as far as there are any."""
        if self._pruned_meanwhile(end - 1):
            self.walk.blind = True
            return
        what = "this file is gone" if end == first + 1 else f"this file and {end - first - 1} after it are gone"
        sequence = first * BUNDLE
        self.report.add(tile_name("entries", first), what, sequence=sequence, kind="deleted", last=end * BUNDLE - 1)
        self.rules.unread = True
        for index in range(first, min(end, first + 4096)):
            self._pass(index)
        self.walk.blind = self.walk.blind or end > first + 4096

    def _pruned_meanwhile(self, index: int) -> bool:
        """Whether a running server has just pruned a bundle, which is then no longer asked for."""
        raw = self._small(_PRUNED, MOST_NOTE) if self.report.live else None
        first = raw.split(b"\n")[1:2] if raw else []
        if not first or not first[0].isdigit() or len(first[0]) > 16 or int(first[0]) <= index * BUNDLE:
            return False
        what = "records that were pruned meanwhile, and what heads say of those that follow: verify again"
        if what not in self.report.not_checked:
            self.report.not_checked.append(what)
        return True

    def _pass(self, index: int) -> None:
        """Grow by what the tiles say of a bundle; without them, no later root can be computed."""
        hints = self._tile(0, index)
        if len(hints) == BUNDLE:
            self.walk.grow(hints)
            return
        above = self._tile(1, index // BUNDLE)
        if index % BUNDLE < len(above) and not self.walk.tree.size % BUNDLE:
            self.walk.skip(above[index % BUNDLE])
        else:
            self.walk.blind = True

    def _bundle(self, index: int, *, last: bool) -> None:
        name, items, hints = self._read(index, last=last)
        if items is None:
            self._pass(index)
            self.rules.unread = True
            return
        start = index * BUNDLE
        due = min(BUNDLE, max(0, self.signed - start)) if last else BUNDLE
        if last and items.torn and len(items.data) <= BUNDLE:
            self._torn(name, items, start, hints, signed=len(items.data) <= due)
        leaves, said = items.leaves(), list["int | None"]()
        self.present += len(items.data) - items.data.count(None)
        whole = due <= len(leaves) <= BUNDLE
        same = whole and leaves[: len(hints)] == hints[: len(leaves)]
        wrong: list[Problem] = []
        if self.hashes_only:
            self._look_for_keys(items, start)
        else:
            said, wrong = self._look(name, items, start, same=same)
        if whole:
            self._whole(name, index, items, leaves, hints, wrong, same=same)
        else:
            self._not_whole(name, start, items, leaves, hints[:due], said, due=due, last=last)
            self._put(wrong)
        self._sizes(index, items, full=whole and len(leaves) == BUNDLE)
        self._end = (name, items.offsets[-1])

    def _put(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.report.put(problem)

    def _whole(
        self,
        name: str,
        index: int,
        items: Items,
        leaves: list[bytes],
        hints: list[bytes],
        wrong: list[Problem],
        *,
        same: bool,
    ) -> None:
        """As many records as there should be: grow both trees. What the rules found stands behind what hashes tell."""
        start = index * BUNDLE
        if not same:
            truth, tile = hints[: len(leaves)], tile_name("0", index)
            seen = _without_rest(leaves, truth)
            if_tiles = told(name, range(start, start + BUNDLE), truth, seen, items.offsets, _TOLD)
            if_records = [
                Problem(tile, "not the hash of its record", start + at, at * HASH, "flipped")
                for at in range(len(truth))
                if truth[at] != leaves[at]
            ]
            self.walk.suspect(if_tiles + wrong, if_records + wrong)
            self.walk.grow(leaves, truth + leaves[len(truth) :])
        else:
            self._put(wrong)
            self.walk.grow(leaves)
        self._check_tile(0, index, len(leaves), full=len(leaves) == BUNDLE)

    def _not_whole(
        self,
        name: str,
        start: int,
        items: Items,
        leaves: list[bytes],
        hints: list[bytes],
        said: list[Any],
        **bundle: int,
    ) -> None:
        """Too few records, or too many: the tile says which, or else their own numbers.

        Args:
            bundle: ``due``, how many there should be at least; ``last``, whether it is the last one.
        """
        due, last = bundle["due"], bundle["last"]
        self.rules.unread = True
        if len(hints) >= due:
            problems = told(name, range(start, start + BUNDLE), hints[:due], leaves, items.offsets, _TOLD)
        else:
            numbers = [
                ("?", at) if number is None else number for at, number in enumerate(said or [None] * len(leaves))
            ]
            numbered = range(start, start + due)
            problems = told(name, numbered, list(numbered), numbers, items.offsets, _TOLD)
        for problem in problems:
            end = problem.last if problem.last is not None else problem.sequence
            if problem.kind == "deleted" and end == start + due - 1 and last:
                self._cut(problem.sequence or 0, name, problem.offset or 0)
            else:
                self.report.put(problem)
        if len(hints) >= due:
            self.walk.grow(hints[:due])
        else:
            self.walk.blind = True

    def _cut(self, records: int, name: str, offset: int) -> None:
        self._cut_told = True
        what = f"the end is missing: {records} records are here, {self.signed} were signed"
        self.report.add(name, what, sequence=records, offset=offset, kind="cut-off", last=self.signed - 1)

    def _torn(self, name: str, items: Items, start: int, hints: list[bytes], *, signed: bool) -> None:
        """The last record is not whole: beside a writer it is being written; else it was cut, or its length changed."""
        place = len(items.data) - 1
        as_long = int.from_bytes(items.left[:2], "big") == len(items.left) - 2
        if as_long or (place < len(hints) and leaf_hash(items.left[2:]) == hints[place]):
            return
        items.data.pop()
        items.offsets.pop()
        if not signed and not self.report.live:
            what = "the last record is cut off; a killed server leaves that too, and repairs it when it starts"
            self.report.add(name, what, sequence=start + place, offset=items.offsets[-1], kind="cut-off")

    def _read(self, index: int, *, last: bool) -> tuple[str, Items | None, list[bytes]]:
        """Return a bundle's name, records and leaf hashes. Beside a writer, a record half written is waited for."""
        name = tile_name("entries", index)
        for _ in range(_RETRIES if last and self.report.live else 1):
            hints = self._tile(0, index)
            try:
                name, raw = self._plain(index)
            except BadInput as problem:
                if not self._pruned_meanwhile(index):
                    self.report.add(name, str(problem), sequence=index * BUNDLE, offset=0, kind=problem.kind)
                return name, None, hints
            if raw is None:
                return name, None, hints
            items = take_apart(raw)
            if not items.torn:
                break
            time.sleep(_PAUSE_SECONDS if self.report.live else 0)
        return name, items, hints

    def _unpacked(self, name: str, packed: bytes, index: int) -> bytes | None:
        try:
            return unpack(packed)
        except BadInput as problem:
            self.report.add(name, str(problem), sequence=index * BUNDLE, offset=0, kind=problem.kind)
            return None

    def _plain(self, index: int) -> tuple[str, bytes | None]:
        """Return a bundle's file and plain bytes, packed or not; no bytes where they cannot be unpacked.

        Raises:
            BadInput: it is not there, or no file.
            OSError: it cannot be read.
        """
        name = tile_name("entries", index)
        for _ in range(2):  # it may be packed in between
            raw = self.files.read(name, MOST_BUNDLE)
            if raw is not None:
                self._check_twin(name, raw)
                return name, raw
            packed = self.files.read(f"{name}.gz", MOST_BUNDLE)
            if packed is not None:
                return f"{name}.gz", self._unpacked(f"{name}.gz", packed, index)
        raise BadInput("this file is gone", "deleted")

    def _check_twin(self, name: str, raw: bytes) -> None:
        """A bundle may be there twice for a moment, plain and packed: then both are the same."""
        if self.report.live or not self.files.exists(f"{name}.gz"):
            return
        packed = self.files.read(f"{name}.gz", MOST_BUNDLE)
        try:
            same = packed is None or unpack(packed) == raw
        except BadInput:
            same = False
        if not same:
            self.report.add(f"{name}.gz", "not what the plain file holds", offset=0, kind="flipped")

    # what records say

    def _look(self, name: str, items: Items, start: int, *, same: bool) -> tuple[list[int | None], list[Problem]]:
        """Hold records against the rules; return the numbers that they give themselves, and what is wrong.

        Where records are not those that the tiles know, an outcome without its intent is no fault of its own.
        """
        rules, said, wrong = self.rules, list["int | None"](), list[Problem]()
        rules.unread = rules.unread or not same
        for at, data in enumerate(items.data):
            if data is None:
                rules.unread = True
                said.append(None)
                wrong.append(Problem(name, "changed or cut off here", start + at, items.offsets[at], "flipped"))
                continue
            kind, what, number = rules.check(data, start + at)
            said.append(number)
            if what:
                wrong.append(Problem(name, what, start + at, items.offsets[at], kind))
        self._keys_told(name)
        for place, record, content in rules.commitments:
            what = self.contents.check(record, content) if same else ""
            if what:
                wrong.append(Problem(name, what, place, items.offsets[place - start], "side-store"))
        rules.commitments.clear()
        self._clock(name, start + len(items.data), sound=same)
        if same:
            moved = self.numbers.hold_bundle(name, start, said, items)
            if moved or self.numbers.off:
                rules.unread = True
                wrong = moved + [problem for problem in wrong if problem.kind != "order"]
        return said, wrong

    def _keys_told(self, name: str) -> None:
        for sequence, details in self.rules.rotations:
            try:
                self.keys.learn(details, sequence)
            except BadInput as problem:
                self.report.add(name, str(problem), sequence=sequence, kind=problem.kind)
        self.rules.rotations.clear()

    def _look_for_keys(self, items: Items, start: int) -> None:
        if _OF_ROTATION not in items.raw:
            return
        for at, data in enumerate(items.data):
            if data and _OF_ROTATION in data:
                self.rules.check(data, start + at)
                self._keys_told(tile_name("entries", start // BUNDLE))

    def _clock(self, name: str, now: int, *, sound: bool, end: bool = False) -> None:
        """Report where the clock went back and no record after it says so; changed records' times say nothing."""
        waiting = self.rules.backward
        if not sound:
            waiting.clear()
        while waiting and (end or waiting[0][0] + _TOLD_WITHIN < now):
            place, last, this = waiting.pop(0)
            what = f"the clock went back, from {last} to {this}, and the log does not say so"
            self.report.add(name, what, sequence=place, kind="clock-back")

    def _date(self, points: Sequence[Point]) -> None:
        """Find records that were written after a head was seen which covers more than them."""
        now = self.rules._last_time
        for point in points:
            late = point.time and point.younger is None and now and self.walk.tree.size <= point.size
            if late and _microseconds(now) > _microseconds(point.time) + 60_000_000:
                point.younger = self.walk.tree.size - 1

    # tiles and other files that follow from records

    def _tile(self, level: int, index: int) -> list[bytes]:
        raw = self._small(tile_name(str(level), index), _TILE_BYTES) or b""
        return [raw[at : at + HASH] for at in range(0, len(raw) - len(raw) % HASH, HASH)]

    def _expect(self, level: int, index: int, root: bytes) -> None:
        """The walk finished a tile: its hash stands in the level above."""
        tile, place = divmod(index, BUNDLE)
        self._expected.setdefault((level, tile), {})[place] = root
        if place == BUNDLE - 1:
            self._check_above(level, tile, self._expected.pop((level, tile)))

    def _check_above(self, level: int, tile: int, hashes: Mapping[int, bytes]) -> None:
        name = tile_name(str(level), tile)
        there = self._tile(level, tile)
        for place in sorted(hashes):
            if place < len(there) and there[place] != hashes[place]:
                self.report.add(name, "not the hash of the tile below", offset=place * HASH, kind="flipped")
        count = min(BUNDLE, (self.walk.tree.size >> 8 * level) - tile * BUNDLE)
        self._check_tile(level, tile, count, full=count == BUNDLE)

    def _check_tile(self, level: int, tile: int, count: int, *, full: bool) -> None:
        """A full tile is there, and no tile has more than its records make."""
        if self.report.live:
            return
        name = tile_name(str(level), tile)
        raw = self._small(name, _TILE_BYTES)
        if raw is None:
            if full:
                self.report.add(name, "this file is gone", kind="deleted")
            return
        length = count * HASH
        if len(raw) > length or (full and len(raw) < length):
            what = f"has {len(raw)} bytes; its records make {length}"
            kind = "inserted" if len(raw) > length else "cut-off"
            self.report.add(name, what, offset=min(len(raw), length), kind=kind)

    def _sizes(self, index: int, items: Items, *, full: bool) -> None:
        if not full:
            return
        piece, at = divmod(index, _SIZES)
        if self._sizes_read[0] != piece:
            self._sizes_read = (piece, self._sizes_from(piece))
        raw = self._sizes_read[1][8 * at : 8 * at + 8]
        if len(raw) == 8 and int.from_bytes(raw, "big") != items.offsets[-1]:
            self.report.add("sizes", f"not the size of bundle {index}", offset=8 * index, kind="flipped")

    def _sizes_from(self, piece: int) -> bytes:
        """Return the sizes of so many bundles at once, as far as they are there."""
        try:
            file = self.files.open("sizes")
        except BadInput as problem:
            self.report.add("sizes", str(problem), kind=problem.kind)
            return b""
        with file or io.BytesIO() as opened:
            opened.seek(8 * _SIZES * piece)
            return opened.read(8 * _SIZES)

    def _small(self, name: str, most: int) -> bytes | None:
        try:
            return self.files.read(name, most)
        except BadInput as problem:
            self.report.add(name, str(problem), offset=0, kind=problem.kind)
            return None

    # the end

    def _finish(self, published: bytes | None) -> None:
        report, walk = self.report, self.walk
        for (level, tile), hashes in self._expected.items():
            self._check_above(level, tile, hashes)
        self._clock(self._end[0], walk.tree.size, sound=True, end=not report.live)
        self._put(self.numbers.rest())
        self._check_pruned()
        report.records, report.open_intents = self.present, len(self.rules.open_intents)
        if walk.last:
            report.tree_size, report.root = walk.last.size, walk.last.root.hex()
            report.origin = report.origin or walk.last.origin
        elif report.live or not (walk.tree.size or walk.unknown or published):
            report.notes.append("there is no record and no signed head yet, or everything was taken away")
        else:
            report.add(_HISTORY, "there is no signed head: nothing of this log can be checked", kind="cut-off")
        self.signed = report.tree_size
        if walk.tree.size < self.signed and not self._cut_told and not walk.blind:
            self._cut(walk.tree.size, *self._end)
        report.unsigned = max(0, walk.tree.size - self.signed)
        self._check_published(published)
        self._tell_notes()

    def _check_published(self, published: bytes | None) -> None:
        if published is None:
            once = self.first or self._packed or self._seen()  # all of that is only done under a published head
            if once and self._small(_PUBLISHED, MOST_NOTE) is None:  # a server may have written it meanwhile
                self.report.add(_PUBLISHED, "this file is gone", offset=0, kind="deleted")
            elif self.walk.last:
                self.report.notes.append("no checkpoint is published: none was yet, or the file was taken away")
        elif not self.seen_published:
            self.report.add(_PUBLISHED, "it is not one of the signed heads", offset=0, kind="flipped")

    def _tell_notes(self) -> None:
        report, rules = self.report, self.rules
        if self.first:
            report.notes.append(f"records before {self.first} were pruned")
        if report.open_intents:
            report.notes.append(f"{report.open_intents} intents have no outcome yet")
        if report.unsigned:
            report.notes.append(f"{report.unsigned} records follow the last signed head")
        if rules.told_backward:
            report.notes.append(f"the clock went back {rules.told_backward} times, and the log says so")
        if rules.gaps:
            where = ", ".join(str(place) for place in rules.gaps[:10])
            report.notes.append(f"a gap, and why, is told by record {where}")
        for place, last, now in rules.silences:
            report.notes.append(f"silence before record {place}: from {last} to {now} there is no heartbeat")
        self.contents.told(report)
        if rules.too_many_open:
            report.not_checked.append(f"outcomes: more than {_MOST_OPEN} intents are open at once")
        if self.hashes_only:
            report.not_checked.append("what records say: only hashes, tree and signatures were asked for")


def _without_rest(leaves: list[bytes], truth: list[bytes]) -> list[bytes]:
    """Return leaves without those at their end that no tile has yet: records that follow the last head."""
    known, end = set(truth), len(leaves)
    while end > len(truth) and leaves[end - 1] not in known:
        end -= 1
    return leaves[:end]


def has_writer(folder: Path) -> bool:
    """Whether some process has the log open for writing now."""
    if fcntl is None:
        return False
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | Folder._FLAGS)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


# --- checkpoints kept elsewhere --------------------------------------------------------------------------------------


def _witness(line: bytes, label: str, *, trusted: bool) -> Point | None:
    """Return a line of ``witnesses.jsonl`` as a point; ``None`` when it is none."""
    try:
        said = json.loads(line[:MOST_NOTE])
        root, size, when = base64_bytes(said["root"], "a root"), said["size"], said["time"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    good = len(root) == HASH and isinstance(size, int) and 0 <= size <= _SAFE_INTEGER and isinstance(when, str)
    if not good or isinstance(size, bool):
        return None
    place = f"{label} ({said.get('kind')}, {when})"
    cosignature = _cosignature_line(said.get("cosignature"))
    time_ = when if _TIME.fullmatch(when) else ""
    return Point(size, root, place, time=time_, trusted=trusted, signatures=cosignature)


def _points_of(raw: bytes, label: str, *, trusted: bool) -> list[Point]:
    """Return the heads in lines of ``witnesses.jsonl``; of those that say the same, one, with all cosignatures."""
    points: dict[tuple[int, bytes], Point] = {}
    for line in raw.split(b"\n")[-MOST_LINES:]:
        point = _witness(line, label, trusted=trusted)
        if point is not None:
            before = points.get((point.size, point.root))
            point.signatures = [*(before.signatures if before else ()), *point.signatures][-_MOST_COSIGNATURES:]
            points[point.size, point.root] = point
    return list(points.values())


def read_since(path: Path) -> list[Point]:
    """Return the heads that a file kept elsewhere holds.

    One checkpoint, a row of them with an empty line after each, lines of ``witnesses.jsonl``, or a site's checkpoint
    with the file ``site-heads`` beside it. Signatures are checked later, when it is known which keys follow which.

    Raises:
        BadUse: there is none in it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(MOST_DOCUMENT)
    points = _points_of(raw, path.name, trusted=True) if raw.lstrip()[:1] == b"{" else _noted(raw, path)
    if not points:
        raise BadUse(f"{path} holds no checkpoint. Give one that the log, or a witness, has signed.")
    return points


def _noted(raw: bytes, path: Path) -> list[Point]:
    raw = raw.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n\n"  # mail and editors do that to a note
    points, sites = list[Point](), list[Head]()
    for _, note in list(notes_of(io.BytesIO(raw), len(raw)))[-MOST_LINES:]:
        try:
            head = parse_head(note)
        except BadInput:
            continue
        if "/" in head.origin:
            others = _others(head)
            points.append(Point(head.size, head.root, path.name, head.origin, head=head, signatures=others))
        else:
            sites.append(head)
    for head in sites[-1:]:
        try:
            points += _of_site(head, path)
        except BadUse:
            if not points:
                raise
    return points


def _of_site(head: Head, path: Path) -> list[Point]:
    """Return the heads of all logs that a site's checkpoint binds."""
    beside = path.with_name("site-heads")
    try:
        with beside.open("rb") as file:
            lines = file.read(MOST_DOCUMENT).decode().splitlines()
        site = parse_site(lines, head)
    except (OSError, UnicodeDecodeError, BadInput) as error:
        raise BadUse(f"{path} is a site's checkpoint: it needs, beside it, the site-heads that it binds.") from error
    how: dict[str, Any] = {"head": head, "signatures": _others(head)}
    return [Point(size, root, path.name, _origin_of(log), log=log, **how) for log, size, root in site]


def _others(head: Head) -> list[tuple[str, bytes, bytes]]:
    """Return the signatures below a checkpoint that are not under the log's own name."""
    return [line for line in head.note.signatures if line[0] != head.origin][-_MOST_COSIGNATURES:]


def _origin_of(log: str) -> str:
    """Return the origin of a log's heads: ``site/node/worker``, and the class where that is not the default."""
    return log[: -len("/default")] if log.endswith("/default") else log


def parse_site(lines: Sequence[str], head: Head) -> list[tuple[str, int, bytes]]:
    """Return (log, size, root) of the lines that a site's checkpoint binds. Raises BadInput."""
    tree = Tree()
    tree.extend([leaf_hash(line.encode()) for line in lines])
    if (tree.size, tree.root()) != (head.size, head.root):
        raise BadInput("site-heads is not what the site's checkpoint binds", "flipped")
    found = []
    for line in lines:
        log, size, root = [*line.split(" "), "", ""][:3]
        if not _SIZE.fullmatch(size):
            raise BadInput("a line of site-heads is none")
        found.append((log, int(size), base64_bytes(root, "a root")))
    return found


# --- exports ---------------------------------------------------------------------------------------------------------

_EXPORT, _EXPORT_VERSION = "application/vnd.sekisho.export+json", "sekisho.export/1"
_MANIFEST, _CHECKPOINT, _KEY = ".manifest.json", ".checkpoint", ".vkey"
_KEY_CAME_WITH_IT = "whether the public key is the log's: it came with the export. Give the one you know with --key"
_CELLS = "what the cells say: only the file's digest vouches for them; the jsonl form holds the records themselves"
_LEAVES = "the leaf hashes of its rows: this program does not read this form; sekisho audit verify does"
_NOT_ALL = "whether records follow the last one here"


@dataclass(frozen=True)
class Part:
    """What an export says that it has of one log. ``omitted`` are (first, count, roots)."""

    origin: str
    retention_class: str
    first: int
    rows: int
    head: Head
    before: Sequence[bytes]
    omitted: Sequence[tuple[int, int, Sequence[bytes]]] = ()
    witnessed: int = 0
    seen: Sequence[Point] = ()  # heads that, by the log's own account, were seen elsewhere

    def runs(self) -> Iterator[tuple[int, int, Sequence[bytes] | None]]:
        """Yield (first, end, roots) in order: of records that are here, without roots, and of those that are not."""
        at = self.first
        for first, count, roots in self.omitted:
            if first > at:
                yield at, first, None
            yield first, first + count, roots
            at = first + count
        if at < self.head.size:
            yield at, self.head.size, None


def _part(said: Any) -> Part:
    """Read one of a manifest's logs. Raises BadInput."""
    try:
        first, size = (_count(each) for each in said["range"])
        head = parse_head(str(said["checkpoint"]).encode())
        before = [base64_bytes(root, "a root") for root in said["before"]]
        omitted = [_omitted(*each) for each in said["omitted"]]
        named, rows = (str(said["origin"]), str(said["class"])), _count(said["rows"])
        witnessed = said["witnessed"] if isinstance(said.get("witnessed"), dict) else {"up_to": 0}
        seen = _points_of(_seen_in(witnessed), _MANIFEST[1:], trusted=False)
        part = Part(*named, first, rows, head, before, omitted, _count(witnessed["up_to"]), seen)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput("a log in it is not described as it must be") from error
    if size != head.size or head.origin != part.origin:
        raise BadInput("its range is not that of its checkpoint", "left-out")
    _check_runs(part)
    return part


def _seen_in(witnessed: Mapping[str, Any]) -> bytes:
    """Return the cosigned heads that a manifest names, as lines of ``witnesses.jsonl``."""
    by = [each for one in _list(witnessed.get("ranges")) for each in _list(one.get("by"))]
    return b"\n".join(json.dumps(each).encode() for each in by if isinstance(each, dict) and each.get("cosignature"))


def _omitted(first: Any, count: Any, roots: Any) -> tuple[int, int, Sequence[bytes]]:
    return _count(first), _count(count), [base64_bytes(root, "a root") for root in roots]


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _SAFE_INTEGER:
        raise BadInput("a number in it is none")
    return value


def _check_runs(part: Part) -> None:
    """What is left out lies in order, and with the rows it makes the whole. Raises BadInput."""
    at, left = part.first, 0
    for first, count, _ in part.omitted:
        if first < at or first + count > part.head.size:
            raise BadInput("what was left out does not lie in order", "left-out")
        at, left = first + count, left + count
    if part.first + left + part.rows != part.head.size:
        raise BadInput("the rows and what was left out do not make the whole", "left-out")


def _pieces(
    runs: Iterable[tuple[int, int, Sequence[bytes] | None]],
) -> Iterator[tuple[int, int, Sequence[bytes] | None]]:
    """Yield runs, those that are here in pieces of at most 256 records."""
    for first, end, roots in runs:
        step = end - first if roots is not None else BUNDLE
        for at in range(first, end, step or 1):
            yield at, min(end, at + step), roots


def _batches(runs: Iterable[tuple[int, int, Sequence[bytes] | None]]) -> Iterator[list[Any]]:
    """Yield runs in lists of at most 256 records that are here, and as many runs of those that are not."""
    batch: list[tuple[int, int, Sequence[bytes] | None]] = []
    room = BUNDLE
    for first, end, roots in runs:
        at = first
        while at < end:
            stop = end if roots is not None else min(end, at + room)
            batch.append((at, stop, roots))
            room -= 0 if roots is not None else stop - at
            at = stop
            if not room or len(batch) >= 2 * BUNDLE:
                yield batch
                batch, room = [], BUNDLE
    if batch:
        yield batch


class Leaf(NamedTuple):
    """What a row of an export says of its record; ``record`` are the record's bytes, where the row has them."""

    number: int
    hash: bytes
    record: bytes | None = None


Rows = Callable[[BinaryIO], Iterator[Leaf]]
"""Reads the rows of one form. Raises ValueError, KeyError, TypeError: they are none."""

_LONGEST_ROW = 1 << 20
_HASH_IN_CEF = re.compile(rb" cs1=([0-9a-f]{64})(?= |$)")
_INDEX_IN_CEF = re.compile(rb" cn1=([0-9]{1,16})(?= |$)")
_BEFORE_CEF = re.compile(rb"(?:(?:[^|\\]|\\.)*\|){7}")


def _csv_rows(file: BinaryIO) -> Iterator[Leaf]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        head = text.readline(_LONGEST_ROW)
        separator = ";" if head.startswith("leaf_index;") else ","
        names = next(csv.reader([head], delimiter=separator))
        index, leaf = names.index("leaf_index"), names.index("leaf_hash")
        for cells in csv.reader(text, delimiter=separator):
            yield Leaf(int(cells[index]), bytes.fromhex(cells[leaf]))
    except (csv.Error, IndexError, StopIteration) as error:
        raise ValueError("no rows") from error
    finally:
        text.detach()


def _ocsf_rows(file: BinaryIO) -> Iterator[Leaf]:
    for line in iter(lambda: file.readline(_LONGEST_ROW), b""):
        event = json.loads(line)
        record = str(event["raw_data"]).encode()
        yield Leaf(int(event["metadata"]["sequence"]), bytes.fromhex(event["unmapped"]["leaf_hash"]), record)


def _cef_rows(file: BinaryIO) -> Iterator[Leaf]:
    for line in iter(lambda: file.readline(_LONGEST_ROW), b""):
        head = _BEFORE_CEF.match(line)
        said = b" " + line[head.end() :].rstrip(b"\r\n") if head else b""
        leaf, index = _HASH_IN_CEF.search(said), _INDEX_IN_CEF.search(said)
        if not leaf or not index:
            raise ValueError("no row")
        yield Leaf(int(index[1]), bytes.fromhex(leaf[1].decode()))


def _syslog_rows(file: BinaryIO) -> Iterator[Leaf]:
    while True:
        length = b""
        while (digit := file.read(1)).isdigit() and len(length) < 8:
            length += digit
        if not digit and not length:
            return
        message = file.read(min(int(length), _LONGEST_ROW))
        said = json.loads(message[message.index(b"\xef\xbb\xbf") + 3 :])
        yield Leaf(int(said["leaf_index"]), bytes.fromhex(said["leaf_hash"]))


_ROWS: Mapping[str, Rows] = {"csv": _csv_rows, "ocsf": _ocsf_rows, "cef": _cef_rows, "syslog": _syslog_rows}


class _Export:
    """Checks one file of records, with what its manifest says of it."""

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        keys: Keys,
        points: Sequence[Point],
        hashes_only: bool,
        rows: Mapping[str, Rows] | None = None,
        witnesses: Witnesses | None = None,
    ) -> None:
        self.name, self.file, self.keys, self.points, self.hashes_only = name, file, keys, points, hashes_only
        self.witnesses = witnesses or Witnesses()
        self._readers = {**_ROWS, **(rows or {})}
        self.digest, self.bytes = sha256(), 0
        self._pushed: tuple[int, bytes] | None = None  # a line that belongs to the next batch
        self._end = 0
        self._ended = self._cut_told = False
        self._numbers: Numbers | None = None
        self.reports: list[Report] = []

    def check(self, manifest: bytes, progress: Progress | None = None) -> list[Report]:
        """Check the file against its manifest; one report for each log in it."""
        first = Report(self.name, what="export")
        self.reports = [first]
        where = self.name + _MANIFEST
        try:
            said = self._opened(manifest)
            parts = [_part(each) for each in _list(said.get("logs"))]
        except BadInput as problem:
            first.add(where, str(problem), offset=0, kind=problem.kind)
            return self.reports
        self.reports = [
            Report(self.name, part.origin, what="export", tree_size=part.head.size, witnessed=part.witnessed)
            for part in parts
        ]
        self.reports = self.reports or [first]
        if said.get("format") == "jsonl":
            for report, part in zip(self.reports, parts):  # noqa: B905  Python 3.9
                self._part(report, part, progress)
            self._rest()
        else:
            self._drain()
        self._file(said)
        if said.get("format") != "jsonl":
            self._other_form(str(said.get("format")), parts)
        for report in self.reports:
            report.keys = len(self.keys.known)
        return self.reports

    def _other_form(self, form: str, parts: Sequence[Part]) -> None:
        """Check rows that are no records: their leaf hashes, with what was left out, must lead to the signed head.

        Only of a file whose digest is the signed one: what somebody changed on the way is known already, and not read.
        """
        reader = self._readers.get(form) if self.reports[0].ok else None
        for report in self.reports:
            report.not_checked += [_CELLS] if reader else [_LEAVES, _CELLS]
        if reader is None:
            for report, part in zip(self.reports, parts):  # noqa: B905  Python 3.9
                self._head(report, part, self._walk(report, part, []))
                self._hold_head(report, part)
                if self.witnesses.known:
                    report.not_checked.append("cosignatures of witnesses: no rows of this file lead to a head")
            return
        self.file.seek(0)
        rows = reader(self.file)
        try:
            for report, part in zip(self.reports, parts):  # noqa: B905  Python 3.9
                self._fold(report, part, rows)
            if self.reports[-1].ok and next(rows, None) is not None:
                what = "inserted: more rows than there should be"
                self.reports[-1].add(self.name, what, kind="inserted", or_kinds=("duplicated",))
        except (ValueError, KeyError, TypeError, OSError):
            self.reports[-1].add(self.name, f"it is not in the form that its manifest says: {form}", kind="form")

    def _fold(self, report: Report, part: Part, rows: Iterator[Leaf]) -> None:
        """Grow a tree from the leaf hashes of one log's rows. Raises what the reader raises."""
        points = self._points(report, part)
        walk = self._walk(report, part, points)
        walk.begin()
        for first, end, roots in _pieces(part.runs()):
            if roots is not None:
                self._run(report, walk, {}, range(first, end), roots)
                continue
            taken = list(islice(rows, end - first))
            report.records += len(taken)
            if not self._are_those(report, taken, range(first, end)):
                walk.blind = True
            if not walk.blind:
                walk.grow([row.hash for row in taken])
        self._head(report, part, walk)
        hold(report, self.keys, walk, points, self.witnesses)
        if not any(point.trusted for point in points):
            report.not_checked.append(ROLL_BACK)

    def _are_those(self, report: Report, taken: Sequence[Leaf], due: range) -> bool:
        """Whether rows are those of these records. What is wrong is reported once a log: the rest follows from it."""
        wrong = next((at for at, row in zip(due, taken) if row.number != at), None)  # noqa: B905  Python 3.9
        if wrong is None and len(taken) < len(due):
            wrong = due[len(taken)]
        if wrong is not None:
            if report.ok:
                report.add(self.name, _ROW_TOLD["deleted"], sequence=wrong, kind="left-out", or_kinds=("reordered",))
            return False
        other = next((row for row in taken if row.record is not None and leaf_hash(row.record) != row.hash), None)
        if other is not None:
            what = "the record in this row is not the one of its leaf hash"
            report.add(self.name, what, sequence=other.number, kind="flipped")
        return True

    def _hold_head(self, report: Report, part: Part) -> None:
        """Hold the head alone against those kept elsewhere, where there are no records that lead to others."""
        checked = False
        for point in self.points:
            if point.origin not in ("", part.origin) or not _is_sealed(point, report, self.keys):
                continue
            what = f"its head covers {part.head.size} records; {point.label} covers {point.size}"
            if point.size > part.head.size:
                report.add(self.name, f"cut back, or made before: {what}", kind="cut-back", or_kinds=("rolled-back",))
            elif point.size == part.head.size and point.root != part.head.root:
                report.add(self.name, f"rewritten or forked: {what}", kind="rewritten", or_kinds=("forked",))
            checked = checked or point.size >= part.head.size
        if not checked:
            report.not_checked.append(ROLL_BACK)

    def check_plain(self, note: bytes) -> Report:
        """Check an export of earlier releases: all records from the beginning, and the head that covers them."""
        report = Report(self.name, what="export")
        self.reports = [report]
        report.not_checked.append(_NOT_ALL)
        try:
            head = parse_head(note)
        except BadInput as problem:
            report.add(self.name + _CHECKPOINT, str(problem), offset=0, kind="flipped")
            return report
        report.origin, report.tree_size = head.origin, head.size
        self._part(report, Part(head.origin, "", 0, head.size, head, ()), None)
        self._rest()
        return report

    def _opened(self, manifest: bytes) -> dict[str, Any]:
        """Return what a manifest says, signed by a known key, or one that follows from those it names."""
        envelope = parse_object(manifest[:-1] if manifest.endswith(b"\n") else manifest, "it")
        if set(envelope) != {"payload", "payloadType", "signatures"}:
            raise BadInput("it is no manifest of an export")
        said = parse_object(base64_bytes(envelope["payload"], "the payload"), "the payload")
        for log in _list(said.get("logs")):
            for rotation in _list(log.get("keys") if isinstance(log, dict) else None):
                self.keys.learn(rotation if isinstance(rotation, dict) else {})
        self.keys.opened(envelope, _EXPORT)
        if said.get("version") != _EXPORT_VERSION:
            raise BadInput(f"it is not of version {_EXPORT_VERSION}")
        return said

    def _points(self, report: Report, part: Part) -> list[Point]:
        """Return the heads seen elsewhere that a log is held against, with who cosigned them."""
        points = [point.again() for point in (*self.points, *part.seen) if point.origin in ("", part.origin)]
        self.witnesses.look(points, part.origin, report)
        return points

    def _walk(self, report: Report, part: Part, points: list[Point]) -> Walk:
        walk = Walk(report, self.keys, iter([part.head]), points, self.name, part.first, part.before)
        walk.quiet = True
        return walk

    def _part(self, report: Report, part: Part, progress: Progress | None) -> None:
        points = self._points(report, part)
        try:
            walk = self._walk(report, part, points)
        except BadInput as problem:
            report.add(self.name + _MANIFEST, str(problem), kind=problem.kind)
            return
        rules = Rules(part.origin, part.first, partial=bool(part.omitted or part.first))
        walk.begin()
        self._end = part.head.size
        numbers = Numbers(_ROW_TOLD)
        for batch in _batches(part.runs()):
            self._batch(report, walk, rules, numbers, batch)
            if progress:
                progress(batch[-1][1], part.head.size)
        for missing in numbers.rest():
            report.put(_as_left_out(missing))
        self._numbers = numbers
        self._head(report, part, walk)
        report.open_intents = 0 if rules.partial else len(rules.open_intents)
        hold(report, self.keys, walk, points, self.witnesses)
        if not any(point.trusted for point in points):
            report.not_checked.append(ROLL_BACK)

    def _batch(self, report: Report, walk: Walk, rules: Rules, numbers: Numbers, batch: list[Any]) -> None:
        """Read the rows of some runs, and grow by them and by what was left out among them."""
        due = [number for first, end, roots in batch if roots is None for number in range(first, end)]
        rows, wrong = self._rows(rules, due)
        here = {number: leaf_hash(data) for number, _, data in reversed(rows)}
        said = [number for number, _, _ in rows]
        report.records += len(rows)
        if said != due:
            rules.unread = True
            wrong = [problem for problem in wrong if problem.kind != "order"]
        leaves = [leaf_hash(data) for _, _, data in rows] if said != due else list(here.values())[::-1]
        offsets = [offset for _, offset, _ in rows] + [self._place()]
        due = self._cut(report, due, said)
        for problem in numbers.hold(self.name, due, said, leaves, offsets) + wrong:
            report.put(_as_left_out(problem))
        for first, end, roots in batch:
            self._run(report, walk, here, range(first, end), roots)

    def _cut(self, report: Report, due: list[int], said: list[int]) -> list[int]:
        """Where the file has ended, tell once from where on rows are missing; return those that are due before."""
        if not self._ended:
            return due
        last = max(said, default=-1)
        missing = [number for number in due if number > last]
        if missing and not self._cut_told:
            self._cut_told = True
            what = f"the end is missing: rows from record {missing[0]} on"
            left_out = ("left-out", "deleted")
            report.add(self.name, what, sequence=missing[0], offset=self.bytes, kind="cut-off", or_kinds=left_out)
        return [number for number in due if number <= last]

    def _rows(self, rules: Rules, due: list[int]) -> tuple[list[tuple[int, int, bytes]], list[Problem]]:
        """Read rows up to the last that is due; return (number, offset, bytes) of each, and what is wrong with them."""
        rows, wrong, last = list[tuple[int, int, bytes]](), list[Problem](), False
        while due and not (last and len(rows) >= len(due)) and len(rows) < len(due) + BUNDLE:
            line = self._line()
            if line is None:
                self._ended = True
                break
            place = due[min(len(rows), len(due) - 1)]
            kind, what, said = ("", "", place) if self.hashes_only else rules.check(line[1], place)
            number = place if said is None else said
            if what == _ANOTHER_LOG or (not what and due[-1] < number < self._end):
                self._pushed = line  # of the next batch, or of the next log
                break
            if what:
                wrong.append(Problem(self.name, what, number, line[0], kind))
            rows.append((number, *line))
            last = last or number == due[-1]
        return rows, wrong

    def _run(
        self, report: Report, walk: Walk, here: Mapping[int, bytes], run: range, roots: Sequence[bytes] | None
    ) -> None:
        if walk.blind:
            return
        if roots is None:
            walk.blind = not all(number in here for number in run)
            walk.grow([here[number] for number in run] if not walk.blind else [])
            return
        try:
            walk.omit(len(run), roots)
        except BadInput as problem:
            report.add(self.name + _MANIFEST, str(problem), sequence=run.start, kind=problem.kind)
            walk.blind = True

    def _place(self) -> int:
        return self._pushed[0] if self._pushed else self.bytes

    def _line(self) -> tuple[int, bytes] | None:
        """Return offset and bytes of the next line; ``None`` at the end. What is longer than a record is cut."""
        if self._pushed:
            pushed, self._pushed = self._pushed, None
            return pushed
        start = self.bytes
        line = self._take(self.file.readline(MOST_RECORD + 2))
        if not line:
            return None
        data = line
        while not line.endswith(b"\n") and len(line) == MOST_RECORD + 2:
            line = self._take(self.file.readline(MOST_RECORD + 2))
            data = b""  # no record is that long
        return start, data[:-1] if data.endswith(b"\n") else data

    def _take(self, data: bytes) -> bytes:
        self.digest.update(data)
        self.bytes += len(data)
        return data

    def _rest(self) -> None:
        """Name lines that follow the last one that should be here."""
        more = self._line()
        if more:
            with contextlib.suppress(BadInput):
                number = Parser().row(more[1])[0].sequence
                if self._numbers and self._numbers.knows(number):
                    what = _TOLD["duplicated"]
                    self.reports[-1].add(self.name, what, sequence=number, offset=more[0], kind="duplicated")
                    self._drain()
                    return
            what = "inserted: more rows than there should be"
            self.reports[-1].add(self.name, what, offset=more[0], kind="inserted", or_kinds=("duplicated",))
            self._drain()

    def _drain(self) -> None:
        while self._take(self.file.read(_CHUNK)):
            pass

    def _file(self, said: Mapping[str, Any]) -> None:
        """Hold the file's length and digest against the manifest."""
        about, first = said.get("file"), self.reports[0]
        if not isinstance(about, dict) or about.get("sha256") == self.digest.hexdigest():
            if not isinstance(about, dict) or about.get("bytes") != self.bytes:
                first.add(self.name + _MANIFEST, "it does not say what the file is", kind="form")
        elif first.ok:
            what = (
                f"this is not the file that was signed: {self.bytes} bytes are here, {about.get('bytes')} were signed"
            )
            first.add(self.name, what, kind="flipped", or_kinds=("cut-off", "inserted"))

    def _head(self, report: Report, part: Part, walk: Walk) -> None:
        walk.end()
        report.root = part.head.root.hex() if walk.last else ""
        if walk.unknown:
            report.add(self.name, f"checkpoint: {_NO_SIGNATURE}", offset=0, kind="other-key")
        elif walk.lost:
            what = "these are not the records that were signed"
            report.add(self.name, what, kind="flipped", or_kinds=("left-out",))


_ROW_TOLD = {
    **_TOLD,
    "deleted": "left out: neither here nor named as omitted",
    "flipped": "another record stands here",
    "inserted": "inserted: no such record is named for this place",
}


def _as_left_out(problem: Problem) -> Problem:
    return replace(problem, kind="left-out", or_kinds=("deleted",)) if problem.kind == "deleted" else problem


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def check_export(
    place: Path,
    keys: Sequence[str],
    since: Sequence[Point],
    progress: Progress | None,
    *,
    hashes_only: bool = False,
    rows: Mapping[str, Rows] | None = None,
    witnesses: Witnesses | None = None,
) -> list[Report]:
    """Check a file of records with ``.manifest.json`` beside it, or ``.checkpoint`` of earlier releases."""
    came = [] if keys else read_key(Path(f"{place}{_KEY}"))
    with place.open("rb") as file:
        export = _Export(place.name, file, Keys([*keys, *came]), since, hashes_only, rows, witnesses)
        manifest, note = (_beside(place, suffix) for suffix in (_MANIFEST, _CHECKPOINT))
        if manifest is not None:
            reports = export.check(manifest, progress)
        elif note is not None:
            reports = [export.check_plain(note)]
        else:
            raise BadUse(f"{place} has neither {_MANIFEST} nor {_CHECKPOINT} beside it. They belong to an export.")
    for report in reports:
        report.folder = str(place)
        report.not_checked[:0] = [_KEY_CAME_WITH_IT] if came else []
    return reports


def _beside(place: Path, suffix: str) -> bytes | None:
    try:
        with Path(f"{place}{suffix}").open("rb") as file:
            return file.read(MOST_DOCUMENT)
    except FileNotFoundError:
        return None


# --- receipts --------------------------------------------------------------------------------------------------------

_RECEIPT, _RECEIPT_VERSION = "application/vnd.sekisho.receipt+json", "sekisho.receipt/1"
_STATED = frozenset(
    "bundle_digest data_revision decision device jurisdiction leaf_hash model model_digest node origin request revision"
    " site target time version".split()
)
_MOST_RECEIPT = 64 * 1024
_TOLD_TRUE = "whether the gateway told the truth about place, device and model: it is what it wrote before it sent"
_RECORD_UNSEEN = "whether the log's record says the same: check the log, or an export of it, too"
_PENDING = "whether the log holds the record: no signed head covered it yet; fetch the receipt again"


def check_receipt(raw: bytes, name: str, keys: Keys, witnesses: Witnesses | None = None) -> Report:
    """Check a receipt: its form, its signature, and the path from its record to a signed head."""
    report = Report(name, what="receipt", records=1)
    report.not_checked += [_TOLD_TRUE, _RECORD_UNSEEN]
    if witnesses and witnesses.known:
        report.not_checked.append("cosignatures of witnesses: a receipt has none; check the log, or an export of it")
    try:
        envelope = parse_object(raw[:-1] if raw.endswith(b"\n") else raw, "the receipt")
        if set(envelope) != {"payload", "payloadType", "signatures", "inclusion"} or len(raw) > _MOST_RECEIPT:
            raise BadInput("it has other fields than a receipt")
        payload, _ = keys.opened(envelope, _RECEIPT)
        stated = parse_object(payload, "the payload")
        _check_stated(stated)
        report.origin = stated["origin"]
        report.notes.append(_where(stated))
        _check_proof(envelope["inclusion"], stated, keys, report)
    except BadInput as problem:
        report.add(name, str(problem), kind=problem.kind)
    return report


def _check_stated(stated: Mapping[str, Any]) -> None:
    if set(stated) != {*_STATED, "leaf_index"} or not all(isinstance(stated[word], str) for word in _STATED):
        raise BadInput("it states other things than a receipt of this version")
    if stated["version"] != _RECEIPT_VERSION or not re.fullmatch("[0-9a-f]{64}", stated["leaf_hash"]):
        raise BadInput("it does not name its record")
    _count(stated["leaf_index"])


def _where(stated: Mapping[str, Any]) -> str:
    place = "/".join((stated["jurisdiction"] or "jurisdiction not set", stated["site"], stated["node"]))
    record = f"record {stated['leaf_index']} of {stated['origin']}"
    return f"{record}: at {stated['time']} to {place}, {stated['target']}, model {stated['model']}"


def _check_proof(proof: Any, stated: Mapping[str, Any], keys: Keys, report: Report) -> None:
    if proof == {"status": "pending"}:
        report.not_checked.append(_PENDING)
        return
    if not isinstance(proof, dict) or set(proof) != {"status", "checkpoint", "hashes"} or proof["status"] != "included":
        raise BadInput("its proof is neither pending nor one of inclusion")
    head = parse_head(str(proof["checkpoint"]).encode())
    if not keys.check(head):
        raise BadInput(f"its signed head: {_NO_SIGNATURE}", "other-key")
    if head.origin != stated["origin"]:
        raise BadInput("its signed head is another log's", "flipped")
    path = [base64_bytes(each, "a hash of the proof") for each in _list(proof["hashes"])[:64]]
    if not check_inclusion(bytes.fromhex(stated["leaf_hash"]), stated["leaf_index"], head.size, path, head.root):
        raise BadInput("the proof does not lead from the record to the signed head", "flipped")
    report.checkpoints, report.tree_size, report.root = 1, head.size, head.root.hex()


# --- evidence packs --------------------------------------------------------------------------------------------------

_EVIDENCE, _EVIDENCE_VERSION = "application/vnd.sekisho.evidence+json", "sekisho.evidence/1"
_MOST_FILES, _MOST_DIRECTORY = 100_000, 32 * 1024 * 1024


class _Pack:
    """Checks an evidence pack: every file against the signed manifest, and every log in it as an export."""

    def __init__(
        self, place: Path, keys: Sequence[str], since: Sequence[Point], hashes_only: bool, witnesses: Witnesses
    ) -> None:
        self.place, self.lines, self.since, self.hashes_only = place, keys, since, hashes_only
        self.witnesses = witnesses
        self.report = Report(str(place), what="pack")
        self.infos: dict[str, zipfile.ZipInfo] = {}

    def check(self, progress: Progress | None) -> list[Report]:
        with self.place.open("rb") as file:
            _check_directory(file)
            try:
                with zipfile.ZipFile(file) as self.zip:
                    return self._check(progress)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
                raise BadInput(f"{self.place} is a damaged ZIP archive") from error

    def _check(self, progress: Progress | None) -> list[Report]:
        self._names()
        reports = [self.report]
        raw = self._read("manifest.json", MOST_DOCUMENT)
        if raw is None:
            self.report.add("manifest.json", "this file is gone", kind="deleted")
            return reports
        keys = Keys(self.lines)
        for name in self.infos:
            if name.endswith(_MANIFEST) and name.startswith("logs/"):
                self._learn(keys, self._read(name, MOST_DOCUMENT) or b"")
        try:
            said = keys.opens(raw, _EVIDENCE)
            if said.get("version") != _EVIDENCE_VERSION:
                raise BadInput(f"it is not of version {_EVIDENCE_VERSION}")
        except BadInput as problem:
            self.report.add("manifest.json", str(problem), kind=problem.kind)
            return reports
        self._files(said)
        for log in _list(said.get("logs")):
            reports += self._log(log if isinstance(log, dict) else {}, keys, progress)
        return reports

    def _names(self) -> None:
        for info in self.zip.infolist():
            name, parts = info.filename, info.filename.split("/")
            if name in self.infos:
                self.report.add(name, "doubled: it is in the archive twice", kind="duplicated")
            elif stat.S_ISLNK(info.external_attr >> 16) or info.is_dir():
                self.report.add(name, "a link or a folder, which is not followed", kind="link")
            elif name.startswith("/") or "\\" in name or ":" in name or not {"", ".", ".."}.isdisjoint(parts):
                self.report.add(name, "a name that leads out of the archive", kind="link")
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
                self.report.add(name, "packed in a way that no pack is", kind="form")
            else:
                self.infos[name] = info

    def _learn(self, keys: Keys, raw: bytes) -> None:
        """Take the rotations that an export's manifest tells of; each is signed by both keys, whoever says it."""
        with contextlib.suppress(BadInput, AttributeError, TypeError):
            said = parse_object(base64_bytes(parse_object(raw.rstrip(b"\n"), "it")["payload"], "it"), "it")
            for log in _list(said.get("logs")):
                for rotation in _list(log.get("keys")):
                    keys.learn(rotation)

    def _read(self, name: str, most: int) -> bytes | None:
        if name not in self.infos:
            return None
        with self.zip.open(self.infos[name]) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise BadInput(f"{name} is longer than it can be")
        return data

    def _files(self, said: Mapping[str, Any]) -> None:
        """Hold every file against its digest, reading no more of it than was signed."""
        named = {}
        for each in _list(said.get("files"))[:_MOST_FILES]:
            if isinstance(each, dict) and isinstance(each.get("path"), str):
                named[each["path"]] = each
        for name in sorted(self.infos):
            if name not in named and name != "manifest.json":
                self.report.add(name, "inserted: the manifest does not name it", kind="inserted")
        for name, each in named.items():
            if name not in self.infos:
                self.report.add(name, "deleted: the manifest names it", kind="deleted")
            elif not self._is(name, each.get("bytes"), each.get("sha256")):
                self.report.add(name, "this is not the file that was signed", kind="flipped")
        self.report.records, self.report.tree_size = len(named), len(named)

    def _is(self, name: str, size: Any, digest: Any) -> bool:
        if not isinstance(size, int) or self.infos[name].file_size != size:
            return False
        found, left = sha256(), size
        try:
            with self.zip.open(self.infos[name]) as file:
                while left > 0:
                    data = file.read(min(_CHUNK, left))
                    if not data:
                        return False
                    found.update(data)
                    left -= len(data)
                return not file.read(1) and found.hexdigest() == digest
        except (zipfile.BadZipFile, zlib.error, EOFError):
            return False

    def _log(self, log: Mapping[str, Any], keys: Keys, progress: Progress | None) -> list[Report]:
        path = str(log.get("path"))
        manifest = self._read(path + _MANIFEST, MOST_DOCUMENT)
        note = self._read(path + _CHECKPOINT, MOST_NOTE)
        if path not in self.infos or (manifest is None and note is None):
            self.report.add(path, "left out: the manifest names this log", kind="left-out")
            return []
        try:
            with self.zip.open(self.infos[path]) as file:
                since = [*self.since, *self._seen(path, str(log.get("origin")))]
                export = _Export(path, file, keys, since, self.hashes_only, None, self.witnesses)  # type: ignore[arg-type]
                reports = export.check(manifest, progress) if manifest else [export.check_plain(note or b"")]
        except (zipfile.BadZipFile, zlib.error, EOFError):
            self.report.add(path, "its packing is damaged", kind="flipped")
            return []
        for report in reports:
            if note is not None and not manifest and report.tree_size != log.get("tree_size"):
                report.add(path, "left out: the pack's manifest says another size", kind="left-out")
            if (
                not any(point.origin in ("", report.origin) for point in self.since)
                and ROLL_BACK not in report.not_checked
            ):
                report.not_checked.append(ROLL_BACK)
        return reports

    def _seen(self, path: str, origin: str) -> list[Point]:
        """Return the cosigned heads that lie beside a log's records."""
        raw = self._read(f"{path.rpartition('/')[0]}/{_WITNESSES}", MOST_DOCUMENT) or b""
        found = _points_of(raw, _WITNESSES, trusted=False)
        return [replace(point, origin=origin) for point in found if point.signatures]


def _check_directory(file: BinaryIO) -> None:
    """Refuse an archive whose list of files alone would fill the memory. Raises BadInput."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 66_000))
    tail = file.read(66_000)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        raise BadInput("it is no ZIP archive")
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if size == 0xFFFFFFFF and wide >= 0:
        size = int.from_bytes(tail[wide + 40 : wide + 48], "little")
    if size > _MOST_DIRECTORY:
        raise BadInput("it names more files than a pack has")
    file.seek(0)


# --- the command -----------------------------------------------------------------------------------------------------


def check(  # noqa: PLR0913  what is looked at, by what it is judged, how deep
    place: Path,
    keys: Sequence[str],
    since: Sequence[Point] = (),
    progress: Progress | None = None,
    *,
    hashes_only: bool = False,
    opener: Opener | None = None,
    rows: Mapping[str, Rows] | None = None,
    witnesses: Witnesses | None = None,
) -> list[Report]:
    """Check whatever lies at ``place``; one report for each log, export or receipt in it.

    Args:
        opener: has the keys of kept content.
        rows: read the rows of forms of export that the standard library cannot read, by the form's name.
        witnesses: whose cosignatures count.

    Raises:
        BadKey, BadUse: used wrongly.
        OSError: it cannot be read.
    """
    if place.is_dir():
        folders = logs_below(place)
        if not folders:
            raise BadUse(f"There is no log in {place}. Name a log's folder, an export, a receipt or an evidence pack.")
        _require(keys)
        sites = [_Site(path) for path in sorted(place.rglob("site-checkpoint"))]
        bound = [*since, *(point for site in sites for point in site.points)]
        alone = len(folders) == 1
        how: dict[str, Any] = {"hashes_only": hashes_only, "alone": alone, "opener": opener, "witnesses": witnesses}
        reports = [verify(each, keys, progress, since=bound, **how) for each in folders]
        return reports + [site.check(keys, reports) for site in sites]
    with place.open("rb") as file:
        begin = file.read(_MOST_RECEIPT + 1)
    if begin[:4] == b"PK\x03\x04":
        _require(keys)
        return _Pack(place, keys, since, hashes_only, witnesses or Witnesses()).check(progress)
    if begin[:1] == b"{" and b'"inclusion"' in begin and len(begin) <= _MOST_RECEIPT and not _is_export(place):
        _require(keys)
        return [check_receipt(begin, place.name, Keys(keys), witnesses)]
    return check_export(place, keys, since, progress, hashes_only=hashes_only, rows=rows, witnesses=witnesses)


def _require(keys: Sequence[str]) -> None:
    if not keys:
        raise BadUse("Give the log's public key with --key.")


def _is_export(place: Path) -> bool:
    return any(Path(f"{place}{suffix}").exists() for suffix in (_MANIFEST, _CHECKPOINT))


class _Site:
    """A site's checkpoint, and the lines that it binds: each a head that its log must still lead to."""

    def __init__(self, path: Path) -> None:
        self.report = Report(str(path), what="site")
        self.points: list[Point] = []
        self._head: Head | None = None
        for tries in range(_RETRIES):  # a server replaces both, one after the other
            wrong = self._read(path)
            if wrong is None:
                break
            time.sleep(_PAUSE_SECONDS)
            if tries == _RETRIES - 1:
                self.report.add(path.name, str(wrong), offset=0, kind=wrong.kind)

    def _read(self, path: Path) -> BadInput | None:
        """Read checkpoint and lines; return what is wrong with them."""
        folder = Folder(path.parent)
        try:
            self._head = parse_head(folder.read(path.name, MOST_NOTE) or b"")
            lines = (folder.read("site-heads", MOST_DOCUMENT) or b"").decode().splitlines()
            self.points = [
                Point(size, root, "site-heads", _origin_of(log), trusted=False, log=log)
                for log, size, root in parse_site(lines, self._head)
            ]
        except UnicodeDecodeError:
            return BadInput("site-heads is not UTF-8", "flipped")
        except BadInput as problem:
            return problem
        return None

    def check(self, keys: Sequence[str], logs: Sequence[Report]) -> Report:
        """Return the report, once the logs have told which keys follow which."""
        report, head = self.report, self._head
        if head is None or not report.ok:
            return report
        signers = Keys(keys)
        signers.known += [bytes.fromhex(key) for log in logs for key in log.chain]
        report.origin, report.tree_size, report.root = head.origin, head.size, head.root.hex()
        report.records, report.checkpoints = head.size, 1
        there = [Path(log.folder).absolute().as_posix() for log in logs]
        try:
            if not signers.check(head):
                report.add("site-checkpoint", _NO_SIGNATURE, offset=0, kind="other-key")
        except BadInput as problem:
            report.add("site-checkpoint", str(problem), offset=0, kind=problem.kind)
        for point in self.points:
            if not any(folder.endswith(f"/{point.log}") for folder in there):
                report.add("site-heads", f"the log {point.log} is gone", kind="deleted")
        return report


def logs_below(place: Path) -> list[Path]:
    """Return the log folders at or below a folder, sorted; links are not followed."""
    if (place / "tile").is_dir() or (place / _HISTORY).exists():
        return [place]
    found = []
    for base, folders, files in os.walk(place):
        if "tile" in folders or _HISTORY in files:
            found.append(Path(base))
            folders.clear()
    return sorted(found)


_MOST_ALIKE = 3
_DIGITS, _COVERED = re.compile(r"[0-9]+"), re.compile(r"(?: \([^()]*\))?: the first [0-9]+ records")
_OTHER_KEY_HINT = (
    "hint: no head is signed with a key that was given. Is it this log's key? If not, nothing else here counts"
)
_KEY_HINT = (
    "hint: records that tell which key followed which may be among those that are missing. "
    "Give all keys of the log with --key: its keys/log-vkeys has them"
)


def told_lines(report: Report) -> list[str]:
    """Return a report in words."""
    size = f"tree {report.tree_size} {report.root[:16]}"
    head = f"{report.records} records, {report.checkpoints} signed heads, {size}"
    if report.what == "pack":
        head = f"{report.records} files as its signed list names them"
    elif report.what == "site":
        head = f"the site's signed head binds {report.records} logs, {size}"
    lines = [f"{'ok    ' if report.ok else 'WRONG '} {report.origin or report.folder}: {head}"]
    lines += [f"       {line}" for line in _problem_lines(report)]
    if report.more_problems:
        lines.append(f"       and {report.more_problems} more problems")
    lines += [f"       kept elsewhere: {each}" for each in _longest(report.since)]
    if report.what in ("log", "export") and report.tree_size > report.witnessed:
        lines.append(
            f"       unwitnessed: records from {report.witnessed} on; no head that covers them was seen elsewhere"
        )
    lines += [f"       {line}" for line in _cosigned_lines(report)]
    lines += [f"       note: {note}" for note in report.notes]
    return [_shown(line) for line in lines + [f"       not checked: {what}" for what in report.not_checked]]


def _problem_lines(report: Report) -> list[str]:
    """Return problems in words; of many that say the same of one file, and of no record, the first and the last."""
    rows: dict[Any, list[Problem]] = {}
    for at, problem in enumerate(report.problems):
        alike = (problem.kind, problem.file, _DIGITS.sub("#", problem.what))
        rows.setdefault(alike if problem.sequence is None else at, []).append(problem)
    lines = []
    for same in rows.values():
        said = [f"{problem.kind}: {problem}" for problem in same]
        many = len(said) > _MOST_ALIKE
        lines += [said[0], f"{same[0].kind}: and {len(said) - 2} like it, up to:", said[-1]] if many else said
    kinds = {problem.kind for problem in report.problems}
    if "other-key" in kinds and not report.checkpoints and report.what == "log":
        lines.append(_OTHER_KEY_HINT)
    elif "other-key" in kinds and kinds & {"deleted", "cut-off"}:
        lines.append(_KEY_HINT)
    return lines


def _longest(since: Sequence[str]) -> list[str]:
    """Return what heads kept elsewhere say; of many of one place, what the largest says."""
    rows: dict[str, list[str]] = {}
    for each in since:
        rows.setdefault(_COVERED.sub("", each), []).append(each)
    return [
        line
        for same in rows.values()
        for line in ([f"{same[-1]} (and {len(same) - 1} smaller heads fit)"] if len(same) > _MOST_ALIKE else same)
    ]


def _cosigned_lines(report: Report) -> list[str]:
    lines = []
    for each in report.cosigned:
        by = ", ".join(f"{one['witness']} ({one['time']})" for one in each.by)
        lines.append(f"cosigned: records {each.first} to {each.end - 1} by {by}")
    if report.threshold and report.tree_size > report.cosigned_up_to:
        lines.append(f"not cosigned by {report.threshold}: records from {report.cosigned_up_to} on")
    return lines


def _shown(text: str) -> str:
    """Return text that can do nothing to a terminal, at most 400 characters of it."""
    safe = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:400])
    return safe + ("..." if len(text) > 400 else "")


def exit_code(reports: Sequence[Report]) -> int:
    if not all(report.ok for report in reports):
        return WRONG
    return NO_CHECKPOINT if any(ROLL_BACK in report.not_checked for report in reports) else ALL_CHECKED


_LEAVES_WITH = """it leaves with:
  0  all was checked and is right
  1  something is wrong: each place is named
  2  used wrongly
  3  cannot be read
  4  right as far as it goes, but a roll-back cannot be excluded: give --since

example:
  python verify.py evidence.zip --key log.vkey --since checkpoint"""


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise BadUse(f"{message}. Use: python verify.py PACK --key PUBLIC [--since CHECKPOINT] [--json]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return what it leaves with."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        reports = _run(arguments)
    except (BadUse, BadKey) as error:
        return _failed(USED_WRONGLY, str(error), as_json)
    except BadInput as error:
        return _failed(CANNOT_READ, str(error), as_json)
    except OSError as error:
        return _failed(CANNOT_READ, f"{error.filename or 'a file'} cannot be read: {error.strerror or error}", as_json)
    except (MemoryError, RecursionError, OverflowError, ValueError, LookupError) as error:
        return _failed(CANNOT_READ, f"it cannot be read ({type(error).__name__})", as_json)
    code = exit_code(reports)
    if as_json:
        unchecked = ["roll-back"] if any(ROLL_BACK in report.not_checked for report in reports) else []
        told = [report.as_json() for report in reports]
        _say(json.dumps({"ok": code != WRONG, "exit": code, "not_checked": unchecked, "reports": told}, indent=2))
        return code
    for report in reports:
        _say("\n".join(told_lines(report)))
    if code == NO_CHECKPOINT:
        _say("not checked: roll-back")
    return code


def _run(arguments: Sequence[str] | None) -> list[Report]:
    parser = _Arguments(prog="verify.py", description=(__doc__ or "").partition("\n")[0], epilog=_LEAVES_WITH)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("pack", metavar="PACK", help="a log's folder, an export, a receipt, or an evidence pack")
    parser.add_argument("--key", default=[], action="append", metavar="PUBLIC", help="the log's public key (.vkey)")
    parser.add_argument("--since", action="append", default=[], metavar="CHECKPOINT", help="a head kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], metavar="PUBLIC", help="a witness's public key")
    parser.add_argument("--threshold", type=int, default=1, metavar="N", help="witnesses that must have cosigned; 1")
    parser.add_argument("--hashes-only", action="store_true", help="hashes, tree and signatures; not what records say")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    asked = parser.parse_args(arguments)
    keys = [line for name in asked.key for line in read_key(Path(name))]
    since = [point for name in asked.since for point in read_since(Path(name))]
    witnesses = Witnesses([line for name in asked.witness for line in read_witness(Path(name))], asked.threshold)
    place = Path(asked.pack)
    os.lstat(place)
    return check(place, keys, since, hashes_only=asked.hashes_only, witnesses=witnesses)


def read_key(path: Path) -> list[str]:
    """Return the verifier keys of a file, one a line. Raises BadKey, OSError."""
    return _key_lines(path, parse_key)


def read_witness(path: Path) -> list[str]:
    """Return the verifier keys of witnesses in a file, one a line. Raises BadKey, OSError."""
    return _key_lines(path, parse_witness)


def _key_lines(path: Path, parse: Callable[[str], object]) -> list[str]:
    with path.open("rb") as file:
        raw = file.read(MOST_KEY)
    try:
        lines = [line.strip() for line in raw.decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise BadKey(f"{path} is not a verifier key") from error
    if not lines:
        raise BadKey(f"{path} is not a verifier key")
    for line in lines:
        parse(line)
    return lines


def _failed(code: int, what: str, as_json: bool) -> int:
    if as_json:
        _say(json.dumps({"ok": False, "exit": code, "error": _shown(what)}, indent=2))
    else:
        sys.stderr.write(_shown(what) + "\n")
    return code


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
