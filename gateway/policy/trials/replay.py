"""All past decisions again, under another policy, each with the facts it was made under.

Records are read as the audit log holds them. A record that should hold a decision and whose question, decision or data
set cannot be read is counted and named: a replay that leaves something out says so.

Rules:

1. A question is put again as it was, at its own time, with its own counters.
2. Equal questions are asked once, where the answer itself says until when it holds (``remember_until``).
3. An answer that is no decision is a refusal here, as it would be in service.
4. Data sets are pushed one after another, each with what the rules derive from it for its first question's day;
   within one, questions are asked side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.domain import Decision, Grant, PolicyInput, Reason
from gateway.errors import SetupError
from gateway.policy.answer import Refused
from gateway.policy.datasets import DataSets, under
from gateway.policy.trials.flips import Difference, Line, Sums, differences, jurisdiction_of, where, why_not
from gateway.policy.trials.proposal import Proposal
from gateway.policy.trials.scratch import Rehearsal

REQUESTS = ("intent", "denial")
SIDE_BY_SIDE = 8
MOST_NAMED = 100
_SECOND = len("2030-01-31T00:00:00")
_NO_ANSWER = "main"

Progress = Callable[[int], None]
"""Called with the number of decisions that are done."""


class Unreadable(Exception):
    """A record should hold a decision, and what is there is none. ``str()`` is why."""


class Past(msgspec.Struct, frozen=True):
    """A decision of the past, and the question it answered."""

    question: PolicyInput
    decision: Decision


class _Said(msgspec.Struct, frozen=True):
    """What was, or is, answered."""

    targets: tuple[Grant, ...]
    reasons: tuple[Reason, ...]
    until: str = ""


class _Asked(msgspec.Struct):
    """One question and all times at which it was put: time, decision id, what was said."""

    question: PolicyInput
    times: list[tuple[str, str, _Said]]


class Report(msgspec.Struct):
    """What a replay found. ``undecided`` are requests that no policy answered then, so there is nothing to compare."""

    proposal: dict[str, str]
    decisions: int = 0
    asked: int = 0
    same: int = 0
    allowed_now: int = 0  # decisions that said no to everything, and would say yes to something
    refused_now: int = 0
    no_answer: int = 0
    undecided: int = 0
    unreadable: int = 0
    unreadable_named: list[str] = []
    sums: Sums = msgspec.field(default_factory=Sums)

    def name(self, which: str, why: str) -> None:
        """Count a record that cannot be read, and name it; at most :data:`MOST_NAMED` by name."""
        self.unreadable += 1
        if len(self.unreadable_named) < MOST_NAMED:
            self.unreadable_named.append(f"{which}: {why}")

    @property
    def opens(self) -> bool:
        return self.sums.count("opened") > 0

    def as_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__struct_fields__ if name != "sums"}
        return {**plain, **self.sums.counts(), "lines": self.sums.lines()}


def past_of(record: Mapping[str, Any], types: Collection[str] = REQUESTS) -> Past | None:
    """Return the decision that a record holds, ``None`` where it is about something else.

    Args:
        types: the records that count. A ``preview`` decided too, and nothing hung on it.

    Raises:
        Unreadable: it is about a decision that cannot be read.
    """
    if record.get("type") not in types:
        return None
    asked, decided = record.get("input"), record.get("decision")
    if decided is None:
        if record["type"] != "denial" or (asked is None and _was_decided(record)):
            raise Unreadable("the record does not hold what was decided")
        return None
    try:
        return Past(msgspec.convert(asked, PolicyInput), msgspec.convert(decided, Decision))
    except msgspec.ValidationError as error:
        raise Unreadable("what was asked or decided is in another form") from error


def is_undecided(record: Mapping[str, Any]) -> bool:
    """Whether a question was put and no policy answered it."""
    return record.get("type") == "denial" and bool(record.get("input")) and record.get("decision") is None


def _was_decided(record: Mapping[str, Any]) -> bool:
    """Whether it is a policy's no: one that was too large for a record is there without its decision."""
    return str(record.get("code", "")).startswith("policy.") and record.get("status") == 403


class Replay:
    """Collects past decisions, then asks them again.

    Args:
        datasets: where the facts of the past lie.
        proposal: what they are asked under.
    """

    def __init__(self, datasets: DataSets, proposal: Proposal) -> None:
        self.report = Report(proposal.as_dict(), unreadable_named=[], sums=Sums())
        self._datasets = datasets
        self._proposal = proposal
        self._by_facts: dict[str, dict[bytes, _Asked]] = {}
        self._known: dict[bytes, _Said] = {}
        self._seen: set[str] = set()

    def add(self, record: Mapping[str, Any], name: str) -> None:
        """Take a record in.

        Args:
            name: what to call it should it be unreadable, such as its log and sequence.
        """
        try:
            past = past_of(record)
        except Unreadable as why:
            self.report.name(name, str(why))
            return
        self.report.undecided += past is None and is_undecided(record)
        if past is None or past.decision.id in self._seen:
            return
        self._seen.add(past.decision.id)
        self.report.decisions += 1
        question, decision = past.question, past.decision
        asked = self._by_facts.setdefault(decision.data_revision, {}).setdefault(_key(question), _Asked(question, []))
        asked.times.append((question.env.time, decision.id, self._once(decision)))

    def _once(self, decision: Decision) -> _Said:
        """Return what was said; the same object for the same words, since a log repeats itself."""
        said = _Said(decision.targets, decision.reasons)
        return self._known.setdefault(msgspec.json.encode(said, order="deterministic"), said)

    async def run(self, rehearsal: Rehearsal, progress: Progress = lambda done: None) -> Report:
        """Ask everything again and compare.

        Raises:
            SetupError: OPA is gone, or the proposal's table does not compile for a fleet of the past.
        """
        done = 0
        for revision, questions in self._by_facts.items():
            count = sum(len(asked.times) for asked in questions.values())
            try:
                facts = self._datasets.facts_of(revision)
            except SetupError as error:
                for asked in questions.values():
                    for _, decision_id, _ in asked.times:
                        self.report.name(f"decision {decision_id}", error.problem)
            else:
                await self._under(rehearsal, facts, questions.values(), partial(_onward, progress, done))
            done += count
            progress(done)
        return self.report

    async def _under(
        self, rehearsal: Rehearsal, facts: dict[str, Any], questions: Collection[_Asked], progress: Progress
    ) -> None:
        facts = under(facts, self._proposal.rulebook) if self._proposal.rulebook else facts
        await rehearsal.push(facts, next(time for asked in questions for time, _, _ in asked.times))
        waiting, done = iter(questions), 0

        async def work() -> None:
            nonlocal done
            for asked in waiting:
                await self._again(rehearsal, facts, asked)
                done += len(asked.times)
                progress(done)

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(SIDE_BY_SIDE):
                    workers.create_task(work())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _again(self, rehearsal: Rehearsal, facts: dict[str, Any], asked: _Asked) -> None:
        """Ask one question at each of its times, as often as its answers do not hold any more."""
        question, now = asked.question, None
        why: dict[str, tuple[str, str]] = {}
        for time, decision_id, then in sorted(asked.times, key=lambda each: each[:2]):
            if now is None or time[:_SECOND] > now.until:
                question = replace(asked.question, env=replace(asked.question.env, time=time))
                now, why = await self._ask(rehearsal, question), {}
            found = differences(asked.question.candidates, then.targets, now.targets)
            self.report.same += not found
            self.report.allowed_now += bool(now.targets) and not then.targets
            self.report.refused_now += bool(then.targets) and not now.targets
            for difference in found:
                if difference.kind == "closed" and difference.target not in why:
                    alone = replace(question, candidates=(difference.target,))
                    closed = await self._ask(rehearsal, alone)
                    why[difference.target] = why_not(closed.reasons, jurisdiction_of(difference.target, facts))
                self._count(difference, asked.question, then, why, facts, decision_id)

    async def _ask(self, rehearsal: Rehearsal, question: PolicyInput) -> _Said:
        self.report.asked += 1
        try:
            answer = await rehearsal.ask(question)
        except Refused as refusal:
            self.report.no_answer += 1
            return _Said((), (Reason(refusal.code, _NO_ANSWER, severity="deny"),))
        return _Said(answer.targets, answer.reasons, _second_of(answer.remember_until))

    def _count(
        self,
        difference: Difference,
        question: PolicyInput,
        then: _Said,
        why: Mapping[str, tuple[str, str]],
        facts: Mapping[str, Any],
        decision_id: str,
    ) -> None:
        if difference.kind == "closed":
            rule, reason = why[difference.target]
        elif difference.kind == "opened":
            rule, reason = why_not(then.reasons, jurisdiction_of(difference.target, facts))
        else:
            rule, reason = "table", difference.what
        line = Line(difference.kind, question.caller.tenant, rule, reason, where(difference.target, facts))
        self.report.sums.add(line, decision_id)


def _onward(progress: Progress, before: int, more: int) -> None:
    progress(before + more)


def _second_of(until: str) -> str:
    """Return an RFC 3339 time in UTC to the second, to be compared as text; empty where there is none."""
    return datetime.fromisoformat(until).astimezone(UTC).isoformat()[:_SECOND] if until else ""


def _key(question: PolicyInput) -> bytes:
    """Return what a question has in common with others that have the same answer at the same time."""
    same = replace(question, request=replace(question.request, id=""), env=replace(question.env, time=""))
    return msgspec.json.encode(same, order="deterministic")
