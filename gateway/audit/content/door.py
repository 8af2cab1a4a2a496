"""The side store: the door of ``audit.content``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from gateway.domain import Caller, Kept
from gateway.errors import AuditFinal

UNAVAILABLE = "audit.content_unavailable"
"""Stable code: what must be kept cannot be stored."""


class About(msgspec.Struct, frozen=True):
    """What a prompt belongs to."""

    request: str
    tenant: str
    project: str
    days: int  # how long it is kept


class Keeping(Protocol):
    """A prompt in the side store, whose answer is still to come."""

    @property
    def prompt(self) -> Kept: ...

    def answer(self, content: bytes) -> Kept:
        """Store the answer. Synchronous, so that no cancellation comes between: it is the kernel's at the return, and
        on stable storage soon. Never raises; ``item`` is empty where it could not be stored, and the next prompt that
        must be kept is refused.
        """


class Contents(Protocol):
    async def recognise(self, caller: Caller, end_user: str) -> Caller:
        """Return the caller with the pseudonym of its end user, where its key vouches for one.

        Raises:
            AuditUnavailable: there is none yet, and none can be made.
        """

    async def keep(self, about: About, persons: Collection[str], content: bytes) -> Keeping:
        """Store a prompt. MUST NOT return before it is on stable storage.

        Args:
            persons: of whom it speaks, as :meth:`gateway.audit.persons.keys.PersonKeys.of` takes them.

        Raises:
            AuditUnavailable: not stored; nothing may be sent.
        """


class NoContents:
    """A house without a side store: what must be kept is refused."""

    async def recognise(self, caller: Caller, end_user: str) -> Caller:
        if caller.vouches_for_users and end_user:
            raise AuditFinal(code=UNAVAILABLE)
        return caller

    async def keep(self, about: About, persons: Collection[str], content: bytes) -> Keeping:
        raise AuditFinal(code=UNAVAILABLE)
