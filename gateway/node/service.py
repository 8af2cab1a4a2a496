"""The door of a joined node: one TCP address, mutual TLS 1.3, HTTP/1.1; see :mod:`gateway.engines.node_wire`.

Guarantees: nobody but the site's gateway is answered (its role in its certificate; TLS has checked who signed it); no
prompt and no answer reaches a disk, a log or standard error; a connection that closes, or that the other side does not
acknowledge any more, ends its work at once.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar

import msgspec
from aiohttp import web

from gateway.bundle.refusal import BundleRefused
from gateway.engines import node_wire as wire
from gateway.errors import EngineUnavailable, SekishoError, SetupError
from gateway.fleet.nodes.contexts import is_gateway
from gateway.node.blobs import BlobRefused, Blobs
from gateway.node.bundles import Bundles
from gateway.node.residents import Residents, Unknown

UNACKNOWLEDGED_MS = 4000
"""A connection whose bytes the other side has not acknowledged for so long is over: it was cut off."""

_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3))
_IDLE_SECONDS = 75.0
_MAX_BODY_BYTES = 64 * 1024 * 1024  # of an order or a prompt; ranges of files have a bound of their own
_CLOSE_SECONDS = 2.0
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")

_log = logging.getLogger("sekisho.node")
_T = TypeVar("_T")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Portrait(Protocol):
    """Says what the node is and has."""

    async def state(self) -> wire.NodeState: ...


class Service:
    """Routes of a node.

    Args:
        portrait: what the node says of itself.
        blobs: the store's files.
        bundles: what was brought of those.
        residents: what is loaded.
        role: of the gateway that may call: ``sekisho://gateway/SITE``.
    """

    def __init__(self, portrait: Portrait, blobs: Blobs, bundles: Bundles, residents: Residents, role: str) -> None:
        self._portrait = portrait
        self._files: dict[str, Blobs | Bundles] = {wire.BLOBS: blobs, wire.BUNDLES: bundles}
        self._bundles = bundles
        self._residents = residents
        self._role = role

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[self._guarded])
        app.router.add_get(wire.STATE, self._state)
        for under in self._files:
            app.router.add_head(under + "{digest}", self._held)
            app.router.add_put(under + "{digest}", self._put)
            app.router.add_delete(under + "{digest}", self._forget)
        app.router.add_post(wire.BUNDLES + "{digest}", self._judge)
        app.router.add_post(wire.INSTALL + "{digest}", self._install)
        app.router.add_post(wire.LOAD, self._load)
        app.router.add_post(wire.UNLOAD, self._unload)
        app.router.add_post(wire.HEALTH + "{resident}", self._health)
        app.router.add_post(wire.ANSWER, self._answer)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer the gateway alone; turn errors into refusals that say nothing of a prompt."""
        peer = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
        if not is_gateway(peer, self._role):
            return _refused(403, "node.not_gateway", "Only the gateway of this node's site is answered.")
        try:
            return await handler(request)
        except (BlobRefused, Unknown, SetupError, SekishoError) as error:
            return _refused(*_said_of(error))
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # the outermost edge: what was asked must not follow the error into a log
            _log.error("a call to %s failed: %s", request.path.rpartition("/")[0], type(error).__name__)
            return _refused(500, "engine.unavailable", "The node met an error of its own.")

    # --- what it is, and files

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._portrait.state())

    async def _held(self, request: web.Request) -> web.StreamResponse:
        held, whole = self._files_of(request).held(request.match_info["digest"])
        return web.Response(headers={"X-Held": str(held), "X-Whole": "1" if whole else "0"})

    async def _put(self, request: web.Request) -> web.StreamResponse:
        said = _RANGE.fullmatch(request.headers.get("Content-Range", ""))
        if said is None:
            raise BlobRefused(400, "node.wrong_range", "A range is named as in Content-Range: bytes 0-99/200.")
        first, last, total = map(int, said.groups())
        length = last + 1 - first
        digest, body = request.match_info["digest"], request.content.iter_any()
        took = await self._files_of(request).take(digest, first, length, total, body)
        return _json(took)

    async def _forget(self, request: web.Request) -> web.StreamResponse:
        digest = request.match_info["digest"]
        if digest in self._residents.files():
            raise BlobRefused(409, "node.file_in_use", "A model that is loaded needs it.")
        await self._files_of(request).forget(digest)
        return _json({})

    async def _judge(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._bundles.judge(request.match_info["digest"]))

    async def _install(self, request: web.Request) -> web.StreamResponse:
        return _json(wire.Ordered(await self._bundles.order(request.match_info["digest"])))

    def _files_of(self, request: web.Request) -> Blobs | Bundles:
        return self._files[request.path[: -len(request.match_info["digest"])]]

    # --- models

    async def _load(self, request: web.Request) -> web.StreamResponse:
        loaded = await self._residents.load(await _body(request, wire.Order))
        if request.transport is None or request.transport.is_closing():  # nobody there to be told: nobody knows of it
            await self._residents.unload(loaded.id)
            raise ConnectionResetError
        return _json(loaded)

    async def _unload(self, request: web.Request) -> web.StreamResponse:
        leave = await _body(request, wire.Leave)
        await self._residents.unload(leave.id, drain=leave.drain)
        return _json({})

    async def _health(self, request: web.Request) -> web.StreamResponse:
        await self._residents.prove(request.match_info["resident"])
        return _json({})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        ask = await _body(request, wire.Ask)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        async with aclosing(self._residents.answer(ask.resident, ask.prompt)) as chunks:
            try:
                first = await anext(chunks, None)  # until then a refusal may still have a status of its own
            except (EngineUnavailable, Unknown):
                raise
            except SekishoError as error:
                return await _ended(request, response, wire.failure_of(error))
            await response.prepare(request)
            ended: wire.Part = wire.Over(first.energy) if first is not None else wire.Over()
            try:
                if first is not None and first.energy is None:
                    await response.write(wire.line_of(wire.Said(first)))
                async for chunk in chunks:
                    if chunk.energy is not None:
                        ended = wire.Over(chunk.energy)
                    else:
                        await response.write(wire.line_of(wire.Said(chunk)))
            except SekishoError as error:
                ended = wire.failure_of(error)
        return await _ended(request, response, ended)


async def _ended(request: web.Request, response: web.StreamResponse, part: wire.Part) -> web.StreamResponse:
    if not response.prepared:
        await response.prepare(request)
    await response.write(wire.line_of(part))
    await response.write_eof()
    return response


async def _body(request: web.Request, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise web.HTTPBadRequest(
            body=msgspec.json.encode(wire.Refusal("node.wrong_words", "The body is not of this protocol.")),
            content_type="application/json",
        ) from None


def _said_of(error: BlobRefused | Unknown | SetupError | SekishoError) -> tuple[int, str, str]:
    """Return status, code and line of what is refused."""
    if isinstance(error, BlobRefused):
        return error.status, error.code, error.line
    if isinstance(error, BundleRefused):
        return 422, error.code, str(error)
    if isinstance(error, SetupError):
        return 422, "fleet.model_unfit", str(error)
    if isinstance(error, SekishoError):
        return error.status, error.code, error.message
    return 404, "node.unknown_resident", "No model is loaded under that name."


def _json(said: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(said), content_type="application/json")


def _refused(status: int, code: str, line: str) -> web.Response:
    refusal = wire.Refusal(code[:512], line[:512])
    return web.Response(status=status, body=msgspec.json.encode(refusal), content_type="application/json")


@asynccontextmanager
async def listening(service: Service, bound: socket.socket, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Serve on a bound socket until the end of this context."""
    for option, value in _KEEP_ALIVE:  # what is accepted from it has them, too
        bound.setsockopt(socket.IPPROTO_TCP, option, value)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    runner = web.AppRunner(
        service.app(),
        handle_signals=False,
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, bound, ssl_context=tls).start()
        yield
    finally:
        await runner.cleanup()
