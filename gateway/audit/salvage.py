"""A log that is not as it was written is gone on with: what is sound is kept, what is lost is said, and by whose word.

What is sound is the longest beginning whose root is that of a head the log's key signed. The folder as it was found is
set aside whole, below ``audit-lost/<log>/<time>/found``, for whoever looks into it; the sound part takes its place, and
its first new record is a ``gap``: how many records are missing, which larger heads were seen and where, the statement
that two approvers signed, and their names. From then on the log opens as any other.

A log that was put back whole from a backup knows nothing of its later heads, and opens. It is gone on with in the same
way where heads on other media (``elsewhere``) contradict it.

Nothing here makes a lost head as if it had never been: a checkpoint kept elsewhere still does not fit, and the verifier
says so; the gap says why. A crash at any step is finished by doing it again.

The statement is ``sekisho.recovery/1``, canonical JSON in a DSSE envelope of :data:`TYPE`. Who may sign is the caller's
to check.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.audit import rollback
from gateway.audit.anchor.compare import disagreement_of
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.book import LogBook
from gateway.audit.log import bundles, copied_heads, layout, site
from gateway.audit.log.growing import Tampered
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.note import Checkpoint, NoteError, open_checkpoint
from gateway.audit.log.pruned import Pruned, begin_signed
from gateway.audit.log.reader import logs, published
from gateway.audit.log.succession import LogKeys, verifiers
from gateway.audit.log.tiles import sync_file
from gateway.durable import sync_folder
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AuditSettings

TYPE = "application/vnd.sekisho.recovery+json"
LOST = "audit-lost"
_FOUND, _SOUND = "found", "sound"


Elsewhere = Callable[[str], Sequence[Witness]]


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head of the log that is larger than what is sound, or another than the log's. ``root`` is base64."""

    where: str
    size: int
    root: str


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What two approvers sign: on which log, what is wrong, what is kept, what was seen beyond, and why."""

    log: str
    problem: str
    sound: int
    sound_root: str  # base64
    seen: tuple[Seen, ...]
    reason: str
    version: Literal["sekisho.recovery/1"] = "sekisho.recovery/1"

    @property
    def missing(self) -> int:
        """How many records are lost, as far as is known."""
        return max(0, max((seen.size for seen in self.seen), default=self.sound) - self.sound)


class Salvage:
    """Goes on with one log. The caller holds the data folder's lock, so no server runs.

    Args:
        data: the data folder.
        log: ``site/node/worker/class``.
        keys: of the log.
        elsewhere: returns the heads of the log with this origin that lie on other media, their signatures verified.
    """

    def __init__(
        self, data: Path, log: str, keys: LogKeys, settings: AuditSettings, elsewhere: Elsewhere = lambda origin: ()
    ) -> None:
        self.log = log
        self._elsewhere = elsewhere
        self._data, self._base = data, data / "audit"
        self._folder = self._base / log
        self._lost = data / LOST / log
        worker, _, self._class = log.rpartition("/")
        self._worker, self._keys, self._settings = worker, keys, settings
        self._origin = site.origin_of(self._folder, worker, self._class)
        self._verifiers = verifiers(self._origin, keys)

    def problem(self) -> str:
        """Return why the log is not taken up; empty when it is. Opens it, so that a torn end is mended as always.

        Finishes what a crash cut short before.
        """
        self._finish()
        if not self._folder.exists():
            return "it is gone"
        book = self._book()
        try:
            book.open()
        except SetupError as error:
            return error.problem
        book.close()
        found = disagreement_of(self._folder, self._elsewhere(self._origin))
        return f"it was {found}" if found else ""

    def statement(self, problem: str, reason: str) -> Statement:
        """Return what would be done. Changes nothing. Raises OSError."""
        head = self._sound()
        return Statement(
            log=self.log,
            problem=problem,
            sound=head.size,
            sound_root=base64.b64encode(head.root).decode(),
            seen=tuple(self._seen(head.size)),
            reason=reason,
        )

    def carry_out(
        self, statement: Statement, envelope: dict[str, Any], approvers: Sequence[str], by: str, now: datetime
    ) -> Path:
        """Set aside what is there, go on from what is sound, and say so; return where it was set aside.

        Raises:
            SetupError: the log is not as the statement says, or cannot be opened even so.
            OSError: the disk refused; do it again.
        """
        if self.statement(statement.problem, statement.reason) != statement:
            problem = f"The log {self.log} is not as the statement says any more."
            raise SetupError(problem, "Have a new one made and signed: sekisho audit recover --reason …")
        place = self._lost / now.strftime("%Y%m%dT%H%M%S.%fZ")
        self._set_aside(statement.sound, place)
        details = {"by": by, "approvers": list(approvers), "envelope": envelope, "missing": statement.missing}
        lost = {"set_aside": place.relative_to(self._data).as_posix(), **msgspec.to_builtins(statement)}
        self._go_on({**details, **lost})
        return place / _FOUND

    def _go_on(self, gap: dict[str, Any]) -> None:
        """Write the gap, durably, and only then let the site's heads forget what is lost. Raises SetupError, OSError.

        A crash before that leaves a log that no start takes up: then it is all done again.
        """
        heads = site.SiteHeads(self._base, self._worker.partition("/")[0], self._keys)
        heads.forget(self.log)
        book = self._book(heads)
        book.open()
        try:
            book.tell_gap(gap)
            size = book.size
        except AuditUnavailable as error:
            raise SetupError("The gap cannot be written into the log.", "See to its disk, and do it again.") from error
        finally:
            book.close()
        if published(self._folder) < size:  # a head is published once all below it is synced
            raise SetupError("The gap could not be put on stable storage.", "See to its disk, and do it again.")
        try:
            heads.settle()
        except Tampered as error:
            problem = f"The heads of the site cannot be written: {error}."
            raise SetupError(problem, "Run: sekisho audit verify, and do it again.") from error

    # --- what is sound ---------------------------------------------------------------------------------------------

    def _sound(self) -> Checkpoint:
        """Return the largest signed head that the records reach."""
        begin, heads = self._begin(), self._heads()
        tree, best = begin.tree(), Checkpoint(self._origin, begin.first, begin.tree().root())
        for leaf in self._leaves(begin.bundles):
            tree.append(leaf)
            if heads.get(tree.size) == tree.root():
                best = Checkpoint(self._origin, tree.size, tree.root())
        return best

    def _begin(self) -> Pruned:
        try:
            return begin_signed(self._folder, self._origin, *self._verifiers)
        except NoteError:
            return Pruned()

    def _heads(self) -> dict[int, bytes]:
        """Return the roots of all heads that are signed by the log's keys, by size."""
        found: dict[int, bytes] = {}
        for name in (layout.HISTORY, layout.CHECKPOINT):
            path = self._folder / name
            raw = path.read_bytes() if path.exists() else b""
            for note in [note for _, note in layout.notes(raw)] or [raw]:
                head = self._open(note)
                if head:
                    found[head.size] = head.root
        return found

    def _open(self, note: bytes) -> Checkpoint | None:
        try:
            head = open_checkpoint(note, *self._verifiers)
        except NoteError:
            return None
        return head if head.origin == self._origin else None

    def _leaves(self, index: int) -> Iterator[bytes]:
        """Yield leaf hashes as far as bundles are whole and follow each other."""
        count = layout.BUNDLE_RECORDS
        while count == layout.BUNDLE_RECORDS:
            frames = list(layout.frames(self._raw(index)))[: layout.BUNDLE_RECORDS]
            yield from (leaf_hash(frame.data) for frame in frames)
            index, count = index + 1, len(frames)

    def _raw(self, index: int) -> bytes:
        try:
            return bundles.read(self._folder, index) or b""
        except OSError:  # damaged, or its place on the disk is
            return b""

    def _seen(self, sound: int) -> Iterator[Seen]:
        """Yield heads beyond what is sound: in the log's own history, among the site's heads, elsewhere."""
        own = max(self._heads().items(), default=(0, b""))
        found = [(layout.HISTORY, *own), *rollback.seen(self._base, self._folder)]
        for where, size, root in found:
            if size > sound:
                yield Seen(where, size, base64.b64encode(root).decode())
        found_elsewhere = (
            disagreement_of(self._folder, self._elsewhere(self._origin)) if self._folder.exists() else None
        )
        if found_elsewhere:
            head = found_elsewhere.witness
            yield Seen(f"{head.kind} {head.place}", head.size, base64.b64encode(head.root).decode())

    # --- steps -----------------------------------------------------------------------------------------------------

    def _set_aside(self, sound: int, place: Path) -> None:
        """Put the sound part in the folder's place. Raises OSError."""
        place.mkdir(mode=0o700, parents=True)
        self._copy_sound(sound, place / _SOUND)
        if self._folder.exists():
            self._folder.rename(place / _FOUND)
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (place / _SOUND).rename(self._folder)
        for folder in (place, self._folder.parent):
            sync_folder(folder)

    def _finish(self) -> None:
        """Finish what was cut short between the two renamings: the folder is gone, and its sound part waits."""
        waiting = sorted(self._lost.glob(f"*/{_SOUND}")) if not self._folder.exists() else []
        if waiting and (waiting[-1].parent / _FOUND).exists():
            waiting[-1].rename(self._folder)
            sync_folder(self._folder.parent)

    def _copy_sound(self, sound: int, to: Path) -> None:
        """Write the sound part of the log into a new folder, durably."""
        (to / "tile" / "entries").mkdir(mode=0o700, parents=True)
        full, rest = divmod(sound, layout.BUNDLE_RECORDS)
        for index in range(self._begin().bundles, full + bool(rest)):
            frames = list(layout.frames(self._raw(index)))[: rest if index == full else layout.BUNDLE_RECORDS]
            path = bundles.plain_path(to, index)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, b"".join(layout.frame(frame.data) for frame in frames))
        _write(to / layout.HISTORY, b"".join(self._notes_up_to(sound)))
        if self._begin().first:
            self._copy_tiles(to)
        for name in (layout.PRUNED, layout.HOLD):
            if (self._folder / name).exists():
                _write(to / name, (self._folder / name).read_bytes())
        _write(to / "lock", b"")

    def _notes_up_to(self, sound: int) -> Iterator[bytes]:
        path = self._folder / layout.HISTORY
        for _, note in layout.notes(path.read_bytes() if path.exists() else b""):
            head = self._open(note)
            if head and head.size <= sound:
                yield note + b"\n"

    def _copy_tiles(self, to: Path) -> None:
        """Of what was pruned, the hashes are in no record any more."""
        for level in self._folder.glob("tile/[0-9]*"):
            shutil.copytree(level, to / "tile" / level.name, dirs_exist_ok=True)

    def _book(self, heads: site.SiteHeads | None = None) -> LogBook:
        return LogBook(
            self._base,
            origin=self._worker,
            log_key=self._keys,
            settings=self._settings,
            retention_class=self._class,
            site=heads,
        )


def broken(
    data: Path, keys: Callable[[], LogKeys], settings: AuditSettings, elsewhere: Elsewhere = lambda origin: ()
) -> Iterator[tuple[Salvage, str]]:
    """Yield every log of an installation that is not taken up, also those that are gone, with the reason."""
    base = data / "audit"
    names = {folder.relative_to(base).as_posix() for folder in logs(base)} | set(_copied(base))
    for folder in base.iterdir() if base.exists() else ():
        names |= set(_bound(base, folder.name))
    for name in sorted(names):
        salvage = Salvage(data, name, keys(), settings, elsewhere)
        problem = salvage.problem()
        if problem:
            yield salvage, problem


def _copied(base: Path) -> Sequence[str]:
    try:
        return list(copied_heads.all_of(base))
    except Tampered as error:
        mend = "Move it away, and look into what did that."
        raise SetupError(f"In {copied_heads.place(base)}, {error}.", mend) from error


def _bound(base: Path, name: str) -> Sequence[str]:
    try:
        return list(site.read(base, name))
    except Tampered as error:
        mend = "Move it away, and look into what did that."
        raise SetupError(f"{base / name / site.HEADS} is damaged.", mend) from error


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.chmod(path, 0o600)
    sync_file(path)
