"""What the walkers of vector APIs ask about models: the door of the registry and the fleet, as HTTP needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.domain import Capability


class Models(Protocol):
    """Names are as callers write them: a model's own or an alias."""

    def serves(self, model: str, capability: Capability) -> bool:
        """Whether some target, healthy or not, does that with the model."""

    async def sizes(self, model: str) -> Sequence[int]:
        """Return how many numbers the model's vectors may have; empty when that is not known."""

    async def text(self, model: str, tokens: Sequence[int]) -> str:
        """Return the text that these ids of the model's vocabulary spell; marks such as ``[CLS]`` spell nothing.

        Raises:
            LookupError: there is no vocabulary of this model here.
            ValueError: an id that the vocabulary does not have.
        """


class NoModels:
    """Knows nothing of any model: what it is asked for is refused further on, as of an unknown model."""

    def serves(self, model: str, capability: Capability) -> bool:
        return False

    async def sizes(self, model: str) -> Sequence[int]:
        return ()

    async def text(self, model: str, tokens: Sequence[int]) -> str:
        raise LookupError(model)
