"""A place where a model is served, as the fleet sees it: an engine that is always there, or one that comes and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain import Chunk, Prompt, Target
from gateway.errors import EngineUnavailable

RESTART_SECONDS = 2.0
"""How long an engine takes to come back (its supervisor's promise): the Retry-After while it is away."""


class FleetEngine(Protocol):
    """What the fleet needs of an engine; :class:`gateway.engines.door.Engine` has it."""

    @property
    def slots(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    def ready(self) -> bool: ...

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """An async generator: closing it cancels the engine's work."""


@dataclass(frozen=True, slots=True)
class Displaced:
    """Whom a load would send out: target ids, and for how many seconds they would be away."""

    targets: tuple[str, ...] = ()
    away_seconds: float = 0.0


NOBODY = Displaced()


class Home(Protocol):
    """A place where a model is served: always, or when it was loaded for those who wait."""

    @property
    def target(self) -> Target:
        """As it is known now: device and build are there once an engine told them."""

    @property
    def slots(self) -> int: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def devices(self) -> Sequence[str]:
        """What computes there: ``cpu``, or ``gpu:0`` and so on; none: nobody knows."""

    def is_open(self) -> bool:
        """Whether a prompt would be taken now."""

    def is_coming(self) -> bool:
        """Whether who waits will be served or told: it is not open, and is not given up."""

    def enter(self) -> None:
        """Count in a request that gets a slot: the engine stays until :meth:`leave`. MUST be open."""

    def leave(self, *, answered: bool) -> None:
        """Count out a request. Once for each :meth:`enter`."""

    def wait(self) -> None:
        """Count in a request that waits."""

    def unwait(self) -> None:
        """Count out a request that waited."""

    def opens_in_seconds(self) -> float:
        """Return how long it is likely to take until it is open; 0 when it is."""

    def displaces(self) -> Displaced:
        """Return who would be sent out if one more asked here; nobody where it is open, or on its way already."""

    def refusal(self) -> EngineUnavailable:
        """Return why it is neither open nor coming."""

    def watch(self, opened: Callable[[], None], closed: Callable[[EngineUnavailable], None]) -> None:
        """Have ``opened`` called when it opened, ``closed`` when those who wait shall wait no longer."""

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """As :meth:`FleetEngine.answer`. The caller has entered."""


@dataclass(frozen=True)
class Member:
    """An engine that is always there, and the target it is known as. A :class:`Home`."""

    target: Target
    engine: FleetEngine

    @property
    def slots(self) -> int:
        return self.engine.slots

    @property
    def context_tokens(self) -> int:
        return self.engine.context_tokens

    @property
    def devices(self) -> Sequence[str]:
        return ()

    def is_open(self) -> bool:
        return self.engine.ready()

    def is_coming(self) -> bool:
        return False

    def enter(self) -> None: ...

    def leave(self, *, answered: bool) -> None: ...

    def wait(self) -> None: ...

    def unwait(self) -> None: ...

    def opens_in_seconds(self) -> float:
        return 0.0

    def displaces(self) -> Displaced:
        return NOBODY

    def refusal(self) -> EngineUnavailable:
        return away()

    def watch(self, opened: Callable[[], None], closed: Callable[[EngineUnavailable], None]) -> None: ...

    def answer(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        return self.engine.answer(prompt)


def away() -> EngineUnavailable:
    return EngineUnavailable("No engine for this request is running now.", retry_after_seconds=RESTART_SECONDS)
