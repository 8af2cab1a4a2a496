"""Changes to keys, with the book kept: every change is on record, durably, before it takes effect.

The running server (through its admin socket) and the command line (when there is no server) both change keys here and
nowhere else. What goes into the book is :func:`gateway.identity.record.public_view`: never a key, never its seal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from gateway.errors import SetupError
from gateway.identity.record import KeyRecord, NewKey, public_view


class Events(Protocol):
    """What this room needs of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Uses(Protocol):
    """What this needs of :class:`gateway.identity.uses.KeyUses`."""

    def all(self) -> dict[str, datetime]: ...


class Register(Protocol):
    """What this needs of :class:`gateway.identity.keys.KeyRegister`."""

    def records(self) -> tuple[KeyRecord, ...]: ...

    def draft(self, wish: NewKey) -> tuple[KeyRecord, str]: ...

    def add(self, record: KeyRecord) -> None: ...

    def find(self, reference: str) -> KeyRecord: ...

    def revoke(self, key_id: str) -> KeyRecord: ...

    def draft_rotation(self, reference: str, overlap: timedelta) -> tuple[KeyRecord, str]: ...

    def rotate(self, drafted: KeyRecord) -> None: ...

    def end_overlap(self, key_id: str) -> None: ...

    @property
    def uses(self) -> Uses: ...


View = dict[str, object]


class KeyOffice:
    """Makes, lists, rotates and revokes keys.

    Args:
        register: the keys.
        book: where each change is written first.
    """

    def __init__(self, register: Register, book: Events) -> None:
        self._register = register
        self._book = book
        self._one_at_a_time = asyncio.Lock()

    def show(self) -> list[View]:
        """Return all keys as people may see them, oldest first."""
        now, used = datetime.now(UTC), self._register.uses.all()
        return [public_view(record, now, used) for record in self._register.records()]

    async def create(self, wish: NewKey, by: str) -> View:
        """Make a key. The answer's ``key`` is its plain text, shown this once; "" for a certificate's account.

        Raises:
            BadRequest: the name is taken, or the expiry lies in the past.
            AuditUnavailable: it could not be put on record, so it was not made.
            SetupError: it could not be stored, and does not work.
        """
        async with self._one_at_a_time:
            record, key = self._register.draft(wish)
            view = public_view(record, datetime.now(UTC))
            await self._on_record("key.created", by, view)
            await self._carry_out(partial(self._register.add, record), by, view)
            return {**view, "key": key}

    async def rotate(self, reference: str, overlap: timedelta, by: str) -> View:
        """Give a key another text, the answer's ``key``; the one that it has works beside it for ``overlap``.

        Raises:
            RouteNotFound: there is no such key.
            BadRequest: it works no more, or is a certificate's account.
            AuditUnavailable: it could not be put on record, so it was not made.
            SetupError: it could not be stored; the key works as before.
        """
        async with self._one_at_a_time:
            record, key = self._register.draft_rotation(reference, overlap)
            view = public_view(record, datetime.now(UTC))
            await self._on_record("key.renewed", by, view)
            await self._carry_out(partial(self._register.rotate, record), by, view)
            return {**view, "key": key}

    async def end_overlap(self, reference: str, by: str) -> View:
        """Let the text that a key had before work no more. Raises as :meth:`revoke`."""
        async with self._one_at_a_time:
            record = self._register.find(reference)
            if record.former is not None:
                view = public_view(record, datetime.now(UTC))
                await self._on_record("key.overlap_ended", by, view)
                await self._carry_out(partial(self._register.end_overlap, record.id), by, view)
            return public_view(self._register.find(record.id), datetime.now(UTC))

    async def revoke(self, reference: str, by: str) -> View:
        """Make the key with that id or name worthless.

        Raises:
            RouteNotFound: there is no such key.
            AuditUnavailable: it could not be put on record; the key still works.
            SetupError: it could not be stored; the key still works.
        """
        async with self._one_at_a_time:
            record = self._register.find(reference)
            view = public_view(record, datetime.now(UTC))
            if record.revoked is None:
                await self._on_record("key.revoked", by, view)
                await self._carry_out(partial(self._register.revoke, record.id), by, view)
            return public_view(self._register.find(record.id), datetime.now(UTC))

    async def _on_record(self, what: str, by: str, view: View) -> None:
        self._book.event(what, by=by, key=view)
        await self._book.durable()

    async def _carry_out(self, change: Callable[[], object], by: str, view: View) -> None:
        try:
            await asyncio.to_thread(change)
        except SetupError:
            self._book.event("key.change_failed", by=by, key=view)
            raise
