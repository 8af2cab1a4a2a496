"""An engine that somebody else runs, here or beyond this machine: reached by TLS, and asked what it serves.

Before a prompt goes there, and every while from then on, its ``GET /v1/models`` must list the model that it is said to
serve. One that lists others is out until it lists it again, with one line that says so; so is one that cannot be
reached. Neither keeps the house from opening: the rest serves. Where a digest is known, one that is told there must be
the same. ::

    engine = remote_engine(settings.fleet.engines[0], settings.base)
    await engine.start()
    engine.ready(), engine.problem
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from gateway.domain import Chunk, Prompt
from gateway.engines.client import open_session, tls_context, unreached
from gateway.engines.dialect import OpenAIDialect
from gateway.engines.openai_http import Exchange
from gateway.errors import EngineUnavailable, SetupError
from gateway.settings import RemoteEngineSettings

_CHECK_SECONDS = 5.0  # longest wait for what it serves
_AGAIN_SECONDS = 30.0  # between two looks at one that serves
_FIRST_DELAY_SECONDS = 1.0  # before another look at one that does not; then twice as long, and so on
_MAX_LIST_BYTES = 4 * 1024 * 1024
_NOT_OFFERED = (404, 405, 501)
_SHOWN_NAMES = 8

_log = logging.getLogger(__name__)


class _Served(msgspec.Struct):
    """One entry of ``/v1/models``; the digest is where some servers tell it."""

    id: str
    sha256: str = ""
    digest: str = ""

    def told_digest(self) -> str:
        return (self.sha256 or self.digest).removeprefix("sha256:").lower()


class _List(msgspec.Struct):
    data: list[_Served]


def is_loopback(host: str) -> bool:
    """Whether an address literal, or the name ``localhost``, is this machine's loopback. Asks no resolver."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def judge(name: str, model: str, digest: str, answer: bytes) -> str:
    """Return what is wrong with a list of served models, in one line; "" when nothing is."""
    try:
        served = msgspec.json.decode(answer, type=_List).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"{name} does not say what it serves in the form of OpenAI's API."
    entry = next((each for each in served if each.id == model), None)
    if entry is None:
        names = ", ".join(repr(each.id)[:80] for each in served[:_SHOWN_NAMES]) or "nothing"
        return f"{name} does not serve {model!r}; it serves {names}."
    told = entry.told_digest()
    if digest and told and told != digest.lower():
        return f"{name} serves other bytes as {model!r}: their SHA-256 is {told[:64]}."
    return ""


class RemoteEngine:
    """A :class:`gateway.engines.door.Engine` that is watched. ``problem`` says, in one line, why it is not ready.

    Args:
        wanted: its address, its papers, and what it is said to serve.
        base: the folder that relative paths in the settings start from.
        on_change: called whenever :meth:`ready` may have changed.
    """

    device = build = ""  # nobody can see from here what computes there

    def __init__(self, wanted: RemoteEngineSettings, base: Path, on_change: Callable[[], None] | None = None) -> None:
        self._wanted = wanted
        self._model = wanted.remote_model or wanted.model
        self._on_change = on_change or (lambda: None)
        address = urlsplit(wanted.url)
        self._socket = Path(address.path) if address.scheme == "unix" else None
        self._url = "http://engine" if self._socket else wanted.url.rstrip("/").removesuffix("/v1")
        self._tls = _papers(wanted, base) if address.scheme == "https" else None
        self._api_key = key_in(base / wanted.api_key_file) if wanted.api_key_file else ""
        self._session: aiohttp.ClientSession | None = None
        self._exchange: Exchange | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self.problem = "It was not asked yet."

    @property
    def slots(self) -> int:
        return self._wanted.slots

    @property
    def context_tokens(self) -> int:
        return self._wanted.context_tokens

    def ready(self) -> bool:
        return self._exchange is not None and not self.problem

    async def start(self) -> None:
        """Ask what it serves, once; go on watching whatever the answer is. Raises nothing of what is wrong there."""
        self._session = open_session(self._socket, self._api_key, self._wanted.read_timeout_seconds, tls=self._tls)
        self._exchange = Exchange(self._session, self._url, self._model, OpenAIDialect())
        await self.check()
        self._watcher = asyncio.get_running_loop().create_task(self._watch(), name=f"engine-{self._wanted.name}")

    async def stop(self) -> None:
        """Safe to call twice."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()
            await asyncio.sleep(0)  # transports close in the next step of the loop

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`. One that failed is looked at again at once."""
        if self._exchange is None or self.problem:
            raise EngineUnavailable("The model's engine does not serve it now.", code="engine.unavailable")
        try:
            async with aclosing(self._exchange.answer(prompt)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except EngineUnavailable:
            self._look.set()
            raise

    async def check(self) -> None:
        """Ask what it serves, and remember what is wrong."""
        problem = await self._found()
        if problem == self.problem:
            return
        before, self.problem = self.problem, problem
        if problem:
            _log.error("engine out: %s", problem)
        elif before:
            _log.warning("engine in: %s serves %s", self._wanted.name, self._model)
        self._on_change()

    async def _found(self) -> str:
        name, session = self._wanted.name, self._session
        assert session is not None  # noqa: S101 - set by start
        try:
            async with (
                asyncio.timeout(_CHECK_SECONDS),
                session.get(f"{self._url}/v1/models", allow_redirects=False) as response,
            ):
                if response.status in _NOT_OFFERED:
                    return ""  # it offers no list: nothing to hold against it
                if response.status != 200:
                    return f"{name} answers {response.status} when asked what it serves."
                answer = await response.content.read(_MAX_LIST_BYTES)
                while len(answer) < _MAX_LIST_BYTES and (more := await response.content.read(_MAX_LIST_BYTES)):
                    answer += more
        except aiohttp.ClientConnectorCertificateError:
            return f"{name} shows a certificate that nobody vouches for, or of another name."
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"{name} cannot be reached. {unreached(error, self._wanted.url)}"
        return judge(name, self._model, self._wanted.digest, answer)

    async def _watch(self) -> None:
        """Look again and again, at once after a failed answer. Cancelled by :meth:`stop`."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            delay = min(delay * 2, _AGAIN_SECONDS) if self.problem else _FIRST_DELAY_SECONDS
            self._look.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay if self.problem else _AGAIN_SECONDS):
                    await self._look.wait()
                await asyncio.sleep(_FIRST_DELAY_SECONDS)  # many failures at once are one reason to look
            await self.check()


def remote_engine(
    wanted: RemoteEngineSettings, base: Path, on_change: Callable[[], None] | None = None
) -> RemoteEngine:
    """Return an engine of ``fleet.engines``, not started.

    Raises:
        SetupError: its address would carry prompts in the clear, or a file that it names cannot be used.
    """
    address = urlsplit(wanted.url)
    plain_here = address.scheme == "unix" or (address.scheme == "http" and is_loopback(address.hostname or ""))
    if not plain_here and not (address.scheme == "https" and address.hostname):
        problem = f"fleet.engines: {wanted.name}: {wanted.url!r} would carry prompts in the clear, or leads nowhere."
        raise SetupError(problem, "Use https://…, or on this machine http://127.0.0.1:PORT or unix:/path/to.sock.")
    return RemoteEngine(wanted, base, on_change)


def _papers(wanted: RemoteEngineSettings, base: Path) -> Any:
    ca, certificate, key = (
        base / file if file else None for file in (wanted.ca, wanted.certificate, wanted.certificate_key)
    )
    return tls_context(ca, certificate, key)


def key_in(file: Path) -> str:
    """Return the API key that a file holds. Raises SetupError."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"The API key file {file} cannot be read.", "Check its path and mode.") from error
