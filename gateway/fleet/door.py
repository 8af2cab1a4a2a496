"""WHO takes a request: the door of ``fleet``."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Protocol

from gateway.domain import Caller, Capability, Choosing, Chunk, Decision, Energy, Grant, Prompt, Target


class Asked(Protocol):
    """What is asked, as far as choosing needs to know. Whatever is costly is made only when it is looked at."""

    @property
    def generates(self) -> bool:
        """Whether the answer is text; False: vectors or scores."""

    @property
    def max_tokens(self) -> int | None:
        """Of the answer; ``None``: as many as the context holds."""

    def profile(self, grant: Grant) -> str:
        """Return what is done to texts under a grant: equal for grants that make equal texts."""

    def turns(self, grant: Grant) -> Iterable[tuple[str, str]]:
        """Return role and text of all that becomes part of the prompt, redacted for that grant, as it is read."""


class Placement(Protocol):
    """One slot of one engine, held for one attempt."""

    @property
    def target(self) -> Target: ...

    @property
    def slot(self) -> int: ...

    @property
    def reuse_cache(self) -> bool:
        """Whether the slot's last prompt was this tenant's."""

    @property
    def context_tokens(self) -> int: ...

    @property
    def choice(self) -> Choosing | None:
        """How the target was chosen; ``None`` where there was no other."""

    @property
    def devices(self) -> Sequence[str]:
        """What computes there: ``cpu``, or ``gpu:0`` and so on; none: nobody knows."""

    @property
    def energy(self) -> Energy | None:
        """What the answer used, as its node measured it; ``None`` before its end, and where that does not tell."""

    def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk]:
        """As :meth:`gateway.engines.door.Engine.answer`."""

    def release(self, energy: Energy | None = None) -> None:
        """Give the slot back. Synchronous; safe to call twice.

        Args:
            energy: what the answer used, where that was measured: it is learned.
        """


class Fleet(Protocol):
    def targets(self) -> Sequence[Target]:
        """All targets, healthy or not."""

    def candidates(self, model: str, capability: Capability, caller: Caller) -> Sequence[Target]:
        """Targets that serve ``model`` (name or alias) with ``capability``.

        Raises:
            ModelNotFound: lists the caller's models, and how an operator would alias that name.
        """

    def adapter(self, model: str) -> str:
        """Return the name of the adapter that ``model`` asks for, as in ``MODEL:ADAPTER``; empty: none."""

    async def choose(
        self,
        decision: Decision,
        caller: Caller,
        failed: frozenset[str],
        deadline: float = math.inf,
        asked: Asked | None = None,
    ) -> Placement:
        """Wait for a slot on the best of the decision's targets, ``failed`` ones excluded.

        Args:
            deadline: monotonic seconds; nobody waits beyond it.
            asked: what it is that is to be answered; ``None``: nobody says.

        Raises:
            EngineUnavailable: none of them is healthy.
            LimitExceeded: its queue is full (``fleet.queue_full``), or the wait would be too long or was
                (``fleet.wait_too_long``), with ``retry_after_seconds``.
        """

    def ready(self) -> bool:
        """Whether at least one engine would take a prompt now."""
