"""A worker per module, and an OpenAI-shaped server whose answers a test dictates."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from gateway.domain import Capability, Chunk, Prompt
from gateway.engines.config import Extras
from gateway.engines.door import Engine
from gateway.engines.openai_http import HttpEngine
from gateway.engines.xllamacpp import ManagedWorker
from gateway.settings import EngineSettings

SMALL = EngineSettings(threads=2, context_tokens=1024, slots=2)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


Ask = Callable[..., Prompt]


@pytest.fixture(scope="session")
def chat() -> Ask:
    """Makes a chat prompt of one message."""

    def ask(text: str, *, stream: bool = True, slot: int | None = 0, reuse: bool = False, **fields: Any) -> Prompt:
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": 8, "temperature": 0, **fields}
        return Prompt("r", Capability.CHAT, body, stream=stream, slot=slot, reuse_cache=reuse)

    return ask


@pytest.fixture(scope="session")
def collect() -> Callable[[Engine, Prompt], Awaitable[list[Chunk]]]:
    """Returns all chunks of an answer."""

    async def read(engine: Engine, prompt: Prompt) -> list[Chunk]:
        async with aclosing(engine.answer(prompt)) as chunks:
            return [chunk async for chunk in chunks]

    return read


@pytest.fixture(scope="session")
def text_of() -> Callable[[list[Chunk]], str]:
    """Joins the text of an answer."""
    return lambda chunks: "".join(choice.content or "" for chunk in chunks for choice in chunk.choices)


@asynccontextmanager
async def _worker_on(weights: Path, settings: EngineSettings = SMALL, **options: Any) -> AsyncIterator[ManagedWorker]:
    folder = Path(tempfile.mkdtemp(prefix="eng-", dir="/tmp"))
    worker = ManagedWorker(settings, weights=weights, model="small", run_dir=folder, **options)
    try:
        await worker.start()
        yield worker
    finally:
        await worker.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def worker_on() -> Callable[..., AbstractAsyncContextManager[ManagedWorker]]:
    """Runs a worker in a short folder of its own."""
    return _worker_on


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(model_file: Path) -> AsyncIterator[ManagedWorker]:
    """One worker for all tests of a module, its ``/slots`` open to us."""
    async with _worker_on(model_file, extras=Extras(show_slots=True)) as running:
        yield running


@pytest.fixture
async def served(short_dir: Path) -> AsyncIterator[Callable[[Handler], Awaitable[HttpEngine]]]:
    """Starts an HTTP engine that talks to a handler of the test's."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def start(handler: Handler) -> HttpEngine:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(request)

        app = web.Application()
        app.router.add_post("/v1/{rest:.*}", handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, str(short_dir / "s")).start()
        engine = HttpEngine(
            "http://mock",
            model="m",
            slots=4,
            context_tokens=64,
            unix_socket=short_dir / "s",
            read_timeout_seconds=0.5,
        )
        await engine.start()
        stops.extend([engine.stop, runner.cleanup])
        return engine

    yield start
    for stop in stops:
        await stop()
    await asyncio.sleep(0)
