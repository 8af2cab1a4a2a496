"""Another target, and only before the first byte: over real HTTP, for each way in which an engine can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from house import House

from gateway.domain import Capability, Target
from gateway.engines.openai_http import HttpEngine
from gateway.errors import EngineUnavailable, SekishoError
from gateway.fleet.choose.breaker import Limits
from gateway.fleet.desk import Terms
from gateway.fleet.local import LocalFleet, Member
from gateway.pipeline import ATTEMPTS

HEARD = web.AppKey("heard", asyncio.Event)
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
WELL = (
    b'data: {"choices":[{"index":0,"delta":{"content":"well"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


async def _streamed(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(body)
    return response


async def well(request: web.Request) -> web.StreamResponse:
    response = await _streamed(request, WELL)
    await response.write_eof()
    return response


async def status_500(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="boom")


async def status_503(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def crashes_before(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def crashes_after_its_head(request: web.Request) -> web.StreamResponse:
    return await _cut(request, b"")


async def crashes_after_a_word(request: web.Request) -> web.StreamResponse:
    return await _cut(request, FIRST)


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    response = await _streamed(request, body)
    if body:
        await request.app[HEARD].wait()  # so that the word was read before the end comes
    assert request.transport is not None
    request.transport.abort()
    return response


async def rejects(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "no", "type": "invalid_request_error", "code": 400}}, status=400)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Plant:
    """Engines behind HTTP, by name, and the requests that came to them; ``ask`` sends one through the checkpoint."""

    house: House = field(default_factory=House)
    asked: list[str] = field(default_factory=list)
    engines: dict[str, HttpEngine] = field(default_factory=dict)
    runners: list[web.AppRunner] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    fleet: LocalFleet | None = None

    async def add(self, name: str, handler: Handler | None) -> None:
        """Have one more engine; ``None``: nobody listens there."""
        port = await self._serve(name, handler) if handler is not None else await self._nobody()
        self.engines[name] = HttpEngine(f"http://127.0.0.1:{port}", model="m", slots=2, context_tokens=1000)
        await self.engines[name].start()

    async def _serve(self, name: str, handler: Handler) -> int:
        async def noted(request: web.Request) -> web.StreamResponse:
            self.asked.append(name)
            await request.read()
            return await handler(request)

        app = web.Application()
        app[HEARD] = self.heard
        app.router.add_post("/v1/chat/completions", noted)
        runner = web.AppRunner(app)
        await runner.setup()
        self.runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    async def _nobody(self) -> int:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = int(server.sockets[0].getsockname()[1])
        server.close()
        await server.wait_closed()
        return port

    async def ask(self, *allowed: str) -> list[str]:
        """Send a request through, to any engine or to those; return what was said. Raises what its caller is told."""
        if self.fleet is None:
            targets = {name: Target(name, "m", (Capability.CHAT,), "plant", "n1", "DE", True) for name in self.engines}
            self.fleet = LocalFleet(
                [Member(targets[name], engine) for name, engine in self.engines.items()],
                queue=4,
                find_model=lambda name: name,
                model_names=lambda: ["m"],
                terms=Terms(breaker=Limits(failures=2)),
            )
        self.house.allowed = list(allowed or self.engines)
        checkpoint = self.house.checkpoint()
        checkpoint.rooms = msgspec.structs.replace(checkpoint.rooms, fleet=self.fleet)
        said: list[str] = []
        async with checkpoint.passage(self.house.arrival()) as passage:
            await passage.admit()
            async for chunk in passage.answer():
                said += [choice.content for choice in chunk.choices if choice.content]
                self.heard.set()
        return said

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(outcome.status, outcome.code) for outcome in self.house.outcomes]

    @property
    def held(self) -> int:
        assert self.fleet is not None
        return sum(desk.held + desk.waiting for desk in self.fleet.desks())


@pytest.fixture
async def plant() -> AsyncIterator[Plant]:
    made = Plant()
    yield made
    for engine in made.engines.values():
        await engine.stop()
    for runner in made.runners:
        await runner.cleanup()


@pytest.mark.parametrize("fails", [None, status_500, status_503, crashes_before, crashes_after_its_head])
async def test_what_fails_before_its_first_byte_is_left_for_another_decided_again(plant: Plant, fails: Any) -> None:
    await plant.add("bad", fails)
    await plant.add("good", well)

    assert await plant.ask() == ["well"]
    assert plant.house.decisions == 2
    assert [status for status, _ in plant.outcomes] == ["failed", "done"]
    assert plant.outcomes[0][1].startswith("engine.")
    assert plant.held == 0


async def test_what_fails_after_its_first_byte_is_not_tried_again(plant: Plant) -> None:
    await plant.add("bad", crashes_after_a_word)
    await plant.add("good", well)

    with pytest.raises(EngineUnavailable) as told:
        await plant.ask()

    assert told.value.code == "engine.interrupted"
    assert (plant.asked, plant.house.decisions) == (["bad"], 1)
    assert [status for status, _ in plant.outcomes] == ["failed"]
    assert plant.held == 0


async def test_three_targets_are_tried_and_no_fourth(plant: Plant) -> None:
    for name in "abcd":
        await plant.add(name, status_500)

    with pytest.raises(EngineUnavailable):
        await plant.ask()

    assert plant.asked == ["a", "b", "c"]
    assert (plant.house.decisions, len(plant.outcomes)) == (ATTEMPTS, ATTEMPTS)
    assert plant.held == 0


async def test_what_is_the_requests_fault_is_not_tried_elsewhere(plant: Plant) -> None:
    await plant.add("strict", rejects)
    await plant.add("good", well)

    with pytest.raises(SekishoError) as told:
        await plant.ask()

    assert (told.value.status, plant.asked) == (400, ["strict"])


async def test_a_target_that_fails_for_several_is_asked_no_more(plant: Plant) -> None:
    await plant.add("bad", status_500)
    await plant.add("good", well)

    for _ in range(2):
        with pytest.raises(EngineUnavailable):
            await plant.ask("bad")

    assert await plant.ask() == ["well"]
    assert plant.asked == ["bad", "bad", "good"]


async def test_the_only_target_is_asked_by_all_of_a_crowd_though_its_breaker_opened(plant: Plant) -> None:
    await plant.add("bad", status_500)

    ends = await asyncio.gather(*(plant.ask() for _ in range(6)), return_exceptions=True)

    assert all(isinstance(end, EngineUnavailable) for end in ends)
    assert {end.code for end in ends if isinstance(end, SekishoError)} == {"engine.unavailable"}
    assert plant.asked == ["bad"] * 6  # each once: who was sent away when it opened found no other
    assert plant.held == 0
