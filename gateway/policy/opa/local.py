"""One OPA of the gateway's own with one revision: facts pushed, questions asked.

It is never given another revision: the next one gets an OPA of its own, and the gateway turns to that. Questions that
were put to this one by then are answered by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from gateway.domain import PolicyInput
from gateway.errors import PolicyUnavailable
from gateway.policy.answer import Refused
from gateway.policy.facts import revision_of
from gateway.policy.life.revisions import Standing
from gateway.policy.opa.access import Access
from gateway.policy.opa.program import Opa
from gateway.policy.opa.session import UnixOpaClient
from gateway.policy.opa.supervisor import OpaProcess
from gateway.policy.remembered import Remembered
from gateway.settings import Settings

PUSH_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1.0


class LocalOpa:
    """A supervised OPA. Call :meth:`start`, then :meth:`push`; before both it is not ready.

    Args:
        opa: the program.
        standing: the revision.
        name: see :class:`~gateway.policy.opa.supervisor.OpaProcess`.
    """

    def __init__(self, settings: Settings, opa: Opa, standing: Standing, name: str = "opa") -> None:
        self.standing = standing
        self.engine = f"opa/{opa.version}"
        self.name = name
        self.process = OpaProcess(opa, standing.bundle, settings.run, self._connect, self._disconnect, name=name)
        self.remembered = Remembered(settings.policy.remember_seconds)
        self.in_force: tuple[str, ...] = ()  # facts that OPA may be deciding under: two while a push is on its way
        self._deadline_seconds = settings.policy.deadline_seconds
        self._asker: UnixOpaClient | None = None
        self._pusher: UnixOpaClient | None = None
        self._facts: Mapping[str, Any] | None = None
        self._pushing = asyncio.Lock()
        self._asked = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Start the process; returns when OPA answers.

        Raises:
            SetupError: OPA does not come up, or refuses the bundle.
        """
        await self.process.start()

    async def stop(self) -> None:
        """End OPA. Safe to call twice, or without a start."""
        await self.process.stop()

    async def drain(self) -> None:
        """Return when no question is with this OPA; none stays longer than the deadline."""
        await self._idle.wait()

    def ready(self) -> bool:
        return self._asker is not None and bool(self.in_force)

    async def push(self, facts: Mapping[str, Any]) -> None:
        """Give OPA its facts; returns when they are in force. A fresh process gets them again by itself.

        Raises:
            PolicyUnavailable: they could not be pushed.
        """
        async with self._pushing:
            self._facts = facts
            await self._push()

    async def ask(self, question: PolicyInput) -> bytes:
        """Return OPA's answer, undecoded.

        Raises:
            Refused: ``policy.timeout``, ``policy.unavailable``.
        """
        asker = self._asker
        if asker is None or not self.in_force:
            raise Refused("policy.unavailable")
        self._asked += 1
        self._idle.clear()
        try:
            return await asker.ask(question)
        except TimeoutError:
            raise Refused("policy.timeout") from None
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError):
            # RuntimeError: the session was closed because OPA went away; ValueError: it cannot be said in JSON
            raise Refused("policy.unavailable") from None
        finally:
            self._asked -= 1
            if not self._asked:
                self._idle.set()

    # --- how

    async def _connect(self, access: Access) -> None:
        """A fresh OPA is up: give it the facts, and only then let questions through."""
        async with self._pushing:
            self._pusher = await _opened(access, access.push, PUSH_SECONDS)
            if self._facts is not None:
                await self._push()
            self._asker = await _opened(access, access.query, self._deadline_seconds)

    async def _disconnect(self) -> None:
        clients, self._asker, self._pusher = (self._asker, self._pusher), None, None
        self.in_force = ()
        self.remembered.clear()
        for client in clients:
            if client:
                await client.close_connection()

    async def _push(self) -> None:
        if self._facts is None or self._pusher is None:
            raise PolicyUnavailable(code="policy.unavailable")
        revision = revision_of(self._facts)
        before = self.in_force
        if before:
            self.in_force = (*before[-1:], revision)
        await _send(self._pusher, self._facts, revision)
        self.in_force = (revision,)


async def _opened(access: Access, token: str, timeout_seconds: float) -> UnixOpaClient:
    client = UnixOpaClient(access.socket, token, timeout_seconds)
    await client.open()
    return client


async def _derived(pusher: UnixOpaClient, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the rules derive; nothing where they cannot in time: they say the same without it, only later."""
    try:
        return await pusher.derive(facts, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    except (aiohttp.ClientResponseError, TimeoutError, msgspec.DecodeError):
        return {}


async def _send(pusher: UnixOpaClient, facts: Mapping[str, Any], revision: str) -> None:
    """Put the facts in force, with what this OPA's own rules derive from them: one write, so they always fit."""
    try:
        derived = await _derived(pusher, facts)
        await pusher.push({**facts, "derived": derived, "revision": revision})
    except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
        raise PolicyUnavailable(code="policy.unavailable", retry_after_seconds=RETRY_AFTER_SECONDS) from error
