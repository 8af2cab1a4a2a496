"""The end of what was kept: items whose days are over are destroyed, each hour by the server, or by a command.

What is about to go is on record first (``erasure.expired``, with how many items of which days), then it goes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

import msgspec

from gateway.audit.content.store import Pruned, SideStore
from gateway.errors import AuditUnavailable, SetupError

HOUR_SECONDS = 3600.0
_log = logging.getLogger("sekisho.audit")


class Events(Protocol):
    """What this needs of the book: see :class:`gateway.audit.door.Book`."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


async def prune(store: SideStore, book: Events, by: str) -> Pruned:
    """Destroy what has ended, on record first.

    Raises:
        AuditUnavailable: it could not be put on record; nothing was destroyed.
        OSError: something could not be destroyed; the next time goes on.
    """
    due = await asyncio.to_thread(store.due)
    if due.items:
        book.event("erasure.expired", by=by, **msgspec.to_builtins(due))
        await book.durable()
    return await asyncio.to_thread(store.prune)


async def prune_hourly(store: SideStore, book: Events, seconds: float = HOUR_SECONDS) -> None:
    """Do so now and each hour, until cancelled, and let persons' keys follow a rotated key of their tenant.

    What cannot be destroyed is said in the operator's log.
    """
    while True:
        try:
            await asyncio.to_thread(store.keys.reseal)
            await prune(store, book, "the server")
        except (OSError, SetupError, AuditUnavailable) as error:
            _log.error("what was kept for its days cannot be destroyed: %s", type(error).__name__)
        await asyncio.sleep(seconds)
