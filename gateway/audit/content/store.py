"""The side store on disk: ``data_dir/content/<last day>/<item>``, one file each. What is in one: ``seal``.

Guarantees:

1. A stored prompt is on stable storage before :meth:`SideStore.put` returns. A file is written whole or has no name.
2. What has ended is destroyed: first the key of its day, which makes all items of that day noise, wherever copies of
   them lie, then the files. Items of a log under legal hold (``<log>/hold``) stay until that is lifted, and so do the
   keys that they need.
3. Whoever reads an item gets the digest that the log must have; an exchanged or changed file is told from a good one.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from ulid import ULID

from gateway.audit.content import seal
from gateway.audit.content.door import About
from gateway.audit.content.marks import Marks
from gateway.audit.content.seal import Head, Kind, NotAnItem
from gateway.audit.persons.key_file import PersonKey
from gateway.audit.persons.keys import PersonKeys, Secrets, seen_last
from gateway.domain import Kept
from gateway.durable import overwrite, sync_folder
from gateway.settings import Settings

DAY = "day:"
USER, FOUND = "user:", "found:"
"""First words of names: the day on which items end; an end user that a key vouches for; a value that was found."""

MOST_PERSONS = 4096
_HEAD_PART = 16 * 1024
_DAY_SECONDS = 86_400


def user(end_user: str) -> str:
    """Return the name of an end user, however its letters were put together."""
    return USER + unicodedata.normalize("NFC", end_user)


def speaks_of_others(names: Collection[str]) -> bool:
    """Whether an answer under these names may speak of others too: not one of an end user, which is theirs alone."""
    return not any(name.startswith(USER) for name in names)


class Due(msgspec.Struct, frozen=True):
    """What is about to be destroyed because its time is over."""

    days: tuple[str, ...]
    items: int
    held: int


class Pruned(msgspec.Struct, frozen=True):
    """What was destroyed because its time was over, and what a legal hold kept."""

    items: int = 0
    held: int = 0
    keys: int = 0


class Sealed(msgspec.Struct, frozen=True):
    """An item that is ready to be written. ``to_search``: others than those it hangs on may be named in it."""

    place: Path
    raw: bytes
    kept: Kept
    to_search: bool = False


class SideStore:
    """The items of one data folder. Every method blocks; several threads and processes may work on it at once.

    Args:
        folder: ``data_dir/content``.
        keys: of persons and days.
        audit: the folder of all logs, where legal holds stand.
        now: the wall clock, in UTC.
        unused_days: how old records get; keys of persons who were not seen for that long go. 0: they stay.
    """

    def __init__(
        self,
        folder: Path,
        keys: PersonKeys,
        audit: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        unused_days: int = 0,
    ) -> None:
        self.folder = folder
        self.keys = keys
        self.unsearched = Marks(folder / "unsearched")
        self._audit = audit
        self._now = now
        self._unused_days = unused_days

    @classmethod
    def of_installation(cls, settings: Settings, secrets_of: Secrets) -> SideStore:
        """Return the side store of a data folder; nothing is made before the first item."""
        keys = PersonKeys(settings.data / "persons", secrets_of)
        ages = [age.longest_days for age in (settings.audit.retention.default, settings.audit.retention.cross_border)]
        unused_days = max(ages) if all(ages) else 0  # 0: records have no end, and so have the keys
        return cls(settings.data / "content", keys, settings.data / "audit", unused_days=unused_days)

    # --- writing

    def keys_for(self, about: About, persons: Collection[str]) -> list[PersonKey]:
        """Return the keys that the items of a request hang on: its persons', then that of the day on which it ends.

        Raises:
            OSError, SetupError, ValueError: as :meth:`PersonKeys.of`; ValueError also for too many persons.
        """
        names = dict.fromkeys(persons)
        if len(names) > MOST_PERSONS:
            raise ValueError("too many persons")
        return self.keys.of(about.tenant, [*names, DAY + self._ends(about).isoformat()])

    def seal(
        self,
        kind: Kind,
        about: About,
        origin: str,
        keys: Sequence[PersonKey],
        content: bytes,
        item: str = "",
        *,
        to_search: bool = False,
    ) -> Sealed:
        """Return an item with its place; nothing is written yet. Without a name it gets one of its own, a ULID."""
        item, now, ends = item or str(ULID()), self._now(), self._ends(about).isoformat()
        head = Head(
            item=item,
            kind=kind,
            tenant=about.tenant,
            project=about.project,
            origin=origin,
            request=about.request,
            made=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            ends=ends,
            day=keys[-1].id,
        )
        raw, digest = seal.seal(head, keys, content)
        return Sealed(self.folder / ends / item, raw, Kept(item, digest), to_search)

    def put(self, sealed: Sealed) -> None:
        """Write an item. MUST NOT return before it is on stable storage. Raises OSError."""
        self.write(sealed)
        self.sync(sealed)

    def write(self, sealed: Sealed) -> None:
        """Write an item whole, and before it the mark of one to be searched, without waiting for the disk.

        Raises OSError.
        """
        for folder in (self.folder, sealed.place.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        if sealed.to_search:
            self.unsearched.mark(sealed.place.name)
        descriptor = os.open(sealed.place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed.raw)
        except OSError:
            sealed.place.unlink(missing_ok=True)
            self.unsearched.remove(sealed.place.name)
            raise

    def sync(self, sealed: Sealed) -> None:
        """Put a written item and its name on stable storage, its mark first. Raises OSError."""
        if sealed.to_search:
            self.unsearched.sync()
        descriptor = os.open(sealed.place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        for folder in (sealed.place.parent, self.folder, self.folder.parent):
            sync_folder(folder)

    # --- reading

    def find(self, item: str) -> Path | None:
        """Return where an item lies, ``None`` when there is none."""
        if not _is_item(item):
            return None
        return next((path for path in self.folder.glob(f"*/{item}")), None)

    def heads(self) -> Iterator[tuple[Path, Head]]:
        """Yield every item's place and head, oldest day first. What is none is passed over."""
        for path in sorted(self.folder.glob("????-??-??/*")):
            head = read_head(path)
            if head is not None:
                yield path, head

    def open(self, path: Path) -> tuple[Head, bytes, str]:
        """Return an item's head, its content, and the digest that the log must have.

        Raises:
            seal.Noise: a key was destroyed. NotAnItem: damaged. OSError: it cannot be read.
            SetupError: a key is damaged.
        """
        raw = path.read_bytes()
        head, _ = seal.read_head(raw)

        def key_of(id_: str) -> bytes | None:
            key = self.keys.by_id(head.tenant, id_)
            return key.key if key else None

        opened = seal.unseal(raw, key_of)
        if opened[0].item != path.name:
            raise NotAnItem("it lies under another item's name")
        return opened

    def is_held(self, head: Head) -> bool:
        """Whether a legal hold stands on any log of the item's origin."""
        return any((self._audit / head.origin).glob("*/hold"))

    def noise(self) -> list[Path]:
        """Return the items that nobody can read any more, since a key they hang on was destroyed."""
        return [path for path, head in self.heads() if not all(self.keys.has(head.tenant, s.key) for s in head.shares)]

    # --- destroying

    def destroy(self, paths: Collection[Path]) -> int:
        """Overwrite the heads of items, shares and all, and take the files away; returns how many. Raises OSError.

        Their marks go first: whoever seals one anew just now sees by that that it must not come back.
        """
        gone = 0
        for path in paths:
            self.unsearched.remove(path.name)
            try:
                overwrite(path, _head_bytes(path))
                path.unlink()
            except FileNotFoundError:
                continue
            gone += 1
        for folder in {path.parent for path in paths}:
            if folder.is_dir():
                sync_folder(folder)
        return gone

    def ended(self) -> list[Path]:
        """Return the folders of days that are over."""
        today = self._now().date()
        return [path for path in sorted(self.folder.glob("????-??-??")) if _day(path) < today]

    def due(self) -> Due:
        """Return what :meth:`prune` would destroy now, and what a legal hold keeps."""
        folders = self.ended()
        found = [read_head(path) for folder in folders for path in folder.glob("*")]
        held = sum(head is not None and self.is_held(head) for head in found)
        return Due(tuple(folder.name for folder in folders), len(found) - held, held)

    def prune(self) -> Pruned:
        """Destroy what has ended, and keys that waited for a legal hold to be lifted. Raises OSError."""
        items = held = keys = 0
        for folder in self.ended():
            found = [(path, read_head(path)) for path in sorted(folder.glob("*"))]
            kept = {path for path, head in found if head is not None and self.is_held(head)}
            held += len(kept)
            if not kept:
                keys += self._destroy_day(folder.name)
            items += self.destroy([path for path, _ in found if path not in kept])
            if not kept:
                folder.rmdir()
                sync_folder(self.folder)
        return Pruned(items, held, keys + self._finish_held() + self._sweep())

    def _destroy_day(self, day: str) -> int:
        found = [(tenant, self.keys.find(tenant, DAY + day)) for tenant in self.keys.tenants()]
        return sum(self.keys.destroy(tenant, key.id) for tenant, key in found if key)

    def _finish_held(self) -> int:
        """Destroy the keys that waited, and what hangs on them, where no hold needs them any more."""
        waiting = {(tenant, id_) for tenant in self.keys.tenants() for id_ in self.keys.held(tenant)}
        if not waiting:
            return 0
        items = [(path, head) for path, head in self.heads() if waiting & {(head.tenant, p) for p in head.persons}]
        needed = {(head.tenant, id_) for path, head in items if self.is_held(head) for id_ in head.persons}
        free = waiting - needed
        destroyed = sum(self.keys.destroy(tenant, id_) for tenant, id_ in free)
        self.destroy([path for path, head in items if free & {(head.tenant, p) for p in head.persons}])
        return destroyed

    def _sweep(self) -> int:
        """Destroy keys that were never finished, and those of persons who were not seen for as long as records last."""
        now = self._now().timestamp()
        known = [(tenant, *seen) for tenant in self.keys.tenants() for seen in seen_last(self.keys.folder / tenant)]
        left = {(tenant, id_) for tenant, id_, at, whole in known if not whole and at < now - _DAY_SECONDS}
        if self._unused_days and not any(self._audit.rglob("hold")):
            before = now - self._unused_days * _DAY_SECONDS
            left |= self._without_items({(tenant, id_) for tenant, id_, at, _ in known if at < before})
        return sum(self.keys.destroy(tenant, id_) for tenant, id_ in left)

    def _without_items(self, persons: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the keys that no item hangs on."""
        heads = self.heads() if persons else ()
        return persons - {(head.tenant, share.key) for _, head in heads for share in head.shares}

    def _ends(self, about: About) -> date:
        return (self._now() + timedelta(days=about.days)).date()


def read_head(path: Path) -> Head | None:
    """Return an item's head, ``None`` when the file is none, or is gone."""
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD_PART)
            length = int.from_bytes(raw[: seal.LENGTH_BYTES], "big")
            if _HEAD_PART < length <= seal.MOST_HEAD_BYTES:
                raw += file.read(length)
        return seal.read_head(raw)[0]
    except (FileNotFoundError, NotAnItem):
        return None


def _head_bytes(path: Path) -> int:
    """Return how many bytes of an item to write over: its head, or all of it where it has none."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(seal.LENGTH_BYTES), "big")
    return min(size, seal.LENGTH_BYTES + length if length <= seal.MOST_HEAD_BYTES else size)


def _day(folder: Path) -> date:
    try:
        return date.fromisoformat(folder.name)
    except ValueError:
        return date.max


def _is_item(text: str) -> bool:
    return len(text) == 26 and text.isalnum() and text.isascii()
