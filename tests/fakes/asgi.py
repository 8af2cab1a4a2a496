"""One request to an ASGI application, without a socket: what a test of bytes on the wire needs, in a millisecond.

A tour: ``await post(endpoint, {"model": "m"})`` is the answer: its status, headers, and body; ``events`` are its named
server-sent events, ``lines`` its lines of JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from gateway.http.call import Api
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.settings import ServerSettings


class Answered(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Return (name, data) of each event; the name's line comes first, as it does in Anthropic's and OpenAI's."""
        out = []
        for event in self.body.decode().removesuffix("\n\n").split("\n\n"):
            name, data = event.split("\n")
            out.append((name.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))))
        return out

    @property
    def lines(self) -> list[Any]:
        return [orjson.loads(line) for line in self.body.splitlines()]


def endpoint(house: Any, api: Api) -> Endpoint:
    """Return an API of the in-memory house."""
    return Endpoint(api, house.checkpoint(), Gate(), ServerSettings(max_body_bytes=100_000, max_text_chars=20_000))


async def post(app: Any, body: Any, path: str = "/", method: str = "POST", **headers: str) -> Answered:
    """Send one request; names of headers have ``_`` for ``-``."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    said: Mapping[str, str] = {"content_type": "application/json", "authorization": "Bearer key", **headers}
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in said.items() if value]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    scope |= {"headers": named, "client": ("127.0.0.1", 1), "root_path": "", "scheme": "http"}
    asked: list[Any] = [{"type": "http.request", "body": raw}]
    sent: list[Any] = []

    async def receive() -> Any:
        return asked.pop() if asked else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answered(start["status"], found, b"".join(part.get("body", b"") for part in parts))
