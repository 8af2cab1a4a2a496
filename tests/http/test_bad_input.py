"""Bad input, as the original would: status, type, code and param, for each endpoint; each is one record.

The kinds are those of OpenAI's API (its error guide and openai-python's ``APIError``): a field that is missing, of
another type, beyond its bounds, not among its values, unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from house import House

from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

MISSING, TYPE, VALUE, UNKNOWN = "missing_required_parameter", "invalid_type", "invalid_value", "unknown_parameter"
TURN = {"role": "user", "content": "hello"}
GOOD: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": [TURN]},
    "/v1/completions": {"model": "m", "prompt": "hello"},
    "/v1/embeddings": {"model": "m", "input": "hello"},
    "/v1/rerank": {"model": "m", "query": "hello", "documents": ["a"]},
    "/v1/responses": {"model": "m", "input": "hello"},
    "/v1/tokenize": {"model": "m", "content": "hello"},
}
GONE = object()
SAMPLING: list[tuple[str, Any, str]] = [
    ("temperature", "hot", TYPE),
    ("temperature", 2.1, VALUE),
    ("temperature", -0.1, VALUE),
    ("top_p", 1.1, VALUE),
    ("top_p", [1], TYPE),
    ("stream", "yes", TYPE),
]
SAMPLED_TEXT: list[tuple[str, Any, str]] = [
    ("max_tokens", 0, VALUE),
    ("max_tokens", 1.5, TYPE),
    ("n", 0, VALUE),
    ("n", 129, VALUE),
    ("seed", "one", TYPE),
    ("presence_penalty", 2.1, VALUE),
    ("frequency_penalty", -2.1, VALUE),
]
ROWS: dict[str, list[tuple[str, Any, str]]] = {
    "/v1/chat/completions": [
        ("messages", GONE, MISSING),
        ("messages", "hello", TYPE),
        ("messages", [], VALUE),
        ("tools", {}, TYPE),
        *SAMPLING,
        *SAMPLED_TEXT,
    ],
    "/v1/completions": [("prompt", GONE, MISSING), ("prompt", 5, TYPE), *SAMPLING, *SAMPLED_TEXT],
    "/v1/embeddings": [
        ("input", GONE, MISSING),
        ("input", 5, TYPE),
        ("input", "", VALUE),
        ("input", [], VALUE),
        ("encoding_format", "hex", VALUE),
        ("dimensions", 0, VALUE),
        ("dimensions", "9", TYPE),
    ],
    "/v1/rerank": [
        ("query", GONE, MISSING),
        ("query", 5, TYPE),
        ("documents", GONE, MISSING),
        ("documents", "a", TYPE),
        ("documents", [], VALUE),
        ("top_n", 0, VALUE),
    ],
    "/v1/responses": [("input", 5, TYPE), ("max_output_tokens", "9", TYPE), *SAMPLING],
    "/v1/tokenize": [("content", GONE, MISSING), ("content", 5, TYPE), ("with_pieces", "yes", TYPE)],
}
TABLE = [(path, *row) for path, rows in ROWS.items() for row in rows]
TABLE += [
    (path, field, value, code)
    for path in GOOD
    for field, value, code in (
        ("model", GONE, MISSING),
        ("model", 5, TYPE),
        ("model", "", VALUE),
        ("invented", 1, UNKNOWN),
    )
]


@pytest.fixture
async def served(free_port: int) -> AsyncIterator[tuple[House, str, aiohttp.ClientSession]]:
    house = House()
    checkpoint = house.checkpoint()
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}")
    listener = Listener.on_address(api.build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), settings), settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession(headers={"authorization": "Bearer key"}) as session:
        yield house, f"http://127.0.0.1:{free_port}", session
    listener.should_exit = True
    await serving


@pytest.mark.parametrize(
    ("path", "field", "value", "code"),
    TABLE,
    ids=[f"{path} {field} {'gone' if value is GONE else value}" for path, field, value, _ in TABLE],
)
async def test_bad_input_is_told_as_the_original_would(
    served: tuple[House, str, aiohttp.ClientSession], path: str, field: str, value: Any, code: str
) -> None:
    house, base, session = served
    body = {name: one for name, one in {**GOOD[path], field: value}.items() if one is not GONE}

    async with session.post(base + path, data=orjson.dumps(body)) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["type"], error["code"]) == (400, "invalid_request_error", code), error
    assert error["param"] == field
    assert f"`{field}`" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert len(house.denials) == 1
    assert all(not engine.prompts for engine in house.engines.values())
