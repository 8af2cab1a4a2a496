"""Checks a log without its writer: standard library and ``cryptography`` only, beside a running writer or long after.

Everything is computed again: canonical form, sequence and pairs of records, every leaf hash, the root at each signed
head and its signature, the hash tiles and the published checkpoint. Each fault is named with file, record and byte.

How a changed record is found exactly: two trees grow side by side, one from the records, one from the leaf hashes in
``tile/0``. Where they part, the next signed head says which is true; if it is the tiles, the record was changed.

What one log on one machine cannot show: that its end was cut back to an older head together with all younger heads, or
that the holder of the key wrote it anew. A checkpoint kept elsewhere shows both.

::

    report = verify(Path(".sekisho/audit/site/node/w0/default"), Path(".sekisho/keys/log.vkey").read_text())
    report.ok or print(*report.problems, sep="\\n")
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from gateway.audit.log import bundles, layout, pruned
from gateway.audit.log.merkle import CompactRange, leaf_hash, root_hash
from gateway.audit.log.note import Checkpoint, NoteError, Verifier, open_checkpoint, parse_verifier_key
from gateway.audit.report import Report
from gateway.audit.rules import RecordRules

Progress = Callable[[int, int], None]
"""Called with (records checked, records expected)."""

_RETRIES, _PAUSE_SECONDS = 10, 0.02
_CHANGED = "changed: this is not the record that was signed"


def verify(folder: Path, vkey: str, progress: Progress | None = None) -> Report:
    """Check the log in ``folder``: one that holds ``checkpoints`` and ``tile``.

    Args:
        vkey: the log's public key, a C2SP verifier key; its name does not matter.

    Raises:
        NoteError: ``vkey`` is not a verifier key.
        OSError: a file cannot be read.
    """
    report = Report(str(folder), live=has_writer(folder))
    report.not_checked.append("roll-back to an older checkpoint, and rewriting by the key's holder")
    heads = _Heads(folder, parse_verifier_key(vkey), report)
    _Walk(folder, heads, report).run(progress)
    heads.check_published()
    report.problems.sort(key=lambda problem: (problem.sequence is None, problem.sequence or 0))
    return report


class _Heads:
    """The signed heads, read before the records, so that beside a writer every head's records are there."""

    def __init__(self, folder: Path, verifier: Verifier, report: Report) -> None:
        self._folder = folder
        self._verifier = verifier
        self._report = report
        raw = self._read()
        self.by_size: dict[int, tuple[Checkpoint, int]] = {}
        self.last: Checkpoint | None = None
        for offset, note in layout.notes(raw):
            self._add(offset, note)
        report.origin = self.last.origin if self.last else ""
        if not self.last:
            report.add(layout.HISTORY, "there is no signed head: nothing of this log can be checked")

    def _read(self) -> bytes:
        path = self._folder / layout.HISTORY
        for _ in range(_RETRIES if self._report.live else 1):
            raw = path.read_bytes() if path.exists() else b""
            end = sum(len(note) + 1 for _, note in layout.notes(raw))
            if end == len(raw):
                return raw
            time.sleep(_PAUSE_SECONDS)
        self._report.add(layout.HISTORY, "the last signed head is not whole", offset=end)
        return raw

    def _add(self, offset: int, note: bytes) -> None:
        try:
            head = open_checkpoint(note, self._verifier)
        except NoteError as error:
            self._report.add(layout.HISTORY, f"signed head: {error}", offset=offset)
            return
        self._report.checkpoints += 1
        if self.last and (head.origin != self.last.origin or head.size <= self.last.size):
            self._report.add(layout.HISTORY, "signed head: does not follow the one before", offset=offset)
        self.by_size[head.size] = (head, offset)
        if not self.last or head.size > self.last.size:
            self.last = head

    def check_published(self) -> None:
        path = self._folder / layout.CHECKPOINT
        if not path.exists():
            self._report.notes.append("no checkpoint is published yet")
            return
        shown = path.read_bytes()
        history = (self._folder / layout.HISTORY).read_bytes() if (self._folder / layout.HISTORY).exists() else b""
        if not shown or shown + b"\n" not in history:
            self._report.add(layout.CHECKPOINT, "it is not one of the signed heads", offset=0)


class _Walk:
    """Goes through all records once."""

    def __init__(self, folder: Path, heads: _Heads, report: Report) -> None:
        self._folder = folder
        self._heads = heads
        self._report = report
        self._begin = pruned.begin(folder)
        self._rules = RecordRules(report.origin, self._begin.first)
        self._tree = self._begin.tree()
        self._other: CompactRange | None = None  # grown from tile hashes, since the two parted
        self._suspects: list[tuple[str, int, int]] = []
        self._sound = 0  # size of the last head that agreed
        self._lost = False
        self._levels: list[list[tuple[bytes, bytes]]] = [[]]  # hashes that follow from records, and from tile/0
        self._counts: list[int] = [self._begin.bundles]
        while self._counts[-1]:  # hashes of what was pruned, in tiles that reach beyond
            index, width = divmod(self._counts[-1], layout.BUNDLE_RECORDS)
            self._counts.append(index)
            self._levels.append([(digest, digest) for digest in self._hashes(len(self._levels), index)[:width]])
        self._end = ("tile/entries", 0)

    def run(self, progress: Progress | None) -> None:
        last = self._heads.last
        signed = last.size if last else 0
        indexes = layout.bundle_indexes(self._folder)
        self._check_names(indexes)
        for index in range(self._begin.bundles, indexes[-1] + 1 if indexes else 0):
            self._bundle(index, last=index == indexes[-1])
            if progress:
                progress(self._tree.size, max(signed, self._tree.size))
        for level in range(len(self._levels)):
            self._compare_tile(level, full=False)
        self._finish(signed, last)

    def _finish(self, signed: int, last: Checkpoint | None) -> None:
        report = self._report
        report.records = self._tree.size
        report.open_intents = len(self._rules.open_intents)
        if last:
            report.tree_size, report.root = last.size, last.root.hex()
        report.unsigned = max(0, report.records - signed)
        self._blame_records("differs from its hash in tile/0")
        if report.records < signed:
            what = f"the end is missing: {report.records} records are here, {signed} were signed"
            report.add(self._end[0], what, offset=self._end[1])
        if report.open_intents:
            report.notes.append(f"{report.open_intents} intents have no outcome yet")
        if report.unsigned:
            report.notes.append(f"{report.unsigned} records follow the last signed head")

    def _check_names(self, indexes: list[int]) -> None:
        base = self._folder / "tile" / "entries"
        for path in sorted(base.rglob("*")):
            if path.is_file() and layout.bundle_index(path, base) is None:
                self._report.add(str(path.relative_to(self._folder)), "this file does not belong here")

    def _bundle(self, index: int, *, last: bool) -> None:
        name = layout.tile_path("entries", index)
        raw, frames = self._read(index, last=last)
        tile = self._tile_hashes(index)
        start, full = self._tree.size, len(frames) == layout.BUNDLE_RECORDS
        intact = (full or (last and len(frames) < layout.BUNDLE_RECORDS)) and _end(frames) == len(raw)
        for number, frame in enumerate(frames[: layout.BUNDLE_RECORDS]):
            leaf = leaf_hash(frame.data)
            hint = tile[number] if number < len(tile) else leaf
            if not intact and hint != leaf:
                break  # lengths cannot be trusted from here on
            self._record(name, frame, leaf, hint)
        if not intact:
            self._broken_lengths(name, frames, tile[self._tree.size - start :], self._tree.size - start)
        elif full:
            self._check_size(index, len(raw))
        self._end = (name, len(raw))

    def _broken_lengths(self, name: str, frames: list[layout.Frame], rest: list[bytes], good: int) -> None:
        """Name the place from which records cannot be told apart, and go on behind them with the tile's hashes."""
        if frames or bundles.read(self._folder, self._tree.size // layout.BUNDLE_RECORDS) is not None:
            offset = frames[good].offset if good < len(frames) else _end(frames)
            self._report.add(name, "changed or cut off here", sequence=self._tree.size, offset=offset)
        else:
            self._report.add(name, "this file is gone", sequence=self._tree.size)
        self._rules.skip()
        for digest in rest:
            self._grow(digest, digest)

    def _record(self, name: str, frame: layout.Frame, leaf: bytes, hint: bytes) -> None:
        sequence = self._tree.size
        problem = self._rules.check(frame.data, sequence)
        if problem:
            self._report.add(name, problem, sequence=sequence, offset=frame.offset)
        if leaf != hint:
            self._suspects.append((name, sequence, frame.offset))
        self._grow(leaf, hint)

    def _grow(self, leaf: bytes, hint: bytes) -> None:
        if self._other is None and leaf != hint:
            self._other = self._tree.copy()
        self._tree.append(leaf)
        if self._other:
            self._other.append(hint)
        self._extend_tiles((leaf, hint))
        signed = self._heads.by_size.get(self._tree.size)
        if signed and not self._lost:
            self._compare_head(*signed)

    def _compare_head(self, head: Checkpoint, offset: int) -> None:
        if self._tree.root() == head.root:
            self._blame_tiles()
        elif self._other and self._other.root() == head.root:
            self._blame_records(_CHANGED)
            self._tree = self._other
        else:
            self._lost = True
            what = f"signed head: records {self._sound} to {head.size - 1} are not those that were signed"
            self._report.add(layout.HISTORY, what, offset=offset)
            self._blame_records("differs from its hash in tile/0")
        self._sound, self._other, self._suspects = head.size, None, []

    def _blame_records(self, what: str) -> None:
        for name, sequence, offset in self._suspects:
            self._report.add(name, what, sequence=sequence, offset=offset)

    def _blame_tiles(self) -> None:
        for _, sequence, _ in self._suspects:
            index, number = divmod(sequence, layout.BUNDLE_RECORDS)
            name = layout.tile_path(0, index)
            self._report.add(name, "not the hash of its record", sequence=sequence, offset=number * layout.HASH_BYTES)

    def _extend_tiles(self, hashes: tuple[bytes, bytes], level: int = 0) -> None:
        if level == len(self._levels):
            self._levels.append([])
            self._counts.append(0)
        tile = self._levels[level]
        tile.append(hashes)
        if len(tile) == layout.BUNDLE_RECORDS:
            self._compare_tile(level, full=True)
            true = root_hash([ours for ours, _ in tile])
            other = true if all(ours == theirs for ours, theirs in tile) else root_hash([theirs for _, theirs in tile])
            self._levels[level] = []
            self._counts[level] += 1
            self._extend_tiles((true, other), level + 1)

    def _compare_tile(self, level: int, *, full: bool) -> None:
        """Compare a tile file with the hashes that it must hold, or, if it still grows, with as many as it holds."""
        name = layout.tile_path(level, self._counts[level])
        path, expected = self._folder / name, self._levels[level]
        if not path.exists():
            if full and not self._report.live:
                self._report.add(name, "this file is gone")
            return
        raw = path.read_bytes()
        for number, pair in enumerate(expected[: len(raw) // layout.HASH_BYTES]):
            offset = number * layout.HASH_BYTES
            if raw[offset : offset + layout.HASH_BYTES] not in pair:
                self._report.add(name, "not the hash of the tile below", offset=offset)
        length = len(expected) * layout.HASH_BYTES
        if not self._report.live and (len(raw) > length or (full and len(raw) < length)):
            self._report.add(name, f"has {len(raw)} bytes; its records make {length}", offset=min(len(raw), length))

    def _tile_hashes(self, index: int) -> list[bytes]:
        return self._hashes(0, index)

    def _hashes(self, level: int, index: int) -> list[bytes]:
        path = self._folder / layout.tile_path(level, index)
        raw = path.read_bytes()[: layout.BUNDLE_RECORDS * layout.HASH_BYTES] if path.exists() else b""
        size = layout.HASH_BYTES
        return [raw[at : at + size] for at in range(0, len(raw) - len(raw) % size, size)]

    def _check_size(self, index: int, length: int) -> None:
        path = self._folder / "sizes"
        said = path.read_bytes()[8 * index : 8 * index + 8] if path.exists() else b""
        if len(said) == 8 and int.from_bytes(said, "big") != length:
            self._report.add("sizes", f"not the size of bundle {index}", offset=8 * index)

    def _read(self, index: int, *, last: bool) -> tuple[bytes, list[layout.Frame]]:
        """Return a bundle's bytes and whole records. Beside a writer, a record half written is waited for."""
        for _ in range(_RETRIES if last and self._report.live else 1):
            raw = bundles.read(self._folder, index) or b""
            frames = list(layout.frames(raw))
            if _end(frames) == len(raw):
                break
            time.sleep(_PAUSE_SECONDS)
        return raw, frames


def _end(frames: list[layout.Frame]) -> int:
    return frames[-1].end if frames else 0


def has_writer(folder: Path) -> bool:
    """Whether some process has the log open for writing now."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
