"""A policy that is not in force, asked beside the one that is: what would it have decided, live.

Guarantees:

1. It never influences an answer: :meth:`Shadow.observe` takes what was decided already, never waits, never raises. What
   does not fit into the queue is dropped and counted.
2. The OPA that it asks is another process than the one that decides, on a socket of its own, and gives way to it.
   Killed, frozen or slow, it costs nothing but comparisons: those are counted as unanswered.
3. Each question is asked under the very facts that decided it, with the shadow's own rule table. A decision that
   repeats a remembered one is compared as that was.
4. Once a minute the sums are written into the log (``policy.shadow``), with a few decisions by id; nothing of a
   question is. A log that cannot be written keeps them for the next minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from gateway.domain import Decision, PolicyInput, Reason
from gateway.errors import PolicyUnavailable, SekishoError, SetupError
from gateway.policy.answer import Answer, Refused, read_answer
from gateway.policy.datasets import DataSets, under
from gateway.policy.trials.flips import Difference, Line, Sums, differences, jurisdiction_of, where, why_not
from gateway.policy.trials.proposal import Proposal
from gateway.policy.trials.scratch import NICE

QUEUE = 256
MOST_RECENT = 1024
RECORD_SECONDS = 60.0
MOST_LINES = 100
LINES_IN_A_RECORD = 30
EXAMPLES = 5
NAME = "opa-shadow"
_FAILED = frozenset({"policy.timeout", "policy.unavailable"})

Write = Callable[[dict[str, Any]], None]
"""Puts the sums of a minute on record. Raises SekishoError when they are not."""


class Asked(Protocol):
    """The OPA of a shadow; :class:`~gateway.policy.opa.local.LocalOpa` is the one there is."""

    in_force: tuple[str, ...]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def push(self, facts: Mapping[str, Any]) -> None: ...

    async def ask(self, question: PolicyInput) -> bytes: ...


class Counts(msgspec.Struct):
    """What was compared. ``seen`` is all of it: ``same`` + ``other`` + ``unanswered`` + ``dropped`` + what waits."""

    since: str
    seen: int = 0
    same: int = 0
    other: int = 0
    allowed: int = 0  # requests that were refused, and would pass
    refused: int = 0  # requests that passed, and would be refused
    unanswered: int = 0
    dropped: int = 0
    sums: Sums = msgspec.field(default_factory=lambda: Sums(MOST_LINES, EXAMPLES))

    def as_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__struct_fields__ if name != "sums"}
        return {**plain, **self.sums.counts(), "lines": self.sums.lines()}


class _Found(msgspec.Struct, frozen=True):
    """What the shadow says of one question: whether it allows it, and what differs."""

    allow: bool
    lines: tuple[Line, ...]


class Shadow:
    """One shadow. Call :meth:`start`, then :meth:`observe` with each decision, then :meth:`stop`.

    Args:
        opa: who is asked.
        proposal: what it decides by.
        datasets: where the facts of decisions lie.
        write: see :data:`Write`.
        record_seconds: how often sums are written.
    """

    def __init__(
        self, opa: Asked, proposal: Proposal, datasets: DataSets, write: Write, record_seconds: float = RECORD_SECONDS
    ) -> None:
        self._opa = opa
        self._proposal = proposal
        self._datasets = datasets
        self._write = write
        self._record_seconds = record_seconds
        self._queue: asyncio.Queue[tuple[PolicyInput, Decision]] = asyncio.Queue(QUEUE)
        self._tasks: list[asyncio.Task[None]] = []
        self._facts: dict[str, Any] = {}
        self._pushed = ("", "")  # the revision that decided, and that of the facts with the shadow's own table
        self._recent: OrderedDict[str, _Found] = OrderedDict()  # by the decision: one that repeats it is as it was
        self._total = Counts(_now())
        self._minute = Counts(_now())

    async def start(self) -> None:
        """Start its OPA. Raises SetupError: it does not come up, or refuses the bundle."""
        await self._opa.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work(), name="policy-shadow") for work in (self._compare_all, self._record_all)]

    async def stop(self) -> None:
        """End it, and put on record what was summed since the last minute. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._opa.stop()
        self._record()

    def observe(self, question: PolicyInput, decision: Decision) -> None:
        """Take a decision to compare. MUST NOT wait or raise: whoever calls it has a request at hand."""
        for counts in (self._total, self._minute):
            counts.seen += 1
        try:
            self._queue.put_nowait((question, decision))
        except asyncio.QueueFull:
            self._both("dropped")

    def status(self) -> dict[str, Any]:
        """Return what was found since the start, as plain JSON."""
        return {**self._proposal.as_dict(), "waiting": self._queue.qsize(), **self._total.as_dict()}

    # --- how

    async def _compare_all(self) -> None:
        while True:
            question, decision = await self._queue.get()
            try:
                await self._compare(question, decision)
            except (Refused, SetupError, PolicyUnavailable):
                self._both("unanswered")

    async def _compare(self, question: PolicyInput, decision: Decision) -> None:
        """Raises Refused, SetupError or PolicyUnavailable where there is no answer to compare with."""
        found = self._recent.get(decision.remembered_from)
        if found is None:
            found = await self._found(question, decision)
        self._recent[decision.remembered_from or decision.id] = found
        if len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)
        self._both("other" if found.lines else "same")
        if found.allow != decision.allow:
            self._both("allowed" if found.allow else "refused")
        for line in found.lines:
            for counts in (self._total, self._minute):
                counts.sums.add(line, decision.id)

    async def _found(self, question: PolicyInput, decision: Decision) -> _Found:
        if decision.data_revision != self._pushed[0] or self._pushed[1] not in self._opa.in_force:
            await self._push(decision.data_revision)
        answer = await self._ask(question)
        found = differences(question.candidates, decision.targets, answer.targets)
        return _Found(answer.allow, tuple([await self._line(each, question, decision) for each in found]))

    async def _push(self, revision: str) -> None:
        facts = await asyncio.to_thread(self._facts_of, revision)
        await self._opa.push(facts)
        self._facts, self._pushed = facts, (revision, self._opa.in_force[-1] if self._opa.in_force else "")

    def _facts_of(self, revision: str) -> dict[str, Any]:
        facts = self._datasets.facts_of(revision)
        return under(facts, self._proposal.rulebook) if self._proposal.rulebook else facts

    async def _ask(self, question: PolicyInput) -> Answer:
        """Return the answer; one that came and is none is a refusal, as it would be in service."""
        try:
            return read_answer(await self._opa.ask(question), question, self._opa.in_force)
        except Refused as refusal:
            if refusal.code in _FAILED:
                raise
            return Answer(False, (), (Reason(refusal.code, "main", severity="deny"),), "")

    async def _line(self, difference: Difference, question: PolicyInput, decision: Decision) -> Line:
        destination = jurisdiction_of(difference.target, self._facts)
        rule, reason = "table", difference.what
        if difference.kind == "opened":
            rule, reason = why_not(decision.reasons, destination)
        elif difference.kind == "closed":
            alone = await self._ask(replace(question, candidates=(difference.target,)))
            rule, reason = why_not(alone.reasons, destination)
        place = where(difference.target, self._facts)
        return Line(difference.kind, question.caller.tenant, rule, reason, place)

    async def _record_all(self) -> None:
        while True:
            await asyncio.sleep(self._record_seconds)
            self._record()

    def _record(self) -> None:
        if not self._minute.seen:
            return
        details = self._minute.as_dict()
        lines = details["lines"]
        details |= {"lines": lines[:LINES_IN_A_RECORD], "lines_left_out": max(0, len(lines) - LINES_IN_A_RECORD)}
        with contextlib.suppress(SekishoError):  # the log refuses: every request is refused then, and sums are kept
            self._write({**self._proposal.as_dict(), "until": _now(), **details})
            self._minute = Counts(_now())

    def _both(self, name: str) -> None:
        for counts in (self._total, self._minute):
            setattr(counts, name, getattr(counts, name) + 1)


def give_way(pid: int) -> None:
    """Let a process and its threads run after others; new threads inherit it. Never raises."""
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError, ValueError):
            os.setpriority(os.PRIO_PROCESS, int(task.name), NICE)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
