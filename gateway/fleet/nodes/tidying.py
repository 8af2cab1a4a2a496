"""Takes files off nodes that nothing here knows any more: of models that were removed.

Rules:

1. What is kept is what a manifest of this gateway names and its own store has: one file counts for all models and
   adapters that name it. Where the store has nothing at all, it is not believed, and nothing is taken away.
2. Only what a gateway once brought to a node is taken away there, and the node keeps what a loaded model needs. What
   it refuses is not asked for again until it starts anew.
3. Each file is on record before its node is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from gateway.errors import AuditUnavailable

EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 10.0

_log = logging.getLogger("sekisho.nodes")


class Holder(Protocol):
    """A node that is there. ``boot`` is another one after each start of its service."""

    @property
    def name(self) -> str: ...

    @property
    def boot(self) -> str: ...

    @property
    def files(self) -> Sequence[str]:
        """SHA-256 of those that a gateway brought there, whole or in part."""

    def forget(self, digest: str) -> Awaitable[None]: ...


class Tidying:
    """Compares what nodes have with what is known here.

    Args:
        kept: SHA-256 of every file that some model here still has. Blocks.
        silent: what ``forget`` raises when a node cannot be reached; it is asked again.
        refuses: what it raises when the node says no.
        event: writes into the audit log; ``durable`` returns once that is on stable storage.
    """

    def __init__(
        self,
        kept: Callable[[], frozenset[str]],
        silent: type[Exception],
        refuses: type[Exception],
        event: Callable[..., None],
        durable: Callable[[], Awaitable[None]],
    ) -> None:
        self._kept, self._silent, self._refuses = kept, silent, refuses
        self._event, self._durable = event, durable
        self._asked: set[tuple[str, str, str]] = set()  # node, boot, digest

    async def look(self, holders: Iterable[Holder]) -> None:
        """Have each node forget what nothing here has any more."""
        left_over = [(holder, set(holder.files)) for holder in holders]
        if not any(files for _, files in left_over):
            return
        kept = await asyncio.to_thread(self._kept)
        if not kept:  # rule 1
            return
        for holder, files in left_over:
            for digest in sorted(files - kept):
                if (holder.name, holder.boot, digest) not in self._asked:
                    await self._forget(holder, digest)

    async def _forget(self, holder: Holder, digest: str) -> None:
        said: dict[str, Any] = {"node": holder.name, "sha256": digest}
        try:
            self._event("node.file_removed", **said)
            await self._durable()
        except AuditUnavailable:  # not on record, so not done; the next look tries again
            return
        self._asked.add((holder.name, holder.boot, digest))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await holder.forget(digest)
        except (self._silent, TimeoutError):
            self._asked.discard((holder.name, holder.boot, digest))
            self._ended("failed", said)
        except self._refuses as error:
            _log.warning("node %s keeps the file %s: %s", holder.name, digest[:12], error)
            self._ended("refused", said)
        else:
            _log.warning("node %s has the file %s no more: no model here has it", holder.name, digest[:12])

    def _ended(self, how: str, said: dict[str, Any]) -> None:
        with suppress(AuditUnavailable):  # told already, and nothing was done
            self._event(f"node.file_removed.{how}", **said)
