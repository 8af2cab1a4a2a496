"""uvicorn on one address or one socket, with our signals instead of its own."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self

import uvicorn

from gateway.errors import SetupError
from gateway.http.bounded import BoundedProtocol, Doorstep
from gateway.http.peer import PeerProtocol
from gateway.http.tls import ServerTls
from gateway.settings import ServerSettings
from gateway.telemetry.log import UVICORN_OPTIONS

log = logging.getLogger("sekisho.http")

MOST_NODE_CALLS = 64  # at once; nodes call some times a quarter
IDLE_SECONDS = 75  # between two requests of one connection, where no setting says another time
KEPT_FILES = 512  # open files that connections leave to engines, OPA, the log and the store
CLOSE_SECONDS = 2  # for connections that are idle, or whose request outlived the grace time


class Listener(uvicorn.Server):
    """One server of this process. Ends when ``should_exit`` is set; signals are the composition root's."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config)
        self._sockets = sockets

    @classmethod
    def on_address(
        cls, app: Any, settings: ServerSettings, tls: ServerTls | None = None, doorstep: Doorstep | None = None
    ) -> Self:
        """Listen on TCP; with ``tls``, the application sees what certificate was shown.

        Raises:
            SetupError: the address is taken, or is not this machine's; certificate and key cannot be used.
        """
        if tls is None and settings.tls_certificate:
            tls = ServerTls(Path(settings.tls_certificate), Path(settings.tls_key))
        return cls.on_bound(app, [bind(settings.listen)], settings, tls, doorstep)

    @classmethod
    def on_bound(
        cls,
        app: Any,
        bound: list[socket.socket],
        settings: ServerSettings,
        tls: ServerTls | None = None,
        doorstep: Doorstep | None = None,
    ) -> Self:
        """Listen on TCP, on sockets that are bound already; connections are counted on the ``doorstep``."""
        bounds: dict[str, Any] = {"most_connections": room_for(settings.most_connections), "doorstep": doorstep}
        options: dict[str, Any] = {"timeout_keep_alive": settings.idle_seconds}
        if tls is None:
            return cls(_config(app, http=partial(BoundedProtocol, **bounds), **options), bound)
        context = tls.context
        options["ssl_context_factory"] = lambda config, default: context
        return cls(_config(app, http=partial(PeerProtocol, **bounds), **options), bound)

    @classmethod
    def for_nodes(cls, app: Any, listen: str, context: ssl.SSLContext) -> Self:
        """Listen on TCP for joined nodes; the application sees what certificate was shown.

        Raises:
            SetupError: the address is taken, or is not this machine's.
        """
        config = _config(app, http=PeerProtocol, ssl_context_factory=lambda config, default: context)
        config.limit_concurrency = MOST_NODE_CALLS
        return cls(config, [bind(listen, "nodes.listen")])

    @classmethod
    def on_socket(cls, app: Any, bound: socket.socket) -> Self:
        """Listen on a Unix socket that is already bound, with its mode set."""
        return cls(_config(app), [bound])

    async def run_sockets(self) -> None:
        """Serve until told to stop."""
        await super().serve(self._sockets)

    async def take(self, bound: socket.socket) -> asyncio.Server:
        """Take connections from one more socket, which is closed with the server that is returned."""
        config = self.config

        def connection() -> asyncio.Protocol:
            protocol: Any = config.http_protocol_class
            made: asyncio.Protocol = protocol(config=config, server_state=self.server_state, app_state={})
            return made

        server = await asyncio.get_running_loop().create_server(
            connection, sock=bound, ssl=config.ssl, backlog=config.backlog
        )
        self.servers.append(server)
        return server

    def leave(self, server: asyncio.Server) -> None:
        """Take no more from that socket; what came from it is answered."""
        self.servers.remove(server)
        server.close()

    async def retire(self, seconds: float) -> None:
        """Take no more connections; serve those that there are once more, each answer saying that it is the last.

        Returns when all have gone, or after ``seconds``: then only those are left that send nothing, or are amid an
        answer. What waits at the socket is for whoever else has it: nothing of it is lost.
        """
        for server in self.servers:
            server.close()
        self.config.encoded_headers = [*self.config.encoded_headers, (b"connection", b"close")]
        self.server_state.default_headers = self.config.encoded_headers
        end = monotonic() + seconds
        while self.server_state.connections and monotonic() < end:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.02)

    async def began(self) -> None:
        """Return once connections are taken."""
        while not self.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.005)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def room_for(most: int) -> int:
    """Return how many connections there may be: ``most``, or fewer where this process may not open as many files.

    Raises the soft limit of open files as far as that takes and the hard one lets it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + KEPT_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - KEPT_FILES))
    if room < most:
        log.warning("server.most_connections is %d: this process may open %d files only", room, soft)
    return room


def _config(app: Any, **more: Any) -> uvicorn.Config:
    options = {"http": BoundedProtocol, "timeout_keep_alive": IDLE_SECONDS, **more}
    return uvicorn.Config(
        app,
        loop="none",  # this loop, already uvloop
        ws="none",
        proxy_headers=False,  # uvicorn would believe any process of this machine; see gateway.http.proxies
        lifespan="off",
        **UVICORN_OPTIONS,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        backlog=2048,
        **options,
    )


def bind(listen: str, setting: str = "server.listen", *, shared: bool = False) -> socket.socket:
    """Return a socket that is bound and does not listen yet. ``shared``: others may be bound to the same address.

    Raises:
        SetupError: the address is taken, or is not this machine's.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, int(port)))
    except OSError as error:
        bound.close()
        mend = f"End what listens there, or set {setting} to another port."
        raise SetupError(f"Nothing can listen on {listen}.", mend) from error
    bound.setblocking(False)
    return bound
