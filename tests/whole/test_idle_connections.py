"""10,000 connections that lie idle on a running gateway: what they cost, and that whoever else comes is answered."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import Running

pytestmark = [pytest.mark.real, pytest.mark.alone]

COUNT = 10_000
SPARE = 20  # of the connections that there may be, for those who come meanwhile
FILES = COUNT + 600
SOURCES = [f"127.0.0.{number}" for number in range(2, 10)]
GET = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
ASKED = 40
MOST_BYTES = 48 * 1024  # of memory for one connection, at most
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"this process may open {hard} files at most; {FILES} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def gateway(installed: Callable[..., Running], many_files: None) -> Running:
    bounds = {"most_connections": COUNT + SPARE, "idle_seconds": 600.0}
    return installed(server=bounds, privacy={"names": False}).start()


def memory_bytes(pid: int) -> int:
    """Return what a process holds of memory (proc(5), VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


async def opened(running: Running, source: str) -> Connection:
    """Return a connection on which one request was answered: from then on it lies idle."""
    host, port = running.listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    await reader.readuntil(b"}")
    return reader, writer


async def times(running: Running) -> float:
    """Return how long a new connection and its answer take, in seconds: the median of some."""
    seconds = []
    for number in range(ASKED):
        began = time.perf_counter()
        _, writer = await opened(running, SOURCES[number % len(SOURCES)])
        seconds.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()
    return statistics.median(seconds)


async def fill(running: Running) -> list[Connection]:
    room = asyncio.Semaphore(200)

    async def one(number: int) -> Connection:
        async with room:
            return await opened(running, SOURCES[number % len(SOURCES)])

    return list(await asyncio.gather(*(one(number) for number in range(COUNT))))


async def turned_away(running: Running) -> bytes:
    """Return what a connection too many is told, to its end."""
    host, port = running.listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(SOURCES[0], 0))
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        await closed([(reader, writer)])


async def closed(connections: list[Connection]) -> None:
    for _, writer in connections:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in connections), return_exceptions=True)


@pytest.mark.timeout(120)
async def test_ten_thousand_idle_connections_harm_nobody(gateway: Running) -> None:
    usual, before = await times(gateway), memory_bytes(gateway.pid)
    idle = await fill(gateway)
    each = (memory_bytes(gateway.pid) - before) / COUNT
    beside = await times(gateway)

    more = [await opened(gateway, SOURCES[0]) for _ in range(SPARE)]
    refused = await turned_away(gateway)
    await closed(more)
    again = await opened(gateway, SOURCES[0])
    alive = idle[-1]
    alive[1].write(GET)
    still = await alive[0].readuntil(b"\r\n\r\n")
    await closed([*idle, again])

    print(f"{each / 1024:.1f} KiB for each; a new one is answered in {usual * 1e3:.2f} ms, then {beside * 1e3:.2f} ms")
    assert each < MOST_BYTES
    assert beside < max(5 * usual, 0.05)
    assert refused.startswith(b"HTTP/1.1 503 ") and b"server.connections" in refused and b"connection: close" in refused
    assert b" 200 " in still
