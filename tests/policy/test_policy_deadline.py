"""The deadline of a decision: for OPA, not for a loop that slept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_UNIX, socket
from threading import Thread

import aiohttp
import pytest
import uvloop

from gateway.policy.opa.session import UnixOpaClient

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def opa_that_answers(path: Path, *, after_seconds: float | None) -> Iterator[None]:
    """Listen at ``path`` in a thread of its own: whatever the loop does, it answers. ``None``: never."""

    def serve(listening: socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            if after_seconds is None:
                connection.recv(1)  # until the caller hangs up
            else:
                time.sleep(after_seconds)
                connection.sendall(ANSWER)

    with socket(AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = Thread(target=serve, args=(listening,))
        thread.start()
        yield
        thread.join()


async def asked(path: Path, *, sleeps: tuple[float, ...] = ()) -> float:
    """Ping, while the loop sleeps; returns how long it took, in seconds."""
    client = UnixOpaClient(path, "token", 0.25)
    await client.open()
    began = time.monotonic()
    try:
        ping = asyncio.create_task(client.ping())
        for seconds in sleeps:
            await asyncio.sleep(0.005)
            time.sleep(seconds)  # noqa: ASYNC251 - this is the fault under test
        await ping
        return time.monotonic() - began
    finally:
        await client.close_connection()


@pytest.mark.parametrize("sleeps", [(), (0.3,), (0.12, 0.12, 0.12)])
def test_an_answer_in_time_counts_though_the_loop_slept(short_dir: Path, sleeps: tuple[float, ...]) -> None:
    with opa_that_answers(short_dir / "o.sock", after_seconds=0.02):
        assert uvloop.run(asked(short_dir / "o.sock", sleeps=sleeps)) < 3


def test_silence_is_over_after_the_deadline(short_dir: Path) -> None:
    began = time.monotonic()

    with opa_that_answers(short_dir / "o.sock", after_seconds=None), pytest.raises(TimeoutError):
        uvloop.run(asked(short_dir / "o.sock"))

    assert time.monotonic() - began >= 0.25


def test_a_loop_that_never_wakes_in_time_ends_it_too(short_dir: Path) -> None:
    with opa_that_answers(short_dir / "o.sock", after_seconds=None), pytest.raises(TimeoutError):
        uvloop.run(asked(short_dir / "o.sock", sleeps=(0.1,) * 12))


def test_nobody_there_is_told_at_once(short_dir: Path) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        uvloop.run(asked(short_dir / "o.sock"))
