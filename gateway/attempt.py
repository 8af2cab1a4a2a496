"""One try at one target: decide, choose, redact for it, write the intent; then its answer; then its one outcome.

A request has one attempt, and up to two more when a target failed before any byte of an answer had left. Each attempt
is decided anew, is redacted for its own target and has its own intent in the book.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from time import monotonic, perf_counter
from typing import Literal

import msgspec

from gateway.asking import Asking
from gateway.audit.door import Entry
from gateway.domain import (
    Caller,
    Chunk,
    DataFacts,
    Decision,
    Detection,
    EnvFacts,
    Grant,
    Outcome,
    PolicyInput,
    Prompt,
    RequestFacts,
    Target,
    Usage,
)
from gateway.fleet.door import Placement
from gateway.identity.door import Reservation
from gateway.keeping import Keeper, keep
from gateway.policy.persons.transfers import Crossing
from gateway.policy.question import question
from gateway.policy.refusal import denied
from gateway.ports import Call, Rooms
from gateway.privacy.door import Redacted
from gateway.privacy.tags import canonical

DECISION_SECONDS = 1.0  # a decision that stood in a queue for longer is asked for again


class Visit(msgspec.Struct):
    """What is known of a request once it was identified and searched; the same for each of its attempts."""

    request_id: str
    caller: Caller
    call: Call
    reservation: Reservation
    detection: Detection
    data: DataFacts
    parts: dict[str, float]  # seconds by stage
    began: float = msgspec.field(default_factory=monotonic)
    failed: set[str] = msgspec.field(default_factory=set)  # target ids
    attempts: int = 0
    question: PolicyInput | None = None  # the last one asked
    decision: Decision | None = None  # the last one given
    crossing: Crossing | None = None  # persons counted in for the last question

    def values(self) -> Iterator[tuple[str, str]]:
        """Yield the type and the canonical value of each finding."""
        for finding in self.detection.findings:
            text = self.call.segments[finding.segment].text[finding.start : finding.end]
            yield finding.type, canonical(finding.type, text)

    @property
    def deadline(self) -> float:
        """Until when, in monotonic seconds, it waits for a slot, as its caller says."""
        wait = self.call.declared.wait_seconds
        return math.inf if wait is None else self.began + wait

    def release(self) -> None:
        """Give back the persons that were counted in and did not go."""
        if self.crossing is not None:
            self.crossing.release()

    def found(self) -> Iterator[tuple[str, str]]:
        """Yield where each finding stands, as it may be shown, and its type."""
        for finding in self.detection.findings:
            yield self.call.where(self.call.segments[finding.segment].path), finding.type


async def begin(rooms: Rooms, visit: Visit) -> Attempt:
    """Do everything up to the written intent; not one prompt byte has left when this returns.

    Raises:
        PolicyDenied, PolicyUnavailable, EngineUnavailable, LimitExceeded, AuditUnavailable: nothing is held then.
    """
    visit.attempts += 1
    asking = Asking(rooms, visit)
    asked, decision, placement = await _place(rooms, visit, asking)
    try:
        grant = _granted(decision, placement.target)
        await _reserve_tokens(visit, placement)
        redacted = asking.redacted(grant)
        prompt = Prompt(
            request_id=visit.request_id,
            capability=visit.call.capability,
            body=visit.call.body_for_engine(redacted.texts),
            stream=visit.call.stream,
            slot=placement.slot,
            reuse_cache=placement.reuse_cache,
            adapter=rooms.fleet.adapter(visit.call.model),
            counts=visit.call.counts,
        )
        if visit.crossing is not None:
            visit.crossing.settle(placement.target, visit.caller)
        kept = await keep(rooms.content, visit, grant, prompt)
        entry = rooms.book.intent(
            visit.caller, asked, decision, placement.target, redacted.counts, kept.prompt, placement.choice
        )
    except BaseException:
        placement.release()
        raise
    return Attempt(rooms, visit, placement, redacted, prompt, entry, kept)


async def _place(rooms: Rooms, visit: Visit, asking: Asking) -> tuple[PolicyInput, Decision, Placement]:
    """Return a slot on a target that a fresh decision allows."""
    while True:
        asked, decision = await _decide(rooms, visit)
        began = perf_counter()
        with rooms.telemetry.stage("choose", visit.parts):
            failed = frozenset(visit.failed)
            placement = await rooms.fleet.choose(decision, visit.caller, failed, visit.deadline, asking)
        if perf_counter() - began <= DECISION_SECONDS:
            return asked, decision, placement
        try:  # it waited for a slot: is what was allowed then still allowed?
            asked, decision = await _decide(rooms, visit)
        except BaseException:
            placement.release()
            raise
        if any(grant.id == placement.target.id for grant in decision.targets):
            return asked, decision, placement
        placement.release()


async def _decide(rooms: Rooms, visit: Visit) -> tuple[PolicyInput, Decision]:
    asked, decision = await decide(rooms, visit)
    if not decision.allow:
        targets = rooms.fleet.candidates(visit.call.model, visit.call.capability, visit.caller)
        raise denied(decision, visit.found(), leaves_site=any(target.site != visit.caller.site for target in targets))
    return asked, decision


async def decide(rooms: Rooms, visit: Visit) -> tuple[PolicyInput, Decision]:
    """Ask policy about this attempt and return question and answer, which may be no.

    Raises:
        PolicyUnavailable: there is no valid answer.
    """
    visit.decision = None
    visit.release()
    targets, time = rooms.fleet.candidates(visit.call.model, visit.call.capability, visit.caller), rooms.now()
    visit.crossing = rooms.policy.count(visit.caller, visit.values, visit.data.special, targets, time)
    asked = visit.question = _ask(rooms, visit, targets, time)
    with rooms.telemetry.stage("decide", visit.parts):
        visit.decision = decision = await rooms.policy.decide(asked)
    return asked, decision


def _ask(rooms: Rooms, visit: Visit, targets: Sequence[Target], time: str) -> PolicyInput:
    call, caller = visit.call, visit.caller
    request = RequestFacts(
        id=visit.request_id,
        endpoint=call.endpoint,
        capability=call.capability,
        model=_asked_for(rooms, visit, targets),
        stream=call.stream,
        tools=call.uses_tools,
        purpose=caller.purpose,
        declared_class=call.declared.data_class or "",
        modalities=call.modalities,
    )
    site = rooms.site
    env = EnvFacts(site.name, site.node, time, visit.attempts, rooms.clock())
    return question(request, caller, visit.data, targets, env, visit.crossing.facts if visit.crossing else None)


def _asked_for(rooms: Rooms, visit: Visit, targets: Sequence[Target]) -> str:
    """Return the model's own name, and the adapter's where one is asked for: ``MODEL:ADAPTER``. It goes on record."""
    model, adapter = targets[0].model if targets else "", rooms.fleet.adapter(visit.call.model)
    return f"{model}:{adapter}" if adapter else model


def _granted(decision: Decision, target: Target) -> Grant:
    return next(grant for grant in decision.targets if grant.id == target.id)


async def _reserve_tokens(visit: Visit, placement: Placement) -> None:
    call, context = visit.call, placement.context_tokens
    bound = call.text_bytes + (context if call.output_bound is None else call.output_bound)
    await visit.reservation.reserve_tokens(min(bound, context * call.inputs), placement.target.model)


class Attempt:
    """A written intent, and the slot it holds. MUST be ended exactly once; ending is synchronous."""

    def __init__(
        self,
        rooms: Rooms,
        visit: Visit,
        placement: Placement,
        redacted: Redacted,
        prompt: Prompt,
        entry: Entry,
        kept: Keeper,
    ) -> None:
        self.visit = visit
        self.target = placement.target
        self.usage: Usage | None = None
        self.answered = False  # whether a first chunk came
        self.first_byte_seconds: float | None = None
        self.chunks = 0
        self._rooms = rooms
        self._placement = placement
        self._redacted = redacted
        self._prompt = prompt
        self._entry = entry
        self._kept = kept
        self._guard = redacted.guard()
        self._restorer = redacted.restorer()
        self._started = perf_counter()
        self._finish_reason = ""
        self._share = rooms.telemetry.energy(self.target.id, placement.devices) if self.target.same_node else None

    async def answer(self) -> AsyncGenerator[Chunk]:
        """Yield the engine's answer, guarded where the grant says so, values restored.

        Raises:
            EngineUnavailable, BadRequest: as the engine.
            OutputBlocked, DetectorUnavailable: as the guard.
            AuditUnavailable: the intent is not durable, so nothing of the answer is shown.
        """
        if not self.target.same_node:
            await self._durable()  # before the prompt leaves the machine
        async with aclosing(self._placement.answer(self._prompt)) as chunks:
            async for chunk in chunks:
                if not self.answered:
                    await self._durable()  # before the first byte of a local engine's answer is shown
                    self.answered = True
                    self.first_byte_seconds = perf_counter() - self._started
                self._note(chunk)
                passed = chunk if self._guard is None else await self._guard.feed(chunk)
                restored = None if passed is None else self._restorer.feed(passed)
                if restored is not None:
                    yield self._kept.shown(restored)
        passed = None if self._guard is None else await self._guard.flush()
        for rest in (passed and self._restorer.feed(passed), self._restorer.flush()):
            if rest is not None:
                yield self._kept.shown(rest)

    async def _durable(self) -> None:
        with self._rooms.telemetry.stage("sync", self.visit.parts):
            await self._entry.durable()

    def _note(self, chunk: Chunk) -> None:
        self.chunks += 1
        if chunk.usage is not None:
            self.usage = chunk.usage
        for choice in chunk.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason

    def end(self, status: Literal["done", "failed", "hung_up", "interrupted"], code: str = "") -> Outcome:
        """Write the outcome and give the slot back. Awaits nothing."""
        energy = self._share.end() if self._share else self._placement.energy
        outcome = Outcome(
            status=status,
            code=code,
            usage=self.usage,
            finish_reason=self._finish_reason,
            first_byte_seconds=self.first_byte_seconds,
            total_seconds=perf_counter() - self._started,
            parts=dict(self.visit.parts),
            energy_mj=energy.own_mj if energy else None,
            energy_beside_mj=energy.beside_mj if energy else None,
            redactions=dict(self._redacted.counts),
            restored=self._restorer.restored,
            guarded=dict(self._guard.counts) if self._guard else {},
            content=self._kept.end(),
        )
        self._entry.close(outcome)
        self._placement.release(energy)
        return outcome

    def used(self) -> Usage | None:
        """Return what the limits are charged: the engine's count or, where it was cut short, an upper bound."""
        if not self.answered:
            return None
        return self.usage or Usage(self.visit.call.text_bytes, self.chunks)
