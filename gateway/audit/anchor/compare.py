"""Whether a log is still what others saw of it: each witnessed head against the log's own hash tiles.

The records themselves are compared with the tiles by the verifier; this says what its word cannot: that the end of the
log was not cut back, and that its holder did not write it anew. A head that does not fit is named:

*cut back*: the log ends before that head, and nothing was written after it.
*rolled back*: the log went back to an older state, and went on from there after the head had been seen.
*forked*: up to some head it is what was seen; from there on it is another log, which claims to be as old.
*rewritten*: it is another log from its beginning, or from its oldest witnessed head on.

A witness cannot be wrong about a head that the log's own key signed, so whichever of these it is, somebody who could
write the log's files, and sign for it, did this; or a backup was put back.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.audit.anchor.cosign import WitnessKey, time_of_cosignature
from gateway.audit.anchor.heads import notes_in
from gateway.audit.anchor.standing import time_of
from gateway.audit.anchor.witnesses import Witness, read
from gateway.audit.log import layout
from gateway.audit.log.merkle import EMPTY_ROOT
from gateway.audit.log.note import Checkpoint, NoteError, Verifier, open_checkpoint, parse_checkpoint, split_note
from gateway.audit.log.proof import Tiles
from gateway.audit.log.reader import comparable

Kind = Literal["cut_back", "rolled_back", "forked", "rewritten", "cosignature"]

_MOST_BYTES = 4 * 1024 * 1024
_SAID: dict[str, str] = {
    "cut_back": "cut back: {size} records were seen by {place} at {time}; the log has {now}",
    "rolled_back": "rolled back: {place} saw another log of {size} records at {time}; this one went on after that",
    "forked": "forked: up to record {agreed} it is what {place} saw; of {size} records at {time} it saw another log",
    "rewritten": "rewritten: {place} saw another log of {size} records at {time}",
    "cosignature": "the cosignature of {place} for {size} records does not hold",
}


@dataclass(frozen=True)
class Disagreement:
    """What one place saw and this log is not. ``agreed``: its largest head that fits has this size."""

    kind: Kind
    witness: Witness
    agreed: int
    now: int

    def __str__(self) -> str:
        seen = self.witness
        place = f"{seen.kind} {seen.place}"
        time = seen.time or "a time that is not known"
        return _SAID[self.kind].format(size=seen.size, place=place, time=time, agreed=self.agreed, now=self.now)


def disagreements(
    folder: Path, keys: Sequence[WitnessKey] = (), elsewhere: Iterable[Witness] = (), newest: int | None = None
) -> list[Disagreement]:
    """Return what does not fit, at most one for each place: its smallest head that differs. Empty: all fits.

    Args:
        folder: a log. Beside a writer, call this after its verification.
        keys: of witnesses whose cosignatures are checked; those of others are passed over.
        elsewhere: heads that were read where they lie, such as by :func:`heads_at`.
        newest: how many of each place are looked at, the largest; ``None``: all.

    Raises:
        OSError: a file cannot be read.
    """
    seen, _ = read(folder)
    log = _Log(folder)
    places = itertools.groupby(sorted([*seen, *elsewhere], key=_place), key=_place)
    by_size = (sorted(heads, key=lambda head: head.size) for _, heads in places)
    found = (_disagreement(log, heads[-newest:] if newest else heads, keys) for heads in by_size)
    return [each for each in found if each]


def disagreement_of(folder: Path, heads: Iterable[Witness]) -> Disagreement | None:
    """Return what one place saw, and this log is not; ``None`` where all of these heads fit. Raises OSError."""
    return _disagreement(_Log(folder), sorted(heads, key=lambda head: head.size), ())


def heads_at(
    path: Path, verifiers: Sequence[Verifier], origin: str, kind: str = "file", newest: int | None = None
) -> Iterator[Witness]:
    """Yield a log's newest heads that lie in a file of heads, their signatures verified: those in its last 4 MiB.

    When they were seen is not known. What is not signed by these keys is passed over.

    Args:
        newest: how many are looked at, the last; ``None``: all.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_BYTES))
        data = file.read()
    for note in deque((note for note in notes_in(data) if _origin(note) == origin), maxlen=newest):
        try:
            head: Checkpoint = open_checkpoint(note, *verifiers)
        except NoteError:
            continue
        yield Witness(kind, str(path), head.size, head.root, "")


def _origin(note: bytes) -> str:
    """Return which log a note speaks of; empty where it is no head."""
    try:
        return parse_checkpoint(split_note(note)[0]).origin
    except NoteError:
        return ""


class _Log:
    """A log's own roots and times."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tiles = Tiles(folder)
        head = _published(folder)
        self.size, self.origin = head.size, head.origin
        self._roots: dict[int, bytes | None] = {0: EMPTY_ROOT}

    def root(self, size: int) -> bytes | None:
        """Return the root over the first records; ``None`` where their hashes are pruned."""
        if size not in self._roots:
            try:
                self._roots[size] = self._tiles.root(0, size)
            except (FileNotFoundError, ValueError):
                self._roots[size] = None
        return self._roots[size]

    def written_after(self, size: int, time: str) -> bool:
        """Whether the record at the end of the first ``size`` says that it is younger than that time."""
        said = time_of(self._folder, size - 1) if size and time else ""
        return bool(said) and comparable(said) > comparable(_end_of_second(time))


def _disagreement(log: _Log, heads: list[Witness], keys: Sequence[WitnessKey]) -> Disagreement | None:
    agreed = 0
    for head in heads:
        if not _cosignature_holds(head, log.origin, keys):
            return Disagreement("cosignature", head, agreed, log.size)
        if head.size > log.size:
            # the largest one tells best how much is gone
            kind: Kind = "rolled_back" if log.written_after(log.size, head.time) else "cut_back"
            return Disagreement(kind, heads[-1], agreed, log.size)
        root = log.root(head.size)
        if root is None:
            continue
        if root != head.root:
            return Disagreement(_parted(log, head, agreed), head, agreed, log.size)
        agreed = head.size
    return None


def _parted(log: _Log, head: Witness, agreed: int) -> Kind:
    if log.written_after(head.size, head.time):
        return "rolled_back"
    return "forked" if agreed else "rewritten"


def _cosignature_holds(head: Witness, origin: str, keys: Sequence[WitnessKey]) -> bool:
    """Whether nothing speaks against a head's cosignature: none is there, or none of a key that is known here."""
    try:
        cosigned_by(head, origin, keys)
    except NoteError:
        return False
    return True


def cosigned_by(head: Witness, origin: str, keys: Sequence[WitnessKey]) -> str:
    """Return the name of the witness whose cosignature a head has; empty where it has none by these keys.

    Raises:
        NoteError: it names one of these keys, and does not hold.
    """
    text = Checkpoint(origin, head.size, head.root).text()
    names = (key.name for key in keys if time_of_cosignature(head.cosignature, key, text) is not None)
    return next(names, "")


def _published(folder: Path) -> Checkpoint:
    """Return the head that a log publishes; an empty one where there is none, or it is damaged. Raises OSError."""
    try:
        return parse_checkpoint(split_note((folder / layout.CHECKPOINT).read_bytes())[0])
    except (FileNotFoundError, NoteError):
        return Checkpoint("", 0, EMPTY_ROOT)


def _place(head: Witness) -> tuple[str, str]:
    return head.kind, head.place


def _end_of_second(time: str) -> str:
    """Return the last instant of a time that is told in whole seconds."""
    whole, _, _ = time.rstrip("Z").partition(".")
    return f"{whole}.999999Z"
