"""Starting and stopping the shadow of a running gateway, each step on record before it takes effect. One at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from gateway.domain import Decision, PolicyInput
from gateway.errors import SekishoError, SetupError
from gateway.policy.datasets import DataSets
from gateway.policy.facts import Rulebook
from gateway.policy.life.revisions import Standing
from gateway.policy.opa.local import LocalOpa
from gateway.policy.opa.program import find_opa
from gateway.policy.trials.proposal import Proposal, find
from gateway.policy.trials.shadow import NAME, Shadow, give_way
from gateway.settings import Settings

DEADLINE_SECONDS = 2.0
Observer = Callable[[PolicyInput, Decision], None]


class Book(Protocol):
    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...


class Observed(Protocol):
    """The policy in force, as far as a shadow needs it: who is told of each decision, if anybody."""

    observer: Observer | None


class ShadowWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to try beside the policy in force: see :mod:`gateway.policy.trials.proposal`. Paths are absolute."""

    bundle: str = ""
    rules: str = ""


class ShadowOffice:
    """Args:
    settings: of this process.
    book: where starts, stops and sums are written.
    policy: whose decisions are compared.
    """

    def __init__(self, settings: Settings, book: Book, policy: Observed) -> None:
        self._settings = settings
        self._book = book
        self._policy = policy
        self._shadow: Shadow | None = None
        self._changing = asyncio.Lock()

    async def start(self, wish: ShadowWish, by: str) -> dict[str, Any]:
        """Start a shadow; decisions are compared from now on.

        Raises:
            SetupError: one runs already, there is no such policy, or its OPA does not come up.
            AuditUnavailable: the start cannot be put on record.
        """
        async with self._changing:
            if self._shadow:
                raise SetupError("A shadow runs already.", "Run: sekisho policy shadow stop", exit_code=2)
            rules = Path(wish.rules) if wish.rules else None
            proposal = await asyncio.to_thread(find, self._settings, wish.bundle, rules)
            opa = _ShadowOpa(self._settings, proposal)
            shadow = Shadow(opa, proposal, DataSets(self._settings.state / "policy" / "data"), self._write)
            await self._on_record("policy.shadow.started", by, proposal.as_dict())
            try:
                await shadow.start()
            except BaseException:
                await shadow.stop()
                self._book.event("policy.shadow.refused", by=by, details=proposal.as_dict())
                raise
            self._shadow, self._policy.observer = shadow, shadow.observe
            return self.status()

    async def stop(self, by: str) -> dict[str, Any]:
        """Stop the shadow; returns what it found. Raises SetupError: none runs."""
        async with self._changing:
            shadow = self._shadow
            if shadow is None:
                raise SetupError("No shadow runs.", "Start one: sekisho policy shadow start", exit_code=2)
            await self._on_record("policy.shadow.stopped", by, {})
            await self._end(shadow)
            return {**shadow.status(), "running": False}

    async def close(self) -> None:
        """End the shadow with the house. Safe to call when none runs."""
        async with self._changing:
            if self._shadow:
                with contextlib.suppress(SekishoError):  # a log that refuses is no reason to leave its OPA behind
                    self._book.event("policy.shadow.stopped", by="", details={"why": "the server ends"})
                await self._end(self._shadow)

    def status(self) -> dict[str, Any]:
        """Return what the running shadow found since its start; ``running`` is false where there is none."""
        return {"running": True, **self._shadow.status()} if self._shadow else {"running": False}

    async def _end(self, shadow: Shadow) -> None:
        self._shadow = self._policy.observer = None
        await shadow.stop()

    def _write(self, sums: dict[str, Any]) -> None:
        self._book.event("policy.shadow", **sums)

    async def _on_record(self, what: str, by: str, details: dict[str, Any]) -> None:
        self._book.event(what, by=by, details=details)
        await self._book.durable()


class _ShadowOpa(LocalOpa):
    """A supervised OPA that runs after others, whenever it was started."""

    def __init__(self, settings: Settings, proposal: Proposal) -> None:
        patient = replace(settings, policy=replace(settings.policy, deadline_seconds=DEADLINE_SECONDS))
        standing = Standing(proposal.bundle, proposal.rulebook or Rulebook((), {}))
        super().__init__(patient, find_opa(settings), standing, NAME)
        self._pid: int | None = None

    async def ask(self, question: PolicyInput) -> bytes:
        if self.process.pid not in (None, self._pid):
            self._pid = self.process.pid
            give_way(self.process.pid or 0)
        return await super().ask(question)
