"""One process and its whole life.

:func:`serve`: open the house, take requests; on SIGTERM close the gate, let those inside finish, and close the house.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable

import uvloop

from gateway.engines.kernel import PR_SET_DUMPABLE, prctl
from gateway.house.crew import ALONE, Part
from gateway.house.opening import House, open_house
from gateway.house.worker import open_worker
from gateway.http.admin import admin_socket
from gateway.http.crew import crew_socket
from gateway.http.gate import Gate
from gateway.http.lent import LentSockets
from gateway.http.listener import CLOSE_SECONDS, Listener
from gateway.http.tls import ServerTls
from gateway.settings import Settings
from gateway.telemetry import log as logs

GC_OBJECTS = 20_000  # between two collections of the youngest generation

LINGER_SECONDS = 2.0  # in which a connection that a worker still has may send one more request, before it is replaced

OnReady = Callable[[str], None]
OPEN_FILES = 65_536
"""As many as this process may open, where the system lets it: two for each answer, and those of log and engines."""


def serve(settings: Settings, *, on_ready: OnReady | None = None, part: Part = ALONE) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 when everything was closed in order.

    Args:
        settings: of this process.
        on_ready: called once with the base URL, when the house is ready.
        part: what this process is, where several serve.

    Raises:
        SetupError: something of the installation is wrong.
    """
    _forbid_cores()
    allow_open_files()
    logs.configure()
    return uvloop.run(_live(settings, on_ready, part))


def _forbid_cores() -> None:
    """Let no crash write prompts to disk: neither as a core file nor through a program that collects cores."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(PR_SET_DUMPABLE, 0)


def allow_open_files() -> None:
    """Let each stream have its two connections: shells and systemd start with 1,024 files, and allow many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _live(settings: Settings, on_ready: OnReady | None, part: Part) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    opened = open_worker(settings) if part.role == "worker" else open_house(settings, steward=part.role == "steward")
    async with opened as house:
        tls = None if part.role == "steward" else _tls(settings)
        public = _public(house, settings, part, tls)
        listeners = [*public, *_private(house, settings, part)]
        if house.nodes is not None:
            listeners.append(Listener.for_nodes(house.nodes.app, settings.nodes.listen, house.nodes.context))
        async with asyncio.TaskGroup() as serving:
            for listener in listeners:
                serving.create_task(listener.run_sockets())
            watching = [serving.create_task(house.keep_keys_current())]
            if tls is not None:
                watching.append(serving.create_task(tls.watch(house.tell)))
            for listener in listeners:
                await listener.began()
            settle_memory()
            if on_ready is not None:
                on_ready(base_url(settings))
            await (_relieved(stop, public[0], part) if part.role == "worker" else stop.wait())
            await _emptied(house.gate, settings.server.grace_seconds)
            for task in watching:
                task.cancel()
            for listener in listeners:
                listener.should_exit = True
    return 0


async def _relieved(stop: asyncio.Event, listener: Listener, part: Part) -> None:
    """Wait until a worker is told to end; it takes from sockets that are lent to it, and then from none any more."""
    async with asyncio.TaskGroup() as taking:
        lent = taking.create_task(LentSockets(listener, part.lent, part.orders).run())
        await stop.wait()
        lent.cancel()
    await listener.retire(LINGER_SECONDS)


async def _emptied(gate: Gate, grace_seconds: float) -> None:
    """Let nobody in any more, and wait until all have left; who does not in time is sent away."""
    gate.close()
    if not await gate.emptied(grace_seconds):
        gate.clear()
        await gate.emptied(CLOSE_SECONDS)


def _public(house: House, settings: Settings, part: Part, tls: ServerTls | None) -> list[Listener]:
    """Return where requests come in: nowhere at the steward."""
    if part.role == "alone":
        return [Listener.on_address(house.public, settings.server, tls, house.doorstep)]
    sockets = [socket.socket(fileno=each) for each in part.sockets]
    return [Listener.on_bound(house.public, [each], settings.server, tls, house.doorstep) for each in sockets]


def _private(house: House, settings: Settings, part: Part) -> list[Listener]:
    """Return where this machine's own processes come in: operators, and other workers."""
    found = [] if part.role == "worker" else [Listener.on_socket(house.admin, admin_socket(settings.run))]
    if part.role != "alone":
        found.append(Listener.on_socket(house.crew, crew_socket(settings.run)))
    return found


def _tls(settings: Settings) -> ServerTls | None:
    """Return the TLS that the settings name, if any. Raises SetupError: its files cannot be used."""
    said = settings.server
    if not said.tls_certificate:
        return None
    ca = settings.base / said.tls_client_ca if said.tls_client_ca else None
    return ServerTls(settings.base / said.tls_certificate, settings.base / said.tls_key, ca)


def settle_memory() -> None:
    """Let collections look at what requests make, and less often: most of it goes by reference count."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 20)


def base_url(settings: Settings) -> str:
    scheme = "https" if settings.server.tls_certificate else "http"
    return f"{scheme}://{settings.server.listen}/v1"
