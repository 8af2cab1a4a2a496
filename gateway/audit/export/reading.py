"""Reads one log up to one signed head: the records that match, one by one, and all others as hashes.

Every record is read and hashed, also those that do not match, and at the end the tree MUST be the one that was signed:
nothing leaves as a record of the log that is not one. Memory is bounded; what was left out goes to a file as it comes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.audit.anchor.witnesses import witnessed
from gateway.audit.canonical import canonical
from gateway.audit.export.columns import Row
from gateway.audit.export.cover import Cover, Run
from gateway.audit.export.manifest import to_bytes, to_text
from gateway.audit.log import layout, pruned
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.note import Checkpoint, NoteError, Verifier, open_checkpoint
from gateway.audit.log.reader import Filter, first_record, raw_records
from gateway.audit.log.succession import PURPOSE, RECORD
from gateway.errors import SetupError

_HEAD_TRIES, _PAUSE_SECONDS = 20, 0.1
_ROTATED = f'"{RECORD}"'.encode()

State = dict[str, Any]


@dataclass(frozen=True)
class Cut:
    """One log up to one signed head. ``note`` is the whole note."""

    folder: Path
    note: bytes
    head: Checkpoint

    @property
    def retention_class(self) -> str:
        return self.folder.name


def cut_at(folder: Path, verifiers: tuple[Verifier, ...], note: bytes = b"") -> Cut:
    """Return the log up to ``note``, else up to its last signed head; waits a moment beside a writer that has none yet.

    Raises:
        SetupError: there is no head, or none of the keys signed it.
        OSError: it cannot be read.
    """
    note = note or _last_note(folder)
    try:
        return Cut(folder, note, open_checkpoint(note, *verifiers))
    except NoteError as error:
        raise refused(folder, f"its last signed head cannot be verified: {error}") from error


class Reading:
    """One pass over a log. ``state`` is what :meth:`settle` gave, empty to begin; ``spool`` gets what was left out."""

    def __init__(self, cut: Cut, wanted: Filter, spool: Path, state: State) -> None:
        """Raises SetupError; OSError when a file cannot be opened."""
        self.cut = cut
        self._wanted, self._text, self._all = wanted, wanted.text.encode(), wanted == Filter()
        start = state or _beginning(cut.folder)
        self.pruned: int = start["pruned"]
        self.rows: int = start["rows"]
        self.first: int | None = start["first"]
        self.before = [to_bytes(root) for root in start["before"]]
        self.keys: list[State] = start["keys"]
        self._tree, self._run = _run(start["tree"]), _run(start["run"])
        self._spool = spool.open("r+b" if state else "w+b")
        self._spool.truncate(start["spooled"])
        self._spool.seek(0, os.SEEK_END)

    @property
    def index(self) -> int:
        """The next record to be read."""
        return self._tree.count

    def records(self, zone: tzinfo) -> Iterator[Row | None]:
        """Yield a row for each record that matches, ``None`` for each that does not, up to the head.

        Raises:
            SetupError: the records are not those that were signed.
            OSError: a file cannot be read or written.
        """
        folder, size = self.cut.folder, self.cut.head.size
        seen = {each.end for each in witnessed(folder, size).ranges}
        if first_record(folder) > self.index:
            raise SetupError(f"{folder} was pruned since this export began.", "Begin it again: --restart")
        for data in islice(raw_records(folder, self.index), size - self.index):
            if self.index in seen and self.first is not None:
                self._leave_run()  # so that whoever has the file comes by the root that was seen elsewhere
            row = Row(self.index, leaf_hash(data), data, self.cut.retention_class, zone)
            self._tree.append(row.leaf)
            if _ROTATED in data:
                self._note_key(row)
            if self._matches(row):
                self._take(row)
                yield row
            else:
                self._run.append(row.leaf)
                yield None
        self._end()

    def omitted(self) -> bytes:
        """Return all that was left out after the first row, a canonical JSON array. Raises OSError."""
        self._spool.flush()
        self._spool.seek(0)
        return b"[%b]" % self._spool.read().removesuffix(b"\n").replace(b"\n", b",")

    def settle(self) -> State:
        """Bring the spool to stable storage; return what it takes to go on here. Raises OSError."""
        self._spool.flush()
        os.fsync(self._spool.fileno())
        return {
            "pruned": self.pruned,
            "rows": self.rows,
            "first": self.first,
            "before": [to_text(root) for root in self.before],
            "keys": self.keys,
            "tree": _taken_down(self._tree),
            "run": _taken_down(self._run),
            "spooled": self._spool.tell(),
        }

    def close(self) -> None:
        """Safe to call twice; what a full disk does not take here is written again."""
        try:
            self._spool.close()
        except OSError:
            return

    def _matches(self, row: Row) -> bool:
        if self._all:
            return True
        if self._text and self._text not in row.data:
            return False
        try:
            return self._wanted.matches(row.record)
        except (ValueError, AttributeError) as error:
            raise refused(self.cut.folder, f"its record {row.index} is not one") from error

    def _take(self, row: Row) -> None:
        self.rows += 1
        if self.first is None:
            self.first, self.before = row.index, self._run.hashes
            self._run = Run(row.index + 1)
            return
        self._leave_run()
        self._run.first = row.index + 1

    def _leave_run(self) -> None:
        """Write down the run that ends here."""
        run = self._run
        if run.count:
            line = canonical([run.first, run.count, [to_text(root) for root in run.hashes]])
            self._spool.write(line + b"\n")
            self._run = Run(run.first + run.count)

    def _end(self) -> None:
        head = self.cut.head
        whole = Cover()
        whole.omitted(0, self._tree.count, self._tree.hashes)
        if self._tree.count != head.size or whole.root() != head.root:
            raise refused(self.cut.folder, "its records are not those that were signed")
        if self.first is None:
            self.first, self.before = head.size, self._run.hashes
            self._run = Run(head.size)
        self._leave_run()

    def _note_key(self, row: Row) -> None:
        record = row.record
        details = record.get("details")
        if record["type"] == RECORD and isinstance(details, dict) and details.get("purpose") == PURPOSE:
            self.keys.append(details)


def refused(folder: Path, what: str) -> SetupError:
    return SetupError(f"The audit log {folder} cannot be exported: {what}.", "Run: sekisho audit verify")


def _beginning(folder: Path) -> State:
    """Return the state before the first record that is here."""
    try:
        begin = pruned.begin(folder)
    except NoteError as error:
        raise refused(folder, f"its note of pruning is damaged: {error}") from error
    gone = {"first": 0, "count": begin.first, "hashes": [to_text(root) for root in begin.roots]}
    start: State = {"pruned": begin.first, "rows": 0, "first": None, "before": [], "keys": [], "spooled": 0}
    return start | {"tree": gone, "run": gone}


def _taken_down(run: Run) -> State:
    return {"first": run.first, "count": run.count, "hashes": [to_text(root) for root in run.hashes]}


def _run(state: State) -> Run:
    return Run(state["first"], [to_bytes(root) for root in state["hashes"]], state["count"])


def _last_note(folder: Path) -> bytes:
    path = folder / layout.HISTORY
    for _ in range(_HEAD_TRIES):
        notes = [note for _, note in layout.notes(path.read_bytes())] if path.exists() else []
        if notes:
            return notes[-1]
        time.sleep(_PAUSE_SECONDS)
    raise refused(folder, "it has no signed head yet")
