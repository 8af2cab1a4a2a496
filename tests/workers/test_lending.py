"""Sockets that nobody takes from are lent to a worker that serves, and given back: the rules, and real connections."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from gateway.http.lent import LentSockets
from gateway.http.listener import Listener, bind
from gateway.settings import ServerSettings
from gateway.workers.lending import Lending


class Worker:
    """A process that keeps what it is told."""

    def __init__(self) -> None:
        self.serves = True
        self.takes: set[int] = set()

    def tell(self, order: str) -> None:
        what, number = order.split(" ")
        if what == "take":
            assert int(number) not in self.takes
            self.takes.add(int(number))
        else:
            self.takes.remove(int(number))


class Place:
    def __init__(self) -> None:
        self.process: Worker | None = Worker()


CHANGES = st.tuples(st.sampled_from(["dies", "succeeds", "is replaced", "is away"]), st.integers(0, 3))


@given(st.lists(CHANGES, max_size=40))
def test_each_socket_has_exactly_one_who_takes_from_it_while_anybody_serves(changes: list[tuple[str, int]]) -> None:
    places = [Place() for _ in range(4)]
    lending = Lending(places)
    for change, number in changes:
        place = places[number]
        if change == "dies" and place.process is not None:
            place.process.serves = False
        elif change in ("succeeds", "is replaced"):
            place.process = Worker()
        elif change == "is away":
            place.process = None
        lending.settle()

        serving = [each.process for each in places if each.process is not None and each.process.serves]
        lent = [number for worker in serving for number in worker.takes]
        idle = [number for number, each in enumerate(places) if each.process not in serving]
        assert sorted(lent) == (idle if serving else [])
        if serving:
            counts = [len(worker.takes) for worker in serving]
            assert max(counts) <= len(idle)


def test_who_has_borrowed_least_is_asked() -> None:
    places = [Place() for _ in range(4)]
    lending = Lending(places)
    for place in places[:2]:
        assert place.process is not None
        place.process.serves = False
        lending.settle()
    assert [len(place.process.takes) for place in places[2:] if place.process] == [1, 1]


@pytest.fixture
def sockets(free_port: int) -> Iterator[list[socket.socket]]:
    found = [bind(f"127.0.0.1:{free_port}", shared=True) for _ in range(2)]
    for each in found:
        each.listen()
    yield found
    for each in found:
        each.close()


async def answered(port: int, count: int, seconds: float) -> int:
    """Ask on so many fresh connections at once; returns how many were answered in time."""

    async def one() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        try:
            async with asyncio.timeout(seconds):
                return (await reader.readline()).startswith(b"HTTP/1.1 200")
        except TimeoutError:
            return False
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    return sum(await asyncio.gather(*(one() for _ in range(count))))


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process opens no file more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_connections_at_a_dead_workers_socket_are_answered_by_another(sockets: list[socket.socket]) -> None:
    mine, dead = sockets
    port = mine.getsockname()[1]
    told, tell = os.pipe()
    listener = Listener.on_bound(PlainTextResponse("well"), [mine.dup()], ServerSettings())
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    lent = asyncio.ensure_future(LentSockets(listener, (-1, os.dup(dead.fileno())), told).run())
    waiting = asyncio.ensure_future(answered(port, 40, 20.0))
    await asyncio.sleep(0.3)
    assert not waiting.done(), "some wait where nobody takes them"

    with no_descriptor_left():
        os.write(tell, b"take 1\n")
        await asyncio.sleep(0.2)
    assert not waiting.done()
    assert not lent.done(), "what is answered here goes on"

    os.write(tell, b"ta")
    os.write(tell, b"ke 1\n")
    assert await waiting == 40
    assert await answered(port, 40, 5.0) == 40

    os.write(tell, b"leave 1\ntake 1\nleave 1\n")
    await asyncio.sleep(0.2)
    assert 0 < await answered(port, 40, 0.5) < 40, "what it left is the other's again"

    os.write(tell, b"take 1\n")
    os.close(tell)
    await asyncio.sleep(0.2)
    assert await answered(port, 40, 5.0) == 40
    lent.cancel()
    await asyncio.wait([lent])
    listener.should_exit = True
    await serving
    os.close(told)
