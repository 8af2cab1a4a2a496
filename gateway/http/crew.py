"""What the processes of one server ask each other, over Unix sockets of mode 0600: their metrics, and their load.

``/metrics`` of any worker tells of all of them, each sample with a label ``worker``. One that does not answer within
:data:`ASK_SECONDS` has no samples there; ``sekisho_workers`` is how many did. ``/load`` is for the one that runs
batches, and may do so only while nobody wants the engines, at whichever worker.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import msgspec
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
LOOK_SECONDS = 0.2
_OLD_SECONDS = ASK_SECONDS + 2 * LOOK_SECONDS
_UNKNOWN = 0, 1
Load = Callable[[], tuple[int, int]]  # how many requests hold a slot of an engine, and how many wait for one
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def crew_socket(run: Path) -> socket.socket:
    """Return this process's socket for the others, bound. Raises SetupError."""
    return admin_socket(run, SOCKET_NAME)


def crew_app(render: Callable[[], bytes], load: Load) -> Starlette:
    """Return what the others see of this process."""

    async def metrics(request: Request) -> Response:
        return Response(render(), media_type=_TEXT)

    async def loaded(request: Request) -> Response:
        return Response(msgspec.json.encode(load()), media_type="application/json")

    return Starlette(routes=[Route("/metrics", metrics), Route("/load", loaded)])


class CrewLoad:
    """A :data:`Load` of all workers: of this process now, of the others as they told it a moment ago.

    They are asked when somebody wants to know, at most once in :data:`LOOK_SECONDS`. Until each has told it, and where
    one that is there does not, it counts as one request that waits: who wants to be no burden then holds back.

    Args:
        own: this process's.
        name: this process's.
        run: the folder of the server's sockets; those of a worker lie in one of its name.
    """

    def __init__(self, own: Load, *, name: str, run: Path) -> None:
        self._own, self._name, self._run = own, name, run
        self._others: list[tuple[int, int]] = [_UNKNOWN]
        self._seen = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    def __call__(self) -> tuple[int, int]:
        age = monotonic() - self._seen
        if age >= LOOK_SECONDS and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="load of others")
        told = [self._own(), *(self._others if age < _OLD_SECONDS else [_UNKNOWN])]
        return sum(held for held, _ in told), sum(waiting for _, waiting in told)

    async def _look(self) -> None:
        places = [path for path in self._run.glob(f"*/{SOCKET_NAME}") if path.parent.name != self._name]
        self._others = [each for each in await asyncio.gather(*map(_load_at, places)) if each is not None]
        self._seen = monotonic()


async def _load_at(path: Path) -> tuple[int, int] | None:
    """Return the load of a worker; ``None`` where no process has that socket any more."""
    try:
        return msgspec.json.decode(await _get(path, "load"), type=tuple[int, int])
    except aiohttp.ClientConnectorError:
        return None
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError):
        return _UNKNOWN


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
        return (await _get(path, "metrics")).decode()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""


async def _get(path: Path, what: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=timeout) as session,
        session.get(f"http://crew/{what}", raise_for_status=True) as answer,
    ):
        return await answer.read()


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
