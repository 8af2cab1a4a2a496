"""THE BOOK on disk: the :class:`~gateway.audit.door.Book` that one process writes for one origin and retention class.

Guarantees, and where they are kept:

1. A record is the kernel's when the call returns: a killed process loses nothing (:mod:`gateway.audit.log.journal`).
2. ``durable`` returns only after data and names are synced; one sync serves all who wait (``committer``).
3. Records are leaves of one tree; its heads are signed at least each ``checkpoint_seconds`` or ``checkpoint_records``
   while there is traffic, and at the end; only what is on stable storage is signed (``heads``).
4. A log that was moved, deleted, cut or lengthened by others is noticed at the next sync, at the latest within a
   second; from then on nothing is acknowledged. So it is after a failed write or sync. A full disk is tried again each
   second, and leaves a ``gap`` record; closing records use a reserve meanwhile (``writer``).
5. One writer: an exclusive lock for as long as the book is open (``lock``).
6. What a killed process left is put in order at the next start, or refused by name (``recovery``).

::

    book = LogBook(settings.data / "audit", origin=settings.origin, log_key=keyring.log_key(), settings=settings.audit)
    book.open()
    entry = book.intent(caller, question, decision, target, redactions)
    await entry.durable()
    entry.close(Outcome("done"))
    book.close()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from msgspec import UNSET

from gateway.audit import reading
from gateway.audit import record as records
from gateway.audit.door import Case
from gateway.audit.events import is_event
from gateway.audit.log import lookup, succession
from gateway.audit.log import trouble as troubles
from gateway.audit.log.committer import Committer
from gateway.audit.log.disk import Disk
from gateway.audit.log.keeper import Keeper
from gateway.audit.log.lock import FolderLock
from gateway.audit.log.note import NoteError, Signer, SigningKey, Verifier
from gateway.audit.log.recovery import recover
from gateway.audit.log.site import DEFAULT, SiteHeads, origin_of
from gateway.audit.log.succession import LogKeys, log_keys
from gateway.audit.log.trouble import RECORD_REFUSED, TAMPERED, Trouble
from gateway.audit.log.writer import Writer
from gateway.audit.opening import (
    bind_nothing,
    log_folder,
    make_folders,
    require_copied,
    require_here,
    require_newest,
    rotated,
    tell_recovered,
    tell_rotated,
)
from gateway.domain import Caller, Choosing, Decision, Kept, Outcome, PolicyInput, Target
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AuditSettings

_TICK_SECONDS = 0.25
_HEAD_TRIES = 12
_LEAP, _LONG_AWAY = timedelta(hours=1), timedelta(days=31)
_OWN = ("gap", "recovered")  # which only the book itself says
T = TypeVar("T")


class LogEntry:
    """One intent of a :class:`LogBook`. See :class:`~gateway.audit.door.Entry`."""

    __slots__ = ("_committer", "_request", "_writer", "sequence")

    def __init__(self, writer: Writer, committer: Committer, sequence: int, request: str) -> None:
        self.sequence = sequence
        self._request = request
        self._writer: Writer | None = writer
        self._committer = committer

    async def durable(self) -> None:
        await self._committer.wait(self.sequence + 1)

    def close(self, outcome: Outcome) -> None:
        writer, self._writer = self._writer, None
        if writer:
            writer.write_closing(records.outcome_record(self._request, self.sequence, outcome))


class LogBook:
    """The book of one process.

    Args:
        folder: the audit folder of the data directory; the log lies in ``<folder>/<origin>/<retention class>``.
        origin: ``site/node/worker``.
        log_key: signs checkpoints: one key, or those of the keyring with the way they followed each other.
        settings: checkpoint intervals.
        disk: how files are appended and synced.
        retention_class: which of the worker's logs.
        site: where its heads are bound together with those of the site's other logs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        origin: str,
        log_key: SigningKey | LogKeys,
        settings: AuditSettings,
        disk: Disk | None = None,
        retention_class: str = DEFAULT,
        site: SiteHeads | None = None,
    ) -> None:
        self.folder = log_folder(folder, origin, retention_class)
        self._base = folder
        self._keys = log_keys(log_key)
        self._signer = Signer(origin_of(self.folder, origin, retention_class), *self._keys.signing)
        self._site = site
        self._settings = settings
        self._disk = disk or Disk()
        self._lock = FolderLock(self.folder)
        self._writer: Writer | None = None
        self._committer: Committer | None = None
        self._keeper: Keeper | None = None
        self._opened = (datetime.now(UTC), monotonic(), "")

    def open(self) -> None:
        """Take the log up, repair what a crash left, and begin to write. Blocks; a long log takes longer.

        Raises:
            SetupError: another process writes it, or it is not what was written.
        """
        try:
            excused = self._site is not None and self._site.excuses(self.folder)
            if not excused:
                require_copied(self._base, self._keys)
                require_here(self._base, self.folder, all_logs=self._site is not None)
            make_folders(self._base, self.folder)
            self._lock.take()
            name = self.folder.relative_to(self._base).as_posix()
            trouble = Trouble(name, troubles.place(self._base, name))
            afresh = trouble.earlier is not None and trouble.earlier.code == TAMPERED
            found = recover(self.folder, self._signer.origin, self._verifiers(), afresh=afresh)
            if not excused:
                require_newest(self._base, self.folder, found)
            bind = self._site.update if self._site else bind_nothing
            writer = Writer(self._lock, found, self._signer, self._settings, self._disk, trouble, bind)
            tell_rotated(writer, self._signer, succession.unannounced(self._keys, found.signed_last, found.announced))
            tell_recovered(writer, found)
            writer.tell_earlier()
        except OSError as error:
            self._lock.release()
            mend = "Check who owns it and whether its disk works."
            raise SetupError(f"The audit log {self.folder} cannot be opened.", mend) from error
        except NoteError as error:
            self._lock.release()
            mend = "Put the key folder back from the backup of your keys."
            raise SetupError("The history of the log's keys is damaged.", mend) from error
        except SetupError:
            self._lock.release()
            raise
        self._opened = (datetime.now(UTC), monotonic(), found.last_time)
        tick_seconds = min(_TICK_SECONDS, self._settings.checkpoint_seconds / 4)
        committer = Committer(writer.sync, writer.sign, writer.signs, tick_seconds, writer.give_up)
        self._writer, self._committer = writer, committer
        self._keeper = Keeper(writer.keep, writer.give_up)
        self._committer.start(0)
        self._committer.wake()
        self._keeper.start()

    def close(self) -> None:
        """Sync, sign the last head, and give the log back. Blocks for a few syncs. Safe to call twice."""
        if self._writer and self._committer and self._keeper:
            self._keeper.stop()
            self._committer.stop()
            if self._site:
                self._site.hurry()
            self._writer.finish(orderly=self._committer.orderly)
            self._writer = self._committer = self._keeper = None
            self._lock.release()

    @property
    def size(self) -> int:
        """How many records there are, or were."""
        return self._parts()[0].size

    @property
    def begin(self) -> int:
        """The first record that is here."""
        return self._parts()[0].begin.first

    async def prunable(self) -> int:
        """Return how much may be pruned at most: what is under a published head, before any open intent.

        Waits for a head over what is written now, but not for long.
        """
        writer, size = self._parts()[0], self._parts()[0].size
        for _ in range(_HEAD_TRIES):
            if writer.published >= size or not writer.well:
                break
            await asyncio.sleep(_TICK_SECONDS)
        return writer.prunable

    async def prune(self, first: int) -> None:
        """Let everything below record ``first`` go; it is on record already. Raises AuditUnavailable."""
        await asyncio.to_thread(self._parts()[0].prune, first, self._signer)

    def clock_leapt(self, now: datetime) -> bool:
        """Whether the wall clock leapt: by an hour since the log was opened, or by a month since its last record."""
        opened, elapsed, last_time = self._opened
        away = opened - datetime.fromisoformat(last_time) if last_time else timedelta(0)
        return abs(now - opened - timedelta(seconds=monotonic() - elapsed)) > _LEAP or abs(away) > _LONG_AWAY

    def change_key(self, keys: LogKeys) -> None:
        """Go on with these keys: first the records that say how they followed each other, then heads signed by them.

        Done again, it changes nothing. Synchronous.

        Raises:
            AuditUnavailable: it is not on record, and nothing has changed.
            NoteError: a rotation is not signed by both keys.
        """
        writer, committer = self._parts()
        signer = Signer(self._signer.origin, *keys.signing)
        new = succession.unannounced(keys, self._signer.verifiers, ())
        succession.verifiers(signer.origin, keys)  # each of them holds, or nothing is written
        writer.change_key([rotated(each) for each in new], signer)
        self._keys, self._signer = keys, signer
        committer.wake()

    def _verifiers(self) -> tuple[Verifier, ...]:
        """Return every key that may have signed a head of this log."""
        return succession.verifiers(self._signer.origin, self._keys)

    def verifier_key(self) -> str:
        """Return the public key of this log as a C2SP verifier key, named after its origin."""
        return self._signer.verifier_key()

    def error(self) -> AuditUnavailable:
        """Return what a caller is told while the book is not ready."""
        return self._writer.error() if self._writer else AuditUnavailable()

    def ready(self) -> bool:
        return bool(self._writer and self._writer.well and self._alive())

    def intent(
        self,
        caller: Caller,
        question: PolicyInput,
        decision: Decision,
        target: Target,
        redactions: Mapping[str, int],
        content: Kept | None = None,
        choice: Choosing | None = None,
    ) -> LogEntry:
        writer, committer = self._parts()
        request = question.request.id
        sequence = writer.write(
            records.Intent(
                request=request,
                caller=records.caller_ref(caller),
                input=question,
                decision=decision,
                target=target,
                redactions=redactions,
                content=content,
                choice=choice or UNSET,
            )
        )
        committer.wake()
        return LogEntry(writer, committer, sequence, request)

    def denial(  # noqa: PLR0913  all that may be known of a refusal, each by its name
        self,
        *,
        code: str,
        status: int,
        caller: Caller | None = None,
        question: PolicyInput | None = None,
        decision: Decision | None = None,
        decision_id: str = "",
        request_id: str = "",
        source: str = "",
    ) -> None:
        if not self._writer:
            return
        if caller is None:
            self._writer.count_denial(source, code, status)
            return
        denial = records.Denial(
            request=request_id,
            code=code,
            status=status,
            source=source[: records.LONGEST_WORD],
            caller=records.caller_ref(caller),
            input=question,
            decision=decision,
            decision_id=decision_id or (decision.id if decision else ""),
        )
        try:
            self._writer.write(denial)
        except AuditUnavailable as refused:
            if refused.code == RECORD_REFUSED:  # too large, or no Unicode: then without what was asked
                denial.input = denial.decision = None
                with contextlib.suppress(AuditUnavailable):
                    self._writer.write(denial)

    def preview(self, caller: Caller, question: PolicyInput, decision: Decision) -> None:
        writer, committer = self._parts()
        who = records.caller_ref(caller)
        writer.write(records.Preview(request=question.request.id, caller=who, input=question, decision=decision))
        committer.wake()

    def locate(self, decision_id: str) -> int | None:
        return self._parts()[0].recent.decision(decision_id)

    async def search(self, decision_id: str) -> int | None:
        size = self._parts()[0].size
        return await self._reading(lambda: lookup.find(self.folder, decision_id, size))

    async def case(self, sequence: int) -> Case:
        recent = self._parts()[0].recent
        return await self._reading(lambda: reading.case(self.folder, sequence, recent))

    async def same_request(self, request: str, time: str) -> list[dict[str, Any]]:
        """Return the records of a request that another log has a record of, as far as they are found.

        Args:
            time: of that record; RFC 3339 in UTC.

        Raises:
            AuditUnavailable: a record cannot be read.
        """
        writer = self._parts()[0]
        return await self._reading(lambda: reading.same_request(self.folder, request, time, writer.recent, writer.size))

    async def receipt(self, sequence: int) -> bytes:
        _, committer = self._parts()
        await committer.wait(sequence + 1)
        return await self._reading(lambda: reading.receipt(self.folder, sequence, self._signer, self._verifiers()))

    async def _reading(self, read: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(read)
        except (OSError, ValueError) as error:  # NoteError and JSON's errors are ValueErrors
            raise AuditUnavailable.because(error, "The log's record cannot be read.") from error

    def event(self, type: str, **details: Any) -> None:
        """See :meth:`gateway.audit.door.Book.event`. ``details`` are JSON values without floats.

        Raises:
            AuditUnavailable: not written.
            TypeError, ValueError: the details or the type are not fit for a record.
        """
        if not is_event(type) or type in _OWN:
            raise ValueError(f"{type} is no type of an administrative record")
        writer, committer = self._parts()
        writer.write(records.Event(type=type, details=details))
        committer.wake()

    def tell_gap(self, details: dict[str, Any]) -> None:
        """Say that records are missing, and why. Raises AuditUnavailable."""
        writer, committer = self._parts()
        writer.write(records.Event(type="gap", details=details))
        committer.wake()

    async def durable(self) -> None:
        writer, committer = self._parts()
        await committer.wait(writer.size)

    def _parts(self) -> tuple[Writer, Committer]:
        if not self._writer or not self._committer:
            raise AuditUnavailable  # not open yet, or not any more: this process starts or ends
        if not self._alive():
            raise self._writer.error()
        return self._writer, self._committer

    def _alive(self) -> bool:
        """Whether both threads run: one syncs, the other looks after the files."""
        return bool(self._committer and self._committer.alive and self._keeper and self._keeper.alive)
