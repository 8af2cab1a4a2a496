from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from gateway.domain import Choice, Chunk, Usage
from gateway.engines.openai_http import HttpEngine
from gateway.errors import BadRequest, EngineUnavailable

Start = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[HttpEngine]]

TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


async def stream(request: web.Request, *parts: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    return response


async def test_streamed_answer(served: Start, chat: Any, collect: Any) -> None:
    engine = await served(lambda request: stream(request, TOKEN, END))

    chunks = await collect(engine, chat("hi"))

    assert [chunk.choices[0].content for chunk in chunks] == ["a", None]


async def test_plain_answer_is_one_chunk(served: Start, chat: Any, collect: Any) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert (await request.json())["stream"] is False
        choice = {"index": 0, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})

    chunks = await collect(await served(handler), chat("hi", stream=False))

    assert chunks == [Chunk((Choice(0, "assistant", "b", finish_reason="stop"),), Usage(1, 2))]


async def test_usage_is_always_asked_for(served: Start, chat: Any, collect: Any) -> None:
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((await request.json())["stream_options"])
        return await stream(request, TOKEN, END)

    await collect(await served(handler), chat("hi", stream_options={"include_usage": False}))

    assert seen == [{"include_usage": True}]


async def test_connection_is_kept_for_the_next_prompt(served: Start, chat: Any, collect: Any) -> None:
    transports: list[Any] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        transports.append(request.transport)
        return await stream(request, TOKEN, END)

    engine = await served(handler)
    for _ in range(3):
        await collect(engine, chat("hi"))

    assert len(set(transports)) == 1


@pytest.mark.parametrize("parts", [(), (TOKEN,), (TOKEN, b"data: [DONE]\n\n"), (TOKEN, b'data: {"error":{}}\n\n')])
async def test_answer_that_breaks_off_is_an_error(served: Start, chat: Any, collect: Any, parts: Any) -> None:
    engine = await served(lambda request: stream(request, *parts))

    with pytest.raises(EngineUnavailable):
        await collect(engine, chat("hi"))


async def test_connection_lost_amid_an_answer(served: Start, chat: Any) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = await stream(request, TOKEN)
        assert request.transport is not None
        request.transport.abort()
        return response

    engine = await served(handler)
    got: list[Chunk] = []

    with pytest.raises(EngineUnavailable) as caught:
        async for chunk in engine.answer(chat("hi")):
            got.append(chunk)

    assert (caught.value.code, len(got)) == ("engine.interrupted", 1)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequest), (422, BadRequest), (404, EngineUnavailable), (500, EngineUnavailable)]
)
async def test_refusals_never_show_the_engines_words(
    served: Start, chat: Any, collect: Any, status: int, kind: type[Exception]
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "CANARY"}}, status=status)

    with pytest.raises(kind) as caught:
        await collect(await served(handler), chat("hi"))

    assert "CANARY" not in str(caught.value)


async def test_silence_is_an_error(served: Start, chat: Any, collect: Any) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = await stream(request, TOKEN)
        await asyncio.sleep(10)
        return response

    with pytest.raises(EngineUnavailable) as caught:
        await collect(await served(handler), chat("hi"))

    assert caught.value.code == "engine.timeout"


@pytest.mark.parametrize("phase", ["before the status", "amid the answer"])
async def test_cancelling_hangs_up_at_once(served: Start, chat: Any, collect: Any, phase: str) -> None:
    reached, hung_up = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            if phase == "amid the answer":
                await stream(request, TOKEN)
            reached.set()
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            hung_up.set()
            raise
        return web.Response()

    task = asyncio.ensure_future(collect(await served(handler), chat("hi")))
    await reached.wait()
    await asyncio.sleep(0.05)
    task.cancel()

    await asyncio.wait_for(hung_up.wait(), 1)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_the_generator_hangs_up(served: Start, chat: Any) -> None:
    hung_up = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            await stream(request, TOKEN)
            await asyncio.sleep(10)
        finally:
            hung_up.set()
        return web.Response()

    engine = await served(handler)
    async with aclosing(engine.answer(chat("hi"))) as chunks:
        await anext(chunks)

    await asyncio.wait_for(hung_up.wait(), 1)


async def test_nobody_listening_is_unavailable(short_dir: Any, chat: Any, collect: Any) -> None:
    engine = HttpEngine("http://mock", model="m", slots=1, context_tokens=8, unix_socket=short_dir / "none")
    await engine.start()

    with pytest.raises(EngineUnavailable) as caught:
        await collect(engine, chat("hi"))

    assert caught.value.code == "engine.unavailable"  # nothing was sent, so nothing broke off
    await engine.stop()
    assert not engine.ready()


async def test_number_that_json_cannot_carry_is_refused(served: Start, chat: Any, collect: Any) -> None:
    engine = await served(lambda request: stream(request, END))

    with pytest.raises(BadRequest):
        await collect(engine, chat("hi", seed=2**70))


@pytest.mark.parametrize("counts", [True, False])
async def test_a_server_that_tells_no_prompts_reads_what_is_to_be_counted(
    served: Start, chat: Any, collect: Any, counts: bool
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        usage = {"prompt_tokens": 7, "completion_tokens": 1}
        return web.json_response({"choices": [{"index": 0, "message": {"content": "a"}}], "usage": usage})

    engine = await served(answer)

    (chunk,) = await collect(engine, replace(chat("hi", stream=False), counts=counts))

    assert (asked, chunk.usage) == (["/v1/chat/completions"], Usage(7, 1))
