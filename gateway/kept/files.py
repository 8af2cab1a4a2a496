"""Files that callers leave here, and those that batches make: who comes back to which, and what is on record of it.

Guarantees:

1. A file's content lies on the disk in no other form than sealed under a random key of its own. That key is an item of
   the side store, which hangs on the key of the day on which the file ends: without the item the content is noise.
2. A file is on stable storage, content first, before its caller learns its id.
3. Whoever is not its owner (tenant, project and key) learns what whoever asks for an unknown id learns.
4. Storing, reading and deleting are on record before they have happened.
5. What a legal hold covers is out of its owner's sight once it was deleted or has ended, and stays.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from ulid import ULID

from gateway import durable
from gateway.audit.content.door import UNAVAILABLE, About
from gateway.audit.content.seal import Noise, NotAnItem
from gateway.audit.content.store import MOST_PERSONS, SideStore, read_head
from gateway.audit.door import Book
from gateway.domain import Caller
from gateway.errors import AuditUnavailable, FileNotFound, QuotaExceeded, SetupError
from gateway.kept.files_door import FILE, Owner, Purpose, StoredFile, now_seconds
from gateway.kept.sealed_file import KEY_BYTES, SealedWriter
from gateway.kept.terms import check_shown
from gateway.settings import FileSettings

DAY_SECONDS = 86_400
LEFT_SECONDS = 3600  # what was begun so long ago, and has no item, was left by a process that is gone
MIB = 1024 * 1024

T = TypeVar("T")

_LABEL = re.compile(r"[a-z0-9-]{1,63}")
_log = logging.getLogger("sekisho.kept")


class Upload:
    """One file on its way in. MUST be ended by :meth:`KeptFiles.finish` or :meth:`drop`."""

    def __init__(self, owner: Owner, item: str, writer: SealedWriter, secret: bytes) -> None:
        self.owner = owner
        self.item = item
        self.writer = writer
        self.secret = secret

    def drop(self) -> None:
        self.writer.drop()


class KeptFiles:
    """All files of one data folder. Methods block, but for those that are ``async``.

    Args:
        folder: ``data_dir/files``, of contents.
        store: the side store of the data folder.
        hidden: a folder with the names of those that were deleted and are held.
        origin: of this process's logs.
    """

    def __init__(
        self, folder: Path, store: SideStore, hidden: Path, book: Book, origin: str, settings: FileSettings
    ) -> None:
        self.store = store
        self.settings = settings
        self.book = book
        self.origin = origin
        self._folder = folder
        self._hidden = hidden

    # --- storing

    def begin(self, owner: Owner, item: str = "") -> Upload:
        """Return a file to be written. Raises AuditUnavailable: the disk failed."""
        item, secret = item or str(ULID()), secrets.token_bytes(KEY_BYTES)
        try:
            return Upload(owner, item, SealedWriter(self.place(owner, item), secret), secret)
        except OSError as error:
            raise unavailable(error) from error

    def check_room(self, owner: Owner) -> None:
        """Raise QuotaExceeded: the room for files of the caller's project is full."""
        sizes = [path.stat().st_size for path in self._contents(owner)]
        if len(sizes) >= self.settings.most_files or sum(sizes) >= self.settings.most_mib * MIB:
            message = "The room for files of your project is full: delete some, or wait until they end."
            raise QuotaExceeded(message, code="kept.full", param="file")

    async def finish(
        self,
        upload: Upload,
        filename: str,
        purpose: Purpose,
        seconds: int = 0,
        persons: tuple[str, ...] = (),
        shown_in: str = "",
    ) -> StoredFile:
        """Keep a file that was written, for so many seconds, and at most as the settings say.

        Args:
            shown_in: the country where its content may be seen; it may be at home, too.

        Raises:
            AuditUnavailable: it could not be stored, or that it is cannot be put on record; it is not there then.
        """
        now, most = now_seconds(), self.settings.keep_days * DAY_SECONDS
        file = StoredFile(
            id=FILE + upload.item,
            owner=upload.owner,
            filename=filename,
            purpose=purpose,
            size=upload.writer.size,
            created_at=now,
            expires_at=now + min(seconds or most, most),
            secret=upload.secret,
            shown_in=shown_in,
        )
        try:
            await asyncio.to_thread(upload.writer.close)
            await asyncio.to_thread(self._put, file, persons)
        except (OSError, SetupError, ValueError) as error:
            upload.drop()
            raise unavailable(error) from error
        except BaseException:
            upload.drop()
            raise
        return file

    def _put(self, file: StoredFile, persons: tuple[str, ...]) -> None:
        owner, item = file.owner, item_of(file.id)
        days = -(-(file.expires_at - file.created_at) // DAY_SECONDS)
        about = About(item, owner.tenant, owner.project, days)
        keys = self.store.keys_for(about, persons[:MOST_PERSONS])
        sealed = self.store.seal("file", about, self.origin, keys, msgspec.json.encode(file), item)
        self.tell("kept.stored", file, days=days, sha256=sealed.kept.sha256)
        self.store.put(sealed)

    # --- coming back

    async def find(self, caller: Caller, file_id: str, why: str = "file") -> StoredFile:
        """Return a file of the caller's.

        Raises:
            FileNotFound, AuditUnavailable
            Forbidden: its content is wanted, and may not be seen in that country.
        """
        file = await asyncio.to_thread(self.load, Owner.of(caller), file_id)
        if why == "content":
            check_shown(caller, file.shown_in, caller.collected_in)
        await self._on_record("kept.read", file, why=why)
        return file

    async def listed(self, caller: Caller) -> list[StoredFile]:
        """Return the caller's files, oldest first. Raises AuditUnavailable."""
        return await asyncio.to_thread(lambda: list(self._of(Owner.of(caller))))

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Destroy a file. Raises FileNotFound, AuditUnavailable."""
        file = await asyncio.to_thread(self.load, Owner.of(caller), file_id)
        await self._on_record("kept.deleted", file)
        try:
            await asyncio.to_thread(self.destroy, file)
        except OSError as error:
            raise unavailable(error) from error

    def load(self, owner: Owner, file_id: str) -> StoredFile:
        """Return a file of that owner's. Puts nothing on record. Raises FileNotFound, AuditUnavailable."""
        file = self._read(item_of(file_id)) if file_id.startswith(FILE) else None
        if file is None or file.owner != owner or file.id != file_id or file.expires_at <= now_seconds():
            raise FileNotFound
        if not self.place(owner, item_of(file_id)).exists():
            raise FileNotFound
        return file

    def place(self, owner: Owner, item: str) -> Path:
        """Return where a content lies."""
        return folder_of(self._folder, owner) / item

    def tell(self, type: str, file: StoredFile, **more: Any) -> None:
        """Put on record what is done with a file. Raises AuditUnavailable."""
        who = msgspec.to_builtins(file.owner)
        told = {"item": item_of(file.id), "kind": "file", "purpose": file.purpose, "bytes": file.size}
        self.book.event(type, kept={**told, **who, **more})

    async def _on_record(self, type: str, file: StoredFile, **more: Any) -> None:
        self.tell(type, file, **more)
        await self.book.durable()

    def _of(self, owner: Owner) -> Iterator[StoredFile]:
        for path in sorted(self._contents(owner)):
            try:
                yield self.load(owner, FILE + path.name)
            except FileNotFound:
                continue

    def _contents(self, owner: Owner) -> list[Path]:
        return list(folder_of(self._folder, owner).glob("*"))

    def _read(self, item: str) -> StoredFile | None:
        if (self._hidden / item).exists():
            return None
        return read_item(self.store, item, "file", StoredFile)

    # --- ending

    def destroy(self, file: StoredFile) -> None:
        """Take a file away, its key first; where a legal hold is on it, out of sight. Raises OSError."""
        item = item_of(file.id)
        path = self.store.find(item)
        head = read_head(path) if path else None
        if path is not None and head is not None and self.store.is_held(head):
            durable.replace(self._hidden / item, b"")
            return
        if path is not None:
            self.store.destroy([path])
        self.place(file.owner, item).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Take away what has ended, and contents that no item has the key of. Raises OSError."""
        for place in self._folder.glob("*/*/*"):
            path = self.store.find(place.name)
            if path is None:
                if place.stat().st_mtime < now_seconds() - LEFT_SECONDS:
                    place.unlink(missing_ok=True)
                    (self._hidden / place.name).unlink(missing_ok=True)
                continue
            try:
                file = self._read(place.name)
            except AuditUnavailable:  # damaged: it ends with its day
                continue
            if file is not None and file.expires_at <= now_seconds():
                self.destroy(file)


def read_item(store: SideStore, item: str, kind: str, type_: type[T]) -> T | None:
    """Return an item of the side store, ``None`` where there is none (any more). Raises AuditUnavailable."""
    path = store.find(item)
    head = read_head(path) if path is not None else None
    if path is None or head is None or head.kind != kind:
        return None
    try:
        return msgspec.json.decode(store.open(path)[1], type=type_)
    except (Noise, FileNotFoundError):  # erased, or destroyed just now
        return None
    except (OSError, NotAnItem, SetupError, msgspec.DecodeError) as error:
        raise unavailable(error) from error


def folder_of(folder: Path, owner: Owner) -> Path:
    """Return the folder of a project. Raises FileNotFound: a name is not fit for one."""
    if not (_LABEL.fullmatch(owner.tenant) and _LABEL.fullmatch(owner.project)):
        raise FileNotFound
    return folder / owner.tenant / owner.project


def item_of(file_id: str) -> str:
    return file_id.removeprefix(FILE)


def unavailable(error: Exception) -> AuditUnavailable:
    _log.error("a file cannot be stored or read: %s", type(error).__name__)
    return AuditUnavailable.because(error, "Files cannot be read or stored at present.", code=UNAVAILABLE)
