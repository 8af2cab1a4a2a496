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
    FileNotFound,
    QuotaExceeded,
    SetupError,
)
from gateway.kept.files import DAY_SECONDS, LEFT_SECONDS, KeptFiles, folder_of, read_item, unavailable
from gateway.kept.files_door import BATCH, FILE, OVER, Owner, State, StoredBatch, Wanted, now_seconds, shown
from gateway.kept.sealed_file import KEY_BYTES
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
        if state.status in OVER or state.status == "finalizing":
            message = f"A batch that is {state.status} cannot be cancelled."
            raise BadRequest(message, code="invalid_value", param="batch_id")
        self.tell("batch.cancelled", batch)
        await self.files.book.durable()
        try:
            await asyncio.to_thread(durable.replace, self.home(batch) / CANCEL, b"%d" % now_seconds())
        except OSError as error:
            raise unavailable(error) from error
        self.wake.set()
        return shown(*await asyncio.to_thread(self._load, Owner.of(caller), batch_id))

    # --- for whoever runs them

    def home(self, batch: StoredBatch) -> Path:
        return folder_of(self.folder, batch.owner) / batch.id.removeprefix(BATCH)

    def is_cancelled(self, batch: StoredBatch) -> bool:
        return (self.home(batch) / CANCEL).exists()

    def unfinished(self) -> list[tuple[StoredBatch, State]]:
        """Return what is to be done, oldest first. What cannot be read now is left for later."""
        found = []
        for home in sorted(self.folder.glob("*/*/*"), key=lambda path: path.name):
            try:
                state = state_in(home)
                if state is None or state.status in OVER:
                    continue
                batch = read_item(self.files.store, home.name, "batch", StoredBatch)
            except AuditUnavailable:  # told in the log; one that is damaged must not keep the others
                continue
            if batch is not None:
                found.append((batch, state))
        return found

    def write(self, batch: StoredBatch, state: State) -> None:
        """Keep how far a batch is; on stable storage at the return. Raises OSError."""
        durable.replace(self.home(batch) / STATE, msgspec.json.encode(state))

    def tell(self, type: str, batch: StoredBatch, **more: Any) -> None:
        """Put on record what is done with a batch. Raises AuditUnavailable."""
        self.files.book.event(type, batch={"id": batch.id, **msgspec.to_builtins(batch.owner), **more})

    def sweep(self) -> None:
        """Take away the folders of batches that have ended in the side store. Raises OSError."""
        for home in self.folder.glob("*/*/*"):
            if self.files.store.find(home.name) is None and home.stat().st_mtime < now_seconds() - LEFT_SECONDS:
                shutil.rmtree(home, ignore_errors=True)

    # ---

    def _put(self, batch: StoredBatch) -> None:
        files, owner = self.files, batch.owner
        days = max(files.settings.keep_days, -(-batch.wanted.window_seconds // DAY_SECONDS) + 1)
        item = batch.id.removeprefix(BATCH)
        about = About(item, owner.tenant, owner.project, days)
        keys = files.store.keys_for(about, ())
        sealed = files.store.seal("batch", about, files.origin, keys, msgspec.json.encode(batch), item)
        self.write(batch, State())
        files.store.put(sealed)

    def _load(self, owner: Owner, batch_id: str) -> tuple[StoredBatch, State]:
        item = batch_id.removeprefix(BATCH)
        batch = read_item(self.files.store, item, "batch", StoredBatch) if batch_id.startswith(BATCH) else None
        if batch is None or batch.owner != owner or batch.id != batch_id:
            raise BatchNotFound
        state = state_in(self.home(batch))
        if state is None:
            raise BatchNotFound
        if state.status in ("validating", "in_progress") and self.is_cancelled(batch):
            state = msgspec.structs.replace(state, status="cancelling")
        return batch, state

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
