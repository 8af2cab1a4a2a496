"""One joined node as the gateway speaks to it. Knows connections and words; what they are for, others know.

Every call ends with :class:`NodeAway` when the node cannot be reached, and at once when :meth:`NodeLink.cut` says that
it is gone: nothing waits for a peer that does not say any more whether it lives. ``heard_at`` is when anything came
from it last. ::

    link = NodeLink("gpu1", "10.0.0.7:8443", lambda: context, read_timeout_seconds=300)
    link.open()
    (await link.state()).devices
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import aiohttp
import msgspec

from gateway.domain import Chunk, Prompt
from gateway.engines import node_wire as wire
from gateway.engines.client import unreached
from gateway.engines.openai_wire import rejected
from gateway.errors import EngineUnavailable, SetupError

_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 30.0  # a node keeps connections for longer
_MAX_ANSWER_BYTES = 256 * 1024  # of all but states and answers to prompts

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)


class NodeAway(Exception):
    """The node cannot be reached, was cut off, or says what nobody can read. ``str()`` is one line for operators."""


class NodeRefused(Exception):
    """The node said no."""

    def __init__(self, status: int, code: str, line: str) -> None:
        self.status, self.code, self.line = status, code, line
        super().__init__(f"{code}: {line}")


class NodeLink:
    """Connections to one node.

    Args:
        name: of the node, for messages.
        address: ``host:port``.
        tls: returns the context to call it with, one for as long as its certificates are the same; or SetupError.
        read_timeout_seconds: longest silence within an answer.
    """

    def __init__(
        self,
        name: str,
        address: str,
        tls: Callable[[], ssl.SSLContext],
        *,
        read_timeout_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._address = address
        self._base = f"https://{address}"
        self._tls = tls
        self._silence = read_timeout_seconds
        self._session: aiohttp.ClientSession | None = None
        self._waits: set[asyncio.Timeout] = set()
        self._cuts = 0
        self._clock = clock
        self.heard_at = float("-inf")

    def open(self) -> None:
        """Connect from now on, with the first call."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, use_dns_cache=False)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """End all connections. Safe to call twice."""
        session, self._session = self._session, None
        self._end_waits()
        await _drop(session)

    async def cut(self) -> None:
        """End whatever waits for this node, now: the calls raise, and connections of before are not used again."""
        session, self._session = self._session, None
        self._end_waits()
        self.open()
        await _drop(session)

    def _end_waits(self) -> None:
        self._cuts += 1
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            with suppress(RuntimeError):  # it has ended in this step
                wait.reschedule(now)

    # --- calls

    async def state(self) -> wire.NodeState:
        """Return what the node says of itself. Raises NodeAway."""
        return await self._asked("GET", wire.STATE, None, wire.NodeState, wire.MAX_STATE_BYTES)

    async def held(self, digest: str, *, under: str = wire.BLOBS) -> tuple[int, bool]:
        """Return how many bytes of a file are there, and whether it is whole. Raises NodeAway, NodeRefused."""
        async with self._sent("HEAD", under + digest, None, {}) as response:
            told = response.headers.get("X-Held", "")
            if not (told.isascii() and told.isdigit() and len(told) < 20):
                raise NodeAway(f"{self.name} does not say how much of a file it has.")
            return int(told), response.headers.get("X-Whole") == "1"

    async def put(self, digest: str, offset: int, total: int, piece: bytes, *, under: str = wire.BLOBS) -> wire.Took:
        """Send one range of a file; returns what is there then. Raises NodeAway, NodeRefused."""
        headers = {"Content-Range": f"bytes {offset}-{offset + len(piece) - 1}/{total}"}
        return await self._asked("PUT", under + digest, piece, wire.Took, headers=headers)

    async def forget(self, digest: str, *, under: str = wire.BLOBS) -> None:
        """Have a file taken away that a gateway brought. Raises NodeAway, NodeRefused."""
        await self._asked("DELETE", under + digest, None, _Nothing)

    async def judge(self, digest: str) -> wire.Judged:
        """Have the node judge a bundle that it was brought, by its own trust. Raises NodeAway, NodeRefused."""
        return await self._asked("POST", wire.BUNDLES + digest, None, wire.Judged)

    async def install(self, digest: str) -> str:
        """Have the node order the installation of a bundle that it was brought; returns the order's name.

        Raises:
            NodeAway, NodeRefused
        """
        return (await self._asked("POST", wire.INSTALL + digest, None, wire.Ordered)).order

    async def load(self, order: wire.Order) -> wire.Loaded:
        """Have a model loaded; returns when it answered. Cancelling this takes it back. Raises NodeAway, NodeRefused"""
        return await self._asked("POST", wire.LOAD, order, wire.Loaded)

    async def unload(self, resident: str, *, drain: bool = False) -> None:
        """Have a model sent out; one that is not there is. Raises NodeAway, NodeRefused."""
        await self._asked("POST", wire.UNLOAD, wire.Leave(resident, drain), _Nothing)

    async def prove(self, resident: str) -> None:
        """Have the node get a real token out of a model. Raises NodeAway, NodeRefused."""
        await self._asked("POST", wire.HEALTH + resident, None, _Nothing)

    async def answer(self, resident: str, prompt: Prompt, most: int) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`; ``most`` parts at most."""
        parts, cuts = wire.Parts(most), self._cuts
        try:
            body = wire.Ask(resident, prompt)
            async with self._sent("POST", wire.ANSWER, body, {}) as response:
                while not parts.over:
                    if cuts != self._cuts:
                        raise NodeAway(f"{self.name} was cut off.")
                    data = await self._until_cut(response.content.readany(), self._silence)
                    if not data:
                        raise wire.lost()
                    self.heard_at = self._clock()
                    for chunk in parts.feed(data):
                        yield chunk
        except NodeAway as error:
            raise EngineUnavailable("The model's node cannot be reached.", code="fleet.node_away") from error
        except NodeRefused as error:
            raise wire.error_of(wire.Failed("engine", error.code)) from error

    # --- one request

    async def _asked(
        self,
        method: str,
        path: str,
        body: msgspec.Struct | bytes | None,
        kind: type[_S],
        most: int = _MAX_ANSWER_BYTES,
        headers: dict[str, str] | None = None,
    ) -> _S:
        async with self._sent(method, path, body, headers or {}) as response:
            read = await self._until_cut(_read(response, most), None)
        self.heard_at = self._clock()
        try:
            return msgspec.json.decode(read, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NodeAway(f"{self.name} answers in no form that was agreed.") from error

    @asynccontextmanager
    async def _sent(
        self, method: str, path: str, body: msgspec.Struct | bytes | None, headers: dict[str, str]
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Yield the response to one request, of status 200; it is closed at the end. Raises NodeAway, NodeRefused."""
        session, response = self._session, None
        if session is None:
            raise NodeAway(f"{self.name} is not connected.")
        try:
            tls = self._tls()
        except SetupError as error:
            raise NodeAway(error.problem) from error
        try:
            request = session.request(
                method,
                self._base + path,
                data=_encoded(body),
                headers=headers,
                allow_redirects=False,
                ssl=tls,
            )
            response = await self._until_cut(request, None)
            if response.status != 200:
                raise _refusal(response.status, await self._until_cut(_read(response, _MAX_ANSWER_BYTES), None))
            yield response
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLError) as error:
            raise NodeAway(f"{self.name} shows a certificate that is not the one it joined with.") from error
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise NodeAway(unreached(error, self._address, "On that machine: sekisho node serve")) from error
        finally:
            if response is not None:
                response.close()  # a connection whose answer was read to its end is back in the pool already

    async def _until_cut(self, work: Awaitable[_T], seconds: float | None) -> _T:
        """Await, no longer than until the next cut. Raises TimeoutError."""
        wait = asyncio.timeout(seconds)
        try:
            async with wait:
                self._waits.add(wait)
                return await work
        finally:
            self._waits.discard(wait)


class BundleFiles:
    """A link's bundles, as :class:`gateway.fleet.nodes.push.Pusher` brings files."""

    def __init__(self, link: NodeLink) -> None:
        self._link = link

    async def held(self, digest: str) -> tuple[int, bool]:
        """As :meth:`NodeLink.held`."""
        return await self._link.held(digest, under=wire.BUNDLES)

    async def put(self, digest: str, offset: int, total: int, piece: bytes) -> wire.Took:
        """As :meth:`NodeLink.put`."""
        return await self._link.put(digest, offset, total, piece, under=wire.BUNDLES)

    async def forget(self, digest: str) -> None:
        """As :meth:`NodeLink.forget`."""
        await self._link.forget(digest, under=wire.BUNDLES)


class _Nothing(msgspec.Struct):
    pass


def _encoded(body: msgspec.Struct | bytes | None) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError) as error:  # what a request brought and JSON cannot say
        raise rejected() from error


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return a body. Raises ClientPayloadError: it is longer than ``most``."""
    read = bytearray()
    while data := await response.content.readany():
        read += data
        if len(read) > most:
            raise aiohttp.ClientPayloadError
    return bytes(read)


def _refusal(status: int, body: bytes) -> NodeRefused:
    try:
        said = msgspec.json.decode(body, type=wire.Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NodeRefused(status, "engine.unavailable", f"It answers {status}.")
    return NodeRefused(status, said.code, " ".join("".join(filter(str.isprintable, said.line)).split()))


async def _drop(session: aiohttp.ClientSession | None) -> None:
    """Close a session's connections without a farewell to a peer that perhaps does not listen."""
    if session is not None and session.connector is not None:
        await session.connector.close(abort_ssl=True)
        await session.close()
        await asyncio.sleep(0)
