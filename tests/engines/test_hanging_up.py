"""A caller that goes away frees its slot: over real HTTP/1.1 and behind a real proxy, with a real engine that is asked.

The bound is that of ``tests/fakes/pace.py``: 200 ms, where others do not want the cores.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from house import House
from pace import BOUND_SECONDS, hang_up_bound
from running import free_port

from gateway.domain import Capability, Prompt, Target
from gateway.engines.client import open_session
from gateway.engines.config import Extras
from gateway.engines.vectors import PART_SECONDS
from gateway.engines.xllamacpp import ManagedWorker
from gateway.fleet.local import LocalFleet
from gateway.fleet.member import Member
from gateway.http import chat
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.pipeline import Checkpoint
from gateway.settings import EngineSettings, ServerSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ONE_SLOT = EngineSettings(threads=2, context_tokens=1024, slots=1)
ROOT = Path(__file__).resolve().parent.parent.parent
NGINX_PLACES = f"/usr/sbin:/usr/bin:/usr/local/sbin:{ROOT}/.cache/nginx/usr/sbin"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_buffering off; }}
  }}
}}
"""


class Plant:
    """One engine with one slot behind one gateway: what callers reach, and what is seen of the slot."""

    def __init__(self, worker: ManagedWorker, fleet: LocalFleet) -> None:
        self.worker, self.fleet = worker, fleet
        self.ports: dict[str, int] = {}

    async def busy(self) -> bool:
        session = open_session(self.worker._socket, self.worker._secret, 10, reuse=False)
        async with session, session.get("http://engine/slots") as response:
            return any(slot["is_processing"] for slot in await response.json())

    async def seconds_until(self, wanted: bool) -> float:
        """Wait until the slot is busy, or free; return how long that took."""
        began = time.monotonic()
        while await self.busy() is not wanted:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    async def call(self, way: str, **fields: Any) -> asyncio.StreamWriter:
        """Send a request for many tokens and return the connection; whoever closes it has hung up."""
        message = {"role": "user", "content": "Tell me a long story."}
        body = msgspec.json.encode({"model": "m", "messages": [message], "max_tokens": 800, **fields})
        _, writer = await asyncio.open_connection("127.0.0.1", self.ports[way])
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return writer

    async def bound(self) -> float:
        return await hang_up_bound(self.worker)

    def waiting(self) -> int:
        return sum(desk.waiting for desk in self.fleet.desks())


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def proxy_before(upstream: int, program: str, folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    """Start nginx before the gateway; return it and its port once it takes connections."""
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    started = await asyncio.create_subprocess_exec(program, "-p", str(folder), "-c", str(folder / "nginx.conf"))
    while started.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        await hang_up(writer)
        return started, port
    raise RuntimeError("nginx did not start")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(worker_on: Any, model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    program = shutil.which("nginx", path=NGINX_PLACES)
    if program is None:
        pytest.skip("nginx is not installed")  # before anything is started that only the end of this closes
    folder = tmp_path_factory.mktemp("nginx")
    async with worker_on(model_file, ONE_SLOT, extras=Extras(show_slots=True)) as worker:
        target = Target("a", "m", (Capability.CHAT,), "plant", "n1", "DE", same_node=True)
        fleet = LocalFleet([Member(target, worker)], queue=8, find_model=lambda name: name, model_names=lambda: ["m"])
        rooms = msgspec.structs.replace(House().checkpoint().rooms, fleet=fleet)
        running, port = Plant(worker, fleet), free_port()
        settings = ServerSettings(listen=f"127.0.0.1:{port}")
        listener = Listener.on_address(Endpoint(chat.API, Checkpoint(rooms), Gate(), settings), settings)
        serving = asyncio.create_task(listener.run_sockets())
        await listener.began()
        nginx, before = await proxy_before(port, program, folder)
        running.ports = {"directly": port, "behind nginx": before}
        yield running
        nginx.terminate()
        await nginx.wait()
        listener.should_exit = True
        await serving


WAYS = pytest.mark.parametrize("way", ["directly", "behind nginx"])


@WAYS
@pytest.mark.parametrize("stream", [True, False])
async def test_amid_the_answer_the_slot_is_free_at_once(plant: Plant, way: str, stream: bool) -> None:
    taken, bound = [], await plant.bound()
    for _ in range(3):
        caller = await plant.call(way, stream=stream)
        await plant.seconds_until(True)
        await asyncio.sleep(0.5)
        await hang_up(caller)
        taken.append(await plant.seconds_until(False))

    assert statistics.median(taken) < bound


@WAYS
async def test_amid_the_prompt_the_slot_is_free_at_once(plant: Plant, way: str) -> None:
    words = " ".join(f"word{number}" for number in range(200))
    taken, bound = [], await plant.bound()
    for _ in range(5):
        caller = await plant.call(way, stream=True, messages=[{"role": "user", "content": words}])
        await plant.seconds_until(True)
        await asyncio.sleep(0.2)  # reading the whole of it takes several seconds
        await hang_up(caller)
        taken.append(await plant.seconds_until(False))

    assert statistics.median(taken) < bound


@WAYS
async def test_in_the_queue_the_place_is_free_at_once(plant: Plant, way: str) -> None:
    bound = await plant.bound()
    holder = await plant.call("directly", stream=True)
    await plant.seconds_until(True)
    waiting = await plant.call(way, stream=True)
    while plant.waiting() != 1:  # noqa: ASYNC110 - the request is on its way
        await asyncio.sleep(0.005)
    began = time.monotonic()
    await hang_up(waiting)
    while plant.waiting():  # noqa: ASYNC110 - so is the hang-up
        await asyncio.sleep(0.005)
    taken = time.monotonic() - began
    still_busy = await plant.busy()
    await hang_up(holder)
    await plant.seconds_until(False)

    assert taken < bound
    assert still_busy  # the one that holds the slot was not touched


async def test_a_slot_that_nobody_gives_up_stays_busy(plant: Plant) -> None:
    caller = await plant.call("directly", stream=True)
    await plant.seconds_until(True)
    await asyncio.sleep(2 * BOUND_SECONDS)
    busy = await plant.busy()
    await hang_up(caller)

    assert busy  # so what the others measure is the hang-up


async def test_amid_many_vectors_the_slot_is_free_after_one_part(
    plant: Plant, worker_on: Any, model_file: Path
) -> None:
    prompt = Prompt("r", Capability.EMBED, {"input": [f"a text of some length, number {n}" for n in range(500)]}, False)
    extras = Extras(mode="embed", pooling="mean", show_slots=True)
    taken, bound = [], await plant.bound()
    async with worker_on(model_file, ONE_SLOT, extras=extras) as worker:
        seen = Plant(worker, None)  # type: ignore[arg-type]
        for _ in range(3):
            task = asyncio.ensure_future(anext(worker.answer(prompt)))
            await seen.seconds_until(True)
            await asyncio.sleep(1.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            taken.append(await seen.seconds_until(False))
            await asyncio.sleep(0.5)
            assert not await seen.busy()  # no part comes after it

    assert statistics.median(taken) < bound + PART_SECONDS  # of the part that was on its way
