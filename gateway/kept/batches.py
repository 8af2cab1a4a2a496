"""Batches on disk: who comes back to which, how far each is. They are run by :mod:`gateway.kept.batch_runner`.

A batch is an item of the side store (what was asked, whose it is, the key of its journal), and a folder::

    data_dir/batches/<tenant>/<project>/<item>/state.json   how far it is; replaced whole
                                               journal      what came of each line, sealed
                                               cancel       there where its caller wants it to end
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from ulid import ULID

from gateway import durable
from gateway.audit.content.door import About
from gateway.domain import Caller
from gateway.errors import (
    AuditUnavailable,
    BadRequest,
    BatchNotFound,
    FileInUse,
    FileNotFound,
    QuotaExceeded,
    SetupError,
)
from gateway.kept.files import DAY_SECONDS, LEFT_SECONDS, KeptFiles, folder_of, read_item, unavailable
from gateway.kept.files_door import BATCH, FILE, OVER, Owner, State, StoredBatch, Wanted, now_seconds, shown
from gateway.kept.outcome_lock import OutcomeLock
from gateway.kept.sealed_file import KEY_BYTES
from gateway.policy.persons.transfers import looked_at_in
from gateway.settings import BatchSettings

STATE, JOURNAL, CANCEL = "state.json", "journal", "cancel"


class KeptBatches:
    """All batches of one data folder.

    Args:
        folder: ``data_dir/batches``.
        may_recall: raises Unauthenticated where nobody can act for a key without its text.
    """

    def __init__(
        self, folder: Path, files: KeptFiles, settings: BatchSettings, may_recall: Callable[[str], object]
    ) -> None:
        self.folder = folder
        self.files = files
        self.settings = settings
        self.wake = asyncio.Event()  # there is something new to do
        self._may_recall = may_recall

    # --- for callers

    async def make(self, caller: Caller, wanted: Wanted) -> dict[str, Any]:
        """Begin a batch and return OpenAI's object.

        Raises:
            BadRequest: the file is not there for this caller, or is none for batches.
            QuotaExceeded: too many batches of the project are unfinished.
            AuditUnavailable: it cannot be stored, or not be put on record.
        """
        owner = Owner.of(caller)
        try:
            file = await asyncio.to_thread(self.files.load, owner, wanted.input_file_id)
        except FileNotFound as error:
            message = "There is no file of this id."
            raise BadRequest(message, code="request.file_not_found", param="input_file_id") from error
        if file.purpose != "batch":
            raise BadRequest("That file's purpose is not `batch`.", code="invalid_value", param="input_file_id")
        self._may_recall(caller.key_id)
        if await asyncio.to_thread(self._open_of, owner) >= self.settings.most_open:
            message = "Too many batches of your project are unfinished: wait for one to end, or cancel one."
            raise QuotaExceeded(message, code="kept.full", param="input_file_id")
        number = str(ULID())
        batch = StoredBatch(
            id=BATCH + number,
            owner=owner,
            wanted=wanted,
            created_at=now_seconds(),
            secret=secrets.token_bytes(KEY_BYTES),
            output_id=FILE + str(ULID()),
            error_id=FILE + str(ULID()),
            shown_in=looked_at_in(caller),
        )
        self.tell("batch.made", batch, file=file.id.removeprefix(FILE), endpoint=wanted.endpoint)
        await self.files.book.durable()
        try:
            await asyncio.to_thread(self._put, batch)
        except (OSError, SetupError, ValueError) as error:
            raise unavailable(error) from error
        self.wake.set()
        return shown(batch, State())

    async def find(self, caller: Caller, batch_id: str) -> dict[str, Any]:
        """Return a batch of the caller's as OpenAI's object. Raises BatchNotFound, AuditUnavailable."""
        return await asyncio.to_thread(lambda: shown(*self._load(Owner.of(caller), batch_id)))

    async def listed(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the caller's batches, oldest first. Raises AuditUnavailable."""
        return await asyncio.to_thread(lambda: [shown(*found) for found in self._of(Owner.of(caller))])

    async def cancel(self, caller: Caller, batch_id: str) -> dict[str, Any]:
        """Have a batch end: no line begins any more, those that run may end. Raises as :meth:`find`, BadRequest."""
        batch, state = await asyncio.to_thread(self._load, Owner.of(caller), batch_id)
        await self.end(batch, state)
        return shown(*await asyncio.to_thread(self._load, Owner.of(caller), batch_id))

    async def delete_file(self, caller: Caller, file_id: str) -> None:
        """Destroy a file of the caller's that no unfinished batch reads.

        Raises:
            FileNotFound: also where it is another's, whatever reads it.
            FileInUse: naming the batch, which is the caller's own.
            AuditUnavailable
        """
        owner = Owner.of(caller)
        await asyncio.to_thread(self.files.load, owner, file_id)
        for batch, _ in await asyncio.to_thread(self.unfinished, owner):
            if batch.wanted.input_file_id == file_id:
                mend = f"Wait until it has ended, or cancel it: POST /v1/batches/{batch.id}/cancel"
                raise FileInUse(f"{batch.id}, which is unfinished, reads this file. {mend}", param="file_id")
        await self.files.delete(caller, file_id)

    # --- for whoever runs them, and the house

    def any(self, batch_id: str) -> tuple[StoredBatch, State]:
        """Return a batch, whoever's it is, and how far it is. Raises BatchNotFound, AuditUnavailable."""
        item = batch_id.removeprefix(BATCH)
        batch = read_item(self.files.store, item, "batch", StoredBatch) if batch_id.startswith(BATCH) else None
        state = state_in(self.home(batch)) if batch is not None and batch.id == batch_id else None
        if batch is None or state is None:
            raise BatchNotFound
        return batch, self.with_wish(batch, state)

    async def end(self, batch: StoredBatch, state: State, **more: Any) -> None:
        """Let no line of a batch begin any more, on record first. ``more`` of the record: who, where not its caller.

        Raises:
            BadRequest: it is over, or about to be.
            AuditUnavailable: nothing has changed.
        """
        if state.status in OVER or state.status == "finalizing":
            message = f"A batch that is {state.status} cannot be cancelled."
            raise BadRequest(message, code="invalid_value", param="batch_id")
        about = {"id": batch.id, **msgspec.to_builtins(batch.owner)}
        self.files.book.event("batch.cancelled", **more, batch=about)
        await self.files.book.durable()
        try:
            await asyncio.to_thread(durable.replace, self.home(batch) / CANCEL, b"%d" % now_seconds())
        except OSError as error:
            raise unavailable(error) from error
        self.wake.set()

    def home(self, batch: StoredBatch) -> Path:
        return folder_of(self.folder, batch.owner) / batch.id.removeprefix(BATCH)

    def is_cancelled(self, batch: StoredBatch) -> bool:
        return (self.home(batch) / CANCEL).exists()

    def unfinished(self, owner: Owner | None = None) -> list[tuple[StoredBatch, State]]:
        """Return what is to be done, of all or of one owner, oldest first; without what cannot be read now."""
        found = []
        homes = folder_of(self.folder, owner).glob("*") if owner else self.folder.glob("*/*/*")
        for home in sorted(homes, key=lambda path: path.name):
            try:
                state = state_in(home)
                if state is None or state.status in OVER:
                    continue
                batch = read_item(self.files.store, home.name, "batch", StoredBatch)
            except AuditUnavailable:  # told in the log; one that is damaged must not keep the others
                continue
            if batch is not None and owner in (None, batch.owner):
                found.append((batch, state))
        return found

    def write(self, batch: StoredBatch, state: State) -> None:
        """Keep how far a batch is; on stable storage at the return. Raises OSError."""
        durable.replace(self.home(batch) / STATE, msgspec.json.encode(state))

    def tell(self, type: str, batch: StoredBatch, **more: Any) -> None:
        """Put on record what is done with a batch. Raises AuditUnavailable."""
        self.files.book.event(type, batch={"id": batch.id, **msgspec.to_builtins(batch.owner), **more})

    def outcome_lock(self, batch: StoredBatch) -> OutcomeLock:
        """Return what seals what came of a batch's lines under the keys of those whom they speak of."""
        return OutcomeLock(self.files.store, self._about(batch), self.files.origin)

    def sweep(self) -> None:
        """Take away the folders of batches that have ended in the side store. Raises OSError."""
        for home in self.folder.glob("*/*/*"):
            if self.files.store.find(home.name) is None and home.stat().st_mtime < now_seconds() - LEFT_SECONDS:
                shutil.rmtree(home, ignore_errors=True)

    # ---

    def _put(self, batch: StoredBatch) -> None:
        files, about = self.files, self._about(batch)
        keys = files.store.keys_for(about, ())
        sealed = files.store.seal("batch", about, files.origin, keys, msgspec.json.encode(batch), about.request)
        self.write(batch, State())
        files.store.put(sealed)

    def _about(self, batch: StoredBatch) -> About:
        days = max(self.files.settings.keep_days, -(-batch.wanted.window_seconds // DAY_SECONDS) + 1)
        return About(batch.id.removeprefix(BATCH), batch.owner.tenant, batch.owner.project, days)

    def _load(self, owner: Owner, batch_id: str) -> tuple[StoredBatch, State]:
        batch, state = self.any(batch_id)
        if batch.owner != owner:
            raise BatchNotFound
        return batch, state

    def with_wish(self, batch: StoredBatch, state: State) -> State:
        """Return how far a batch is, with since when its end is wanted."""
        if state.status in ("failed", "completed", "expired"):
            return state
        try:
            wished_at = int((self.home(batch) / CANCEL).read_bytes())
        except FileNotFoundError:
            return state
        except (OSError, ValueError) as error:
            raise unavailable(error) from error
        status = "cancelled" if state.status == "cancelled" else "cancelling"
        return msgspec.structs.replace(state, status=status, times={"cancelling_at": wished_at, **state.times})

    def _of(self, owner: Owner) -> Iterator[tuple[StoredBatch, State]]:
        for home in sorted(folder_of(self.folder, owner).glob("*")):
            try:
                yield self._load(owner, BATCH + home.name)
            except BatchNotFound:
                continue

    def _open_of(self, owner: Owner) -> int:
        states = [state_in(home) for home in folder_of(self.folder, owner).glob("*")]
        return sum(state is not None and state.status not in OVER for state in states)


def state_in(home: Path) -> State | None:
    """Return how far the batch of a folder is; ``None`` where nothing can be read. Raises AuditUnavailable."""
    try:
        return msgspec.json.decode((home / STATE).read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise unavailable(error) from error
