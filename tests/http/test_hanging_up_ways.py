"""A caller that goes away, whatever it asked for and wherever it stands: over real sockets, and behind a proxy.

The engine never ends by itself, so whatever becomes free became so by the hang-up. The proxy passes it on as many do:
it closes its sending side alone and goes on listening. How fast it is with a real engine:
tests/engines/test_hanging_up.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from house import CALLER, House

from gateway.domain import Capability, Choice, Chunk, Decision, Grant, Prompt, Target
from gateway.fleet.local import LocalFleet
from gateway.fleet.member import Member
from gateway.http import chat, embeddings, rerank
from gateway.http.endpoint import Endpoint
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.settings import ServerSettings

END_SECONDS = 30.0  # of a wait for what happens at once, on a machine that others use
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "stream": ("/v1/chat/completions", {**CHAT, "stream": True}),
    "plain": ("/v1/chat/completions", CHAT),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": ["one", "two"]}),
    "rerank": ("/v1/rerank", {"model": "m", "query": "q", "documents": ["one", "two"]}),
}
CAPABILITIES = (Capability.CHAT, Capability.EMBED, Capability.RERANK)


class Endless:
    """An engine of one slot that says one word of a stream, and never another."""

    slots, context_tokens = 1, 1000

    def __init__(self) -> None:
        self.asked = self.closed = 0

    def ready(self) -> bool:
        return True

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.asked += 1
        try:
            if prompt.stream:
                yield Chunk((Choice(0, content="word"),))
            await asyncio.Event().wait()
        finally:
            self.closed += 1


class Loading(Member):
    """A home whose model is being loaded, for as long as the test lasts."""

    def is_open(self) -> bool:
        return False

    def is_coming(self) -> bool:
        return True


class Doors:
    """The hot routes, as one application."""

    def __init__(self, house: House, fleet: LocalFleet, settings: ServerSettings) -> None:
        checkpoint = house.checkpoint()
        checkpoint.rooms = msgspec.structs.replace(checkpoint.rooms, fleet=fleet)
        apis = {
            "/v1/chat/completions": chat.API,
            "/v1/embeddings": embeddings.API,
            "/v1/rerank": rerank.BY_RERANKER,
        }
        self._doors = {path: Endpoint(api, checkpoint, Gate(), settings) for path, api in apis.items()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._doors[scope["path"]](scope, receive, send)


class Plant:
    """One gateway before one engine, and the ports where it is reached."""

    def __init__(self) -> None:
        self.house, self.engine = House(), Endless()
        self.target = Target("a", "m", CAPABILITIES, "plant", "n1", "DE", same_node=True)
        self.ports: dict[str, int] = {}
        self.home: type[Member] = Member

    def open(self, home: type[Member]) -> LocalFleet:
        members = [home(self.target, self.engine)]
        fleet = LocalFleet(members, queue=4, find_model=lambda name: name, model_names=lambda: ["m"])
        (self.desk,) = fleet.desks()
        self.fleet = fleet
        return fleet

    async def hold(self) -> Any:
        """Take the slot, so that callers wait."""
        decision = Decision("d", True, (Grant("a"),), (), "r", "b", "f", "opa/0")
        return await self.fleet.choose(decision, CALLER, frozenset())

    async def call(self, way: str, what: str) -> asyncio.StreamWriter:
        path, body = ASKED[what]
        content = msgspec.json.encode(body)
        _, writer = await asyncio.open_connection("127.0.0.1", self.ports[way])
        writer.write(f"POST {path} HTTP/1.1\r\nHost: g\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        await writer.drain()
        return writer


async def half_closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: int) -> None:
    """Carry one connection; when its caller goes away, only say upstream that nothing more comes."""
    from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", upstream)

    async def back() -> None:
        with suppress(OSError):
            while part := await from_gateway.read(65536):
                writer.write(part)
                await writer.drain()

    answering = asyncio.ensure_future(back())
    with suppress(OSError):
        while part := await reader.read(65536):
            to_gateway.write(part)
            await to_gateway.drain()
    to_gateway.write_eof()
    await answering
    for each in (writer, to_gateway):
        each.close()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(END_SECONDS):
        while not happened():  # noqa: ASYNC110 - what is seen from outside has no event
            await asyncio.sleep(0.002)


@pytest.fixture
async def opened(free_port: int) -> AsyncIterator[Callable[..., Any]]:
    """Opens a plant with a kind of home."""
    plant, settings = Plant(), ServerSettings(listen=f"127.0.0.1:{free_port}")
    parts: list[Any] = []

    async def open_with(home: type[Member] = Member) -> Plant:
        listener = Listener.on_address(Doors(plant.house, plant.open(home), settings), settings)
        serving = asyncio.ensure_future(listener.run_sockets())
        await listener.began()
        proxy = await asyncio.start_server(lambda r, w: half_closing(r, w, free_port), "127.0.0.1", 0)
        plant.ports = {"directly": free_port, "by proxy": proxy.sockets[0].getsockname()[1]}
        parts.extend((listener, serving, proxy))
        return plant

    yield open_with
    listener, serving, proxy = parts
    proxy.close()
    listener.should_exit = True
    await serving


WAYS = pytest.mark.parametrize("way", ["directly", "by proxy"])
WHAT = pytest.mark.parametrize("what", list(ASKED))


@WAYS
@WHAT
async def test_in_its_answer_its_slot_is_free(opened: Any, way: str, what: str) -> None:
    plant = await opened()
    caller = await plant.call(way, what)
    await until(lambda: plant.engine.asked == 1)
    assert plant.desk.held == 1

    caller.close()
    await until(lambda: plant.desk.held == 0)

    assert plant.engine.closed == 1
    assert [outcome.status for outcome in plant.house.outcomes] == ["hung_up"]
    assert plant.desk.breaker.failures == 0


@WAYS
@WHAT
async def test_in_the_queue_its_place_is_free_and_the_slot_stays_with_who_has_it(
    opened: Any, way: str, what: str
) -> None:
    plant = await opened()
    held = await plant.hold()
    caller = await plant.call(way, what)
    await until(lambda: plant.desk.waiting == 1)

    caller.close()
    await until(lambda: plant.desk.waiting == 0)

    assert (plant.desk.held, plant.engine.asked) == (1, 0)
    held.release()
    assert plant.desk.free == 1


@WAYS
async def test_while_its_model_is_loaded_nobody_waits_for_it_any_more(opened: Any, way: str) -> None:
    plant = await opened(Loading)
    caller = await plant.call(way, "stream")
    await until(lambda: plant.desk.waiting == 1)

    caller.close()
    await until(lambda: plant.desk.waiting == 0)

    assert (plant.desk.free, plant.engine.asked) == (1, 0)
