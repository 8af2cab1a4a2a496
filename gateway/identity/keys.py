"""The key register: who stands behind a key.

Guarantees: a key is shown once and never stored; looking one up does no I/O and takes one HMAC; a change is on stable
storage before it takes effect, and takes effect at once in this process and within :data:`WATCH_SECONDS` in others that
watch the same file. When the file turns unreadable, or has not been looked at for :data:`STALE_SECONDS`, nobody is let
in (``identity.unavailable``): a revocation may stand in it that this process has not seen.

Example::

    register = KeyRegister(settings.state / "keys.json", keyring.pepper(), settings.site)
    record, key = register.create(NewKey(name="ci", tenant="bodyshop"))
    register.identify(f"Bearer {key}").tenant   # "bodyshop"
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from ulid import ULID

from gateway.domain import Caller
from gateway.errors import BadRequest, RouteNotFound, SetupError, Unauthenticated, Unavailable
from gateway.identity.apikey import KEY_CHARS, new_key, pepper_id, seal
from gateway.identity.record import KeyFile, KeyRecord, NewKey, read_file, write_file
from gateway.settings import SiteSettings

WATCH_SECONDS = 0.5
STALE_SECONDS = 30.0

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class KeyRegister:
    """All keys of one data folder. Implements :class:`gateway.identity.door.Identity`.

    Args:
        path: ``state/keys.json``; it need not exist.
        pepper: 32 bytes from the keyring.
        site: where this process stands; part of every caller.
        now: wall clock in UTC, for expiry and records.

    Raises:
        SetupError: the file cannot be read or does not belong to this pepper.
    """

    def __init__(self, path: Path, pepper: bytes, site: SiteSettings, now: Clock = _now) -> None:
        self._path, self._pepper, self._site, self._now = path, pepper, site, now
        self._changing = threading.Lock()
        self._fresh_until = float("inf")  # finite once somebody watches the file
        self._stamp = _stamp(path)
        self._take(read_file(path, pepper_id(pepper)))

    def identify(self, authorization: str | None) -> Caller:
        """As :meth:`gateway.identity.door.Identity.identify`.

        Raises:
            Unauthenticated: no, wrong, revoked or expired key, or another scheme than Bearer.
            Unavailable: the register is damaged or stale.
        """
        if time.monotonic() > self._fresh_until:
            raise Unavailable(code="identity.unavailable", retry_after_seconds=5)
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or len(key) != KEY_CHARS or not key.isascii():
            raise Unauthenticated
        found = self._callers.get(seal(self._pepper, key))
        if found is None or (found[1] is not None and self._now() >= found[1]):
            raise Unauthenticated
        return found[0]

    def records(self) -> tuple[KeyRecord, ...]:
        """Return all keys, revoked ones too, oldest first."""
        return self._records

    def draft(self, wish: NewKey) -> tuple[KeyRecord, str]:
        """Return a new key's record and its plain text; nothing is stored and the key does not work yet.

        Raises:
            BadRequest: a live key has that name, or the key would have expired already.
        """
        now = self._now()
        if any(record.wish.name == wish.name and record.is_live(now) for record in self._records):
            message = f"There is a live key named {wish.name} already; revoke it or choose another name."
            raise BadRequest(message, code="identity.key_name_taken", param="name")
        if wish.expires is not None and wish.expires <= now:
            message = "The expiry lies in the past."
            raise BadRequest(message, code="identity.key_expiry_past", param="expires")
        key = new_key()
        sealed = seal(self._pepper, key).hex()
        return KeyRecord(id=str(ULID()), seal=sealed, last4=key[-4:], created=now, wish=wish), key

    def add(self, record: KeyRecord) -> None:
        """Store a drafted key; it works when this returns. Blocks for the disk.

        Raises:
            SetupError: it could not be stored, and does not work.
        """
        with self._changing:
            self._store((*self._records, record))

    def create(self, wish: NewKey) -> tuple[KeyRecord, str]:
        """Draft and add in one step, for callers that have nothing to write in between."""
        record, key = self.draft(wish)
        self.add(record)
        return record, key

    def find(self, reference: str) -> KeyRecord:
        """Return the key with that id, else the live key with that name, else the last revoked one with it.

        Raises:
            RouteNotFound: there is none (``identity.key_not_found``).
        """
        now = self._now()
        named = sorted((r for r in self._records if r.wish.name == reference), key=lambda r: r.is_live(now))
        found = [*named, *(r for r in self._records if r.id == reference)]
        if not found:
            message = "No key has that id or name. See: sekisho keys list"
            raise RouteNotFound(message, code="identity.key_not_found", param="key")
        return found[-1]

    def revoke(self, key_id: str) -> KeyRecord:
        """Make a key worthless; it is when this returns. Blocks for the disk. Revoking twice changes nothing.

        Raises:
            RouteNotFound: there is no such key.
            SetupError: it could not be stored; the key still works.
        """
        with self._changing:
            record = self.find(key_id)
            if record.revoked is not None:
                return record
            revoked = msgspec.structs.replace(record, revoked=self._now())
            self._store(tuple(revoked if r.id == record.id else r for r in self._records))
            return revoked

    async def watch(self) -> None:
        """Follow the file until cancelled, so that what other processes change takes effect here.

        A file that cannot be read refuses everybody until it can be again.
        """
        while True:
            try:
                await asyncio.to_thread(self.refresh)
                self._fresh_until = time.monotonic() + STALE_SECONDS
            except SetupError:
                self._fresh_until = float("-inf")
            await asyncio.sleep(WATCH_SECONDS)

    def refresh(self) -> None:
        """Read the file again if it changed. Raises SetupError when it is damaged or gone."""
        with self._changing:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            if stamp is None:
                raise SetupError(f"The key register {self._path} is gone.", "Restore it from a backup.")
            self._take(read_file(self._path, pepper_id(self._pepper)))
            self._stamp = stamp

    def _store(self, records: tuple[KeyRecord, ...]) -> None:
        content = KeyFile(pepper=pepper_id(self._pepper), keys=records)
        write_file(self._path, content)
        self._stamp = _stamp(self._path)
        self._take(content)

    def _take(self, content: KeyFile) -> None:
        callers: dict[bytes, tuple[Caller, datetime | None]] = {
            bytes.fromhex(record.seal): (record.caller(self._site), record.wish.expires)
            for record in content.keys
            if record.revoked is None
        }
        self._records, self._callers = content.keys, callers


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"The key register {path} cannot be read.", "Check its owner and mode (0600).") from error
    return status.st_ino, status.st_mtime_ns, status.st_size
