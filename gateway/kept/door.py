"""Kept answers: the door of ``kept``, as HTTP needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from gateway.domain import Caller, DataClass
from gateway.errors import ResponseNotFound
from gateway.pipeline import Passage

Item = dict[str, Any]
"""One item of a conversation, plain JSON."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One answered request, as it is kept: ``sekisho.response/1``. ``response`` is OpenAI's object.

    Tenant, project and key are its owner; class, origin and the country where it is seen are those that it was judged
    by.
    """

    id: str
    tenant: str
    project: str
    key: str
    response: dict[str, Any]
    input: list[Item]  # each with an id; what came before is not among them
    data_class: DataClass = msgspec.field(name="class")
    collected_in: str
    shown_in: str = ""
    previous: str = ""
    version: Literal["sekisho.response/1"] = "sekisho.response/1"


class Wish(msgspec.Struct, frozen=True):
    """What a request says of keeping its answer."""

    id: str  # of the response
    store: bool | None  # None: it does not say
    previous: str = ""


class Keeping(Protocol):
    """One answer that will be kept. MUST be ended once, by one of the three."""

    async def keep(self, response: dict[str, Any], items: list[Item]) -> bool:
        """Keep the answer; it is on stable storage when this returns ``True``. Never raises for its own faults.

        ``False``: it was not kept, since another target's grant forbids it or the disk failed.
        """

    def keep_broken(self, response: dict[str, Any], items: list[Item]) -> None:
        """Keep what there is of an answer that was cut off. Synchronous; never raises."""

    def drop(self) -> None:
        """Keep nothing: the caller never learnt of this answer. Synchronous; never raises."""


class Responses(Protocol):
    """Whoever is told of nothing here is told so in one way: of an unknown id, of another's, of an ended one."""

    async def check_room(self, caller: Caller, wish: Wish) -> None:
        """Raises QuotaExceeded: the caller asks for keeping, and its project's room is full."""

    async def begin(self, passage: Passage, wish: Wish, response: dict[str, Any]) -> Keeping | None:
        """Return how this answer is kept, ``None`` when it is not. Until it is, it is shown as ``response``.

        Raises:
            AuditUnavailable: it must be kept and the side store cannot be used.
        """

    async def conversation(self, caller: Caller, response_id: str, most_bytes: int) -> Sequence[Turn]:
        """Return a turn and all that came before it, oldest first.

        Raises:
            ResponseNotFound: one of them is not there for this caller.
            BadRequest: together they are larger than that.
            AuditUnavailable: the side store cannot be read, or that they are read cannot be put on record.
        """

    async def find(self, caller: Caller, response_id: str) -> dict[str, Any]:
        """Return a response, one that is being made too.

        Raises:
            ResponseNotFound, AuditUnavailable: as :meth:`conversation`.
            Forbidden: it was judged for being seen in another country.
        """

    async def items(self, caller: Caller, response_id: str) -> list[Item]:
        """Return what a response was made from, as far back as it is kept. Raises as :meth:`find`."""

    async def delete(self, caller: Caller, response_id: str) -> None:
        """Destroy a response. Raises as :meth:`conversation`."""


class NoResponses:
    """A house that keeps none."""

    async def check_room(self, caller: Caller, wish: Wish) -> None: ...

    async def begin(self, passage: Passage, wish: Wish, response: dict[str, Any]) -> Keeping | None:
        return None

    async def conversation(self, caller: Caller, response_id: str, most_bytes: int) -> Sequence[Turn]:
        raise ResponseNotFound

    async def find(self, caller: Caller, response_id: str) -> dict[str, Any]:
        raise ResponseNotFound

    async def items(self, caller: Caller, response_id: str) -> list[Item]:
        raise ResponseNotFound

    async def delete(self, caller: Caller, response_id: str) -> None:
        raise ResponseNotFound
