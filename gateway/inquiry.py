"""Questions that carry no prompt: which models, is the house ready, how is it doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway import __version__
from gateway.domain import Caller, Capability
from gateway.errors import ModelNotFound
from gateway.ports import Rooms


class ModelCard(msgspec.Struct, frozen=True):
    """One entry of ``GET /v1/models``, in OpenAI's shape."""

    id: str
    created: int  # seconds since 1970, when this process began to serve it
    owned_by: str = "sekisho"
    object: str = "model"


class Inquiry:
    """Answers from what the rooms say of themselves. Nothing here is written into the book."""

    def __init__(self, rooms: Rooms, started_seconds: int) -> None:
        self._rooms = rooms
        self._started = started_seconds

    def identify(self, authorization: str | None) -> Caller:
        """Return the caller. Raises Unauthenticated."""
        return self._rooms.identity.identify(authorization)

    def models(self, caller: Caller) -> list[ModelCard]:
        """Return the models this caller may use, by name."""
        names = sorted({target.model for target in self._rooms.fleet.targets()})
        return [ModelCard(name, self._started) for name in names if self._may_use(name, caller)]

    def _may_use(self, name: str, caller: Caller) -> bool:
        try:
            return bool(self._rooms.fleet.candidates(name, Capability.CHAT, caller))
        except ModelNotFound:
            return False

    def model(self, name: str, caller: Caller) -> ModelCard:
        """Return one model, found by name or alias. Raises ModelNotFound."""
        self._rooms.fleet.candidates(name, Capability.CHAT, caller)
        return ModelCard(name, self._started)

    def readiness(self) -> Mapping[str, Any]:
        """Return what ``/health/ready`` says. Ready only when every room is."""
        rooms = self._rooms
        models = sorted({target.model for target in rooms.fleet.targets()})
        state = {
            "engine": (rooms.fleet.ready(), ", ".join(models)),
            "policy": (rooms.policy.ready(), "bundle and facts in force"),
            "audit": (rooms.book.ready(), "log writable"),
            "privacy": (rooms.privacy.ready(), "detectors loaded"),
        }
        ready = all(is_ready for is_ready, _ in state.values())
        return {
            "status": "ready" if ready else "not ready",
            "version": __version__,
            "rooms": {name: {"ready": yes, "detail": said if yes else ""} for name, (yes, said) in state.items()},
            "models": models,
        }

    def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return self._rooms.telemetry.render()
