"""A model on a joined node, behind the same door as one on this machine.

Starting it pushes what the node lacks, has the node load it, and compares: the digest of what the node says that it
loaded MUST be the manifest's, else :class:`NodeLied` is raised and nothing is served by it. ``resident`` is the name of
this one load, made here, so that what nobody here remembers can be told from it and sent out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.domain import Chunk, Prompt
from gateway.engines.node_link import NodeAway, NodeRefused
from gateway.engines.node_wire import Loaded, NodeState, Order
from gateway.errors import EngineUnavailable

_GONE = frozenset(("engine.restarting", "engine.crashed", "node.unknown_resident"))


class Link(Protocol):
    """What this needs of :class:`gateway.engines.node_link.NodeLink`."""

    name: str

    async def load(self, order: Order) -> Loaded: ...

    async def unload(self, resident: str, *, drain: bool = False) -> None: ...

    def answer(self, resident: str, prompt: Prompt, most: int) -> AsyncGenerator[Chunk, None]: ...


class NodeLied(EngineUnavailable):
    """The node says that it loaded other bytes than it was told to."""

    default_code = "fleet.node_lied"
    default_message = "The model's node does not serve what it was told to."


Push = Callable[[str, Path], Awaitable[None]]
"""Brings a file to the node, by its SHA-256; returns when it is whole there. Raises NodeAway, NodeRefused."""


class NodeEngine:
    """A :class:`gateway.engines.door.Engine` on a joined node.

    Args:
        link: to the node.
        push: brings files there.
        order: how it is to be loaded; its ``id`` is replaced.
        files: what the node must have for it, by SHA-256.
        digest: of the model's own file.
        lied: is called with the digest that the node told, where that is another one.
    """

    def __init__(
        self,
        link: Link,
        push: Push,
        order: Order,
        files: Sequence[tuple[str, Path]],
        digest: str,
        lied: Callable[[str], None] = lambda said: None,
    ) -> None:
        self.resident = secrets.token_hex(16)
        self.device = self.build = ""
        self.measured_mib: Mapping[str, int] = {}
        self.loaded_at = float("inf")
        self._link = link
        self._push = push
        self._order = msgspec.structs.replace(order, id=self.resident)
        self._files = files
        self._lied = lied
        self.is_over = False
        self._digest = digest
        self._asked = False
        self._ready = False

    @property
    def slots(self) -> int:
        return self._order.slots

    @property
    def context_tokens(self) -> int:
        return self._order.context_tokens

    async def start(self) -> None:
        """Push what is missing, load, compare. Raises EngineUnavailable: nothing of it serves then."""
        try:
            for digest, path in self._files:
                await self._push(digest, path)
            self._asked = True
            loaded = await self._link.load(self._order)
        except NodeAway as error:
            raise EngineUnavailable(f"The node {self._link.name} cannot be reached.", code="fleet.node_away") from error
        except NodeRefused as error:
            raise _refused(self._link.name, error) from error
        if loaded.digest != self._digest or loaded.id != self.resident:
            self._lied(loaded.digest)
            raise NodeLied
        self.device, self.build, self.measured_mib = loaded.device, loaded.build, loaded.measured_mib
        self.loaded_at = time.monotonic()
        self._ready = True

    async def stop(self) -> None:
        """Have it sent out. A node that cannot be reached is told when it is back: it has no resident of this name."""
        asked, self._asked, self._ready = self._asked, False, False
        self.is_over = True
        if asked:
            with suppress(NodeAway, NodeRefused):
                await self._link.unload(self.resident)

    def ready(self) -> bool:
        return self._ready

    def look(self, state: NodeState, asked_at: float) -> bool:
        """Learn from what the node says of itself; returns whether it still has this load.

        Args:
            state: what it said.
            asked_at: when it was asked, by ``time.monotonic``: what was loaded since is not in it.
        """
        if asked_at <= self.loaded_at:
            return True
        found = next((each for each in state.residents if each.id == self.resident), None)
        if found is not None and found.digest != self._digest:
            self._lied(found.digest)
            found = None
        self._ready = self._asked and found is not None and found.ready
        return found is not None

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`."""
        if not self._ready:
            raise EngineUnavailable("The model's engine is starting again.", code="engine.restarting")
        try:
            async with aclosing(self._link.answer(self.resident, prompt, self._most_parts(prompt))) as chunks:
                async for chunk in chunks:
                    yield chunk
        except EngineUnavailable as error:
            if error.code in _GONE:
                self._ready = False  # until the node says that it is back
            raise

    def _most_parts(self, prompt: Prompt) -> int:
        """Return a bound that no honest answer meets: a part is a token at least, or one of a few beside them."""
        wanted = prompt.body.get("n")
        choices = wanted if isinstance(wanted, int) and wanted > 0 else 1
        texts = prompt.body.get("prompt")
        many = len(texts) if isinstance(texts, list) else 1
        return 64 + 2 * self.context_tokens * choices * max(1, many)


def _refused(name: str, error: NodeRefused) -> EngineUnavailable:
    """Return what a refused load is here. The node's words are for operators: none of them is of a prompt."""
    code = error.code if error.code.startswith(("engine.", "fleet.")) else "engine.start_failed"
    return EngineUnavailable(f"The node {name} does not load it: {error.line or error.code}", code=code)
