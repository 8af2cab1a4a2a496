"""Ollama's API: where text stands, what an engine gets, and how answers and errors look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from asgi import Answered, endpoint, post
from house import House, words
from rich_bodies import LLAMA as RICH

from gateway.domain import Capability, Choice, Chunk, Declared, Timings, ToolCallDelta, Usage
from gateway.errors import BadRequest, EngineUnavailable, Unauthenticated
from gateway.http import ollama
from gateway.http.api import build
from gateway.http.call import Api, Call
from gateway.http.gate import Gate
from gateway.http.models import NoModels
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

BODY: dict[str, Any] = {"model": "m:latest", "messages": [{"role": "user", "content": "hello SECRET"}]}


def called(body: Any, api: Api = ollama.CHAT) -> Call:
    return Call(api, api.parse(body), body, Declared(), 10_000)


def test_every_text_of_a_request_is_searched() -> None:
    found = {segment.text for segment in called(RICH).segments}

    texts = "ruled asked thought add key value number 12345 first second told one named halt"
    assert set(texts.split()) <= found


def test_an_engine_gets_openais_form_and_answers_of_tools_find_their_calls() -> None:
    call = called(RICH)

    body = call.body_for_engine([s.text if s.role == "tool-name" else s.text + "!" for s in call.segments])

    _, _, answered, first, second = body["messages"]
    assert answered["reasoning_content"] == "thought!"
    assert [call["id"] for call in answered["tool_calls"]] == [first["tool_call_id"], second["tool_call_id"]]
    assert answered["tool_calls"][0]["function"]["arguments"] == '{"key!":"value!","number!":"12345!"}'
    assert body["response_format"]["json_schema"]["schema"]["properties"] == {"named!": {"type": "string"}}
    assert (body["max_tokens"], body["seed"], body["temperature"], body["stop"]) == (7, 1, 0.5, ["halt!"])
    assert set(body) == {"messages", "tools", "response_format", "max_tokens", "seed", "temperature", "stop"}


@pytest.mark.parametrize(
    ("raw", "capability", "field"), [(True, Capability.COMPLETE, "prompt"), (None, Capability.CHAT, "messages")]
)
async def test_a_prompt_is_a_turn_or_goes_as_it_is(raw: bool | None, capability: Capability, field: str) -> None:
    body = {"model": "m", "prompt": "once", **({"raw": raw} if raw else {"system": "ruled"})}
    assert ollama.GENERATE.prepare is not None

    api = await ollama.GENERATE.prepare(body, lambda model, capability: None)
    call = called(body, api)

    assert call.capability is capability
    told = call.body_for_engine([segment.text for segment in call.segments])
    assert set(told) == {field}
    assert "once" in str(told[field])


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"options": {"num_ctx": 4096}}, "options.num_ctx", "unsupported_parameter"),
    ({"options": {"repeat_penalty": 1.1}}, "options.repeat_penalty", "unsupported_parameter"),
    ({"options": {"surprise": 1}}, "options.surprise", "unknown_parameter"),
    ({"keep_alive": 0}, "keep_alive", "unsupported_parameter"),
    ({"think": True}, "think", "unsupported_parameter"),
    ({"truncate": True}, "truncate", "unsupported_parameter"),
    ({"surprise": 1}, "surprise", "unknown_parameter"),
    (
        {"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]},
        "messages[0].images",
        "request.part_unreadable",
    ),
]


@pytest.mark.parametrize(("change", "param", "code"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_cannot_be_done_is_refused_by_name(change: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ollama.CHAT.parse({**BODY, **change})

    assert (refused.value.param, refused.value.code) == (param, code)


async def asked(script: list[Any], body: dict[str, Any], api: Api = ollama.CHAT) -> Answered:
    house = House()
    house.engines["a"].script = script
    return await post(endpoint(house, api), body, content_type="application/x-www-form-urlencoded")


async def test_an_answer_is_lines_of_json_unless_it_shall_be_whole() -> None:
    answered = await asked(words("one ", "two"), BODY)

    *parts, last = answered.lines
    assert answered.headers["content-type"] == "application/x-ndjson"
    assert "".join(part["message"]["content"] for part in parts) == "one two"
    assert [part["done"] for part in (*parts, last)] == [False, False, True]
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"], last["model"]) == ("stop", 5, 2, "m")
    assert last["total_duration"] > 0


async def test_a_whole_answer_has_the_engines_own_times() -> None:
    choice = Choice(0, "assistant", "hi", "hm", finish_reason="length")

    answered = await asked([Chunk((choice,), Usage(3, 2), timings=Timings(3, 0.5, 2, 0.25))], {**BODY, "stream": False})

    assert answered.json["message"] == {"role": "assistant", "content": "hi", "thinking": "hm"}
    assert (answered.json["done"], answered.json["done_reason"]) == (True, "length")
    assert (answered.json["prompt_eval_duration"], answered.json["eval_duration"]) == (500_000_000, 250_000_000)


async def test_calls_come_whole_and_in_their_order_however_they_were_cut() -> None:
    def part(index: int, arguments: str, name: str | None = None) -> Chunk:
        return Chunk((Choice(0, tool_calls=(ToolCallDelta(index, None, name, arguments),)),))

    script = [part(0, '{"a"', "x"), part(1, '{"b"', "y"), part(0, ": 1}"), part(1, ": 2}"), *words()]

    calls, last = (await asked(script, BODY)).lines

    told = [{"index": 0, "name": "x", "arguments": {"a": 1}}, {"index": 1, "name": "y", "arguments": {"b": 2}}]
    assert [call["function"] for call in calls["message"]["tool_calls"]] == told
    assert last["done"] is True


async def test_an_error_after_the_first_byte_is_a_line() -> None:
    answered = await asked([Chunk((Choice(0, content="half"),)), EngineUnavailable()], BODY)

    assert set(answered.lines[-1]) == {"error"}
    assert not any(line.get("done") for line in answered.lines)


async def test_an_error_before_is_one_object_with_its_status() -> None:
    house = House()
    house.faults["identify"] = Unauthenticated()

    answered = await post(endpoint(house, ollama.CHAT), BODY)

    assert (answered.status, set(answered.json)) == (401, {"error"})
    assert answered.headers["x-sekisho-code"] == "invalid_api_key"


async def test_vectors_are_rows_of_numbers() -> None:
    rows = tuple(np.array(row, "<f4").tobytes() for row in ([0.5, 1.0], [2.0, 4.0]))

    answered = await asked(
        [Chunk((), Usage(4, 0), rows)], {"model": "m", "input": ["a", "b"]}, ollama.embed_api(NoModels())
    )

    assert answered.json == {"model": "m", "embeddings": [[0.5, 1.0], [2.0, 4.0]], "prompt_eval_count": 4}


async def test_models_are_told_to_who_may_use_them() -> None:
    house = House()
    checkpoint = house.checkpoint()
    front = build(checkpoint, Inquiry(checkpoint.rooms, 0), Gate(), ServerSettings())

    tags = await post(front, b"", "/api/tags", "GET")
    shown = await post(front, {"model": "m:latest"}, "/api/show")
    version = await post(front, b"", "/api/version", "GET")
    missing = await post(front, b"", "/api/nothing", "GET")
    house.faults["identify"] = Unauthenticated()
    stranger = await post(front, b"", "/api/tags", "GET")

    assert [model["model"] for model in tags.json["models"]] == ["m"]
    assert shown.json["capabilities"] == ["completion", "tools"]
    assert set(version.json) == {"version"}
    assert (missing.status, set(missing.json)) == (404, {"error"})
    assert (stranger.status, set(stranger.json)) == (401, {"error"})
