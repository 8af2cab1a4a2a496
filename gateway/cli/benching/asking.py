"""One request to an OpenAI-compatible server, streamed, and what its caller saw of it by the clock.

Each request opens a connection of its own, follows no redirect, heeds no proxy. What a server says of a failure is for
the one who measures alone: its status, its code, and the start of its message.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Any, Self

import aiohttp
import orjson

from gateway.engines.client import open_session

_READ_SECONDS = 300.0
_MOST_LINE_BYTES = 4 * 1024 * 1024
_MOST_MESSAGE = 200


@dataclass(frozen=True)
class Place:
    """Where to ask. ``url`` is without a path; with ``socket``, the name in it is only a word."""

    url: str
    key: str = field(default="", repr=False)
    socket: Path | None = None
    tls: SSLContext | None = None
    here: bool = True  # on this machine


@dataclass(frozen=True)
class Wish:
    """One request. ``more`` goes into the body as it is."""

    model: str
    text: str
    output_tokens: int
    more: dict[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        return orjson.dumps(
            {
                "model": self.model,
                "messages": [{"role": "user", "content": self.text}],
                "max_tokens": self.output_tokens,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
                **self.more,
            }
        )


@dataclass
class Answer:
    """What was seen. Times are seconds of one clock; ``gaps`` lie between pieces of text as they came."""

    began: float
    first: float = 0.0  # when the first piece of text came; 0: none came
    ended: float = 0.0
    gaps: list[float] = field(default_factory=list)
    pieces: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    counted: bool = False  # the server's own count; else pieces stand for tokens
    done: bool = False
    status: int = 0
    problem: str = ""  # empty: a whole answer
    said: str = ""  # the server's message about the problem


class Asker:
    """Asks one server. A context manager, since it holds a client session."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def __aenter__(self) -> Self:
        place = self._place
        self._session = open_session(place.socket, place.key, _READ_SECONDS, reuse=False, tls=place.tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def models(self) -> list[str]:
        """Return the names that the server lists; none where it lists none, or cannot be asked."""
        try:
            async with self._session.get(f"{self._place.url}/v1/models", allow_redirects=False) as response:
                if response.status != 200:
                    return []
                listed = orjson.loads(await response.read())
            return [str(each["id"]) for each in listed["data"]]
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
            return []

    async def ask(self, wish: Wish) -> Answer:
        """Ask once; return what was seen, failures too. Never raises for what the server or the network does."""
        answer = Answer(time.perf_counter())
        try:
            async with self._session.post(
                f"{self._place.url}/v1/chat/completions",
                data=wish.body(),
                allow_redirects=False,
                read_bufsize=_MOST_LINE_BYTES,
            ) as response:
                answer.status = response.status
                if response.status == 200:
                    await _follow(response, answer)
                else:
                    _refused(answer, await response.content.read(_MOST_LINE_BYTES))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            answer.problem = _named(error)
        answer.ended = time.perf_counter()
        if not answer.problem and not answer.done:
            answer.problem = "the answer ended early"
        if not answer.counted:
            answer.output_tokens = answer.pieces
        return answer


async def _follow(response: aiohttp.ClientResponse, answer: Answer) -> None:
    last = 0.0
    async for data in _events(response):
        now = time.perf_counter()
        if data == b"[DONE]":
            answer.done = True
            continue
        event = orjson.loads(data)
        if not isinstance(event, dict):
            raise ValueError("an event that is no object")
        if event.get("error"):
            _refused(answer, data)
        if _has_text(event):
            answer.pieces += 1
            if last:
                answer.gaps.append(now - last)
            else:
                answer.first = now
            last = now
        usage = event.get("usage")
        if usage:
            answer.prompt_tokens = int(usage.get("prompt_tokens") or 0)
            answer.output_tokens = int(usage.get("completion_tokens") or 0)
            answer.counted = True


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the data of each server-sent event that has one line of it, as this API's have."""
    async for line in response.content:
        if line.startswith(b"data:"):
            yield line[5:].strip()


def _has_text(event: dict[str, Any]) -> bool:
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if delta.get("content") or delta.get("reasoning_content") or delta.get("tool_calls"):
            return True
    return False


def _refused(answer: Answer, raw: bytes) -> None:
    """Note why a server refused, in its own code where it has one."""
    code = message = ""
    try:
        error = orjson.loads(raw)["error"]
        code, message = str(error.get("code") or error.get("type") or ""), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    answer.problem = " ".join(filter(None, (str(answer.status) if answer.status != 200 else "", code))) or "an error"
    answer.said = "".join(each if each.isprintable() else " " for each in message)[:_MOST_MESSAGE]


def _named(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "not an answer of this API" if isinstance(error, ValueError) else "the connection broke"
