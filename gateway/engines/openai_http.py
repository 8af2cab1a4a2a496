"""Calls to a server that speaks OpenAI's API, over TCP or a Unix socket.

Closing the generator closes the connection, in the same step of the event loop: that is how every such engine learns
that nobody waits any more. ::

    engine = HttpEngine("http://10.0.0.7:8000", model="m", slots=8, context_tokens=8192, read_timeout_seconds=300)
    await engine.start()
    async with aclosing(engine.answer(prompt)) as chunks:
        async for chunk in chunks: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from time import monotonic

import aiohttp
import msgspec
import orjson

from gateway.domain import Capability, Chunk, Prompt
from gateway.engines.calls import Body, Count, numbered
from gateway.engines.client import open_session
from gateway.engines.dialect import Dialect, OpenAIDialect
from gateway.engines.openai_wire import Assembler, StreamDecoder, decode_chunk, interrupted, refusal, rejected, too_long
from gateway.engines.plain_calls import Reader
from gateway.engines.spelling import decode_content, decode_tokens, tokenizing
from gateway.engines.vectors import Pace, decode_part, joined, parts
from gateway.errors import BadRequest, EngineUnavailable

_PATHS = {
    Capability.CHAT: "/v1/chat/completions",
    Capability.COMPLETE: "/v1/completions",
    Capability.EMBED: "/v1/embeddings",
    Capability.RERANK: "/v1/rerank",
    Capability.TOKENIZE: "/tokenize",
}
_WITHOUT_TEXT = (Capability.EMBED, Capability.RERANK)
_MAX_ERROR_BYTES = 64 * 1024
_MAX_PLAIN_BYTES = 64 * 1024 * 1024

Explain = Callable[[], Awaitable[EngineUnavailable]]
"""Says what a broken connection means."""


async def _broken() -> EngineUnavailable:
    return interrupted()


def _encoded(body: Body) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:  # an integer beyond 64 bits
        raise rejected() from error


class _Rendered(msgspec.Struct, gc=False):
    prompt: str


_decode_rendered = msgspec.json.Decoder(_Rendered).decode


def _only_text(body: Body) -> bool:
    """Whether a chat has no picture and no sound in it: their tokens are in no text."""
    contents = [message.get("content") for message in body.get("messages", ())]
    return all(part.get("type") == "text" for content in contents if isinstance(content, list) for part in content)


class Exchange:
    """Sends prompts over one client session and turns what comes back into chunks. Opened inside a running loop."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, model: str, dialect: Dialect) -> None:
        self._session = session
        self._urls = {capability: base_url + path for capability, path in _PATHS.items()}
        self._health_url = base_url + "/health"
        self._detokenize_url = base_url + "/detokenize"
        self._template_url = base_url + "/apply-template"
        self._model = model
        self._dialect = dialect
        self._pace = Pace() if dialect.takes_parts else None

    async def close(self) -> None:
        await self._session.close()

    async def healthy(self) -> bool:
        """Whether a llama.cpp server says that it has loaded its model."""
        try:
            async with self._session.get(self._health_url, allow_redirects=False) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def renders(self, body: Body, marks: Sequence[str], explain: Explain = _broken) -> bool:
        """Whether a llama.cpp server's prompt of a chat holds all these marks; one that does not tell has none.

        Raises EngineUnavailable.
        """
        try:
            rendered = orjson.loads(await self._whole(self._template_url, body, explain))["prompt"]
            return all(mark in rendered for mark in marks)
        except (BadRequest, orjson.JSONDecodeError, LookupError, TypeError):  # or its template raised an error
            return False

    async def answer(self, prompt: Prompt, explain: Explain = _broken) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`. A lost connection raises what ``explain`` returns."""
        if prompt.capability is Capability.TOKENIZE:
            yield await self._spelled(prompt.body, explain)
            return
        if prompt.counts and self._dialect.tells_prompts and _only_text(prompt.body):
            yield await self._counted(prompt, explain)
            return
        if prompt.capability in _WITHOUT_TEXT:
            yield await self._measured(prompt, explain)
            return
        if prompt.stream or not self._dialect.joins_streams:
            async with aclosing(self._chunks(prompt, explain)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        whole = Assembler()
        async with aclosing(self._chunks(prompt, explain)) as chunks:
            async for chunk in chunks:
                whole.add(chunk)
        yield whole.chunk()

    async def _chunks(self, prompt: Prompt, explain: Explain) -> AsyncGenerator[Chunk, None]:
        """Yield the answers to all calls as one answer, with one usage at the end."""
        calls = self._dialect.calls(prompt, self._model)
        count = Count()
        for number, call in enumerate(calls):
            reader = Reader(call.form) if call.form is not None else None
            async with aclosing(self._call(self._urls[prompt.capability], call.body, explain)) as chunks:
                async for received in chunks:
                    chunk = self._dialect.tidy(reader.read(received) if reader else received, prompt)
                    if len(calls) == 1:
                        yield chunk
                        continue
                    count.add(chunk.usage, call.repeats)
                    if chunk.choices:
                        yield numbered(chunk, number)
        if count.usage is not None:
            yield Chunk((), count.usage)

    async def _measured(self, prompt: Prompt, explain: Explain) -> Chunk:
        """Return the vectors of all inputs, or the scores of all documents, asked for part by part."""
        url, answers = self._urls[prompt.capability], []
        for body, inputs, weight in parts(prompt, self._pace):
            began = monotonic()
            data = await self._part(url, {**body, "model": self._model}, explain)
            answers.append(decode_part(prompt.capability, data, inputs))
            if self._pace is not None:
                self._pace.observe(weight, monotonic() - began)
        return joined(answers)

    async def _spelled(self, body: Body, explain: Explain) -> Chunk:
        """Return a text's tokens, or what tokens spell: these ids, or those that a text has. llama.cpp's two routes."""
        if not body.get("spell"):
            return decode_tokens(await self._whole(self._urls[Capability.TOKENIZE], tokenizing(body), explain))
        tokens = body.get("tokens")
        if tokens is None:
            made = decode_tokens(await self._whole(self._urls[Capability.TOKENIZE], tokenizing(body), explain))
            tokens = list(made.tokens)
        return decode_content(await self._whole(self._detokenize_url, {"tokens": tokens}, explain))

    async def _counted(self, prompt: Prompt, explain: Explain) -> Chunk:
        """Return the tokens that a chat has after the model's template: what the engine would read, and does not."""
        call = self._dialect.calls(prompt, self._model)[0]
        try:
            text = _decode_rendered(await self._whole(self._template_url, call.body, explain)).prompt
        except msgspec.DecodeError as error:
            raise interrupted() from error
        asked = {"content": text, "add_special": True, "parse_special": True}
        return decode_tokens(await self._whole(self._urls[Capability.TOKENIZE], asked, explain))

    async def _whole(self, url: str, body: Body, explain: Explain) -> bytes:
        async with self._posted(url, body, explain) as response:
            return await _read(response)

    async def _part(self, url: str, body: Body, explain: Explain) -> bytes:
        try:
            return await self._whole(url, body, explain)
        except BadRequest as error:
            if self._dialect.takes_parts and error.code == "engine.rejected":
                # all that is left for llama.cpp to object to is an input's length, which it calls a server error
                raise too_long(None, None) from error
            raise

    @asynccontextmanager
    async def _posted(self, url: str, body: Body, explain: Explain) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Send a body; the response, of status 200, is closed at the end. Raises as :meth:`answer`."""
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._session.post(url, data=_encoded(body), allow_redirects=False)
            if response.status != 200:
                text = await response.content.read(_MAX_ERROR_BYTES)
                raise refusal(response.status, text, self._dialect.requests_faults)
            yield response
        except TimeoutError as error:
            raise EngineUnavailable("The model's engine fell silent.", code="engine.timeout") from error
        except aiohttp.ClientConnectorError as error:  # nobody listens there: nothing was sent
            raise (EngineUnavailable() if explain is _broken else await explain()) from error
        except aiohttp.ClientError as error:
            raise await explain() from error
        finally:
            if response is not None:
                response.close()  # a connection whose answer was read to its end is back in the pool already

    async def _call(self, url: str, body: Body, explain: Explain) -> AsyncGenerator[Chunk, None]:
        async with self._posted(url, body, explain) as response:
            if not body["stream"]:
                yield await _plain(response)
                return
            decoder = StreamDecoder()
            async for part in response.content.iter_any():
                for chunk in decoder.feed(part):
                    yield chunk
            decoder.end()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > _MAX_PLAIN_BYTES:
            raise interrupted()
    return bytes(body)


async def _plain(response: aiohttp.ClientResponse) -> Chunk:
    chunk = decode_chunk(await _read(response))
    if chunk is None or not chunk.choices:
        raise interrupted()
    return chunk


class HttpEngine:
    """A :class:`gateway.engines.door.Engine` that somebody else runs on this machine, behind OpenAI's API."""

    def __init__(
        self,
        base_url: str,
        *,
        model: str,
        slots: int,
        context_tokens: int,
        api_key: str = "",
        unix_socket: Path | None = None,
        read_timeout_seconds: float = 300.0,
    ) -> None:
        self._base_url = base_url.rstrip("/").removesuffix("/v1")
        self._model = model
        self._slots = slots
        self._context_tokens = context_tokens
        self._api_key = api_key
        self._unix_socket = unix_socket
        self._read_timeout_seconds = read_timeout_seconds
        self._exchange: Exchange | None = None

    device = build = ""  # nobody can see from here what computes there

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def start(self) -> None:
        """Open the session; the first call connects."""
        session = open_session(self._unix_socket, self._api_key, self._read_timeout_seconds)
        self._exchange = Exchange(session, self._base_url, self._model, OpenAIDialect())

    async def stop(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()
            await asyncio.sleep(0)  # transports close in the next step of the loop

    def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        if self._exchange is None:
            raise EngineUnavailable
        return self._exchange.answer(prompt)

    def ready(self) -> bool:
        return self._exchange is not None
