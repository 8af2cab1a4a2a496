"""The key register: who stands behind a key.

Guarantees: a key is shown once and never stored; looking one up does no I/O and takes one HMAC; a change is on stable
storage before it takes effect, and takes effect at once in this process and within :data:`WATCH_SECONDS` in others that
watch the same file. When the file turns unreadable, or has not been looked at for :data:`STALE_SECONDS`, nobody is let
in (``identity.unavailable``): a revocation may stand in it that this process has not seen.

When the pepper is rotated, keys that the older one sealed go on working for the time of the overlap, and each that is
seen in that time is sealed anew.

Example::

    register = KeyRegister(settings.state / "keys.json", keyring.pepper(), settings.site)
    record, key = register.create(NewKey(name="ci", tenant="bodyshop"))
    register.identify(f"Bearer {key}").tenant   # "bodyshop"
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from ulid import ULID

from gateway.domain import Caller
from gateway.errors import BadRequest, RouteNotFound, SetupError, Unauthenticated, Unavailable
from gateway.identity.apikey import KEY_CHARS, new_key, pepper_id, seal
from gateway.identity.certificate import CertificateSubject
from gateway.identity.recalled import RecalledKey
from gateway.identity.record import Former, KeyFile, KeyRecord, NewKey, read_file, under, write_file
from gateway.identity.uses import FORMER, KeyUses
from gateway.settings import SiteSettings

WATCH_SECONDS = 0.5
STALE_SECONDS = 30.0

Clock = Callable[[], datetime]
Known = tuple[Caller, datetime | None, str]  # when that text of the key ends, and by which mark its use is noted


class Pepper(Protocol):
    """A pepper as the keyring has it. ``until`` says how long it counts beside a newer one."""

    @property
    def id(self) -> str: ...

    @property
    def secret(self) -> bytes: ...

    @property
    def until(self) -> datetime | None: ...


@dataclass(frozen=True)
class OnlyPepper:
    """A pepper that never followed another."""

    secret: bytes
    until: datetime | None = None

    @property
    def id(self) -> str:
        return pepper_id(self.secret)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class KeyRegister:
    """All keys of one data folder. Implements :class:`gateway.identity.door.Identity`.

    Args:
        path: ``state/keys.json``; it need not exist.
        peppers: those of the keyring, the one in force first; or the 32 bytes of a single one.
        site: where this process stands; part of every caller.
        now: wall clock in UTC, for expiry and records.

    Raises:
        SetupError: the file cannot be read or does not belong to this pepper.
    """

    def __init__(self, path: Path, peppers: bytes | Sequence[Pepper], site: SiteSettings, now: Clock = _now) -> None:
        self._path, self._site, self._now = path, site, now
        self._peppers: Sequence[Pepper] = (OnlyPepper(peppers),) if isinstance(peppers, bytes) else peppers
        self._seen: dict[str, str] = {}  # by a seal under an older pepper: that under the one in force
        self.uses = KeyUses(path.parent / "keys-used", site.worker, now)
        self._changing = threading.Lock()
        self._fresh_until = float("inf")  # finite once somebody watches the file
        self._stamp = _stamp(path)
        self._take(self._read())

    def identify(self, authorization: str | None) -> Caller:
        """As :meth:`gateway.identity.door.Identity.identify`.

        Raises:
            Unauthenticated: no, wrong, revoked or expired key, or another scheme than Bearer.
            Unavailable: the register is damaged or stale.
        """
        if time.monotonic() > self._fresh_until:
            raise Unavailable(code="identity.unavailable", retry_after_seconds=5)
        if isinstance(authorization, RecalledKey):
            return self._entered(self._ids.get(authorization))
        if isinstance(authorization, CertificateSubject):
            return self._entered(self._subjects.get(authorization))
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or len(key) != KEY_CHARS or not key.isascii():
            raise Unauthenticated
        newest, *older = self._rings
        sealed = seal(newest[0].secret, key)
        found = newest[1].get(sealed) or (self._by_older(older, key, sealed) if older else None)
        return self._entered(found)

    def _entered(self, found: Known | None) -> Caller:
        if found is None or (found[1] is not None and self._now() >= found[1]):
            raise Unauthenticated
        self.uses.touched.add(found[2])
        return found[0]

    def _by_older(self, rings: Sequence[tuple[Pepper, dict[bytes, Known]]], key: str, sealed: bytes) -> Known | None:
        """Return who is behind a key that an older pepper sealed, and remember how it is to be sealed anew."""
        for pepper, callers in rings:
            if pepper.until is not None and self._now() < pepper.until:
                older = seal(pepper.secret, key)
                found = callers.get(older)
                if found is not None:
                    self._seen[older.hex()] = sealed.hex()
                    return found
        return None

    def records(self) -> tuple[KeyRecord, ...]:
        """Return all keys, revoked ones too, oldest first."""
        return self._records

    def name_of(self, key_id: str) -> str:
        """Return the name of the key with that id; empty where there is none."""
        return self._names.get(key_id, "")

    def draft(self, wish: NewKey) -> tuple[KeyRecord, str]:
        """Return a new key's record and its plain text; nothing is stored and the key does not work yet.

        Raises:
            BadRequest: a live key has that name or certificate, or the key would have expired already.
        """
        now = self._now()
        if any(record.wish.name == wish.name and record.is_live(now) for record in self._records):
            message = f"There is a live key named {wish.name} already; revoke it or choose another name."
            raise BadRequest(message, code="identity.key_name_taken", param="name")
        if wish.expires is not None and wish.expires <= now:
            message = "The expiry lies in the past."
            raise BadRequest(message, code="identity.key_expiry_past", param="expires")
        if wish.certificate:
            return self._draft_account(wish, now), ""
        key = new_key()
        sealed = seal(self._peppers[0].secret, key).hex()
        return KeyRecord(id=str(ULID()), seal=sealed, last4=key[-4:], created=now, wish=wish), key

    def _draft_account(self, wish: NewKey, now: datetime) -> KeyRecord:
        if any(record.wish.certificate == wish.certificate and record.is_live(now) for record in self._records):
            message = "A live account has that certificate subject already; revoke it first."
            raise BadRequest(message, code="identity.key_name_taken", param="certificate")
        return KeyRecord(id=str(ULID()), seal="", last4="", created=now, wish=wish)

    def draft_rotation(self, reference: str, overlap: timedelta) -> tuple[KeyRecord, str]:
        """Return a live key's record with another text, and that text; nothing is stored and it does not work yet.

        Raises:
            RouteNotFound: there is no such key.
            BadRequest: it works no more, or a certificate stands in its place (``identity.key_not_rotatable``).
        """
        now, record = self._now(), self.find(reference)
        if not record.is_live(now) or record.wish.certificate:
            why = "is a certificate's account" if record.wish.certificate else "works no more"
            message = f"The key {record.wish.name} {why}, so it cannot be rotated; make a new one."
            raise BadRequest(message, code="identity.key_not_rotatable", param="key")
        key = new_key()
        sealed = seal(self._peppers[0].secret, key).hex()
        return _followed(record, sealed, key[-4:], now, now + overlap), key

    def rotate(self, drafted: KeyRecord) -> None:
        """Store a drafted rotation; its text works when this returns. Blocks for the disk.

        Raises:
            RouteNotFound: the key was removed or revoked meanwhile.
            SetupError: it could not be stored; the key works as before.
        """
        with self._changing:
            stands = self.find(drafted.id)
            if stands.revoked is not None or drafted.rotated is None:
                raise RouteNotFound("That key was revoked meanwhile.", code="identity.key_not_found", param="key")
            until = drafted.former.until if drafted.former else drafted.rotated
            fresh = _followed(stands, drafted.seal, drafted.last4, drafted.rotated, until)
            self._store(tuple(fresh if r.id == fresh.id else r for r in self._records))
        self.uses.forget({f"{drafted.id}{FORMER}"})

    def add(self, record: KeyRecord) -> None:
        """Store a drafted key; it works when this returns. Blocks for the disk.

        Raises:
            SetupError: it could not be stored, and does not work.
        """
        with self._changing:
            self._store((*self._records, record))

    def end_overlap(self, key_id: str) -> None:
        """Let the text that a key had before work no more. Blocks for the disk. Raises SetupError: it still works."""
        with self._changing:
            ended = {r.id: msgspec.structs.replace(r, former=None) for r in self._records if r.id == key_id}
            self._store(tuple(ended.get(r.id, r) for r in self._records))
        self.uses.forget({key_id + FORMER})

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

    def use(self, peppers: Sequence[Pepper]) -> None:
        """Go on with these peppers, the one in force first. Blocks for the disk.

        Raises:
            SetupError: the file could not be written; keys are looked up by these peppers even so.
        """
        with self._changing:
            content = KeyFile(pepper=self._peppers[0].id, keys=self._records)
            self._peppers = peppers
            self._seen.clear()
            self._take(under(content, peppers[0].id))
            self._store(self._records)

    def unseen(self, pepper: str) -> tuple[KeyRecord, ...]:
        """Return the live keys that only the pepper with that id can tell: nobody used them since it was followed."""
        now = self._now()
        return tuple(record for record in self._records if record.pepper == pepper and record.is_live(now))

    def unused(self, pepper: str) -> tuple[str, ...]:
        """Return the names of those of :meth:`unseen` that were not used meanwhile either."""
        return tuple(record.wish.name for record in self.unseen(pepper) if record.seal not in self._seen)

    def reseal(self) -> None:
        """Seal anew, under the pepper in force, what was seen under an older one. Blocks for the disk.

        Raises:
            SetupError: it could not be stored; it is tried again the next time.
        """
        seen = dict(self._seen)
        if seen:
            with self._changing:
                self._store(tuple(_sealed_anew(record, seen) for record in self._records))
            for older in seen:
                self._seen.pop(older, None)

    def revoke_unseen(self, pepper: str) -> None:
        """Make keys worthless that only that pepper can tell. Blocks for the disk. Raises SetupError."""
        with self._changing:
            now = self._now()
            lost = {record.id for record in self.unseen(pepper)}
            if lost:
                changed = (
                    msgspec.structs.replace(record, revoked=now) if record.id in lost else record
                    for record in self._records
                )
                self._store(tuple(changed))

    async def watch(self) -> None:
        """Follow the file until cancelled, so that what other processes change takes effect here.

        A file that cannot be read refuses everybody until it can be again. When keys were last used is written too.
        """
        try:
            while True:
                await self._look()
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            self.uses.settle()
            self.uses.write()

    async def _look(self) -> None:
        try:
            await asyncio.to_thread(self.refresh)
            self._fresh_until = time.monotonic() + STALE_SECONDS
        except SetupError:
            self._fresh_until = float("-inf")
        with suppress(SetupError):  # a full disk: the older pepper still tells them
            await asyncio.to_thread(self.reseal)
        await asyncio.to_thread(self.uses.settle)

    def refresh(self) -> None:
        """Read the file again if it changed. Raises SetupError when it is damaged or gone."""
        with self._changing:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            if stamp is None:
                raise SetupError(f"The key register {self._path} is gone.", "Restore it from a backup.")
            self._take(self._read())
            self._stamp = stamp

    def _store(self, records: tuple[KeyRecord, ...]) -> None:
        content = KeyFile(pepper=self._peppers[0].id, keys=records)
        write_file(self._path, content)
        self._stamp = _stamp(self._path)
        self._take(content)

    def _read(self) -> KeyFile:
        return read_file(self._path, *(pepper.id for pepper in self._peppers))

    def _take(self, content: KeyFile) -> None:
        callers: dict[str, dict[bytes, Known]] = {}
        subjects: dict[str, Known] = {}
        ids: dict[str, Known] = {}
        for record in content.keys:
            if record.revoked is not None:
                continue
            caller, ends, former = record.caller(self._site), record.wish.expires, record.former
            ids[record.id] = (caller, ends, record.id)
            if record.wish.certificate:
                subjects[record.wish.certificate] = (caller, ends, record.id)
                continue
            ring = callers.setdefault(record.pepper or content.pepper, {})
            ring[bytes.fromhex(record.seal)] = (caller, ends, record.id)
            if former is not None:
                until = former.until if ends is None else min(ends, former.until)
                ring = callers.setdefault(former.pepper or content.pepper, {})
                ring[bytes.fromhex(former.seal)] = (caller, until, record.id + FORMER)
        self._subjects = subjects
        self._ids = ids
        self._rings = [(pepper, callers.get(pepper.id, {})) for pepper in self._peppers]
        self._names = {record.id: record.wish.name for record in content.keys}
        self._records = content.keys


def _sealed_anew(record: KeyRecord, seen: Mapping[str, str]) -> KeyRecord:
    """Return the record with those of its seals renewed that were seen under an older pepper."""
    former = record.former
    if former is not None and former.pepper and former.seal in seen:
        record = msgspec.structs.replace(
            record, former=msgspec.structs.replace(former, seal=seen[former.seal], pepper="")
        )
    if not record.pepper or record.seal not in seen:
        return record
    return msgspec.structs.replace(record, seal=seen[record.seal], pepper="")


def _followed(record: KeyRecord, sealed: str, last4: str, now: datetime, until: datetime) -> KeyRecord:
    """Return the record with another text, the one that it had beside it until then."""
    former = Former(seal=record.seal, last4=record.last4, until=until, pepper=record.pepper) if until > now else None
    return msgspec.structs.replace(record, seal=sealed, last4=last4, pepper="", rotated=now, former=former)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"The key register {path} cannot be read.", "Check its owner and mode (0600).") from error
    return status.st_ino, status.st_mtime_ns, status.st_size
