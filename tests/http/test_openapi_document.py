"""The OpenAPI document: it has every route with its answers and refusals, and answers are as it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jsonschema
import orjson
import pytest
from house import House

from gateway.domain import Choice, Chunk, Usage
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

TURN = {"role": "user", "content": "hello"}
FITTING: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": [TURN]},
    "/v1/completions": {"model": "m", "prompt": "hello"},
    "/v1/responses": {"model": "m", "input": "hello"},
    "/v1/responses/input_tokens": {"model": "m", "input": "hello"},
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": [TURN]},
    "/v1/messages/count_tokens": {"model": "m", "messages": [TURN]},
    "/api/chat": {"model": "m", "messages": [TURN], "stream": False},
    "/api/generate": {"model": "m", "prompt": "hello", "stream": False},
}
LOOKED_UP = ("/v1/models", "/api/version", "/api/tags", "/health/live", "/health/ready")


class Served:
    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base, self.session = base, session
        self.document: dict[str, Any] = {}

    async def check(self, method: str, path: str, **asked: Any) -> int:
        """Send, and hold the answer against the document. Returns its status."""
        async with self.session.request(method, self.base + path, **asked) as answer:
            body, kind = orjson.loads(await answer.read()), answer.content_type
        operation = self.document["paths"][path][method.lower()]
        schema = operation["responses"][str(answer.status)]["content"][kind]["schema"]
        whole = {**schema, "components": self.document["components"]}
        jsonschema.Draft202012Validator(whole).validate(body)
        return answer.status


@pytest.fixture
async def served(free_port: int) -> AsyncIterator[Served]:
    house = House()
    for engine in house.engines.values():
        engine.script = [Chunk((Choice(0, "assistant", "hello", finish_reason="stop"),), Usage(3, 1))]
    checkpoint = house.checkpoint()
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}")
    listener = Listener.on_address(api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), settings), settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession(headers={"authorization": "Bearer key"}) as session:
        found = Served(f"http://127.0.0.1:{free_port}", session)
        async with session.get(found.base + "/openapi.json") as answer:
            found.document = await answer.json()
        yield found
    listener.should_exit = True
    await serving


async def test_every_hot_route_is_described(served: Served) -> None:
    assert set(api.HOT) | {"/api/embed", "/v1/moderations"} <= set(served.document["paths"])


async def test_every_operation_tells_its_answers_and_refusals(served: Served) -> None:
    for path, operations in served.document["paths"].items():
        for method, operation in operations.items():
            told = operation["responses"]
            assert {"405", "500"} <= set(told) and "422" not in told, (method, path)
            assert all(answer["content"] for answer in told.values()), (method, path)
            assert "requestBody" in operation or method != "post" or "{response_id}" in path or "compact" in path, path


@pytest.mark.parametrize("path", FITTING)
async def test_an_answer_is_as_the_document_says(served: Served, path: str) -> None:
    assert await served.check("POST", path, data=orjson.dumps(FITTING[path])) == 200


@pytest.mark.parametrize("path", LOOKED_UP)
async def test_what_is_looked_up_is_as_the_document_says(served: Served, path: str) -> None:
    assert await served.check("GET", path) == 200


@pytest.mark.parametrize(
    "path", [*FITTING, "/v1/embeddings", "/v1/rerank", "/tokenize", "/v1/detokenize", "/api/embed"]
)
async def test_a_refusal_is_as_the_document_says(served: Served, path: str) -> None:
    assert await served.check("POST", path, data=b"{") == 400
    assert await served.check("POST", path, data=b"{}", headers={"content-type": "text/plain"}) in (400, 415)
    assert await served.check("POST", path, data=b"{}", headers={"content-encoding": "gzip"}) == 415
