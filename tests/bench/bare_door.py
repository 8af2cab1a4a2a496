"""Sekisho's bare door: its own HTTP layer and its own engine client, and between them a passage that only forwards.

What it costs beyond `bare.py` is the price of the wire formats; what the gateway costs beyond it is the price of the
checkpoint. Run by the benchmark: ``python bare_door.py LISTEN_PORT ENGINE_URL``. Listens on loopback only.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self, cast

import uvloop

from gateway.domain import Chunk, Prompt
from gateway.engines.openai_http import HttpEngine
from gateway.errors import SekishoError
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.pipeline import Checkpoint
from gateway.ports import Arrival, Call
from gateway.settings import ServerSettings


class Forwarding:
    """Stands where :class:`gateway.pipeline.Passage` stands: nobody is identified, searched, decided or written."""

    def __init__(self, engine: HttpEngine, arrival: Arrival) -> None:
        self._engine = engine
        self._arrival = arrival
        self._call: Call | None = None

    decision_id = ""  # nobody decides
    standing = None  # nothing is limited

    async def admit(self) -> Call:
        self._call = await self._arrival.unpack(lambda model, capability: None)
        return self._call

    def answer(self) -> AsyncGenerator[Chunk]:
        call = self._call
        if call is None:
            raise SekishoError
        body = call.body_for_engine([segment.text for segment in call.segments])
        prompt = Prompt(self._arrival.request_id, call.capability, body, call.stream)
        return cast("AsyncGenerator[Chunk]", self._engine.answer(prompt))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class Open:
    """Stands where :class:`gateway.pipeline.Checkpoint` stands."""

    def __init__(self, engine: HttpEngine) -> None:
        self._engine = engine

    def passage(self, arrival: Arrival) -> Forwarding:
        return Forwarding(self._engine, arrival)

    def turn_away(self, refusal: SekishoError, source: str, *_: object) -> None:
        return


async def serve(port: int, engine_url: str) -> None:
    settings = ServerSettings(listen=f"127.0.0.1:{port}")
    engine = HttpEngine(engine_url, model="mock", slots=64, context_tokens=4096)
    await engine.start()
    rooms: Any = None  # only the pages that the load does not ask for would use them
    app = api.build(cast(Checkpoint, Open(engine)), Inquiry(rooms, 0), Gate(), settings)
    listener = Listener.on_address(app, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, setattr, listener, "should_exit", True)
    await listener.run_sockets()
    await engine.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
