"""What one worker knows of the load of the others: asked over their real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.http import crew
from gateway.http.crew import CrewLoad, crew_app, crew_socket
from gateway.http.listener import Listener

NONE, UNKNOWN = (0, 0), (0, 1)


@asynccontextmanager
async def worker(run: Path, name: str, load: list[tuple[int, int]]) -> AsyncIterator[None]:
    (run / name).mkdir(mode=0o700)
    listener = Listener.on_socket(crew_app(lambda: b"", lambda: load[0]), crew_socket(run / name))
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    try:
        yield
    finally:
        listener.should_exit = True
        await serving


async def told(load: CrewLoad, wanted: tuple[int, int], seconds: float = 3.0) -> bool:
    """Ask as one who waits for his turn does, until it tells what is wanted."""
    try:
        async with asyncio.timeout(seconds):
            while load() != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True


async def test_all_are_added_up_and_until_they_told_somebody_waits(short_dir: Path) -> None:
    mine, second, third = [(1, 0)], [(2, 3)], [(0, 0)]
    load = CrewLoad(lambda: mine[0], name="w1", run=short_dir)
    async with worker(short_dir, "w1", [(50, 50)]), worker(short_dir, "w2", second), worker(short_dir, "w3", third):
        assert load() == (1, 1)
        assert await told(load, (3, 3))
        mine[0], third[0] = NONE, (4, 0)
        assert await told(load, (6, 3))
        second[0] = third[0] = NONE
        assert await told(load, NONE)


async def test_a_worker_that_is_dead_holds_nothing_up(short_dir: Path) -> None:
    load = CrewLoad(lambda: NONE, name="w1", run=short_dir)
    (short_dir / "w2").mkdir()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(short_dir / "w2" / crew.SOCKET_NAME))
    left.close()  # its file stays, as after a kill

    assert await told(load, NONE)


async def test_a_worker_that_does_not_answer_counts_as_one_who_waits(short_dir: Path) -> None:
    load = CrewLoad(lambda: NONE, name="w1", run=short_dir)
    (short_dir / "w2").mkdir()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(short_dir / "w2" / crew.SOCKET_NAME))
        deaf.listen()
        assert not await told(load, NONE, crew.ASK_SECONDS + 1)
        assert load() == UNKNOWN
    assert await told(load, NONE)


async def test_what_was_told_long_ago_is_not_believed(short_dir: Path) -> None:
    load = CrewLoad(lambda: NONE, name="w1", run=short_dir)
    async with worker(short_dir, "w2", [NONE]):
        assert await told(load, NONE)
        await asyncio.sleep(crew.ASK_SECONDS + 2 * crew.LOOK_SECONDS)
        assert load() == UNKNOWN
