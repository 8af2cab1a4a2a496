"""The process of a joined node, from its first to its last step.

:func:`serve_node`: read who it is, listen, answer its gateway, renew its certificate in time; on SIGTERM end all
engines. It reads nothing of a policy and writes no log of prompts: those are the gateway's.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import uvloop

from gateway import __version__
from gateway.engines.kernel import PR_SET_DUMPABLE, prctl
from gateway.errors import SetupError
from gateway.fleet.nodes import contexts, joining, membership
from gateway.installing import log_time_of
from gateway.node.blobs import Blobs
from gateway.node.bundles import Bundles, installation
from gateway.node.loading import Loading, Portrait, store_folder
from gateway.node.residents import Residents
from gateway.node.service import Service, listening
from gateway.settings import Settings
from gateway.telemetry import log as logs
from gateway.telemetry.energy import EnergyMeter
from gateway.telemetry.gpus import this_machine

_RENEW_LOOK_SECONDS = 3600.0

_log = logging.getLogger("sekisho.node")


def serve_node(folder: Path, settings: Settings, on_ready: Callable[[str], None] | None = None) -> int:
    """Serve this machine's gateway until SIGTERM or SIGINT; returns 0 when everything was closed in order.

    Args:
        folder: ``<data>/node``, as joining left it.
        settings: of this machine; ``engine`` says with which program, threads and sandbox.
        on_ready: called once with the address, when it listens.

    Raises:
        SetupError: this machine has not joined, its papers cannot be used, or nothing can listen there.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no crash writes a prompt to disk
    prctl(PR_SET_DUMPABLE, 0)
    logs.configure()
    return uvloop.run(_live(folder, settings, on_ready))


async def _live(folder: Path, settings: Settings, on_ready: Callable[[str], None] | None) -> int:
    known = membership.read(folder)
    tls = contexts.server_context(folder)
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    loading, blobs = Loading(settings), Blobs(store_folder(settings))
    residents = Residents(loading.build, EnergyMeter(this_machine()))
    bundles = Bundles(settings.data / "bundles", installation(), lambda: log_time_of(settings.data / "audit"))
    service = Service(Portrait(loading, blobs, bundles, residents), blobs, bundles, residents, known.gateway)
    if loading.problem:
        _log.error("nothing can be loaded here: %s", loading.problem)
    async with listening(service, bound_to(known.listen), tls):
        renewing = asyncio.get_running_loop().create_task(_keep_renewed(folder, tls), name="renew")
        try:
            if on_ready is not None:
                on_ready(known.listen)
            await stop.wait()
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
    await residents.close()
    return 0


async def _keep_renewed(folder: Path, tls: ssl.SSLContext) -> None:
    """Ask for the next certificate when it is time. A gateway that cannot be reached is asked again later."""
    while True:
        try:
            if await asyncio.to_thread(joining.renew_if_due, folder, version=__version__):
                contexts.reload(tls, folder)
                _log.warning("the node's certificate was renewed")
        except SetupError as error:
            _log.error("the node's certificate was not renewed: %s", error)
        await asyncio.sleep(_RENEW_LOOK_SECONDS)


def bound_to(listen: str) -> socket.socket:
    """Return a socket bound to ``host:port``. Raises SetupError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        bound.close()
        raise SetupError(f"Nothing can listen on {listen}.", "End what listens there, or join with another.") from error
    bound.setblocking(False)
    return bound
