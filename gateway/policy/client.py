"""The door's one true implementation: questions to an OPA, answers checked and stamped.

One revision is in force, and the OPA that has it is asked. Every answer is stamped with that revision, and says under
which facts it was made; an OPA that has none, or other ones, is refused. There is no second try. An answer that may be
remembered serves equal questions for a second (:mod:`gateway.policy.remembered`).

Another revision comes in force in two steps: :meth:`OpaPolicy.prepare` starts an OPA for it beside the one that is
asked, gives it the facts and asks it once; :meth:`OpaPolicy.switch` turns to it between two questions. Each question is
answered whole by the one or the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from ulid import ULID

from gateway.domain import Caller, DataClass, Decision, PolicyInput, Target
from gateway.errors import PolicyExpired, PolicyUnavailable, SetupError
from gateway.policy import organisation
from gateway.policy.access import Access
from gateway.policy.answer import Answer, Refused, read_answer
from gateway.policy.datasets import DataSets
from gateway.policy.facts import MAX_CANDIDATES, Rulebook, build_facts
from gateway.policy.glass import grant as break_glass
from gateway.policy.glass.office import grants_of
from gateway.policy.glass.watch import GrantsWatch
from gateway.policy.life.build import Bundle, build, law
from gateway.policy.life.revisions import Revision, Revisions, Standing
from gateway.policy.life.signing import require_vouched, trust_of
from gateway.policy.life.trial import trial_of
from gateway.policy.opa.local import RETRY_AFTER_SECONDS, LocalOpa
from gateway.policy.opa.program import find_opa
from gateway.policy.opa.supervisor import OpaProcess
from gateway.policy.persons.counters import Counters
from gateway.policy.persons.transfers import Crossing, Transfers, Values
from gateway.policy.remembered import Known, Remembered
from gateway.policy.table import read
from gateway.policy.table.row import groups_of
from gateway.settings import Settings

NAMES = ("opa", "opa-next")
"""What the files of two OPAs that run beside each other are called."""


class Decider(Protocol):
    """One OPA with one revision; :class:`~gateway.policy.opa.local.LocalOpa` is the usual one."""

    standing: Standing
    engine: str
    name: str
    remembered: Remembered
    in_force: tuple[str, ...]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def drain(self) -> None: ...

    def ready(self) -> bool: ...

    async def push(self, facts: Mapping[str, Any]) -> None: ...

    async def ask(self, question: PolicyInput) -> bytes: ...


class OpaPolicy:
    """WHERE a request may go. Call :meth:`start`, then :meth:`push_facts`; before both it is not ready.

    Args:
        settings: reads ``policy``, ``site``, ``policies``, ``rules_file``, ``state`` and ``run``.
        standing: what to decide by; without one, the revision in force.
    """

    def __init__(self, settings: Settings, standing: Standing | None = None) -> None:
        self._settings = settings
        self._standing = standing
        self._decider: Decider | None = None
        self._next: Decider | None = None
        self._organisation = organisation.Organisation()
        self._access = Access(settings.site)
        self._targets: tuple[Target, ...] | None = None
        self._changing = asyncio.Lock()
        self._transfers: Transfers | None = None
        self.observer: Callable[[PolicyInput, Decision], None] | None = None  # told of each decision; MUST NOT raise
        self._data_sets = DataSets(settings.state / "policy" / "data")
        self._grants = grants_of(settings)
        self._granted: list[dict[str, Any]] = []
        self._watch = GrantsWatch(self.look_at_grants)

    @property
    def bundle(self) -> Bundle:
        """The bundle in force. Call after :meth:`start`."""
        assert self._decider  # noqa: S101  for the type checker
        return self._decider.standing.bundle

    @property
    def engine(self) -> str:
        """What decides, as in ``opa/1.22.2``; empty before the start."""
        return self._decider.engine if self._decider else ""

    @property
    def process(self) -> OpaProcess | None:
        return self._decider.process if isinstance(self._decider, LocalOpa) else None

    async def start(self) -> None:
        """Find OPA and start it with what is in force, unless a switch did already; returns when it answers.

        Raises:
            SetupError: no fit OPA, no revision in force or one that is not whole, OPA does not come up.
        """
        if self._decider:
            return
        self._organisation = organisation.load(self._settings)
        standing = self._standing
        if standing is None:
            standing = await asyncio.to_thread(standing_in_force, self._settings)
        decider = await self._new(standing, NAMES[0])
        try:
            await decider.start()
        except BaseException:
            await decider.stop()
            raise
        self._decider = decider

    async def stop(self) -> None:
        """End OPA. Safe to call twice, or without a start."""
        await self._watch.stop()
        ending, self._next, self._decider = (self._next, self._decider), None, None
        for decider in ending:
            if decider:
                await decider.stop()

    def ready(self) -> bool:
        decider = self._decider
        return decider is not None and decider.ready() and not _expired(decider.standing, _now())

    def class_floor(self, caller: Caller) -> DataClass:
        project = self._organisation.projects.get(f"{caller.tenant}/{caller.project}")
        return project.data_class if project else "public"

    def seen_from(self, caller: Caller, source: str) -> Caller:
        return self._access.seen_from(self._organisation, caller, source)

    def count_with(self, counters: Counters, *, whole: bool = True) -> None:
        """Count persons who leave their country from now on. ``whole``: as :class:`Transfers` takes it."""
        self._transfers = Transfers(counters, self._entity_of, whole=whole)

    def count(
        self, caller: Caller, values: Values, special: Collection[str], targets: Sequence[Target], time: str
    ) -> Crossing | None:
        return self._transfers.count(caller, values, special, targets, time) if self._transfers else None

    def _entity_of(self, tenant: str) -> str:
        known = self._organisation.tenants.get(tenant)
        return known.entity if known and known.entity else tenant

    async def push_facts(self, targets: Sequence[Target] | Callable[[], Sequence[Target]]) -> None:
        if self._decider is None:
            raise PolicyUnavailable(code="policy.unavailable")
        async with self._changing:
            self._targets = tuple(targets() if callable(targets) else targets)
            await self._push_all()
        self._watch.start()

    async def look_at_grants(self) -> None:
        """Push the facts anew where break-glass grants came, ended or expired since they were pushed.

        Raises:
            PolicyUnavailable: they could not be pushed.
        """
        granted = await asyncio.to_thread(self._grants.facts, break_glass.now())
        async with self._changing:
            if self._targets is not None and granted != self._granted:
                await self._push_all()

    async def decide(self, question: PolicyInput) -> Decision:
        decision_id = str(ULID())
        decider = self._decider  # the one for all of this question
        try:
            if decider is None:
                raise Refused("policy.unavailable")
            decision = await self._decided(decider, question, decision_id)
        except Refused as refusal:
            if refusal.code == PolicyExpired.default_code:
                raise PolicyExpired(decision_id=decision_id) from None
            raise PolicyUnavailable(
                code=refusal.code, decision_id=decision_id, retry_after_seconds=RETRY_AFTER_SECONDS
            ) from None
        if self.observer:
            self.observer(question, decision)
        return decision

    # --- another revision

    async def prepare(self, standing: Standing) -> None:
        """Make ready to decide by another revision: its OPA is started, has the facts, and has answered.

        Nothing changes for questions. Call :meth:`switch` or :meth:`abandon` next.

        Raises:
            SetupError: the organisation's file is not as it must be, OPA refuses the bundle, does not come up, or its
                answer is no decision.
            PolicyUnavailable: the facts could not be pushed.
        """
        async with self._changing:
            current, self._organisation = self._decider, organisation.load(self._settings)
            name = next(name for name in NAMES if current is None or name != current.name)
            self._next = await self._new(standing, name)
            try:
                await self._next.start()
                await self._push(self._next)
                await self._try(self._next)
            except BaseException:
                await self._drop_next()
                raise

    async def switch(self) -> None:
        """Decide by what was prepared from the next question on; returns when the OPA before has ended.

        MUST NOT be called before the revision is in force on disk.
        """
        async with self._changing:
            if self._next is None:
                raise PolicyUnavailable(code="policy.unavailable")
            before, self._decider, self._next = self._decider, self._next, None
            if before:
                await before.drain()
                await before.stop()

    async def take_organisation(self) -> None:
        """Judge by what ``organisation.yaml`` says now, from the next question on.

        Raises:
            SetupError: the file is not as it must be; what it said before goes on to count.
            PolicyUnavailable: the facts could not be pushed; so too.
        """
        async with self._changing:
            before, self._organisation = self._organisation, organisation.load(self._settings)
            try:
                await self._push_all()
            except BaseException:
                self._organisation = before
                raise

    async def abandon(self) -> None:
        """Drop what was prepared, if anything was."""
        async with self._changing:
            await self._drop_next()

    # --- how

    async def _new(self, standing: Standing, name: str) -> Decider:
        if self._settings.policy.url:
            from gateway.policy.opa.external import ExternalOpa  # noqa: PLC0415  most houses have none

            return ExternalOpa(self._settings, standing, name)
        return LocalOpa(self._settings, await asyncio.to_thread(find_opa, self._settings), standing, name)

    async def _push_all(self) -> None:
        for decider in filter(None, (self._next, self._decider)):
            self._granted = await self._push(decider)

    async def _push(self, decider: Decider) -> list[dict[str, Any]]:
        """Give an OPA the facts as its revision compiles them; they are kept first, so that the past can be asked.

        Returns:
            the grants among them.
        """
        rulebook = decider.standing.rulebook
        granted = await asyncio.to_thread(self._grants.facts, break_glass.now())
        facts = build_facts(self._settings.site, self._organisation, self._targets or (), rulebook, granted)
        await asyncio.to_thread(self._data_sets.keep, facts)
        await decider.push(facts)
        return granted

    async def _try(self, decider: Decider) -> None:
        trial = trial_of(self._settings.site, self._targets or (), _now())
        try:
            read_answer(await decider.ask(trial), trial, decider.in_force)
        except Refused as refusal:
            problem = f"The new revision did not answer a first question ({refusal.code})."
            raise SetupError(problem, f"Run: sekisho doctor {refusal.code}") from refusal

    async def _drop_next(self) -> None:
        dropped, self._next = self._next, None
        if dropped:
            await dropped.stop()

    async def _decided(self, decider: Decider, question: PolicyInput, decision_id: str) -> Decision:
        if _expired(decider.standing, question.env.time):
            raise Refused(PolicyExpired.default_code)
        key = decider.remembered.key(question)
        known = decider.remembered.get(key, decider.in_force)
        if known:
            return _stamped(decider, decision_id, known.answer, known.decision_id)
        asked_at = monotonic()
        if len(question.candidates) > MAX_CANDIDATES:
            raise Refused("policy.too_many_candidates")
        answer = read_answer(await decider.ask(question), question, decider.in_force)
        decider.remembered.put(key, Known(answer, decision_id), asked_at, question)
        return _stamped(decider, decision_id, answer)


def _stamped(decider: Decider, decision_id: str, answer: Answer, remembered_from: str = "") -> Decision:
    bundle = decider.standing.bundle
    return Decision(
        id=decision_id,
        allow=answer.allow,
        targets=answer.targets,
        reasons=answer.reasons,
        revision=bundle.revision,
        bundle_digest=bundle.digest,
        data_revision=answer.facts,
        engine=decider.engine,
        remember_until=answer.remember_until,
        remembered_from=remembered_from,
    )


def _expired(standing: Standing, now: str) -> bool:
    """Whether it holds no more. Both times are RFC 3339 in UTC, so that they sort as they are."""
    return bool(standing.expires) and now[:19] >= standing.expires[:19]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def standing_in_force(settings: Settings) -> Standing:
    """Return what is in force. Raises SetupError, as :func:`vouched_in_force`, or for its table."""
    return vouched_in_force(settings).standing


def vouched_in_force(settings: Settings) -> Revision:
    """Return the revision in force.

    Raises:
        SetupError: nothing is, it is not whole, or its signatures do not hold here.
    """
    revision = Revisions(settings.state / "policy").in_force()
    if revision is None:
        problem = "No policy is in force."
        raise SetupError(problem, "Run: sekisho policy build, have it signed, then: sekisho policy activate latest")
    require_vouched(revision, trust_of(settings.keys))
    return revision


def draft(settings: Settings) -> Standing:
    """Return what the settings' policies and table say now, built without a signature: to check and to measure.

    Raises:
        SetupError: policies or table that do not pass.
    """
    bundle = build(find_opa(settings), settings.policies, settings.state / "policy")
    return Standing(bundle, rulebook(settings))


def rulebook(settings: Settings) -> Rulebook:
    """Return what the rule folder and the table beside the configuration say.

    Raises:
        SetupError: the table is not as it must be, or ``data/jurisdictions.json`` cannot be read.
    """
    groups = groups_of(law(settings.policies).get("jurisdictions", {}))
    return Rulebook(read.load(settings, frozenset().union(*groups.values())), groups)
