"""Puts records into one log, from several threads, and knows at any time whether it still may.

States: *well*; *full* (the disk is: new records are refused, closing ones use the reserve, tried again each second);
*unsigned* (what keeps the log key is silent) and *short* (of descriptors or memory): as with a full disk;
*broken* (a failed write or sync, or a file that is not what was written: nothing more until a restart has looked at
it).
After a failed sync nobody knows what is on the disk, so it is never tried again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from gateway.audit import record as records
from gateway.audit.denials import DenialCounts
from gateway.audit.log import layout
from gateway.audit.log.disk import Disk, replace
from gateway.audit.log.due import DueHead
from gateway.audit.log.failing import Failing
from gateway.audit.log.growing import Tampered
from gateway.audit.log.heads import Heads
from gateway.audit.log.journal import Journal
from gateway.audit.log.lock import FolderLock
from gateway.audit.log.mark import Shown
from gateway.audit.log.note import NoteError, Signer
from gateway.audit.log.packing import Packer
from gateway.audit.log.pruned import Pruned, begin
from gateway.audit.log.pruning import beginning, clear
from gateway.audit.log.recovery import Found
from gateway.audit.log.reserve import Reserve
from gateway.audit.log.silence import Silence
from gateway.audit.log.trouble import RECORD_REFUSED, Trouble
from gateway.audit.recent import Recent
from gateway.clock import ClockQuality
from gateway.errors import AuditFinal, AuditUnavailable
from gateway.settings import AuditSettings

_ABOUT_A_SECOND = 0.9
_log = logging.getLogger("sekisho.audit")


class Writer:
    """One log, open for writing.

    :meth:`sync`, :meth:`sign` and :meth:`keep` belong to one thread each; the others may come from any.

    Args:
        published: called twice a second, after new heads were published, by the thread of :meth:`keep`.
    """

    def __init__(
        self,
        lock: FolderLock,
        found: Found,
        signer: Signer,
        settings: AuditSettings,
        disk: Disk,
        trouble: Trouble,
        published: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder = lock.path.parent
        self._folder_lock = lock
        self._signer = signer
        self._origin = signer.origin
        self._settings = settings
        self._lock = threading.Lock()  # records
        self._files = threading.Lock()  # tiles and heads
        self._keeping = threading.Lock()  # what is done each second, and pruning
        self._journal = Journal(folder, found.tail, disk)
        size, below = found.head.size, found.heads[0].size if found.heads else 0
        stands = {"history_bytes": found.history_bytes, "size": size, "published": below}
        self._heads = Heads(folder, signer, disk, **stands, unpublished=found.unpublished)
        self._packer = Packer(folder, found.begin.bundles, found.tail.tiles.roots)
        self._tell_published = published
        self._silence = Silence(found.tail.tree.size)
        self._begin, self._last_time = found.begin, found.last_time
        self._reserve = Reserve(folder)
        self._clock = ClockQuality()
        self.recent = Recent()
        self._open = dict(found.open_intents)
        self._unwritten: list[records.Record] = []
        self._denials = DenialCounts()
        self._trouble, self._failing = trouble, Failing(trouble, self._reserve)
        self._due = DueHead(settings)
        self._synced = found.tail.tree.size
        self._waits = -1  # the first intent that waited for its end at the last sync
        self._mark = Shown(folder)
        self._kept_at = float("-inf")
        with contextlib.suppress(OSError):  # tiles that were lost and made again; on a full disk the next head does it
            self._journal.write_tiles([])
        if not self._reserve.take():
            self._failing.full()

    # --- from any thread -------------------------------------------------------------------------------------------

    @property
    def well(self) -> bool:
        return not self._trouble

    @property
    def size(self) -> int:
        return self._journal.size

    @property
    def origin(self) -> str:
        return self._origin

    def error(self) -> AuditUnavailable:
        """Return what a caller is told now."""
        return self._trouble.error()

    def write(self, record: records.Record) -> int:
        """Write one record, and return its sequence.

        Raises:
            AuditUnavailable: it is not written.
            TypeError: an event's detail is not fit for a record.
        """
        with self._lock:
            if self._trouble:
                raise self._trouble.refuse()
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
            self._signer = signer

    def write_closing(self, outcome: records.OutcomeRecord) -> None:
        """Write an outcome, on a full disk too. Kept until the disk has room when even that fails. Never raises."""
        with self._lock:
            if self._trouble and not self._trouble.passing:
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
        went_back, self._last_time = self._last_time, record.time
        try:
            self._journal.append(records.encode(record))
        except (records.RecordTooLarge, UnicodeEncodeError) as error:
            raise AuditFinal(code=RECORD_REFUSED) from error
        except OSError as error:
            self._failing.write(error)
            raise self.error() from error
        self.recent.note(record)
        if isinstance(record, records.Intent):
            self._open[sequence] = record.request
        elif isinstance(record, records.OutcomeRecord):
            self._open.pop(record.intent, None)
        if went_back > record.time:
            self._append(records.Event(type="admin.clock_went_back", details={"from": went_back, "to": record.time}))
        return sequence

    # --- from the committer's threads ------------------------------------------------------------------------------

    def sync(self) -> int:
        """Put everything written so far on stable storage; return how many records that is. Raises AuditUnavailable."""
        with self._lock:
            if self._trouble and not self._trouble.passing:
                raise self.error()
            size = self._journal.size
            if self._due.is_due(size - self._heads.size):
                self._due.draw(self._journal.head())
            if size == self._synced:
                self._due.hand_over()
                return size
            batch = self._journal.take()
            waits = next(iter(self._open), size)
        try:
            Journal.sync(batch)
            with self._lock:
                self._journal.settle(batch)
        except OSError as error:
            self._failing.sync(error)
            raise self.error() from error
        except Tampered as problem:
            self._failing.tampered(problem)
            raise self.error() from problem
        self._synced, self._waits = size, waits
        self._due.hand_over()
        return size

    def signs(self) -> bool:
        """Whether there is a head for :meth:`sign`."""
        return self._due.is_ready

    def sign(self) -> None:
        """Sign the head that was synced, if one is due."""
        with self._trouble_told():
            self._sign()

    @contextlib.contextmanager
    def _trouble_told(self) -> Iterator[None]:
        try:
            yield
        except AuditUnavailable:  # the state is known already
            return
        except OSError as error:
            with self._lock:
                self._failing.write(error)
        except (Tampered, NoteError) as problem:
            self._failing.tampered(problem)

    def finish(self, *, orderly: bool) -> None:
        """Sync, sign and publish what there is, if things are in order; close every file. The committer has ended."""
        try:
            if orderly and (self.well or self._trouble.passing):  # a full disk: the reserve has room for the end
                self._write_denial_counts()
                self._settle()
        except (OSError, AuditUnavailable, Tampered) as error:
            _log.error("audit log %s could not be closed in order: %s", self._origin, type(error).__name__)
        self._trouble.keep()
        self._journal.close()
        self._heads.close()

    def _sign(self) -> None:
        if self._trouble and not self._trouble.passing:
            return
        with self._due.taken() as head:
            if head:
                size, root, leaves = head
                with self._files:
                    self._journal.write_tiles(leaves)
                    self._heads.append(size, root)

    def _settle(self) -> None:
        """Sync, sign and publish everything at once. The committer has ended."""
        self._sign()  # what may be left of its last round
        self._due.hurry()
        self.sync()
        self._sign()
        self._publish()
        self._tell_published()

    # --- from the keeper's thread ----------------------------------------------------------------------------------

    def keep(self) -> None:
        """Look whether everything is as written; at most each second publish, count, try again; pack."""
        with self._keeping, self._trouble_told():
            if not self._trouble or self._trouble.passing:
                self._look()
                self._each_second()
                self._tell_published()

    def _look(self) -> None:
        with self._lock:
            self._journal.check()
        self._journal.watch.check()
        with self._files:
            self._heads.check()
            self._journal.check_tiles()
        with self._lock:
            if not self._trouble:
                self._reserve.check()
        self._mark.check()
        if not self._folder_lock.held():
            raise Tampered("lock was replaced")
        if self._begin.first and begin(self._folder) != self._begin:
            raise Tampered(f"{layout.PRUNED} is not what was written")

    def _each_second(self) -> None:
        if time.monotonic() - self._kept_at < _ABOUT_A_SECOND:
            return
        self._kept_at = time.monotonic()
        if self._trouble.passing and self._reserve.take():
            self._heads.try_signing()
            self._well_again()
        self._write_denial_counts()
        self._break_silence()
        self._publish()
        for _ in range(self._silence.idle_work()):
            index = self._packer.pack_next(self._heads.published // layout.BUNDLE_RECORDS)
            if index is None:
                break
            self._journal.watch.note(index)

    def _break_silence(self) -> None:
        with self._lock:
            if self._silence.is_long(self._journal.size) and self.well:
                self._append(records.Event(type="heartbeat", details={"size": self._journal.size}))

    def _publish(self) -> None:
        with self._files:
            latest, tiles = self._heads.latest, self._journal.take_tiles()
        try:
            self._journal.sync_tiles(tiles)
        except OSError:
            with self._files:
                self._journal.put_back_tiles(tiles)
            raise
        self._heads.publish(latest)
        self._mark.show(self._waits, self._signer)

    def _write_denial_counts(self) -> None:
        with self._lock:
            sums = self._denials.take() if self.well else []
            if sums:
                self._append(records.DenialSums(sums=sums))

    def _well_again(self) -> None:
        """The disk has room, and the key signs: say for how long it was not so, and write what had to wait."""
        with self._lock:
            self._tell_gap()
            while self._unwritten:
                self._append(self._unwritten[0])
                self._unwritten.pop(0)
            self._trouble.over()

    def tell_earlier(self) -> None:
        """Say for how long the process before could not write, if it could not. Now, or once the disk has room."""
        with self._lock, contextlib.suppress(AuditUnavailable):
            if self._trouble.earlier and not self._trouble:
                self._tell_gap()
                self._trouble.over()

    def _tell_gap(self) -> None:
        known = self._trouble.since()
        if known:
            self._append(records.Event(type="gap", details=known.details()))

    # --- pruning ---------------------------------------------------------------------------------------------------

    @property
    def begin(self) -> Pruned:
        return self._begin

    @property
    def published(self) -> int:
        """How many records are under the published head."""
        return self._heads.published

    @property
    def prunable(self) -> int:
        """No record from here on may be pruned: it is not under a published head, or an intent waits before it."""
        with self._lock:
            waiting = next(iter(self._open), self._journal.size)
        return min(waiting, self._heads.published)

    def prune(self, first: int, signer: Signer) -> None:
        """Let everything below record ``first`` go. It is on record already. Blocks.

        Raises:
            AuditUnavailable: the log is not well, or the disk refused; what is not gone yet goes at the next start.
        """
        with self._keeping:
            if self._trouble or not self._begin.first < first <= self.prunable:
                raise self.error()
            try:
                cut = beginning(self._folder, first)
                replace(self._folder / layout.PRUNED, cut.note(signer), durable=True)
                self._begin = cut
                self._journal.prune(cut.bundles)
                self._packer.prune(cut.bundles)
                clear(self._folder, first)
            except (OSError, ValueError) as error:
                raise AuditUnavailable.because(error, "The log could not be pruned.") from error

    # --- trouble ---------------------------------------------------------------------------------------------------

    def give_up(self, what: str) -> None:
        """A thread of ours has ended by an error of the program: nothing is written until a restart."""
        self._failing.bug(what)
