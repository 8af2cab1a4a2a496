"""A server of OpenAI's chat API on loopback, that says so many words: what ``sekisho bench`` is tried on.

A tour: :class:`Speaking` serves in a thread of its own while it is entered. ``asked`` keeps the bodies that came, and
``headers`` what came with them; ``knows`` are the fields that it takes; ``refuses`` makes it refuse with a status and a
code, ``refuses_from`` so many requests on; ``counts`` is whether it tells usage; ``cut`` ends streams in the middle;
``then`` is called with each request.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

KNOWN = {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}


@dataclass
class Speaking:
    models: tuple[str, ...] = ("parrot",)
    knows: set[str] = field(default_factory=lambda: {*KNOWN, "ignore_eos"})
    counts: bool = True
    cut: bool = False
    refuses: tuple[int, str] = (0, "")
    refuses_from: int = 0
    moved_to: str = ""
    then: Callable[[], None] = lambda: None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._began, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))
        self._thread.start()
        assert self._began.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application()
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        self._began.set()
        await self._over.wait()
        await runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": name} for name in self.models]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.then()
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.moved_to:
            return web.Response(status=307, headers={"location": self.moved_to})
        status, code = self.refuses
        if status and len(self.asked) > self.refuses_from:
            return web.json_response({"error": {"code": code, "message": "No\nmore."}}, status=status)
        if unknown := body.keys() - self.knows:
            return web.json_response({"error": {"code": "unknown_field", "message": f"{unknown}"}}, status=400)
        return await self._stream(request, body)

    async def _stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        events = [{"choices": [{"delta": {"role": "assistant"}}]}]
        events += [{"choices": [{"delta": {"content": "word "}}]}] * body["max_tokens"]
        if self.counts:
            said = len(body["messages"][0]["content"].split())
            usage = {"prompt_tokens": 10 + 2 * said, "completion_tokens": body["max_tokens"]}
            events.append({"choices": [], "usage": usage})
        for event in events[: 2 if self.cut else None]:
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        if not self.cut:
            await response.write(b"data: [DONE]\n\n")
        return response
