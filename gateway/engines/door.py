"""HOW to speak to an inference engine: the door of ``engines``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from gateway.domain import Chunk, Prompt


class Engine(Protocol):
    """One loaded model that answers prompts."""

    @property
    def slots(self) -> int:
        """How many prompts it takes at once."""

    @property
    def context_tokens(self) -> int:
        """Context per slot, in tokens."""

    @property
    def device(self) -> str:
        """What computes, as the engine tells once it has started, ``cpu: …`` or ``gpu: …``; "" when it does not."""

    @property
    def build(self) -> str:
        """Which program computes, with its version, once it has started; "" when that cannot be seen from here."""

    async def start(self) -> None:
        """Load the model; returns when it answers. Raises EngineUnavailable."""

    async def stop(self) -> None:
        """Unload, and end every process it started."""

    def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk]:
        """Send the prompt and yield its answer: many chunks when ``prompt.stream``, else one.

        An async generator. Closing it (``aclose`` or cancellation of the awaiting task) MUST cancel the engine's work.
        Nothing is sent before the first ``__anext__``.

        Raises:
            EngineUnavailable: crashed, restarting, hung up: before or after the first chunk.
            BadRequest: the engine refuses parameters (context too long, a schema it cannot compile). The message is
                ours; the engine's own text may quote the prompt.
        """

    def ready(self) -> bool:
        """Whether it would take a prompt now."""
