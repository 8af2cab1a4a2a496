"""Puts records into one log, from several threads, and knows at any time whether it still may.

States: *well*; *full* (the disk is: new records are refused, closing ones use the reserve, tried again each second);
*broken* (a failed write or sync, or a file that is not what was written: nothing more until a restart has looked at
it).
After a failed sync nobody knows what is on the disk, so it is never tried again.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Sequence

from gateway.audit import record as records
from gateway.audit.denials import DenialCounts
from gateway.audit.log.disk import Disk, replace
from gateway.audit.log.growing import Tampered
from gateway.audit.log.heads import Heads
from gateway.audit.log.journal import Journal
from gateway.audit.log.lock import FolderLock
from gateway.audit.log.note import Signer
from gateway.audit.log.recovery import Found
from gateway.audit.log.reserve import Reserve
from gateway.audit.recent import Recent
from gateway.clock import ClockQuality
from gateway.errors import AuditUnavailable
from gateway.settings import AuditSettings

UNAVAILABLE, TAMPERED, DISK_FULL = "audit.unavailable", "audit.tampered", "audit.disk_full"
RECORD_REFUSED = "audit.record_refused"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_GONE = (errno.ENOENT, errno.ESTALE)
_SECOND = 1.0
_log = logging.getLogger("sekisho.audit")


class Writer:
    """One log, open for writing. :meth:`sync` and :meth:`rest` belong to one thread; the others may come from any."""

    def __init__(self, lock: FolderLock, found: Found, signer: Signer, settings: AuditSettings, disk: Disk) -> None:
        folder = lock.path.parent
        self._folder_lock = lock
        self._mark_file = folder / "open"
        self._origin = signer.origin
        self._settings = settings
        self._lock = threading.Lock()
        self._journal = Journal(folder, found.tail, disk)
        self._heads = Heads(folder, signer, disk, history_bytes=found.history_bytes, size=found.head.size)
        self._reserve = Reserve(folder)
        self._clock = ClockQuality()
        self.recent = Recent()
        self._open = dict(found.open_intents)
        self._unwritten: list[records.Record] = []
        self._denials = DenialCounts()
        self._trouble = ""  # stable code
        self._passing = False
        self._trouble_since = ""
        self._refused = 0
        self._head: tuple[int, bytes, list[bytes]] | None = None
        self._synced = found.tail.tree.size
        self._mark = self._mark_written = -1
        self._last_head_at = self._last_second_at = time.monotonic()
        if not self._reserve.take():
            self._full()

    # --- from any thread -------------------------------------------------------------------------------------------

    @property
    def well(self) -> bool:
        return not self._trouble

    @property
    def size(self) -> int:
        return self._journal.size

    def error(self) -> AuditUnavailable:
        """Return what a caller is told now."""
        return AuditUnavailable(
            code=self._trouble or UNAVAILABLE, retry_after_seconds=_SECOND if self._passing else None
        )

    def write(self, record: records.Record) -> int:
        """Write one record, and return its sequence.

        Raises:
            AuditUnavailable: it is not written.
            TypeError: an event's detail is not fit for a record.
        """
        with self._lock:
            if self._trouble:
                self._refused += 1
                raise self.error()
            return self._append(record)

    def change_key(self, announcements: Sequence[records.Record], signer: Signer) -> None:
        """Write what is to be said of a change of keys; whatever head covers it, or comes later, ``signer`` signs.

        Raises:
            AuditUnavailable: something of it is not written, and the keys stay those that they were.
        """
        with self._lock:
            if self._trouble:
                raise self.error()
            for record in announcements:
                self._append(record)
            self._heads.follow(self._journal.size, signer)

    def write_closing(self, outcome: records.OutcomeRecord) -> None:
        """Write an outcome, on a full disk too. Kept until the disk has room when even that fails. Never raises."""
        with self._lock:
            if self._trouble and not self._passing:
                return
            try:
                self._append(outcome)
            except AuditUnavailable:
                self._retry_closing(outcome)

    def count_denial(self, source: str, code: str, status: int) -> None:
        with self._lock:
            self._denials.add(source, code, status)

    def _retry_closing(self, outcome: records.OutcomeRecord) -> None:
        """Once more: the first failure gave the reserve back."""
        try:
            self._append(outcome)
        except AuditUnavailable:
            self._unwritten.append(outcome)

    def _append(self, record: records.Record) -> int:
        sequence = self._journal.size
        records.stamp(record, self._origin, sequence, self._clock())
        try:
            self._journal.append(records.encode(record))
        except (records.RecordTooLarge, UnicodeEncodeError) as error:
            raise AuditUnavailable(code=RECORD_REFUSED) from error
        except OSError as error:
            self._failed_write(error)
            raise self.error() from error
        self.recent.note(record)
        if isinstance(record, records.Intent):
            self._open[sequence] = record.request
        elif isinstance(record, records.OutcomeRecord):
            self._open.pop(record.intent, None)
        return sequence

    # --- from the committer's thread -------------------------------------------------------------------------------

    def sync(self) -> int:
        """Put everything written so far on stable storage; return how many records that is. Raises AuditUnavailable."""
        with self._lock:
            if self._trouble and not self._passing:
                raise self.error()
            size = self._journal.size
            if self._head_due(size):
                self._head = self._journal.head()
            if size == self._synced:
                return size
            batch = self._journal.take()
            mark = next(iter(self._open), size)
        try:
            Journal.sync(batch)
            with self._lock:
                self._journal.settle(batch)
        except OSError as error:
            self._break(DISK_FULL if error.errno in _NO_SPACE else UNAVAILABLE, "a sync failed")
            raise self.error() from error
        except Tampered as problem:
            self._break(TAMPERED, str(problem))
            raise self.error() from problem
        self._synced, self._mark = size, mark
        return size

    def _head_due(self, size: int) -> bool:
        new = size - self._heads.size
        if self._head or not new:
            return False
        late = time.monotonic() - self._last_head_at >= self._settings.checkpoint_seconds
        return late or new >= self._settings.checkpoint_records

    def rest(self) -> None:
        """Sign the head that was synced, if one is due; each second check, publish, count and try again."""
        try:
            self._sign()
            if time.monotonic() - self._last_second_at >= _SECOND:
                self._last_second_at = time.monotonic()
                self._each_second()
        except AuditUnavailable:  # the state is known already
            return
        except OSError as error:
            with self._lock:
                self._failed_write(error)
        except Tampered as problem:
            self._break(TAMPERED, str(problem))

    def finish(self, *, orderly: bool) -> None:
        """Sync, sign and publish what there is, if things are in order; close every file. The committer has ended."""
        try:
            if orderly and (self.well or self._passing):  # a full disk: the reserve has room for the end
                self._write_denial_counts()
                self._last_head_at = float("-inf")
                self.sync()
                self._sign()
                self._publish()
        except (OSError, AuditUnavailable) as error:
            _log.error("the audit log could not be closed in order: %s", type(error).__name__)
        self._journal.close()
        self._heads.close()

    def _sign(self) -> None:
        if self._trouble and not self._passing:
            return
        head, self._head = self._head, None
        if head:
            size, root, leaves = head
            self._last_head_at = time.monotonic()
            self._journal.write_tiles(leaves)
            self._heads.append(size, root)

    def _each_second(self) -> None:
        if self._trouble and not self._passing:
            return
        with self._lock:
            self._journal.check()
        self._journal.check_sealed()
        self._heads.check()
        if not self._folder_lock.held():
            raise Tampered("lock was replaced")
        if self._passing and self._reserve.take():
            self._well_again()
        self._write_denial_counts()
        self._publish()

    def _publish(self) -> None:
        self._journal.sync_tiles()
        self._heads.publish()
        if self._mark != self._mark_written:
            replace(self._mark_file, str(self._mark).encode(), durable=False)
            self._mark_written = self._mark

    def _write_denial_counts(self) -> None:
        with self._lock:
            sums = self._denials.take() if self.well else []
            if sums:
                self._append(records.DenialSums(sums=sums))

    def _well_again(self) -> None:
        """The disk has room: say for how long it had none, and write what had to wait."""
        with self._lock:
            details = {"code": self._trouble, "since": self._trouble_since, "refused": self._refused}
            self._append(records.Event(type="gap", details=details))
            while self._unwritten:
                self._append(self._unwritten[0])
                self._unwritten.pop(0)
            self._trouble, self._passing, self._refused = "", False, 0
        _log.warning("the audit log can be written again")

    # --- trouble ---------------------------------------------------------------------------------------------------

    def _failed_write(self, error: OSError) -> None:
        if error.errno in _NO_SPACE:
            self._full()
        elif error.errno in _GONE:  # what was written into is not there any more
            self._break(TAMPERED, "a file or its folder is gone")
        else:
            self._break(UNAVAILABLE, "a write failed")

    def _full(self) -> None:
        self._reserve.release()
        if not self._trouble:
            self._trouble_since = records.now()
            self._trouble, self._passing = DISK_FULL, True
            _log.error("the disk of the audit log is full; new requests are refused")

    def _break(self, code: str, what: str) -> None:
        if not self._trouble or self._passing:
            self._trouble_since = records.now()
        self._trouble, self._passing = code, False
        _log.error("the audit log cannot be written (%s): %s; new requests are refused", code, what)
