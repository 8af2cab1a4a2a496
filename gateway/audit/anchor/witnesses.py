"""Which heads of a log were seen elsewhere: ``<log>/witnesses.jsonl``, one line for each, appended::

    {"kind":"file","place":"/mnt/heads/site.heads","size":1284,"root":"CsUY…=","time":"2026-11-22T11:30:00Z","cosignature":""}

``root`` is base64, ``time`` is when it was seen there, ``cosignature`` is the witness's signature line (C2SP
``tlog-cosignature``) where there is one. A head covers every record before it, so what lies beyond the largest size is
*unwitnessed*.

The file says where to look; it proves nothing by itself, since it lies on the machine that it speaks of. What counts
is the head that lies elsewhere (:mod:`gateway.audit.anchor.compare`), and a cosignature, which nobody can make here.

Once it is longer than 4 MiB it is thinned: of heads older than the newest thousand, each place keeps one an hour for
thirty days, and one a day for ever.
Standard library only, and safe beside other writers and readers.

::

    found = witnessed(Path(".sekisho/audit/site/node/w0/default"))
    found.size                                    # records below this are witnessed
    [(r.first, r.end, r.places) for r in found.ranges]
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.audit.log import layout
from gateway.audit.log.disk import replace
from gateway.audit.log.note import NoteError, parse_checkpoint, split_note

FILE = "witnesses.jsonl"
KINDS = ("file", "syslog", "node", "media", "paper")
THIN_BYTES = 4 * 1024 * 1024
_THIN_EVERY_BYTES = 64 * 1024
_TAIL_BYTES = 64 * 1024
_NEWEST = 1000
_DAY, _HOUR, _DAYS = len("2026-11-22"), len("2026-11-22T11"), 30
_MOST_SIZE = 2**53 - 1


@dataclass(frozen=True)
class Witness:
    """One head that was seen elsewhere. ``root`` is 32 bytes; ``time`` RFC 3339 in UTC."""

    kind: str
    place: str
    size: int
    root: bytes
    time: str
    cosignature: str = ""

    def line(self) -> bytes:
        return json.dumps(self.as_json(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "place": self.place,
            "size": self.size,
            "root": base64.b64encode(self.root).decode(),
            "time": self.time,
            "cosignature": self.cosignature,
        }


@dataclass(frozen=True)
class Range:
    """The records ``first`` to ``end`` (not included), and the newest head of each place that covers them."""

    first: int
    end: int
    by: tuple[Witness, ...]

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        return tuple((witness.kind, witness.place) for witness in self.by)


@dataclass(frozen=True)
class Witnessed:
    """How far a log is witnessed.

    ``size``: records below it are. ``head``: the signed head that the log publishes now, 0 when it has none.
    ``beyond``: heads seen elsewhere that are larger than that one: beside a writer there is none for long; else the
    log was cut. ``damaged``: lines that are no witness.
    """

    size: int
    head: int
    ranges: tuple[Range, ...]
    beyond: tuple[Witness, ...] = ()
    damaged: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as manifests and ``--json`` have it: sizes, and for each range the heads seen elsewhere."""
        ranges = [
            {"first": each.first, "end": each.end, "by": [witness.as_json() for witness in each.by]}
            for each in self.ranges
        ]
        return {"up_to": self.size, "unwitnessed": max(0, self.head - self.size), "ranges": ranges}


def witnessed(folder: Path, head: int | None = None) -> Witnessed:
    """Return from where each range of a log is witnessed, up to the head of size ``head``: else the published one.

    Reads ``witnesses.jsonl`` and ``checkpoint``, nothing else. Raises OSError where they cannot be read.
    """
    witnesses, damaged = read(folder)
    size = published_size(folder) if head is None else head
    newest = _newest_by_place(witness for witness in witnesses if witness.size <= size)
    beyond = tuple(_newest_by_place(witness for witness in witnesses if witness.size > size))
    ranges = tuple(_ranges(newest))
    return Witnessed(ranges[-1].end if ranges else 0, size, ranges, beyond, damaged)


def witnessed_size(folder: Path, head: int) -> int:
    """Return :attr:`Witnessed.size` alone, from the end of the file: nearly always there. Raises OSError."""
    path = folder / FILE
    if not path.exists():
        return 0
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - _TAIL_BYTES))
        found = [_parsed(line) for line in file.read().splitlines()]
    size = max((witness.size for witness in found if witness and witness.size <= head), default=0)
    return size or witnessed(folder, head).size


def read(folder: Path) -> tuple[list[Witness], int]:
    """Return all witnesses of a log, in the order they were written, and how many lines are none. Raises OSError."""
    path = folder / FILE
    lines = path.read_bytes().splitlines() if path.exists() else []
    found = [_parsed(line) for line in lines]
    good = [witness for witness in found if witness]
    return good, len(found) - len(good)


def append(folder: Path, witnesses: Iterable[Witness]) -> None:
    """Write down heads that were seen elsewhere. Durable when it returns. Raises OSError."""
    data = b"".join(witness.line() for witness in witnesses)
    if not data:
        return
    with _locked(folder / FILE) as descriptor:
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            data = b"\n" + data  # a line that a crash cut short is lost, and costs no other
        os.write(descriptor, data)
        os.fdatasync(descriptor)
        if end + len(data) > THIN_BYTES and end // _THIN_EVERY_BYTES != (end + len(data)) // _THIN_EVERY_BYTES:
            _thin(folder)


def published_size(folder: Path) -> int:
    """Return the size of the head that a log publishes; 0 when there is none, or it is damaged. Raises OSError."""
    path = folder / layout.CHECKPOINT
    try:
        return parse_checkpoint(split_note(path.read_bytes())[0]).size
    except (FileNotFoundError, NoteError):
        return 0


def _parsed(line: bytes) -> Witness | None:
    try:
        fields = json.loads(line)
        root = base64.b64decode(fields["root"], validate=True)
        witness = Witness(**{**fields, "root": root})
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError):
        return None
    texts = (witness.kind, witness.place, witness.time, witness.cosignature)
    good = all(isinstance(text, str) for text in texts) and witness.kind in KINDS and len(root) == layout.HASH_BYTES
    return witness if good and type(witness.size) is int and 0 <= witness.size <= _MOST_SIZE else None


def _newest_by_place(witnesses: Iterable[Witness]) -> list[Witness]:
    """Return the largest head of each place, smallest first."""
    newest: dict[tuple[str, str], Witness] = {}
    for witness in witnesses:
        place = (witness.kind, witness.place)
        if place not in newest or witness.size >= newest[place].size:
            newest[place] = witness
    return sorted(newest.values(), key=lambda witness: (witness.size, witness.kind, witness.place))


def _ranges(newest: list[Witness]) -> Iterator[Range]:
    first = 0
    for number, witness in enumerate(newest):
        if witness.size > first:
            yield Range(first, witness.size, tuple(newest[number:]))
            first = witness.size


def _thin(folder: Path) -> None:
    """Replace the file by one with fewer lines. The caller holds its lock."""
    witnesses, _ = read(folder)
    young = sorted({witness.time[:_DAY] for witness in witnesses})[-_DAYS:]
    kept: dict[tuple[str, str, str], Witness] = {}
    for witness in witnesses[:-_NEWEST]:
        when = witness.time[: _HOUR if witness.time[:_DAY] in young else _DAY]
        kept[witness.kind, witness.place, when] = witness
    thinned = [*sorted(kept.values(), key=lambda witness: witness.time), *witnesses[-_NEWEST:]]
    replace(folder / FILE, b"".join(witness.line() for witness in thinned), durable=True)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open for appending, one process at a time; again where another one has just replaced the file."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)
