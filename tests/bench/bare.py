"""FastAPI and aiohttp and nothing else: the least that a Python gateway can do, as a reference for what Sekisho does.

Run by the benchmark: ``python bare.py LISTEN_PORT ENGINE_URL``. Listens on loopback only.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

PATH = "/v1/chat/completions"


def make_app(engine: str) -> FastAPI:
    """Return an app that passes bodies to `engine` and answers back, unread."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app.state.session:
            yield

    app = FastAPI(lifespan=lifespan)
    headers = {"content-type": "application/json"}

    @app.get("/health/ready")
    async def ready() -> Response:
        return Response()

    @app.post(PATH)
    async def pass_on(request: Request) -> Response:
        body = await request.body()
        answer = await app.state.session.post(engine + PATH, data=body, headers=headers)
        if answer.content_type == "text/event-stream":
            return StreamingResponse(_relay(answer), answer.status, media_type="text/event-stream")
        async with answer:
            return Response(await answer.read(), answer.status, media_type=answer.content_type)

    return app


async def _relay(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for part in answer.content.iter_any():
            yield part


if __name__ == "__main__":
    uvicorn.run(
        make_app(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
