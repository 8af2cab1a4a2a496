"""An engine that says what a test wants: OpenAI's API on loopback, keeping every body it was sent.

A tour: ``engine.answer`` takes the body and returns the deltas of one streamed choice (or, for a plain call, the
message); the default says ``hello``. ``engine.before`` may wait before a chat is answered, while others are.
``engine.bodies`` is what came in, decoded.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Delta = dict[str, Any]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


class ScriptedEngine:
    """One running engine on ``port``; use as an async context manager."""

    def __init__(self, port: int) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], list[Delta]] = lambda body: [{"content": "hello"}]
        self.logprobs: Any = None
        self.before: Callable[[dict[str, Any]], Awaitable[None]] | None = None
        self._port = port
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._completion)
        self._runner = web.AppRunner(app)

    async def __aenter__(self) -> ScriptedEngine:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        """Answer with the text of the deltas, in the form that completions have."""
        body = await request.json()
        self.bodies.append(body)
        choice = {"index": 0, "text": "".join(delta.get("content") or "" for delta in self.answer(body))}
        if not body.get("stream"):
            ended = {**choice, "finish_reason": "stop", "logprobs": self.logprobs}
            return web.json_response({"choices": [ended], "usage": USAGE})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await self._send(response, {"choices": [{**choice, "finish_reason": None}]})
        await self._send(response, {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
        await self._send(response, {"choices": [], "usage": USAGE})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self.before is not None:
            await self.before(body)
        deltas = self.answer(body)
        if not body.get("stream"):
            message = {"role": "assistant", **deltas[0]}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": self.logprobs}
            return web.json_response({"choices": [choice], "usage": USAGE})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for delta in deltas:
            await self._send(response, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        await self._send(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await self._send(response, {"choices": [], "usage": USAGE})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _send(self, response: web.StreamResponse, event: dict[str, Any]) -> None:
        await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
