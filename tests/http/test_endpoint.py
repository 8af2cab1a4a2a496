"""The wire: OpenAI's shapes, plain and streamed, and one error shape on every route. The house behind is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from house import House, words
from patience import soon

from gateway.domain import Choice, Chunk, Usage
from gateway.errors import EngineUnavailable, LimitExceeded, ModelNotFound, SekishoError
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello SECRET"}]}


class Served:
    """The in-memory house behind a real socket."""

    def __init__(self, house: House, base: str, gate: Gate, session: aiohttp.ClientSession) -> None:
        self.house, self.base, self.gate, self.session = house, base, gate, session

    async def post(self, body: Any, path: str = "/v1/chat/completions") -> tuple[int, Any, dict[str, str]]:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self.session.post(self.base + path, data=raw, headers={"authorization": "Bearer key"}) as answer:
            content = await answer.read()
            json = answer.content_type == "application/json"
            return (
                answer.status,
                orjson.loads(content) if json else content,
                {name.lower(): value for name, value in answer.headers.items()},
            )

    async def events(self, **change: Any) -> list[Any]:
        _, content, _ = await self.post({**BODY, "stream": True, **change})
        lines = [line.removeprefix(b"data: ") for line in content.split(b"\n\n") if line]
        return [line.decode() if line == b"[DONE]" else orjson.loads(line) for line in lines]


@pytest.fixture
async def served(free_port: int) -> AsyncIterator[Served]:
    house, gate = House(), Gate()
    checkpoint = house.checkpoint()
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}", max_body_bytes=100_000, max_text_chars=1000)
    inquiry = Inquiry(checkpoint.rooms, 0)
    listener = Listener.on_address(api.build(checkpoint, inquiry, gate, settings), settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession() as session:
        yield Served(house, f"http://127.0.0.1:{free_port}", gate, session)
    listener.should_exit = True
    await serving


async def test_a_plain_answer_has_openais_shape(served: Served) -> None:
    chunk = Chunk((Choice(0, "assistant", "hi", finish_reason="stop"),), Usage(3, 2, 1))
    served.house.engines["a"].script = [chunk]

    status, answer, headers = await served.post(BODY)

    assert status == 200
    assert (answer["object"], answer["model"]) == ("chat.completion", "m")
    assert answer["choices"][0]["message"]["content"] == "hi"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    assert answer["id"] == "chatcmpl-" + headers["x-request-id"]


async def test_a_stream_ends_with_its_usage_and_done(served: Served) -> None:
    served.house.engines["a"].script = words("one ", "two")

    *chunks, usage, done = await served.events(stream_options={"include_usage": True})

    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "one two"
    assert all(chunk["usage"] is None for chunk in chunks)
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 2)
    assert done == "[DONE]"


async def test_a_stream_says_nothing_of_usage_unless_asked(served: Served) -> None:
    *chunks, done = await served.events()

    assert not any("usage" in chunk for chunk in chunks)
    assert done == "[DONE]"


async def test_an_error_after_the_first_byte_is_an_event_and_no_done_follows(served: Served) -> None:
    served.house.engines["a"].script = [Chunk((Choice(0, content="half"),)), EngineUnavailable()]

    first, last = await served.events()

    assert first["choices"][0]["delta"]["content"] == "half"
    assert last["error"]["code"] == "engine.unavailable"


async def test_an_error_before_the_first_byte_of_a_stream_has_its_status(served: Served) -> None:
    served.house.faults["detect"] = LimitExceeded(retry_after_seconds=7.2)

    status, answer, headers = await served.post({**BODY, "stream": True})

    assert (status, answer["error"]["code"]) == (429, "rate_limit_exceeded")
    assert (headers["retry-after"], headers["x-should-retry"]) == ("7", "true")


async def test_a_permanent_refusal_tells_the_client_not_to_retry(served: Served) -> None:
    served.house.allowed = []

    status, answer, headers = await served.post(BODY)

    assert (status, headers["x-should-retry"], headers["x-sekisho-decision"]) == (403, "false", "D1")
    assert answer["error"]["decision_id"] == "D1"


BAD: list[tuple[str, bytes, int]] = [
    ("not json", b"{", 400),
    ("not an object", b"[1]", 400),
    ("too deep", b'{"model":"m","messages":' + b"[" * 100 + b"]" * 100 + b"}", 400),
    ("lone surrogate", b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}', 400),
    ("unknown field", orjson.dumps({**BODY, "x": 1}), 400),
    ("empty messages", orjson.dumps({**BODY, "messages": []}), 400),
    ("too much text", orjson.dumps({**BODY, "user": "x" * 1001}), 400),
    ("too large", orjson.dumps({**BODY, "user": "x" * 100_001}), 413),
    ("empty", b"", 400),
]


@pytest.mark.parametrize(("raw", "status"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_bad_input_names_its_field_in_openais_shape(served: Served, raw: bytes, status: int) -> None:
    got, answer, headers = await served.post(raw)

    assert got == status
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert answer["error"]["param"] or status == 413
    assert headers["x-should-retry"] == "false"
    assert len(served.house.denials) == 1


ROUTES = ["/nowhere", "/v1", "/v1/chat/completions/", "/v1/engines", "/docs/nothing", "/health"]


@pytest.mark.parametrize("path", ROUTES)
async def test_an_unknown_route_answers_in_openais_shape(served: Served, path: str) -> None:
    async with served.session.get(served.base + path) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (404, "request.route_not_found")
    assert served.house.denials == ["request.route_not_found"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/chat/completions"), ("PUT", "/v1/completions"), ("DELETE", "/v1/models"), ("POST", "/metrics")],
)
async def test_a_wrong_method_answers_in_openais_shape(served: Served, method: str, path: str) -> None:
    async with served.session.request(method, served.base + path) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (405, "request.method_not_allowed")


async def test_a_defect_is_a_500_in_openais_shape_and_says_nothing(served: Served) -> None:
    served.house.engines["a"].script = [ZeroDivisionError("SECRET detail")]

    status, answer, _ = await served.post(BODY)

    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "SECRET" not in str(answer)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_that_hangs_up_ends_the_engines_work(served: Served, stream: bool) -> None:
    served.house.engines["a"].script = words(*("word " for _ in range(100_000)))
    request = asyncio.ensure_future(served.post({**BODY, "stream": stream}))
    await soon(lambda: served.house.engines["a"].prompts)
    await asyncio.sleep(0.1)  # it answers

    request.cancel()
    await asyncio.wait([request])
    await soon(lambda: served.house.diary[-1].startswith("settled "))

    assert [outcome.status for outcome in served.house.outcomes] == ["hung_up"]
    assert served.house.diary[-4:-1] == ["engine a ends", "outcome 1 hung_up", "slot back"]
    assert served.house.diary[-1].startswith("settled ")


async def test_a_closing_house_refuses_new_requests_and_says_so(served: Served) -> None:
    served.gate.close()

    status, answer, headers = await served.post(BODY)

    assert (status, answer["error"]["code"]) == (503, "server.closing")
    assert "retry-after" in headers


async def test_the_openapi_page_describes_the_hot_routes_by_their_own_types(served: Served) -> None:
    async with served.session.get(served.base + "/openapi.json") as answer:
        description = await answer.json()

    schema = description["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
    assert schema["schema"]["$ref"] == "#/components/schemas/ChatRequest"
    assert "messages" in description["components"]["schemas"]["ChatRequest"]["properties"]


def test_every_error_of_the_tree_can_be_shown() -> None:
    def classes(root: type[SekishoError]) -> list[type[SekishoError]]:
        return [root, *(found for child in root.__subclasses__() for found in classes(child))]

    for kind in classes(SekishoError):
        error = kind()
        assert 400 <= error.status < 600
        assert error.message
        assert error.code


async def test_a_known_callers_refusal_outside_a_passage_is_its_own_record(served: Served) -> None:
    served.house.faults["candidates"] = ModelNotFound()
    async with served.session.get(served.base + "/v1/models/nothing", headers={"authorization": "Bearer key"}) as one:
        assert (one.status, len(one.headers["x-request-id"])) == (404, 26)
    async with served.session.get(served.base + "/v1/nothing", headers={"authorization": "Bearer key"}) as other:
        assert other.status == 404

    assert served.house.denials == ["model_not_found", "request.route_not_found"]
    assert [caller is not None for caller in served.house.denied] == [True, False]
