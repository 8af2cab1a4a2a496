"""Rotations, with the book kept: each step is on record, durably, before it takes effect.

The running server (through its admin socket) and the command line (when there is no server) both rotate here and
nowhere else. A rotation takes these steps::

    drafted    the new secret lies in the key folder; nobody knows of it
    decided    generations.json says what is to come, and what was is still in force
    recorded   key.rotated is on stable storage; of the log key, in every log that is open, where heads have two
               signatures from there on
    in force   generations.json says so, and this process uses it; logs that nobody writes now are told, too

Whoever dies before ``decided`` leaves nothing that counts; whoever dies after it leaves a rotation that the next start
carries out, with a record of its own that says so (``resumed``). When the overlap is over, ``key.retired`` is written,
with the API keys that nobody used in that time, and the old secret is made gone.

What the overlap means: heads of the log are signed by both keys; API keys are recognised under both peppers, and sealed
anew when they are seen; pseudonyms are made under the new tenants' key at once, and what was marked under the old one
can still be found again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from gateway.errors import SekishoError, SetupError
from gateway.keys.files import FileKeyring, Pepper, said
from gateway.keys.generations import PURPOSES, Generation, Pending, Purpose
from gateway.keys.succession import LogKeys

DRAFTED, DECIDED, RECORDED, IN_FORCE, RETIRED = "drafted", "decided", "recorded", "in force", "retired"
OVERLAP: dict[Purpose, timedelta] = {
    "log": timedelta(days=7),
    "pepper": timedelta(days=30),
    "tenants": timedelta(days=30),
}
"""How long the old secret counts beside the new one, unless somebody says otherwise."""

LONGEST_OVERLAP = timedelta(days=366)
TICK_SECONDS = 30.0
_MOST_IN_A_RECORD = 1000  # API keys; a record has 60 KiB at most
_log = logging.getLogger("sekisho.keys")
Step = Callable[[str], None]
View = dict[str, Any]


class Book(Protocol):
    """What this needs of the book."""

    def event(self, type: str, **details: Any) -> None: ...

    def change_key(self, keys: LogKeys) -> None:
        """Put on record how the log's keys followed each other, and go on with those that sign now."""

    async def durable(self) -> None: ...


class Sealed(Protocol):
    """What is sealed with the pepper: :class:`gateway.identity.keys.KeyRegister`."""

    def use(self, peppers: Sequence[Pepper], /) -> None: ...

    def reseal(self) -> None: ...

    def unseen(self, pepper: str, /) -> Sequence[Any]: ...

    def unused(self, pepper: str, /) -> Sequence[str]: ...

    def revoke_unseen(self, pepper: str, /) -> None: ...


def unwatched(step: str) -> None:
    """The :data:`Step` of everyday."""


def _clock() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class RotationOffice:
    """Rotates secrets and ends overlaps. One instance for each process, which holds the data folder's lock.

    Args:
        follow: seals anew what is sealed under the tenants' key; called while the old one is still there; blocks.
        others: tells the logs that nobody writes now of the log's keys; blocks.
        step: called at each step that something could die at.
    """

    def __init__(
        self,
        keyring: FileKeyring,
        book: Book,
        register: Sealed,
        *,
        follow: Callable[[], object] = lambda: None,
        others: Callable[[LogKeys], object] = lambda keys: None,
        step: Step = unwatched,
        clock: Callable[[], datetime] = _clock,
    ) -> None:
        self._keyring, self._book, self._register = keyring, book, register
        self._follow = follow
        self._others, self._others_know = others, False
        self._step, self._clock = step, clock
        self._one_at_a_time = asyncio.Lock()

    def show(self) -> list[View]:
        """Return what is in force for each purpose, and what still counts beside it. Raises SetupError.

        Of the pepper also ``unused``, where there are some: names of live API keys that end with its overlap unless
        they are used first.
        """
        found = views(self._keyring, self._clock())
        for each in found:
            if each["purpose"] == "pepper":
                older = [old["id"] for old in each["beside"]]
                unused = sorted(name for id_ in older for name in self._register.unused(id_))
                each.update({"unused": unused} if unused else {})
        return found

    async def rotate(self, purpose: Purpose, by: str, overlap: timedelta | None = None) -> View:
        """Let a new secret follow the one in force.

        Args:
            overlap: how long the old one still counts; ``None``: as :data:`OVERLAP` says.

        Raises:
            SetupError: an overlap still runs, or the secret could not be made or kept; says what is in force.
            AuditUnavailable: it could not be put on record, and is not in force.
        """
        async with self._one_at_a_time:
            since = self._clock()
            until = since + (OVERLAP[purpose] if overlap is None else min(overlap, LONGEST_OVERLAP))
            pending = await asyncio.to_thread(self._keyring.draft, purpose, by, since, until)
            self._step(DRAFTED)
            self._keyring.decide(pending)
            self._step(DECIDED)
            try:
                await self._record(pending)
            except SekishoError:
                if purpose != "log":  # the log's may stand in one of several logs: the next tick goes on with it
                    self._keyring.give_up()
                raise
            await self._carry_out()
            await self._tell_others()
            return self._view(purpose) | await self._retire()

    async def end_overlap(self, purpose: Purpose, by: str) -> View:
        """Let the old secret of a purpose count no more, from now on.

        Raises:
            SetupError: there is no overlap.
            AuditUnavailable: it could not be put on record; the overlap goes on.
        """
        async with self._one_at_a_time:
            if not self._keyring.generations.older(purpose):
                raise SetupError(f"There is no overlap of {purpose}.", "See: sekisho keys secrets")
            self._book.event("key.overlap_ended", purpose=purpose, by=by)
            await self._book.durable()
            self._keyring.end(purpose, self._clock())
            ended = await self._retire()
            return self._view(purpose) | ended

    async def resume(self) -> None:
        """Carry out what a process that died left, and end what is over. At start, before anything uses the secrets.

        Raises:
            SetupError, AuditUnavailable: it could not be done; the start has failed.
        """
        async with self._one_at_a_time:
            pending = self._keyring.generations.pending
            if pending:
                await self._record(pending, resumed="true")
                await self._carry_out()
            await asyncio.to_thread(self._keyring.sweep)
            self._keyring.publish()
            await self._tell_others()
            await self._retire()

    async def run(self) -> None:
        """End overlaps when they are over, until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self.resume()
            except (SetupError, SekishoError) as error:
                _log.warning("a rotation of keys waits: %s", error)

    async def _record(self, pending: Pending, **more: str) -> None:
        if pending.purpose == "log":
            self._others_know = False
            self._book.change_key(self._keyring.log_keys())
        else:
            self._book.event("key.rotated", **pending.details, **more)
        await self._book.durable()
        self._step(RECORDED)

    async def _carry_out(self) -> None:
        self._keyring.carry_out()
        self._step(IN_FORCE)
        await asyncio.to_thread(self._register.use, self._keyring.peppers())
        await self._let_follow()

    async def _let_follow(self) -> None:
        try:
            await asyncio.to_thread(self._follow)
        except OSError as error:
            mend = "Check the data folder's owner and disk; it is tried again before the old key goes."
            raise SetupError("What is sealed under the tenants' key could not be sealed anew.", mend) from error

    async def _tell_others(self) -> None:
        """Once a start, and once a rotation: what could not be told is told when it is opened."""
        if not self._others_know and self._keyring.generations.rotations:
            await asyncio.to_thread(self._others, self._keyring.log_keys())
        self._others_know = True

    async def _retire(self) -> View:
        """End every overlap that is over: on record first, then out of use, then gone.

        Returns:
            ``{"revoked": names}`` of the API keys that ended with it; nothing where none did.
        """
        names: list[str] = []
        for purpose in PURPOSES:
            over = self._keyring.generations.over(purpose, self._clock())
            if over:
                names += await self._end(purpose, over)
        return {"revoked": sorted(names)} if names else {}

    async def _end(self, purpose: Purpose, over: tuple[Generation, ...]) -> list[str]:
        """End an overlap. Returns the names of API keys that nobody can be known by any more."""
        ids = [self._keyring.id_of(each, purpose) for each in over]
        unused: list[Any] = []
        if purpose == "tenants":
            await self._let_follow()
        if purpose == "pepper":
            await asyncio.to_thread(self._register.reseal)
            unused = [record for each in ids for record in self._register.unseen(each)]
        lost = [record.id for record in unused]
        for first in range(0, max(len(lost), 1), _MOST_IN_A_RECORD):
            self._book.event("key.retired", purpose=purpose, ids=ids, revoked=lost[first : first + _MOST_IN_A_RECORD])
        await self._book.durable()
        self._step(RETIRED)
        if purpose == "log":
            self._book.change_key(self._keyring.log_keys())
        for each in ids if purpose == "pepper" else ():
            await asyncio.to_thread(self._register.revoke_unseen, each)
        self._keyring.forget(purpose, over)
        if purpose == "pepper":
            await asyncio.to_thread(self._register.use, self._keyring.peppers())
        return [str(record.wish.name) for record in unused]

    def _view(self, purpose: Purpose) -> View:
        return view(self._keyring, purpose, self._clock())


def views(keyring: FileKeyring, now: datetime | None = None) -> list[View]:
    """Return what is in force for each purpose, by id, and what still counts beside it. Raises SetupError."""
    return [view(keyring, purpose, now or _clock()) for purpose in PURPOSES]


def view(keyring: FileKeyring, purpose: Purpose, now: datetime) -> View:
    """Return what is in force for one purpose. Raises SetupError."""
    known = keyring.generations
    older = [
        {"id": keyring.id_of(each, purpose), "until": said(each.until)}
        for each in known.older(purpose)
        if each.until and now < each.until
    ]
    waits = bool(known.pending and known.pending.purpose == purpose)
    return {"purpose": purpose, "id": keyring.ids()[purpose], "beside": older, "under_way": waits}
