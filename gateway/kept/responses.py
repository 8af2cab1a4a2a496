"""Answers of ``/v1/responses`` on disk: who may come back to which, and what is put on record of it.

Guarantees:

1. An answer is on stable storage before :meth:`KeptAnswer.keep` says so. A process that is killed leaves it whole or
   not at all.
2. Whoever is not its owner (tenant, project and key) learns what whoever asks for an unknown id learns.
3. Storing, reading and deleting are on record, with ids and digests, before they have happened.
4. What a legal hold covers is out of its owner's sight once it was deleted, and stays in the side store.
5. It is shown in the country that its decision was made for, or at home, and nowhere else (:func:`check_shown`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from gateway import durable
from gateway.audit.content.door import UNAVAILABLE, About
from gateway.audit.content.seal import Head, Noise, NotAnItem
from gateway.audit.content.store import Sealed, SideStore, read_head, speaks_of_others
from gateway.audit.door import Book
from gateway.audit.persons.key_file import PersonKey
from gateway.domain import Caller
from gateway.errors import AuditUnavailable, BadRequest, QuotaExceeded, ResponseNotFound, SetupError
from gateway.keeping import spoken_of
from gateway.kept.door import Item, Turn, Wish
from gateway.kept.terms import check_shown, days_kept
from gateway.pipeline import Passage
from gateway.policy.persons.transfers import looked_at_in
from gateway.settings import ResponseSettings

PREFIX = "resp_"
MOST_TURNS = 1000
COUNT_EACH_SECONDS = 600.0
_MIB = 1024 * 1024

_log = logging.getLogger("sekisho.kept")


class KeptResponses:
    """The :class:`gateway.kept.door.Responses` of one process.

    Args:
        store: the side store of the data folder.
        hidden: a folder with the names of those that were deleted and are held.
        origin: of this process's logs.
    """

    def __init__(self, store: SideStore, hidden: Path, book: Book, origin: str, settings: ResponseSettings) -> None:
        self.store = store
        self.book = book
        self.origin = origin
        self._hidden = hidden
        self._settings = settings
        self._making: dict[str, Turn] = {}
        self._used: dict[tuple[str, str], int] = {}
        self._counted_at = float("-inf")

    # --- keeping

    def wishes(self, wish: Wish) -> bool:
        return self._settings.store_by_default if wish.store is None else wish.store

    def days(self, passage: Passage) -> int:
        """Return for how many days the answer of this attempt may be kept."""
        visit, grant = passage.visit, passage.grant
        return days_kept(grant, visit.data, self._settings.keep_days) if visit and grant else 0

    async def check_room(self, caller: Caller, wish: Wish) -> None:
        if wish.store and await self._is_full(caller):
            message = "The room for kept answers of your project is full: delete some, or send `store: false`."
            raise QuotaExceeded(message, code="kept.full", param="store")

    async def begin(self, passage: Passage, wish: Wish, response: dict[str, Any]) -> KeptAnswer | None:
        days, visit = self.days(passage), passage.visit
        if not (days and visit and self.wishes(wish)) or await self._is_full(visit.caller):
            return None
        caller = visit.caller
        about = About(visit.request_id, caller.tenant, caller.project, days)
        persons = spoken_of(visit)
        try:
            keys = await asyncio.to_thread(self.store.keys_for, about, persons)
        except (OSError, SetupError, ValueError) as error:
            raise _unavailable(error) from error
        turn = Turn(
            id=wish.id,
            tenant=caller.tenant,
            project=caller.project,
            key=caller.key_id,
            response=response,
            input=[],
            data_class=visit.data.data_class,
            collected_in=visit.data.collected_in,
            shown_in=looked_at_in(caller),
            previous=wish.previous,
        )
        self._making[wish.id] = turn
        return KeptAnswer(self, passage, turn, about, keys, to_search=speaks_of_others(persons))

    def tell(self, type: str, turn: Turn, **more: Any) -> None:
        """Put on record what is done with an answer. Raises AuditUnavailable."""
        who = {"tenant": turn.tenant, "project": turn.project, "key": turn.key}
        judged = {"class": turn.data_class, "collected_in": turn.collected_in}
        self.book.event(type, kept={"item": _item_of(turn.id), "kind": "response", **who, **judged, **more})

    def made(self, response_id: str) -> None:
        """Forget an answer that is being made no more."""
        self._making.pop(response_id, None)

    def count(self, turn: Turn, size: int) -> None:
        self._used[turn.tenant, turn.project] = self._used.get((turn.tenant, turn.project), 0) + size

    async def _is_full(self, caller: Caller) -> bool:
        if monotonic() - self._counted_at >= COUNT_EACH_SECONDS:
            self._counted_at = monotonic()
            self._used = await asyncio.to_thread(self._count_all)
        return self._used.get((caller.tenant, caller.project), 0) >= self._settings.most_mib * _MIB

    def _count_all(self) -> dict[tuple[str, str], int]:
        used: dict[tuple[str, str], int] = {}
        for path, head in self.store.heads():
            if head.kind == "response":
                used[head.tenant, head.project] = used.get((head.tenant, head.project), 0) + _size(path)
        for name in self._hidden.glob("*"):
            if self.store.find(name.name) is None:
                name.unlink(missing_ok=True)
        return used

    # --- coming back

    async def conversation(self, caller: Caller, response_id: str, most_bytes: int) -> Sequence[Turn]:
        turns = await asyncio.to_thread(self._chain, caller, response_id, most_bytes)
        await self._on_record("kept.read", turns[-1], turns=len(turns), why="continued")
        return turns

    async def find(self, caller: Caller, response_id: str) -> dict[str, Any]:
        turn = self._making.get(response_id)
        if turn is None or not _owns(caller, turn):
            turn = await asyncio.to_thread(self._load, caller, response_id)
        check_shown(caller, turn.shown_in, turn.collected_in)
        await self._on_record("kept.read", turn, why="response")
        return turn.response

    async def items(self, caller: Caller, response_id: str) -> list[Item]:
        turns = await asyncio.to_thread(self._chain, caller, response_id, 0)
        for turn in turns:
            check_shown(caller, turn.shown_in, turn.collected_in)
        await self._on_record("kept.read", turns[-1], turns=len(turns), why="input_items")
        return joined(turns[:-1]) + turns[-1].input

    async def delete(self, caller: Caller, response_id: str) -> None:
        turn = await asyncio.to_thread(self._load, caller, response_id)
        await self._on_record("kept.deleted", turn)
        try:
            await asyncio.to_thread(self._destroy, response_id)
        except OSError as error:
            raise _unavailable(error) from error

    async def _on_record(self, type: str, turn: Turn, **more: Any) -> None:
        self.tell(type, turn, **more)
        await self.book.durable()

    def _destroy(self, response_id: str) -> None:
        path = self.store.find(_item_of(response_id))
        head = read_head(path) if path else None
        if path is None or head is None:
            return
        if self.store.is_held(head):
            durable.replace(self._hidden / path.name, b"")
            return
        size = _size(path)
        self.store.destroy([path])
        self._used[head.tenant, head.project] = max(0, self._used.get((head.tenant, head.project), 0) - size)

    def _chain(self, caller: Caller, response_id: str, most_bytes: int) -> list[Turn]:
        """Return a turn and all before it, oldest first; with ``most_bytes`` of 0 as far back as they are kept."""
        turns, size, next_id = [self._load(caller, response_id)], 0, ""
        while (next_id := turns[-1].previous) and len(turns) < MOST_TURNS:
            try:
                turns.append(self._load(caller, next_id))
            except ResponseNotFound:
                if most_bytes:
                    raise
                break
            size += len(msgspec.json.encode(turns[-1]))
            if most_bytes and size > most_bytes:
                break
        if most_bytes and turns[-1].previous:
            message = "The conversation that `previous_response_id` goes on from is too long."
            raise BadRequest(message, code="request.text_too_long", param="previous_response_id")
        return turns[::-1]

    def _load(self, caller: Caller, response_id: str) -> Turn:
        """Return a turn of the caller's. Raises ResponseNotFound, AuditUnavailable."""
        path = self.store.find(_item_of(response_id)) if response_id.startswith(PREFIX) else None
        head = read_head(path) if path is not None else None
        if path is None or head is None or not self._is_shown(head):
            raise ResponseNotFound
        try:
            _, content, _ = self.store.open(path)
            turn = msgspec.json.decode(content, type=Turn)
        except (Noise, FileNotFoundError) as error:  # erased, or destroyed just now
            raise ResponseNotFound from error
        except (OSError, NotAnItem, SetupError, msgspec.DecodeError) as error:
            raise _unavailable(error) from error
        if not _owns(caller, turn) or turn.id != response_id:
            raise ResponseNotFound
        return turn

    def _is_shown(self, head: Head) -> bool:
        """Whether an item is an answer whose days are not over and which was not deleted."""
        has_ended = head.ends < datetime.now(UTC).date().isoformat()
        return head.kind == "response" and not has_ended and not (self._hidden / head.item).exists()


class KeptAnswer:
    """One answer on its way to the side store. Implements :class:`gateway.kept.door.Keeping`."""

    def __init__(
        self,
        room: KeptResponses,
        passage: Passage,
        turn: Turn,
        about: About,
        keys: Sequence[PersonKey],
        *,
        to_search: bool,
    ) -> None:
        self._room = room
        self._passage = passage
        self._turn = turn
        self._about = about
        self._keys = keys
        self._to_search = to_search
        self._begun = False

    async def keep(self, response: dict[str, Any], items: list[Item]) -> bool:
        self._begun = True  # from here on, no cancellation stops the thread that writes
        try:
            if not await self._fits():
                return False
            sealed = self._sealed(response, items)
            await asyncio.to_thread(self._room.store.put, sealed)
            self._room.count(self._turn, len(sealed.raw))
        except (OSError, SetupError, ValueError, AuditUnavailable) as error:
            _log.error("an answer that its caller wants kept could not be stored: %s", type(error).__name__)
            return False
        finally:
            self._room.made(self._turn.id)
        return True

    def keep_broken(self, response: dict[str, Any], items: list[Item]) -> None:
        if self._begun:
            return
        self._begun = True
        try:
            if self._room.days(self._passage) == self._about.days:
                sealed = self._sealed(response, items)
                self._room.store.write(sealed)
                self._room.count(self._turn, len(sealed.raw))
        except (OSError, ValueError, AuditUnavailable) as error:
            _log.error("an answer that was cut off could not be stored: %s", type(error).__name__)
        finally:
            self._room.made(self._turn.id)

    def drop(self) -> None:
        self._room.made(self._turn.id)

    async def _fits(self) -> bool:
        """Whether it may still be kept: another target may have answered, under another grant."""
        days = self._room.days(self._passage)
        if days and days != self._about.days:
            self._about = msgspec.structs.replace(self._about, days=days)
            persons = spoken_of(self._passage.visit) if self._passage.visit else []
            self._keys = await asyncio.to_thread(self._room.store.keys_for, self._about, persons)
        return days > 0

    def _sealed(self, response: dict[str, Any], items: list[Item]) -> Sealed:
        """Seal it and put on record that it is stored. Raises AuditUnavailable."""
        turn = msgspec.structs.replace(self._turn, response=response, input=items)
        content, item = msgspec.json.encode(turn), _item_of(turn.id)
        given = (self._about, self._room.origin, self._keys, content, item)
        sealed = self._room.store.seal("response", *given, to_search=self._to_search)
        self._room.tell("kept.stored", turn, days=self._about.days, sha256=sealed.kept.sha256)
        return sealed


def joined(turns: Sequence[Turn]) -> list[Item]:
    """Return what was said in these turns, in order: what each was asked, then what it answered."""
    return [item for turn in turns for item in (*turn.input, *turn.response["output"])]


def _owns(caller: Caller, turn: Turn) -> bool:
    return (caller.tenant, caller.project, caller.key_id) == (turn.tenant, turn.project, turn.key)


def _item_of(response_id: str) -> str:
    return response_id.removeprefix(PREFIX)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _unavailable(error: Exception) -> AuditUnavailable:
    _log.error("a kept answer cannot be stored or read: %s", type(error).__name__)
    return AuditUnavailable.because(error, "Kept answers cannot be read or stored at present.", code=UNAVAILABLE)
