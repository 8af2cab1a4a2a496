"""The door's one true implementation: questions to a supervised OPA, answers checked and stamped.

Every answer says under which facts it was made; an OPA that has none, or other ones, is refused. There is no second
try. An answer that may be remembered serves equal questions for a second (:mod:`gateway.policy.remembered`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import aiohttp
from ulid import ULID

from gateway.domain import Decision, PolicyInput, Target
from gateway.errors import PolicyUnavailable
from gateway.policy import organisation
from gateway.policy.access import Access
from gateway.policy.answer import Answer, Refused, read_answer
from gateway.policy.build import Bundle, build, law
from gateway.policy.facts import MAX_CANDIDATES, Rulebook, build_facts, revision_of
from gateway.policy.opa import Opa, find_opa
from gateway.policy.remembered import Known, Remembered
from gateway.policy.session import UnixOpaClient
from gateway.policy.supervisor import OpaProcess
from gateway.policy.table import read
from gateway.policy.table.row import groups_of
from gateway.settings import Settings

PUSH_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1.0


class OpaPolicy:
    """WHERE a request may go. Call :meth:`start`, then :meth:`push_facts`; before both it is not ready.

    Args:
        settings: reads ``policy``, ``site``, ``policies``, ``rules_file``, ``state`` and ``run``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: OpaProcess | None = None
        self._asker: UnixOpaClient | None = None
        self._pusher: UnixOpaClient | None = None
        self._rulebook = Rulebook((), {})
        self._organisation = organisation.Organisation()
        self._facts: dict[str, Any] | None = None
        self._in_force: tuple[str, ...] = ()  # facts that OPA may be deciding under: two while a push is on its way
        self._pushing = asyncio.Lock()
        self._bundle = Bundle(settings.policies, "", "")
        self._engine = ""
        self._remembered = Remembered(settings.policy.remember_seconds)

    @property
    def bundle(self) -> Bundle:
        return self._bundle

    @property
    def engine(self) -> str:
        """What decides, as in ``opa/1.22.2``; empty before the start."""
        return self._engine

    @property
    def process(self) -> OpaProcess | None:
        return self._process

    async def start(self) -> None:
        """Find OPA, build the bundle, start the process; returns when OPA answers.

        Raises:
            SetupError: no fit OPA, policies or rule table that do not pass, OPA does not come up.
        """
        self._organisation = organisation.load(self._settings)
        self._rulebook = rulebook(self._settings)
        opa, self._bundle = await asyncio.to_thread(self._prepare)
        self._engine = f"opa/{opa.version}"
        self._process = OpaProcess(opa, self._bundle, self._settings.run, self._connect, self._disconnect)
        await self._process.start()

    async def stop(self) -> None:
        """End OPA. Safe to call twice, or without a start."""
        if self._process:
            await self._process.stop()
            self._process = None

    def ready(self) -> bool:
        return self._asker is not None and bool(self._in_force)

    async def push_facts(self, targets: Sequence[Target]) -> None:
        facts = build_facts(self._settings.site, self._organisation, targets, self._rulebook)
        async with self._pushing:
            self._facts = facts
            await self._push()

    async def decide(self, question: PolicyInput) -> Decision:
        key = self._remembered.key(question)
        known = self._remembered.get(key, self._in_force)
        decision_id = str(ULID())
        if known:
            return self._stamped(decision_id, known.answer, known.decision_id)
        asked_at = monotonic()
        try:
            answer = read_answer(await self._ask(question), question, self._in_force)
        except Refused as refusal:
            raise PolicyUnavailable(
                code=refusal.code, decision_id=decision_id, retry_after_seconds=RETRY_AFTER_SECONDS
            ) from None
        self._remembered.put(key, Known(answer, decision_id), asked_at, question)
        return self._stamped(decision_id, answer)

    def _stamped(self, decision_id: str, answer: Answer, remembered_from: str = "") -> Decision:
        return Decision(
            id=decision_id,
            allow=answer.allow,
            targets=answer.targets,
            reasons=answer.reasons,
            revision=self._bundle.revision,
            bundle_digest=self._bundle.digest,
            data_revision=answer.facts,
            engine=self._engine,
            remember_until=answer.remember_until,
            remembered_from=remembered_from,
        )

    # --- how

    def _prepare(self) -> tuple[Opa, Bundle]:
        opa = find_opa(self._settings)
        return opa, build(opa, self._settings.policies, self._settings.state / "policy")

    async def _ask(self, question: PolicyInput) -> bytes:
        if len(question.candidates) > MAX_CANDIDATES:
            raise Refused("policy.too_many_candidates")
        asker = self._asker
        if asker is None or not self._in_force:
            raise Refused("policy.unavailable")
        try:
            return await asker.ask(question)
        except TimeoutError:
            raise Refused("policy.timeout") from None
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError):
            # RuntimeError: the session was closed because OPA went away; ValueError: it cannot be said in JSON
            raise Refused("policy.unavailable") from None

    async def _connect(self, access: Access) -> None:
        """A fresh OPA is up: give it the facts, and only then let questions through."""
        async with self._pushing:
            self._pusher = await _opened(access, access.push, PUSH_SECONDS)
            if self._facts is not None:
                await self._push()
            self._asker = await _opened(access, access.query, self._settings.policy.deadline_seconds)

    async def _disconnect(self) -> None:
        clients, self._asker, self._pusher = (self._asker, self._pusher), None, None
        self._in_force = ()
        self._remembered.clear()
        for client in clients:
            if client:
                await client.close_connection()

    async def _push(self) -> None:
        if self._facts is None or self._pusher is None:
            raise PolicyUnavailable(code="policy.unavailable")
        revision = revision_of(self._facts)
        before = self._in_force
        if before:
            self._in_force = (*before[-1:], revision)
        await _send(self._pusher, {**self._facts, "revision": revision})
        self._in_force = (revision,)


def rulebook(settings: Settings) -> Rulebook:
    """Return what the rule folder and the table beside the configuration say.

    Raises:
        SetupError: the table is not as it must be, or ``data/jurisdictions.json`` cannot be read.
    """
    groups = groups_of(law(settings.policies).get("jurisdictions", {}))
    return Rulebook(read.load(settings, frozenset().union(*groups.values())), groups)


async def _opened(access: Access, token: str, timeout_seconds: float) -> UnixOpaClient:
    client = UnixOpaClient(access.socket, token, timeout_seconds)
    await client.open()
    return client


async def _send(pusher: UnixOpaClient, facts: Mapping[str, Any]) -> None:
    try:
        await pusher.push(facts)
    except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
        raise PolicyUnavailable(code="policy.unavailable", retry_after_seconds=RETRY_AFTER_SECONDS) from error
