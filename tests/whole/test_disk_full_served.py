"""A served gateway whose disk becomes full while answers stream: nothing new is begun, nothing begun is lost.

The data folder lies on a small file system of its own, in memory, where this process may mount one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
from patience import comes_true
from running import SEKISHO, Running, sekisho

from gateway.audit.log.reader import logs, search

pytestmark = [pytest.mark.real, pytest.mark.slow]

MIB = 1024 * 1024
ROOM_BYTES = 16 * MIB  # beside what an installation has from the beginning
STREAMS, REFUSED = 2, 4
NOTICED_WITHIN_SECONDS = 3.0  # a second is promised; a busy machine gets more
SHORT: dict[str, Any] = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Tell me about presses."}],
    "max_tokens": 2,
    "logit_bias": {"2": -100},
}
LONG = {**SHORT, "max_tokens": 150, "stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def small(installed: Callable[..., Running]) -> Iterator[Running]:
    """An installation whose data folder is on a file system with little room, not started."""
    running = installed()
    data, packed = running.folder / ".sekisho", running.folder / "packed"
    data.rename(packed)
    data.mkdir(mode=0o700)
    used = sum(path.stat().st_blocks * 512 for path in packed.rglob("*"))
    options = f"size={used + ROOM_BYTES},mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", data], capture_output=True, check=False)
    if mounted.returncode:
        data.rmdir()
        packed.rename(data)
        pytest.skip("a small file system cannot be mounted here")
    shutil.copytree(packed, data, dirs_exist_ok=True, symlinks=True)
    shutil.rmtree(packed)
    yield running
    running.stop(signal.SIGKILL)
    subprocess.run(["umount", "--lazy", data], check=True)


class Ballast:
    """A file that takes what room there is, to the last byte."""

    def __init__(self, running: Running) -> None:
        self.path = running.folder / ".sekisho" / "ballast"

    def take_all(self) -> None:
        with contextlib.suppress(OSError), self.path.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def drop(self) -> None:
        self.path.unlink()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Take all meanwhile, again and again: also what a log gives back, or lets go while it tries to come back."""
        over = threading.Event()

        def again() -> None:
            while not over.wait(0.01):
                self.take_all()

        thread = threading.Thread(target=again)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def take_reserves(self) -> None:
        """Take what the logs of processes that ended had kept back: with two of them, one log could begin again."""
        for folder in logs(self.path.parent / "audit"):
            os.truncate(folder / "reserve", 0)
        self.take_all()


class Caller:
    """One request: ``ask`` it, see what came."""

    def __init__(self, running: Running, key: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = running.base + "/v1/chat/completions", session
        self.headers = {"authorization": f"Bearer {key}"}
        self.status, self.content = 0, b""
        self.said: dict[str, str] = {}
        self.first = asyncio.Event()

    async def ask(self, body: dict[str, Any]) -> Caller:
        async with self.session.post(self.url, json=body, headers=self.headers) as answer:
            self.status, self.said = answer.status, dict(answer.headers)
            async for part in answer.content.iter_any():
                self.content += part
                self.first.set()
        return self

    @property
    def code(self) -> str:
        return str(json.loads(self.content)["error"]["code"]) if self.status >= 400 else ""


def of_types(running: Running, *types: str) -> list[dict[str, Any]]:
    """Return the records of all logs as they lie there now, beside whoever writes them."""
    base = running.folder / ".sekisho" / "audit"
    return [record for folder in logs(base) for record in search(folder) if record["type"] in types]


async def until_refused(new: Callable[[], Caller]) -> Caller:
    """Ask until a request is refused; the last page of a file may have room for a few records."""
    for _ in range(50):
        if (await (caller := new()).ask(SHORT)).status != 200:
            return caller
    raise AssertionError("fifty requests were taken on a full disk")


async def begun(new: Callable[[], Caller]) -> tuple[list[Caller], list[asyncio.Task[Caller]]]:
    """Return callers whose answers have begun, with their tasks."""
    callers = [new() for _ in range(STREAMS)]
    asking = [asyncio.create_task(caller.ask(LONG)) for caller in callers]
    await asyncio.gather(*(caller.first.wait() for caller in callers))
    return callers, asking


def refused_start(running: Running) -> str:
    """Start it where it cannot; return the line that it leaves with."""
    command = [str(SEKISHO), "serve"]
    done = subprocess.run(command, cwd=running.folder, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    return done.stderr.splitlines()[-1]


def outcomes(running: Running) -> dict[int, list[str]]:
    """Return what became of each intent of the worker's log that answers, by its sequence."""
    found: dict[int, list[str]] = {record["sequence"]: [] for record in of_types(running, "intent")}
    for record in of_types(running, "outcome"):
        found[record["intent"]].append(record["status"])
    return found


async def outcomes_of_all(running: Running) -> list[str]:
    """Return what became of all intents, once each has its outcome: that comes right after an answer's last byte."""

    def each_has_one() -> bool:
        return all(outcomes(running).values())

    assert await comes_true(NOTICED_WITHIN_SECONDS, each_has_one), outcomes(running)
    found = outcomes(running)
    assert all(len(each) == 1 for each in found.values()), found
    return [each for (each,) in found.values()]


async def test_a_disk_that_fills_while_answers_stream(small: Running) -> None:
    """One server, since each start costs seconds: full while answers stream; then killed, and started, while full."""
    running, ballast = small.start(), Ballast(small)
    key = running.key()
    async with aiohttp.ClientSession() as session:

        def new() -> Caller:
            return Caller(running, key, session)

        await _those_inside_end_and_are_on_record(running, ballast, new)
        ballast.drop()
        assert await comes_true(NOTICED_WITHIN_SECONDS, running._ready)
        assert (await new().ask(SHORT)).status == 200
        (gap,) = of_types(running, "gap")
        assert gap["details"]["code"] == "audit.disk_full"
        assert gap["details"]["refused"] >= REFUSED

        _, asking = await begun(new)
        ballast.take_all()
        assert (await until_refused(new)).code == "audit.disk_full"
        with ballast.held():  # others take what the reserve gave back, too
            asking[0].cancel()
            await asyncio.sleep(0.5)
            assert not asking[1].done()
            running.stop(signal.SIGKILL)
        await asyncio.gather(*asking, return_exceptions=True)
        ballast.take_reserves()

        assert "sekisho doctor audit.disk_full" in refused_start(running)  # it could not say that it has begun
        ballast.drop()
        running.start()
        assert (await new().ask(SHORT)).status == 200

    assert "interrupted" in await outcomes_of_all(running)
    gaps = [gap["details"]["code"] for gap in of_types(running, "gap") if gap["origin"] == "plant/node/w0"]
    assert gaps == ["audit.disk_full"] * 2  # the start that was refused is in the second
    assert running.stop() == 0
    assert json.loads(sekisho(running.folder, "audit", "verify", "--json"))["ok"] is True


async def _those_inside_end_and_are_on_record(running: Running, ballast: Ballast, new: Callable[[], Caller]) -> None:
    inside, asking = await begun(new)
    ballast.take_all()

    refused = [await until_refused(new), *await asyncio.gather(*(new().ask(SHORT) for _ in range(REFUSED - 1)))]

    assert not any(task.done() for task in asking), "the answers were over before the disk was full: make them longer"
    for each in refused:
        assert (each.status, each.code) == (503, "audit.disk_full")
        assert (each.said["x-should-retry"], each.said["Retry-After"]) == ("true", "1")
    (stopped,) = json.loads(sekisho(running.folder, "audit", "status", "--json", code=1))["stopped"]
    assert (stopped["what"], stopped["passing"]) == ("its disk is full", True)
    sekisho(running.folder, "keys", "create", "--name", "two", "--tenant", "acme", code=3)
    await asyncio.gather(*asking)
    assert all(each.content.endswith(b"data: [DONE]\n\n") and b'"usage":{' in each.content for each in inside)
    found = await outcomes_of_all(running)
    assert len(found) >= STREAMS
    assert set(found) == {"done"}, "closing records are in the log while the disk is full"
    assert json.loads(sekisho(running.folder, "audit", "verify", "--json"))["ok"] is True
    assert "two" not in sekisho(running.folder, "keys", "list")
