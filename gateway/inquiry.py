"""Questions that carry no prompt: which models, which decision, is the house ready, how is it doing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway import __version__
from gateway.audit.door import Case, Spot
from gateway.domain import Caller, Capability, Declared, Target
from gateway.errors import AuditFinal, DecisionNotFound, Forbidden, LimitExceeded, ModelNotFound
from gateway.identity.choice import narrow
from gateway.judged import Judged, belongs_to, judged
from gateway.ports import Rooms


class ModelCard(msgspec.Struct, frozen=True):
    """One entry of ``GET /v1/models``, in OpenAI's shape."""

    id: str
    created: int  # seconds since 1970, when this process began to serve it
    owned_by: str = "sekisho"
    object: str = "model"


class Inquiry:
    """Answers from what the rooms say of themselves, and from the book. Nothing here is written into it."""

    def __init__(self, rooms: Rooms, started_seconds: int) -> None:
        self._rooms = rooms
        self._started = started_seconds
        self._searching = asyncio.Lock()

    def identify(self, authorization: str | None, source: str) -> Caller:
        """Return the caller, as seen from the address ``source``. Raises Unauthenticated."""
        return self._rooms.policy.seen_from(self._rooms.identity.identify(authorization), source)

    @asynccontextmanager
    async def counted(self, caller: Caller) -> AsyncGenerator[Caller]:
        """Count what happens inside as a request of the caller's.

        Raises:
            Forbidden: its role may not ask models. LimitExceeded, Unavailable: as its limits say.
        """
        caller = narrow(caller, Declared())
        reservation = await self._rooms.limits.reserve(caller)
        try:
            yield caller
        finally:
            reservation.settle(None)

    def models(self, caller: Caller) -> list[ModelCard]:
        """Return the models this caller may use, by name."""
        fleet = self._rooms.fleet
        names = {target.model for target in fleet.targets()} | {name for name in caller.models if fleet.adapter(name)}
        return [ModelCard(name, self._started) for name in sorted(names) if self._may_use(name, caller)]

    def targets(self, name: str, caller: Caller) -> list[Target]:
        """Return where the caller may use a model, whatever for."""
        fleet = self._rooms.fleet
        able = [ability for ability in Capability if self._does(ability, name, caller)]
        return list(
            {target.id: target for ability in able for target in fleet.candidates(name, ability, caller)}.values()
        )

    def _may_use(self, name: str, caller: Caller) -> bool:
        """Whether some target does something with the model for this caller, be it to chat or to embed."""
        return any(self._does(capability, name, caller) for capability in Capability)

    def _does(self, capability: Capability, name: str, caller: Caller) -> bool:
        try:
            return bool(self._rooms.fleet.candidates(name, capability, caller))
        except (Forbidden, ModelNotFound):
            return False

    def model(self, name: str, caller: Caller) -> ModelCard:
        """Return one model, found by name or alias. Raises ModelNotFound."""
        if not self._may_use(name, caller):
            self._rooms.fleet.candidates(name, Capability.CHAT, caller)  # says what there is instead
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

    async def decision(self, decision_id: str, caller: Caller) -> Judged:
        """Return a decision about a request of the caller's project.

        Raises:
            DecisionNotFound: there is none as far as was looked, or it is somebody else's.
            LimitExceeded: the log would have to be searched, and the key's limits or another search are in the way.
            AuditUnavailable: the log cannot be read.
        """
        _, case = await self._case(decision_id, caller)
        try:
            return judged(case)
        except msgspec.ValidationError as error:
            raise AuditFinal("The log's record cannot be read.") from error

    async def receipt(self, decision_id: str, caller: Caller) -> bytes:
        """Return the signed receipt of the attempt that was made under a decision. Raises as :meth:`decision`.

        Raises:
            DecisionNotFound: with ``policy.no_receipt``: nothing was sent under this decision.
        """
        spot, case = await self._case(decision_id, caller)
        if case.record["type"] != "intent":
            message = "No prompt was sent under this decision, so there is no receipt for it."
            raise DecisionNotFound(message, code="policy.no_receipt")
        return await self._rooms.book.receipt(spot)

    def sites(self) -> Mapping[str, str]:
        """Return the site of each target, by its id."""
        return {target.id: target.site for target in self._rooms.fleet.targets()}

    async def _case(self, decision_id: str, caller: Caller) -> tuple[Spot, Case]:
        book = self._rooms.book
        spot = book.locate(decision_id)
        if spot is None:
            spot = await self._search(decision_id, caller)
        case = await book.case(spot) if spot is not None else None
        if spot is None or case is None or not belongs_to(case, caller.tenant, caller.project):
            raise DecisionNotFound
        return spot, case

    async def _search(self, decision_id: str, caller: Caller) -> Spot | None:
        """Search the log's files: one search at a time, and each counts as a request of its key."""
        reservation = await self._rooms.limits.reserve(caller)
        try:
            if self._searching.locked():
                message = "Another decision is being searched for; try again in a second."
                raise LimitExceeded(message, code="limits.searches", retry_after_seconds=1)
            async with self._searching:
                return await self._rooms.book.search(decision_id)
        finally:
            reservation.settle(None)

    def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return self._rooms.telemetry.render()
