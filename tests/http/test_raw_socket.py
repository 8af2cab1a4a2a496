"""Hostile HTTP on a raw socket, with the listener that serves: each is a clear 4xx, and nothing is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from house import House
from running import free_port

from gateway.domain import Choice, Chunk, Usage
from gateway.http import api, bounded
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

GOOD = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key\r\ncontent-type: application/json\r\n"
)
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LENGTH = str(len(GOOD)).encode()
HEX = f"{len(GOOD):x}".encode()
END = b"\r\n0\r\n\r\n"


def sized(body: bytes, *lines: bytes) -> bytes:
    return HEAD + b"connection: close\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


HOSTILE: dict[str, bytes] = {
    "a length and chunks": sized(
        HEX + b"\r\n" + GOOD + END, b"content-length: " + LENGTH, b"transfer-encoding: chunked"
    ),
    "chunks and a length": sized(HEX + b"\r\n" + GOOD + END, b"transfer-encoding: chunked", b"content-length: 5"),
    "two lengths": sized(GOOD, b"content-length: " + LENGTH, b"content-length: 5"),
    "a length that is a list": sized(GOOD, b"content-length: " + LENGTH + b", " + LENGTH),
    "a signed length": sized(GOOD, b"content-length: +" + LENGTH),
    "a hexadecimal length": sized(GOOD, b"content-length: 0x" + HEX),
    "a negative length": sized(GOOD, b"content-length: -1"),
    "a length of 30 digits": sized(GOOD, b"content-length: " + b"9" * 30),
    "an unknown coding": sized(GOOD, b"transfer-encoding: chunked, identity"),
    "a coding that is bent": sized(HEX + b"\r\n" + GOOD + END, b"transfer-encoding: xchunked"),
    "space before the colon": sized(GOOD, b"content-length : " + LENGTH),
    "a folded header": sized(GOOD, b"x-a: b\r\n c", b"content-length: " + LENGTH),
    "a bare CR in a header": sized(GOOD, b"x-a: b\rcontent-length: 1", b"content-length: " + LENGTH),
    "NUL in a header": sized(GOOD, b"x-a: b\0c", b"content-length: " + LENGTH),
    "a header without a name": sized(GOOD, b": b", b"content-length: " + LENGTH),
    "a chunk of no number": CHUNKED + b"zz\r\n" + GOOD + END,
    "a chunk of a signed number": CHUNKED + b"+" + HEX + b"\r\n" + GOOD + END,
    "a chunk longer than it says": CHUNKED + b"5\r\n" + GOOD + END,
    "a chunk of 2^64": CHUNKED + b"10000000000000001\r\n" + GOOD + END,
    "an unknown version": HEAD.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n",
    "no version": HEAD.replace(b" HTTP/1.1", b"") + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "not UTF-8": sized(b"\xff" + GOOD[1:], b"content-length: " + LENGTH),
    "a head of 100,000 bytes": sized(GOOD, b"x-a: " + b"a" * 100_000, b"content-length: " + LENGTH),
    "a head that does not end": HEAD + b"x-a: " + b"a" * 800_000,
    "10,000 headers": sized(GOOD, *[b"x-%d: a" % n for n in range(10_000)], b"content-length: " + LENGTH),
    "an address of 100,000 bytes": HEAD.replace(b"/v1/chat", b"/" + b"a" * 100_000) + b"\r\n",
    "an extension that does not end": CHUNKED + HEX + b";x=" + b"y" * 800_000,
    "trailers that do not end": CHUNKED + HEX + b"\r\n" + GOOD + b"\r\n0\r\n" + b"x-a: bbbbbbbbbbbbbbbb\r\n" * 40_000,
    "compressed": sized(GOOD, b"content-length: " + LENGTH, b"content-encoding: gzip"),
}


@asynccontextmanager
async def listening(house: House) -> AsyncIterator[int]:
    """Serve a house on a port of its own."""
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "hello", finish_reason="stop"),), Usage(3, 1))]
    checkpoint, port = house.checkpoint(), free_port()
    settings = ServerSettings(listen=f"127.0.0.1:{port}")
    app = api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), settings)
    listener = Listener.on_address(app, settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    try:
        yield port
    finally:
        listener.should_exit = True
        await serving


async def exchange(port: int, raw: bytes, wait_seconds: float = 5.0) -> bytes:
    """Send, and return all that comes until the other side closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(raw)
        async with asyncio.timeout(wait_seconds):
            while part := await reader.read(65536):
                got += part
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return got


def statuses(got: bytes) -> list[int]:
    return [int(line.split(b" ")[1]) for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


async def test_a_request_of_this_form_is_answered() -> None:
    house = House()
    async with listening(house) as port:
        plain = await exchange(port, sized(GOOD, b"content-length: " + LENGTH))
        chunks = await exchange(
            port, CHUNKED.replace(b"host", b"connection: close\r\nhost", 1) + HEX + b"\r\n" + GOOD + END
        )

    assert (statuses(plain), statuses(chunks)) == ([200], [200])


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_http_is_refused_and_nothing_is_asked(name: str) -> None:
    house = House()
    async with listening(house) as port:
        got = await exchange(port, HOSTILE[name])

    assert [status // 100 for status in statuses(got)] == [4], got[:300]
    assert house.engines["a"].prompts == []


@pytest.mark.parametrize(
    ("part", "bound"), [(b"", "HEAD_SECONDS"), (HEAD, "HEAD_SECONDS"), (CHUNKED + b"5\r\nab", "BODY_SECONDS")]
)
async def test_what_does_not_come_in_time_is_no_longer_waited_for(
    part: bytes, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, bound, 0.1)
    house = House()
    async with listening(house) as port:
        got = await exchange(port, part)

    assert (statuses(got), house.engines["a"].prompts) == ([408], [])


async def test_what_follows_a_refusal_on_its_connection_is_not_read() -> None:
    house = House()
    async with listening(house) as port:
        good = sized(GOOD, b"content-length: " + LENGTH)
        got = await exchange(port, HOSTILE["a length and chunks"] + good)

    assert (statuses(got), house.engines["a"].prompts) == ([400], [])
    assert b'"code":"request.invalid"' in got
