"""What a log's folder holds when a writer opens it: taken up, repaired, or refused.

Repaired: a tail that was cut off while it was being written, beyond the last signed head (records, checkpoints), and
files that follow from others. Refused, by name: everything that a crash cannot do, such as records missing below the
last signed head, other records under it, a full bundle gone or cut, a history that lacks the published head, a key
that is not the one that signed. Nothing is written here but the cutting of torn tails, and that only when all else is
sound.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.log import bundles, layout, mark
from gateway.audit.log.growing import Tampered
from gateway.audit.log.journal import Tail
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.note import Checkpoint, NoteError, Verifier, open_signed, parse_verifier_key
from gateway.audit.log.packing import settle_packing
from gateway.audit.log.pruned import Pruned, begin_signed
from gateway.audit.log.pruning import clear
from gateway.audit.log.sealed import check_size
from gateway.audit.log.succession import PURPOSE, RECORD
from gateway.audit.log.tiles import BundleSizes, HashTiles, sync_file
from gateway.durable import sync_folder
from gateway.errors import SetupError

_MEND = "The log is not touched. See what was done to it: sekisho audit verify. Then, by two: sekisho audit recover"
_EMPTY = Checkpoint("", 0, b"")


class _Glimpse(msgspec.Struct):
    """What recovery needs to know of a record."""

    type: str
    sequence: int
    intent: int = -1
    request: str = ""
    time: str = ""


_glimpse = msgspec.json.Decoder(_Glimpse)


class _Rotated(msgspec.Struct):
    """A record that may say that one log key follows another."""

    type: str
    details: dict[str, Any] = {}


_rotated = msgspec.json.Decoder(_Rotated)


@dataclass
class Found:
    """A log as it was taken up.

    ``heads`` are the signed ones, from the published one on; ``unpublished`` is the note of the last one where that was
    not published, or is gone. ``torn`` are the ends that were cut off: file, bytes kept, bytes lost. ``open_intents``
    maps the sequence of an intent without outcome to its request. ``touched`` names files that others changed and that
    are made again from the records. ``signed_last`` are the keys that signed the last head; ``announced`` the public
    parts of those that records beyond it speak of as new.
    """

    tail: Tail
    begin: Pruned = field(default_factory=Pruned)
    bundles: range = range(0)  # that are here
    heads: list[Checkpoint] = field(default_factory=list)
    history_bytes: int = 0
    unpublished: bytes = b""
    torn: list[tuple[Path, int, bytes]] = field(default_factory=list)
    open_intents: dict[int, str] = field(default_factory=dict)
    last_time: str = ""  # of the last record
    touched: tuple[str, ...] = ()
    signed_last: tuple[Verifier, ...] = ()
    announced: tuple[bytes, ...] = ()

    @property
    def head(self) -> Checkpoint:
        """The last signed head."""
        return self.heads[-1] if self.heads else _EMPTY

    @property
    def torn_bytes(self) -> int:
        return sum(len(lost) for _, _, lost in self.torn)

    @property
    def torn_sha256(self) -> str:
        return hashlib.sha256(b"".join(lost for _, _, lost in self.torn)).hexdigest() if self.torn else ""


def recover(folder: Path, origin: str, verifiers: Sequence[Verifier], *, afresh: bool = False) -> Found:
    """Take up the log in ``folder``, whose lock the caller holds.

    Args:
        verifiers: every key that may have signed a head of it.
        afresh: make the tiles again from the records, since files were touched when the log was last open.

    Raises:
        SetupError: the log is not what was written; says what.
        OSError: it cannot be read, or a torn tail cannot be cut.
    """
    try:
        found = _heads(folder, origin, verifiers)
        found.begin = _begin(folder, origin, verifiers)
        _records(folder, found, afresh=afresh)
        settle_packing(folder, found.bundles)
        clear(folder, found.begin.first)
        _cut_torn_tails(folder, found)
        _sync_tail(folder, found)
        found.open_intents = _open_intents(folder, found, _mark(folder, origin, verifiers, found))
        found.announced = _announced(folder, found)
    except Tampered as problem:
        raise SetupError(f"The audit log {folder} is not as it was written: {problem}.", _MEND) from problem
    return found


def _heads(folder: Path, origin: str, verifiers: Sequence[Verifier]) -> Found:
    """Read the signed heads from the published one on; all of them when none was published yet."""
    path, published = folder / layout.HISTORY, folder / layout.CHECKPOINT
    raw = path.read_bytes() if path.exists() else b""
    shown = published.read_bytes() if published.exists() else b""
    start = raw.find(shown + b"\n") if shown else 0
    if start < 0:
        raise Tampered(f"{layout.CHECKPOINT} is not in {layout.HISTORY}")
    found, end = Found(Tail(HashTiles(folder))), start
    for offset, note in layout.notes(raw[start:]):
        head, found.signed_last = _open_head(note, origin, verifiers)
        found.heads.append(head)
        found.unpublished = b"" if note == shown else note
        end = start + offset + len(note) + 1
    found.history_bytes = end
    return found


def _open_head(note: bytes, origin: str, verifiers: Sequence[Verifier]) -> tuple[Checkpoint, tuple[Verifier, ...]]:
    try:
        head, signed = open_signed(note, verifiers)
    except NoteError as error:
        raise Tampered(f"a signed head in {layout.HISTORY}: {error}") from error
    if head.origin != origin:
        raise Tampered(f"its origin is {head.origin}, not {origin}")
    return head, signed


def _begin(folder: Path, origin: str, verifiers: Sequence[Verifier]) -> Pruned:
    try:
        return begin_signed(folder, origin, *verifiers)
    except NoteError as error:
        raise Tampered(f"{layout.PRUNED}: {error}") from error


def _records(folder: Path, found: Found, *, afresh: bool) -> None:
    """Rebuild the tree: up to the head from tiles, or from every record; from there on from the records."""
    first = found.begin.bundles
    indexes = [index for index in layout.bundle_indexes(folder) if index >= first]
    found.bundles = range(first, first + len(indexes))
    if indexes != list(found.bundles):
        missing = next(n for n, index in enumerate(indexes, first) if n != index)
        raise Tampered(f"{layout.tile_path('entries', missing)} is gone")
    covered = found.heads[0].size // layout.BUNDLE_RECORDS if found.heads else 0  # synced up to the published head
    kept = None if afresh else _from_tiles(folder, max(first, covered), first)
    found.tail = kept or _from_begin(folder, found.begin)
    try:
        _replay(folder, found)
    except Tampered:
        if len(found.tail.sizes) == first:
            raise
        found.tail, found.torn = _from_begin(folder, found.begin), []  # perhaps only a tile is wrong: read every record
        _replay(folder, found)


def _from_tiles(folder: Path, count: int, first: int) -> Tail | None:
    tiles = HashTiles(folder)
    sizes = BundleSizes(folder).load()[:count]
    if len(sizes) < count:
        return None
    try:
        for index in range(first, count):
            check_size(folder, index, sizes[index])
    except Tampered:
        return None
    tree = tiles.load(count, first)
    return None if tree is None else Tail(tree=tree, tiles=tiles, sizes=sizes, first=first)


def _from_begin(folder: Path, begin: Pruned) -> Tail:
    """Return the tail of a log without records: it goes on from what was pruned."""
    tiles = HashTiles(folder)
    if begin.first and tiles.load(begin.bundles, begin.bundles) is None:
        raise Tampered("the hash tiles that reach below the pruned beginning are gone")
    sizes = BundleSizes(folder).load()[: begin.bundles]
    sizes += [0] * (begin.bundles - len(sizes))
    return Tail(tree=begin.tree(), tiles=tiles, sizes=sizes, first=begin.bundles)


def _replay(folder: Path, found: Found) -> None:
    """Read the bundles that the tail does not cover yet, checking the head's root on the way."""
    tail, head = found.tail, found.head
    roots = {signed.size: signed.root for signed in found.heads}
    _check_root(tail, roots)
    for index in range(len(tail.sizes), found.bundles.stop):
        raw = _read(folder, index)
        if tail.bytes or found.torn:  # a bundle after one that is not full: neither had been synced
            _tear(bundles.plain_path(folder, index), raw, 0, found)
        else:
            _replay_bundle(bundles.plain_path(folder, index), raw, found, roots)
    if tail.tree.size < head.size:
        raise Tampered(f"it has {tail.tree.size} records; {head.size} were signed")


def _read(folder: Path, index: int) -> bytes:
    try:
        return bundles.read(folder, index) or b""
    except OSError as error:
        if error.errno != errno.EBADMSG:
            raise
        raise Tampered(f"{layout.tile_path('entries', index)}: {error.strerror}") from error


def _replay_bundle(path: Path, raw: bytes, found: Found, roots: dict[int, bytes]) -> None:
    tail, end, count = found.tail, 0, 0
    for frame in layout.frames(raw):
        if count == layout.BUNDLE_RECORDS:
            break
        if tail.tree.size >= found.head.size and not _is_record(frame.data, tail.tree.size):
            break
        leaf = leaf_hash(frame.data)
        tail.tree.append(leaf)
        tail.tiles.add(leaf)
        end, count = frame.end, count + 1
        _check_root(tail, roots)
    if end < len(raw):
        _tear(path, raw, end, found)
    if count == layout.BUNDLE_RECORDS:
        tail.sizes.append(end)
    else:
        tail.bytes = end


def _check_root(tail: Tail, roots: dict[int, bytes]) -> None:
    root = roots.get(tail.tree.size)
    if root is not None and tail.tree.root() != root:
        raise Tampered(f"the first {tail.tree.size} records are not those that were signed")


def _tear(path: Path, raw: bytes, end: int, found: Found) -> None:
    """Note a torn tail. Only beyond the signed head: below it, nothing was being written."""
    if found.tail.tree.size < found.head.size or not path.exists():  # or it was packed, so it was whole
        raise Tampered(f"{path.name} is cut or changed after record {found.tail.tree.size}")
    found.torn.append((path, end, raw[end:]))


def _cut_torn_tails(folder: Path, found: Found) -> None:
    """Cut what was found torn, the last file first, once everything else is known to be sound."""
    for path, end, _ in reversed(found.torn):
        os.truncate(path, end)
        if not end:
            path.unlink()
    if (folder / layout.HISTORY).exists():  # all of it, where not even the first head was whole
        os.truncate(folder / layout.HISTORY, found.history_bytes)


def _sync_tail(folder: Path, found: Found) -> None:
    """Put on stable storage what the last process may have left in the kernel's hands."""
    for index in range(found.head.size // layout.BUNDLE_RECORDS, len(found.tail.sizes) + bool(found.tail.bytes)):
        path = bundles.plain_path(folder, index)
        if not path.exists():  # packed, and synced before that
            continue
        sync_file(path)
        for parent in (path.parent, path.parent.parent):
            sync_folder(parent)


def _is_record(data: bytes, sequence: int) -> bool:
    record = _look(data)
    return record is not None and record.sequence == sequence


def _look(data: bytes) -> _Glimpse | None:
    try:
        return _glimpse.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _mark(folder: Path, origin: str, verifiers: Sequence[Verifier], found: Found) -> int:
    """Return below which record no intent waits; 0 where that is not known, or somebody changed it."""
    try:
        return mark.read(folder, origin, verifiers)
    except Tampered:
        found.touched = (mark.NAME,)
        return 0


def _open_intents(folder: Path, found: Found, start: int) -> dict[int, str]:
    """Return intents without outcome, from the low-water mark ``start`` on."""
    waiting: dict[int, str] = {}
    first = max(found.begin.bundles, min(start, found.tail.tree.size) // layout.BUNDLE_RECORDS)
    for index in range(min(first, found.bundles.stop - 1) if found.bundles else first, found.bundles.stop):
        for frame in layout.frames(_read(folder, index)):
            record = _look(frame.data)
            if record is None:
                raise Tampered(f"{layout.tile_path('entries', index)} is changed at byte {frame.offset}")
            found.last_time = record.time
            if record.type == "intent":
                waiting[record.sequence] = record.request
            elif record.type == "outcome":
                waiting.pop(record.intent, None)
    return waiting


def _announced(folder: Path, found: Found) -> tuple[bytes, ...]:
    """Return the keys that records beyond the last head say to be the new log key."""
    keys: list[bytes] = []
    first, skip = divmod(found.head.size, layout.BUNDLE_RECORDS)
    for index in range(first, found.bundles.stop):
        for number, frame in enumerate(layout.frames(_read(folder, index))):
            if RECORD.encode() in frame.data and (index > first or number >= skip):
                record = _rotated.decode(frame.data)
                if record.type == RECORD and record.details.get("purpose") == PURPOSE:
                    keys.append(_public(record.details.get("new")))
    return tuple(keys)


def _public(vkey: object) -> bytes:
    try:
        return parse_verifier_key(str(vkey)).public
    except NoteError as error:
        raise Tampered("a rotation of the log key speaks of no key") from error
