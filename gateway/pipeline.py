"""The life of a request, top to bottom. Start reading here.

``admit`` is everything that can refuse, while the HTTP status is still open; ``answer`` is the relay; leaving the
passage closes it. No prompt byte leaves the process before its intent is written, no byte of an answer reaches the
caller before that intent is on stable storage, and each intent gets exactly one outcome, whatever ends it::

    async with checkpoint.passage(arrival) as passage:
        await passage.admit()
        async for chunk in passage.answer():
            ...
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from gateway.attempt import Attempt, Visit, begin
from gateway.domain import Caller, Chunk, Grant, Outcome
from gateway.ending import ending
from gateway.errors import EngineUnavailable, SekishoError
from gateway.identity.choice import narrow
from gateway.identity.door import Reservation, Standing
from gateway.policy.derive import derive
from gateway.ports import Arrival, Call, Rooms

ATTEMPTS = 3  # tries at different targets, while no byte of an answer has left


class Checkpoint:
    """The gate itself: one for each process."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms

    def passage(self, arrival: Arrival) -> Passage:
        return Passage(self.rooms, arrival)

    def turn_away(self, refusal: SekishoError, source: str, caller: Caller | None = None, request_id: str = "") -> None:
        """Note the refusal of what never became a passage: an unknown route, a model's card, a closing server."""
        code, status = refusal.code, refusal.status
        self.rooms.book.denial(code=code, status=status, caller=caller, request_id=request_id, source=source)
        self.rooms.telemetry.refused(refusal.code)


class Passage:
    """One request on its way through."""

    def __init__(self, rooms: Rooms, arrival: Arrival) -> None:
        self._rooms = rooms
        self._arrival = arrival
        self._started = perf_counter()
        self._caller: Caller | None = None
        self._reservation: Reservation | None = None
        self._visit: Visit | None = None
        self._attempt: Attempt | None = None
        self._parts: dict[str, float] = {}  # seconds by stage
        self.complete = False  # whether the last word of the answer was said

    async def admit(self) -> Call:
        """Let the request in, up to its written intent.

        Raises:
            SekishoError: a refusal, recorded once when the passage is left.
        """
        visit = await self.examine()
        self._attempt = await begin(self._rooms, visit)  # decide, choose, reserve tokens, redact, write the intent
        return visit.call

    async def examine(self) -> Visit:
        """Find out who calls and what the request carries: all that comes before a decision. Raises as ``admit``."""
        rooms, arrival = self._rooms, self._arrival
        caller = self._caller = rooms.policy.seen_from(rooms.identity.identify(arrival.authorization), arrival.source)
        self._reservation = await rooms.limits.reserve(caller)
        call = await arrival.unpack(lambda model, capability: rooms.fleet.candidates(model, capability, caller))
        caller = self._caller = await rooms.content.recognise(narrow(caller, call.declared), call.end_user)
        rooms.fleet.candidates(call.model, call.capability, caller)  # an unknown model is refused before the search
        with rooms.telemetry.stage("detect", self._parts):
            detection = await rooms.privacy.detect(call.segments, caller)
        rooms.telemetry.found(detection.counts())
        data = derive(caller, call.declared, detection, project_floor=rooms.policy.class_floor(caller))
        self._visit = Visit(arrival.request_id, caller, call, self._reservation, detection, data, self._parts)
        return self._visit

    @property
    def decision_id(self) -> str:
        """Id of the last decision about this request; empty before there was one."""
        return self._visit.decision.id if self._visit and self._visit.decision else ""

    @property
    def visit(self) -> Visit | None:
        """What is known of the request; ``None`` before it was searched."""
        return self._visit

    @property
    def grant(self) -> Grant | None:
        """What the decision says of the target that answers; ``None`` where none does."""
        decision, attempt = self._visit.decision if self._visit else None, self._attempt
        if decision is None or attempt is None:
            return None
        return next(grant for grant in decision.targets if grant.id == attempt.target.id)

    @property
    def standing(self) -> Standing | None:
        """How far the caller is from its next refusal; ``None`` before its limits were looked at."""
        return self._reservation.standing() if self._reservation else None

    async def answer(self) -> AsyncGenerator[Chunk]:
        """Yield the answer, values restored; try another target while nothing has left.

        Raises:
            SekishoError: before the first chunk the status is still open; after it, the caller gets an error event.
        """
        while self._attempt is not None:
            try:
                async with aclosing(self._attempt.answer()) as chunks:
                    async for chunk in chunks:
                        yield chunk
                self.complete = True
                return
            except EngineUnavailable as error:
                if self._attempt.answered or self._attempt.visit.attempts >= ATTEMPTS:
                    raise
                failed, self._attempt = self._attempt, None
                failed.end("failed", error.code)
                failed.visit.failed.add(failed.target.id)
                self._attempt = await begin(self._rooms, failed.visit)

    async def __aenter__(self) -> Self:
        self._rooms.telemetry.entered()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close: one outcome or one denial, everything given back. Awaits nothing, so nothing can cut it short."""
        attempt, status, code = self._attempt, *ending(error, complete=self.complete)
        refused = attempt is None and status == "failed"
        seconds = perf_counter() - self._started
        outcome = attempt.end(status, code) if attempt else Outcome(status, code, total_seconds=seconds)
        if refused and error is not None:
            self._refuse(error)
        if self._visit is not None:
            self._visit.release()
        if self._reservation is not None:
            self._reservation.settle(attempt.used() if attempt else None)
        model, outcome = attempt.target.model if attempt else "", replace(outcome, total_seconds=seconds)
        self._rooms.telemetry.left(self._arrival.endpoint, model, outcome, refused=refused)

    def _refuse(self, error: BaseException) -> None:
        refusal = error if isinstance(error, SekishoError) else SekishoError()
        visit = self._visit
        self._rooms.book.denial(
            code=refusal.code,
            status=refusal.status,
            caller=self._caller,
            question=visit.question if visit else None,
            decision=visit.decision if visit else None,
            request_id=self._arrival.request_id,
            decision_id=refusal.decision_id or "",
            source=self._arrival.source,
        )
