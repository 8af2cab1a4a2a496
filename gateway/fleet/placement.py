"""One slot of one engine, held for one attempt. Implements :class:`gateway.fleet.door.Placement`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import monotonic
from typing import cast

from gateway.domain import Capability, Choosing, Chunk, Energy, Prompt, Target, Usage
from gateway.errors import EngineUnavailable
from gateway.fleet.desk import Desk, Held
from gateway.fleet.ranking import Stay
from gateway.fleet.slots import Use


class HeldSlot:
    """A slot until :meth:`release`, which MUST come after the answer's generator was closed."""

    __slots__ = ("_desk", "_energy", "_held", "_released", "_since", "_stay", "_usage", "_use")

    def __init__(self, desk: Desk, held: Held, stay: Stay) -> None:
        self._desk = desk
        self._held = held
        self._stay = stay
        self._usage: Usage | None = None
        self._energy: Energy | None = None
        self._since = monotonic()
        self._use: Use = "untouched"
        self._released = False

    @property
    def target(self) -> Target:
        return self._desk.home.target

    @property
    def slot(self) -> int:
        return self._held.lease.slot

    @property
    def reuse_cache(self) -> bool:
        return self._held.lease.reuse_cache

    @property
    def context_tokens(self) -> int:
        return self._desk.home.context_tokens

    @property
    def choice(self) -> Choosing | None:
        return self._stay.choice

    @property
    def devices(self) -> Sequence[str]:
        return self._desk.home.devices

    @property
    def energy(self) -> Energy | None:
        return self._energy

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`; notes whether the engine took the prompt.

        To tokenise touches no slot, nor to count where the engine told the tokens: whose prompt lies there stays.
        """
        spells, before = prompt.capability is Capability.TOKENIZE, self._use
        if self._use == "untouched" and not spells:
            self._use = "asked"
        self._stay.asks(streams=prompt.stream)
        try:
            async with aclosing(cast(AsyncGenerator[Chunk, None], self._desk.home.answer(prompt))) as chunks:
                async for chunk in chunks:
                    if chunk.energy is not None:
                        self._energy = chunk.energy
                        continue
                    if prompt.counts and chunk.tokens:
                        spells, self._use = True, before
                    self._note(chunk, spells=spells)
                    yield chunk
        except EngineUnavailable as error:
            self._desk.failed(self._held.bill.tenant, error.code)
            raise
        if spells or self._use == "answered":
            self._desk.ended(self._held.bill.tenant)

    def _note(self, chunk: Chunk, *, spells: bool) -> None:
        if spells:
            self._desk.answered(self._held.bill.tenant)
        elif self._use != "answered":
            self._use = "answered"
            self._desk.answered(self._held.bill.tenant)
        self._usage = chunk.usage or self._usage
        self._stay.see(chunk)

    def release(self, energy: Energy | None = None) -> None:
        """Give the slot back. Synchronous; a second call does nothing."""
        if self._released:
            return
        self._released = True
        if energy is not None and self._use == "answered":
            self._desk.drew(energy)
        self._stay.rise(self._held.lease.slot, self._use, self._usage)
        self._desk.give_back(self._held, self._use, monotonic() - self._since, cost_of(self._usage))


def cost_of(usage: Usage | None) -> float | None:
    """Return what an answer costs its tenant, in tokens; ``None`` when the engine did not say.

    A token that is made counts twice, one that is read once (the weights of Sheng et al., Fairness in Serving Large
    Language Models, OSDI 2024), one that lay in the slot's cache not at all.
    """
    if usage is None:
        return None
    return max(0, usage.prompt_tokens - usage.cached_tokens) + 2.0 * usage.completion_tokens
