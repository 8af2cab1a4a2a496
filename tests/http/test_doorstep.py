"""Connections are counted where they come in: those that are open, and those ended before a request was read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from running import free_port
from starlette.responses import PlainTextResponse

from gateway.http.bounded import MOST_HEAD_BYTES, Doorstep
from gateway.http.listener import Listener
from gateway.settings import ServerSettings

GOOD = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


@asynccontextmanager
async def listening(doorstep: Doorstep) -> AsyncIterator[int]:
    port = free_port()
    settings = ServerSettings(listen=f"127.0.0.1:{port}", most_connections=2)
    listener = Listener.on_address(PlainTextResponse("well"), settings, doorstep=doorstep)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    try:
        yield port
    finally:
        listener.should_exit = True
        await serving


async def first_line(port: int, raw: bytes) -> tuple[bytes, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    async with asyncio.timeout(5):
        return await reader.readline(), writer


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def until(doorstep: Doorstep, count: int) -> None:
    async with asyncio.timeout(5):
        while doorstep.open != count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"not http\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 12 * MOST_HEAD_BYTES, 431),
    ],
    ids=["400", "431"],
)
async def test_what_is_refused_at_the_door_is_counted_by_status(raw: bytes, status: int) -> None:
    doorstep = Doorstep()
    async with listening(doorstep) as port:
        answer, writer = await first_line(port, raw)
        await leave(writer)
        await until(doorstep, 0)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert doorstep.refused == {status: 1}


async def test_one_too_many_is_counted_and_who_is_there_stays(caplog: pytest.LogCaptureFixture) -> None:
    doorstep = Doorstep()
    async with listening(doorstep) as port:
        held = [await first_line(port, GOOD) for _ in range(2)]
        assert doorstep.open == 2
        answer, refused = await first_line(port, b"")
        await leave(refused)
        await until(doorstep, 2)
        for _, writer in held:
            await leave(writer)
        await until(doorstep, 0)
        last, writer = await first_line(port, GOOD)
        await leave(writer)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert last.startswith(b"HTTP/1.1 200 ")
    assert doorstep.refused == {503: 1}
