"""One random key for each person, in a file of its own that can be destroyed: ``data_dir/persons/<tenant>/``.

A key has a random id. That id is the person's pseudonym in records and in the side store; only the key's own file
leads from a person to it, and without the file nothing does. Rules:

1. The file is found by a *mark*, HMAC-SHA256 of who it is under a secret of the folder: nobody can read a name out of
   the folder, and nobody can try names without that secret. The key within is sealed under it too. The secret lies
   there itself, sealed under the tenant's key from ``keys/``, so that when that one is rotated only one file follows.
2. A file is written whole and is on stable storage before its key is used. Of two processes that make one at the same
   time, one wins, and both use its key.
3. Destroying overwrites the file, syncs it, takes its names away and syncs their folders. What a file system may keep
   all the same (snapshots, journals of data, copies on write, spare blocks of a flash disk, backups) is out of reach
   from here; the seal under the tenant's key stands before it.
4. The folder tells backup programs to pass by (``CACHEDIR.TAG``): a key that comes back from a backup would undo an
   erasure. With the disk gone, what was kept of persons is gone; the log is not.

::

    secret              what marks and keys are made under, sealed under the tenant's key
    ids/<id>            the key
    marks/<mark>        the same file, by whom it belongs to
    held/<mark>.<id>    the same file: to be destroyed once no legal hold needs it; newer things get a newer key
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.audit.persons.key_file import ID_BYTES, PersonKey, decoded, mark_of, new_key, opened, sealed
from gateway.durable import overwrite, sync_folder
from gateway.errors import SetupError

CACHEDIR_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# Keys of persons. See docs/how-to/answer-a-person.md.\n"
"""Of the Cache Directory Tagging specification, https://bford.info/cachedir/, which backup programs look for."""

FOLDER_KEY = "secret"
_MOST_REMEMBERED = 16_384
_LARGEST_BYTES = 4096
_USED_NS = 86_400 * 10**9

Secrets = Callable[[str], Sequence[bytes]]
"""Returns a tenant's keys, the one in use first, then earlier ones that still count."""


class _Seen(NamedTuple):
    """A key that was read, and what its file was like then: inode and time of its last change, in nanoseconds."""

    path: str
    stamp: tuple[int, int]
    key: PersonKey


class PersonKeys:
    """The keys of all tenants. Every method blocks, and may be called by several threads and processes at once.

    Args:
        folder: ``data_dir/persons``; made at the first use.
        secrets_of: the keys of a tenant.
    """

    def __init__(self, folder: Path, secrets_of: Secrets) -> None:
        self.folder = folder
        self._secrets_of = secrets_of
        self._opened: dict[str, bytes] = {}  # the folders' secrets
        self._remembered: dict[tuple[str, str], _Seen] = {}  # by tenant and mark

    def of(self, tenant: str, names: Iterable[str]) -> list[PersonKey]:
        """Return the key of each name, in order; what is missing is made, and is on stable storage at the return.

        Args:
            names: who it is, told apart by a first word: ``user:…``, ``found:…``. Not kept anywhere.

        Raises:
            OSError: a key cannot be written. SetupError, ValueError: one is there and cannot be used.
        """
        wanted = list(dict.fromkeys(names))
        known = {name: self.find(tenant, name) for name in wanted}
        missing = [name for name in wanted if known[name] is None]
        known |= dict(zip(missing, self._make(tenant, missing), strict=True)) if missing else {}
        return [key for name in wanted if (key := known[name])]

    def find(self, tenant: str, name: str) -> PersonKey | None:
        """Return the key in use of that name, ``None`` when there is none. Raises as :meth:`of`."""
        secret = self._secret(tenant)
        if secret is None:
            return None
        mark = mark_of(secret, name)
        seen = self._remembered.get((tenant, mark))
        if seen and _stamp(seen.path) == seen.stamp and time.time_ns() - seen.stamp[1] < _USED_NS:
            return seen.key
        path = self._place(tenant) / "marks" / mark
        stamp, key = _stamp(path), self._read(tenant, path)
        if stamp and key:
            self._remember(tenant, mark, _Seen(str(path), _used(path, stamp), key))
        return key

    def find_all(self, tenant: str, name: str) -> list[PersonKey]:
        """Return the key in use of that name, and those that a legal hold keeps. Raises as :meth:`of`."""
        secret, current = self._secret(tenant), self.find(tenant, name)
        held = (self._place(tenant) / "held").glob(f"{mark_of(secret, name)}.*") if secret else ()
        return [key for key in (current, *(self._read(tenant, path) for path in sorted(held))) if key]

    def by_id(self, tenant: str, id_: str) -> PersonKey | None:
        """Return the key with that id, ``None`` when it was destroyed. Raises as :meth:`of`."""
        return self._read(tenant, self._place(tenant) / "ids" / id_) if _is_id(id_) else None

    def has(self, tenant: str, id_: str) -> bool:
        """Whether a key is there; said to be, too, where the tenant's whole folder is missing: it may come back."""
        place = self._place(tenant)
        return (place / "ids" / id_).exists() or not (place / FOLDER_KEY).exists()

    def tenants(self) -> list[str]:
        """Return the tenants that have keys here."""
        return sorted(path.name for path in self.folder.glob("*") if (path / "ids").is_dir())

    def destroy(self, tenant: str, id_: str) -> bool:
        """Destroy a key for good; returns whether there was one. Raises OSError when it cannot be destroyed."""
        place = self._place(tenant)
        path = place / "ids" / id_
        raw = _bytes_of(path) if _is_id(id_) else None
        if raw is None:
            return False
        overwrite(path, len(raw))
        stored = decoded(raw)
        names = [place / "marks" / stored.mark, place / "held" / f"{stored.mark}.{id_}"] if stored else []
        for name in (*(n for n in names if _same(n, path)), path):
            name.unlink(missing_ok=True)
            sync_folder(name.parent)
        self._remembered.clear()
        return True

    def hold(self, tenant: str, id_: str) -> None:
        """Take a key out of use, to be destroyed later: a legal hold needs what it opens. Raises OSError."""
        place = self._place(tenant)
        path = place / "ids" / id_
        raw = _bytes_of(path)
        stored = decoded(raw) if raw else None
        if stored is None:
            return
        _make_folder(place / "held")
        held, mark = place / "held" / f"{stored.mark}.{id_}", place / "marks" / stored.mark
        if not held.exists():
            os.link(path, held)
            sync_folder(held.parent)
        if _same(mark, path):
            mark.unlink(missing_ok=True)
            sync_folder(mark.parent)
        self._remembered.clear()

    def held(self, tenant: str) -> list[str]:
        """Return the ids of keys that are to be destroyed once no legal hold needs them."""
        return sorted(path.name.rpartition(".")[2] for path in (self._place(tenant) / "held").glob("*.*"))

    def reseal(self) -> int:
        """Seal the folders' secrets anew where a tenant's secret was rotated, while the earlier one still counts.

        Returns how many. Raises OSError, SetupError.
        """
        return sum(self._reseal(tenant) for tenant in self.tenants())

    # --- how

    def _place(self, tenant: str) -> Path:
        return self.folder / tenant

    def _make(self, tenant: str, names: Sequence[str]) -> list[PersonKey]:
        """Make keys all at once: the disk is waited for a few times, not a few times for each of them."""
        place = self._place(tenant)
        for folder in (self.folder, place, place / "ids", place / "marks"):
            _make_folder(folder)
        _tag(self.folder)
        secret = self._secret(tenant) or self._make_secret(tenant)
        made = [(mark_of(secret, name), new_key()) for name in names]
        _write_all([(place / "ids" / key.id, sealed(secret, mark, key)) for mark, key in made])
        lost = [key for mark, key in made if not _link(place / "ids" / key.id, place / "marks" / mark)]
        for key in lost:  # another process was faster; its key stands
            (place / "ids" / key.id).unlink()
        sync_folder(place / "ids")
        sync_folder(place / "marks")
        found = [key if key not in lost else self._read(tenant, place / "marks" / mark) for mark, key in made]
        if None in found:
            raise OSError(errno.EAGAIN, "a key was destroyed while it was made")
        return [key for key in found if key]

    def _read(self, tenant: str, path: Path) -> PersonKey | None:
        raw = _bytes_of(path)
        if raw is None:
            return None
        stored = decoded(raw)
        if stored is None:
            if raw.strip(b"\0"):
                raise _damaged(path)
            return None  # overwritten: it is being destroyed just now
        key = opened(self._secret(tenant) or b"", stored)
        if key is None:
            raise _damaged(path)
        return PersonKey(stored.id, key)

    def _secret(self, tenant: str) -> bytes | None:
        """Return the folder's secret, ``None`` where there is no folder yet. Raises SetupError."""
        if tenant not in self._opened:
            path = self._place(tenant) / FOLDER_KEY
            raw = _bytes_of(path)
            if raw is None:
                return None
            stored = decoded(raw)
            keys = self._secrets_of(tenant)
            secret = next((s for key in keys if stored and (s := opened(key, stored)) is not None), None)
            if secret is None:
                raise _damaged(path)
            self._opened[tenant] = secret
        return self._opened[tenant]

    def _make_secret(self, tenant: str) -> bytes:
        """Make the folder's secret, unless another process is faster. Raises OSError, SetupError."""
        place, made = self._place(tenant), new_key()
        fresh = place / f".{made.id}"
        _write_all([(fresh, sealed(self._secrets_of(tenant)[0], FOLDER_KEY, PersonKey(FOLDER_KEY, made.key)))])
        _link(fresh, place / FOLDER_KEY)
        fresh.unlink()
        sync_folder(place)
        secret = self._secret(tenant)
        if secret is None:
            raise OSError("the secret of the folder is gone")
        return secret

    def _reseal(self, tenant: str) -> bool:
        path = self._place(tenant) / FOLDER_KEY
        secret, raw, newest = self._secret(tenant), _bytes_of(path), self._secrets_of(tenant)[0]
        stored = decoded(raw) if raw else None
        if secret is None or raw is None or (stored and opened(newest, stored) is not None):
            return False
        fresh, before = path.with_name(f".{secrets.token_hex(8)}"), path.with_name(f".{secrets.token_hex(8)}")
        _write_all([(fresh, sealed(newest, FOLDER_KEY, PersonKey(FOLDER_KEY, secret)))])
        os.link(path, before)
        fresh.replace(path)
        sync_folder(path.parent)
        overwrite(before, len(raw))
        before.unlink()
        sync_folder(path.parent)
        return True

    def _remember(self, tenant: str, mark: str, seen: _Seen) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[tenant, mark] = seen


def seen_last(place: Path) -> Iterator[tuple[str, float, bool]]:
    """Yield the id of each key of a tenant, when it was used last (seconds since 1970), and whether it is whole.

    One that is not has no other name: a process was killed while it made it.
    """
    for path in (place / "ids").glob("*"):
        status = path.stat()
        yield path.name, status.st_mtime, status.st_nlink > 1


def _damaged(path: Path) -> SetupError:
    return SetupError(
        f"The person's key {path} is damaged, or sealed under another key of its tenant.",
        "Restore the tenants' key that it was made with.",
    )


def _bytes_of(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_BYTES)
    except FileNotFoundError:
        return None


def _stamp(path: Path | str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _used(path: Path, stamp: tuple[int, int]) -> tuple[int, int]:
    """Note that a key is used, once a day: the time of its file is when it was seen last."""
    if time.time_ns() - stamp[1] < _USED_NS:
        return stamp
    try:
        os.utime(path)
        return _stamp(path) or stamp
    except FileNotFoundError:
        return stamp


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.stat(one), os.stat(other))
    except FileNotFoundError:
        return False


def _is_id(text: str) -> bool:
    return len(text) == 2 * ID_BYTES and text.isalnum() and text.isascii()


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def _tag(folder: Path) -> None:
    path = folder / "CACHEDIR.TAG"
    if not path.exists():
        path.write_bytes(CACHEDIR_TAG)


def _write_all(files: Sequence[tuple[Path, bytes]]) -> None:
    """Write new files and wait for the disk once all are written: the first wait takes most of them along."""
    for path, content in files:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    for path, _ in files:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _link(path: Path, name: Path) -> bool:
    """Give a file another name; returns whether that was free."""
    try:
        os.link(path, name)
    except FileExistsError:
        return False
    return True
