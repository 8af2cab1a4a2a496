"""What the processes of one server ask each other, over Unix sockets of mode 0600: their metrics.

``/metrics`` of any worker tells of all of them, each sample with a label ``worker``. One that does not answer within
:data:`ASK_SECONDS` has no samples there; ``sekisho_workers`` is how many did.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.admin import admin_socket

SOCKET_NAME = "crew.sock"
ASK_SECONDS = 1.0
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def crew_socket(run: Path) -> socket.socket:
    """Return this process's socket for the others, bound. Raises SetupError."""
    return admin_socket(run, SOCKET_NAME)


def crew_app(render: Callable[[], bytes]) -> Starlette:
    """Return what the others see of this process."""

    async def metrics(request: Request) -> Response:
        return Response(render(), media_type=_TEXT)

    return Starlette(routes=[Route("/metrics", metrics)])


class CrewMetrics:
    """An application whose ``/metrics`` tells of all processes of this server.

    Args:
        app: all other addresses.
        render: this process's own metrics.
        name: this process's.
        run: the folder of the server's sockets; those of a worker lie in one of its name.
        steward: the steward's name.
    """

    def __init__(self, app: ASGIApp, render: Callable[[], bytes], *, name: str, run: Path, steward: str) -> None:
        self._app, self._render, self._name, self._run, self._steward = app, render, name, run, steward

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/metrics" and scope["method"] in ("GET", "HEAD"):
            await Response(await self._all(), media_type=_TEXT)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _all(self) -> bytes:
        sockets = {path.parent.name: path for path in self._run.glob(f"*/{SOCKET_NAME}")}
        sockets[self._steward] = self._run / SOCKET_NAME
        sockets.pop(self._name, None)
        told = await asyncio.gather(*(_ask(path) for path in sockets.values()))
        others = {name: text for name, text in zip(sockets, told, strict=True) if text}
        return joined({self._name: self._render().decode(), **others})


async def _ask(path: Path) -> str:
    """Return what a process tells; "" where it does not."""
    try:
        timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=timeout) as session,
            session.get("http://crew/metrics") as answer,
        ):
            return await answer.text() if answer.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""


def joined(texts: Mapping[str, str]) -> bytes:
    """Return the metrics of several processes as one text, each sample labelled with its process.

    ::

        joined({"w1": "a 1\\n", "w2": "a 2\\n"})   # a{worker="w1"} 1.0, a{worker="w2"} 2.0
    """
    families: dict[str, Metric] = {}
    for worker, text in sorted(texts.items()):
        for family in text_string_to_metric_families(text):
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            known.samples += [each._replace(labels={**each.labels, "worker": worker}) for each in family.samples]
    count = GaugeMetricFamily("sekisho_workers", "Processes of this server that told their metrics.", len(texts))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told([*families.values(), count]))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, families: Iterable[Any]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
