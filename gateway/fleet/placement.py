"""One slot of one engine, held for one attempt. Implements :class:`gateway.fleet.door.Placement`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import cast

from gateway.domain import Chunk, Prompt, Target
from gateway.fleet.member import Desk
from gateway.fleet.slots import Lease, Use


class HeldSlot:
    """A slot until :meth:`release`, which MUST come after the answer's generator was closed."""

    __slots__ = ("_desk", "_lease", "_released", "_since", "_use")

    def __init__(self, desk: Desk, lease: Lease) -> None:
        self._desk = desk
        self._lease = lease
        self._since = monotonic()
        self._use: Use = "untouched"
        self._released = False

    @property
    def target(self) -> Target:
        return self._desk.home.target

    @property
    def slot(self) -> int:
        return self._lease.slot

    @property
    def reuse_cache(self) -> bool:
        return self._lease.reuse_cache

    @property
    def context_tokens(self) -> int:
        return self._desk.home.context_tokens

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`; notes whether the engine took the prompt."""
        if self._use == "untouched":
            self._use = "asked"
        async with aclosing(cast(AsyncGenerator[Chunk, None], self._desk.home.answer(prompt))) as chunks:
            async for chunk in chunks:
                self._use = "answered"
                yield chunk

    def release(self) -> None:
        """Give the slot back. Synchronous; a second call does nothing."""
        if self._released:
            return
        self._released = True
        self._desk.give_back(self._lease, self._use, monotonic() - self._since)
