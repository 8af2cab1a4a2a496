"""Machines that joined: who may join, and the listener where they do it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette

from gateway.errors import SetupError
from gateway.fleet.nodes.address import host_of
from gateway.fleet.nodes.authority import Cabinet
from gateway.fleet.nodes.enrol import Enrolment
from gateway.http.nodes import nodes_app
from gateway.settings import Settings

_LOOK_SECONDS = 3600.0  # between two looks at whether the gateway's own certificate is due
_log = logging.getLogger(__name__)


class Book(Protocol):
    """What this needs of the audit log."""

    def event(self, type: str, **details: Any) -> None: ...

    async def durable(self) -> None: ...

    def denial(self, *, code: str, status: int, source: str) -> None: ...


class NodeListener(msgspec.Struct):
    """What :meth:`gateway.http.listener.Listener.for_nodes` serves."""

    app: Starlette
    context: ssl.SSLContext


def enrolment(settings: Settings, book: Book, cabinet: Cabinet, peppers: Callable[[], Sequence[bytes]]) -> Enrolment:
    """Return who may be a node of this gateway. Raises SetupError: authority or roster are damaged.

    Args:
        book: where each step is written before it counts.
        cabinet: where secrets lie.
        peppers: what seals tokens, the one in force first.
    """
    listen, url = settings.nodes.listen, settings.nodes.url.removeprefix("https://").rstrip("/")
    named = (host_of(listen), host_of(url if ":" in url else f"{url}:443"))
    return Enrolment(
        settings.data / "nodes",
        settings.site,
        book,
        cabinet,
        peppers=peppers,
        taken=[each.name for each in settings.fleet.engines],
        hosts=[host for host in dict.fromkeys(named) if host],
    )


def listener(stack: AsyncExitStack, settings: Settings, office: Enrolment, book: Book) -> NodeListener | None:
    """Return what serves machines that join; ``None`` where ``nodes.listen`` names no address. Raises SetupError."""
    if not settings.nodes.listen:
        return None
    office.ensure_authority()
    context = office.listener_context()
    renewing = asyncio.get_running_loop().create_task(_keep_current(office), name="nodes-certificate")
    stack.callback(renewing.cancel)
    return NodeListener(nodes_app(office, book), context)


async def _keep_current(office: Enrolment) -> None:
    """Let the gateway's own certificate be followed by another one in time."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            await asyncio.to_thread(office.refresh)
        except SetupError as error:
            _log.error("the certificate for joined nodes could not be renewed: %s", error)
