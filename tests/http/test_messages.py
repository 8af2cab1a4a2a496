"""Anthropic's messages: where text stands, what an engine gets, and how answers and errors look."""

from __future__ import annotations

from typing import Any

import pytest
from asgi import Answered, endpoint, post
from house import House, words
from rich_bodies import MESSAGE as RICH

from gateway.domain import Choice, Chunk, Declared, ToolCallDelta, Usage
from gateway.errors import (
    BadRequest,
    BodyTooLarge,
    EngineUnavailable,
    Forbidden,
    LimitExceeded,
    ModelNotFound,
    SekishoError,
    Unauthenticated,
)
from gateway.http import messages
from gateway.http.call import Call
from gateway.http.messages_speech import Writer

BODY: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello SECRET"}]}


def called(body: Any) -> Call:
    return Call(messages.API, messages.API.parse(body), body, Declared(), 10_000)


def test_every_text_of_a_request_is_searched() -> None:
    found = {segment.text for segment in called(RICH).segments}

    texts = "first second asked thought said look where there number 12345 came and? of_a_tool here halt somebody fixed"
    assert {text.replace("_", " ") for text in texts.split()} <= found


def test_an_engine_gets_openais_form_with_what_was_put_in_place() -> None:
    call = called(RICH)

    body = call.body_for_engine(
        [segment.text + "!" if segment.role != "tool-name" else "look" for segment in call.segments]
    )

    system, user, answered, tool, last = body["messages"]
    assert [part["text"] for part in system["content"]] == ["first!", "second!"]
    assert (user["content"], last["content"]) == ("asked!", "and?!")
    assert (answered["content"], answered["reasoning_content"]) == ("said!", "thought!")
    function = {"name": "look", "arguments": '{"where!":"there!","number!":"12345!"}'}
    assert answered["tool_calls"] == [{"id": "toolu_1", "type": "function", "function": function}]
    assert tool == {"role": "tool", "tool_call_id": "toolu_1", "content": "The tool failed: came!"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert body["response_format"]["json_schema"]["schema"]["const"] == "fixed!"
    assert body["tools"][0]["function"]["description"] == "of a tool!"
    told = {"messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "stop", "max_tokens", "top_k"}
    assert (set(body), body["parallel_tool_calls"]) == (told, False)


def test_a_tools_name_that_an_engine_cannot_take_comes_back_as_it_was() -> None:
    call = called(RICH)

    body = call.body_for_engine(["<TAG>" if s.role == "tool-name" else s.text for s in call.segments])

    assert body["tools"][0]["function"]["name"] == "_TAG_"
    assert call.tool_name("_TAG_") == "look"


@pytest.mark.parametrize(("said", "told"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_choices_among_tools(said: str, told: str) -> None:
    call = called({**RICH, "tool_choice": {"type": said}})

    assert call.body_for_engine([segment.text for segment in call.segments])["tool_choice"] == told


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type", "unsupported_parameter"),
    ({"output_config": {"effort": "high"}}, "output_config.effort", "unsupported_parameter"),
    ({"mcp_servers": []}, "mcp_servers", "unsupported_parameter"),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content[0]", "request.part_unreadable"),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}]}]},
        "messages[0].content[0].content[0]",
        "request.part_unreadable",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}]},
        "messages[0].content[0]",
        "unsupported_parameter",
    ),
    ({"surprise": 1}, "surprise", "unknown_parameter"),
    ({"temperature": 1.5}, "temperature", "invalid_value"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "invalid_value"),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}]}]},
        "messages[0]",
        "invalid_value",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
        "messages[0]",
        "invalid_value",
    ),
]


@pytest.mark.parametrize(("change", "param", "code"), REFUSED, ids=[f"{row[1]}" for row in REFUSED])
def test_what_cannot_be_done_is_refused_by_name(change: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        messages.API.parse({**BODY, **change})

    assert (refused.value.param, refused.value.code) == (param, code)


# --- answers ---------------------------------------------------------------------------------------------------------


def call_part(index: int, arguments: str | None = None, name: str | None = None) -> Chunk:
    return Chunk((Choice(0, tool_calls=(ToolCallDelta(index, f"id{index}" if name else None, name, arguments),)),))


async def streamed(script: list[Any]) -> Answered:
    house = House()
    house.engines["a"].script = script
    return await post(endpoint(house, messages.API), {**BODY, "stream": True})


def blocks(answered: Answered) -> list[Any]:
    """Return the blocks that a client puts together, in the order in which they began."""
    made: list[Any] = []
    for name, data in answered.events:
        if name == "content_block_start":
            made.append({**data["content_block"]})
            assert data["index"] == len(made) - 1
        elif name == "content_block_delta":
            assert data["index"] == len(made) - 1, "a block that ended goes on"
            kind, value = next((k, v) for k, v in data["delta"].items() if k != "type")
            made[-1][kind] = made[-1].get(kind, "") + value
    return made


async def test_a_plain_answer() -> None:
    house = House()
    calls = (ToolCallDelta(0, "id0", "look", '{"where": "here"}'),)
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "hi", "hm", calls, "tool_calls"),), Usage(7, 2, 3))]

    answer = (await post(endpoint(house, messages.API), BODY)).json

    assert answer["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "hi", "citations": None},
        {"type": "tool_use", "id": "id0", "name": "look", "input": {"where": "here"}, "caller": {"type": "direct"}},
    ]
    assert (answer["type"], answer["role"], answer["stop_reason"], answer["model"]) == (
        "message",
        "assistant",
        "tool_use",
        "m",
    )
    counts = {"input_tokens": 4, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 2}
    assert {name: answer["usage"].pop(name) for name in counts} == counts
    assert answer["usage"].pop("service_tier") == "standard"
    assert {answer["stop_sequence"], answer["stop_details"], answer["container"], *answer["usage"].values()} == {None}


async def test_the_events_of_a_stream_come_in_their_order() -> None:
    answered = await streamed(words("one ", "two"))

    names = [name for name, _ in answered.events]
    assert names[:3] == ["message_start", "ping", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert blocks(answered) == [{"type": "text", "text": "one two", "citations": None}]
    assert answered.events[-2][1]["usage"]["output_tokens"] == 2
    assert answered.headers["content-type"].startswith("text/event-stream")


async def test_calls_follow_each_other_though_their_arguments_come_side_by_side() -> None:
    script = [
        Chunk((Choice(0, "assistant", "text"),)),
        call_part(0, name="a"),
        call_part(0, '{"x": '),
        call_part(1, '{"y"', name="b"),
        call_part(0, "1}"),
        call_part(1, ": 2}"),
        Chunk((Choice(0, content=" held", finish_reason="tool_calls"),), Usage(1, 1)),
    ]

    text, first, second, late = blocks(await streamed(script))

    assert (text["text"], late["text"]) == ("text", " held")
    assert (first["id"], first["name"], first["partial_json"]) == ("id0", "a", '{"x": 1}')
    assert (second["id"], second["name"], second["partial_json"]) == ("id1", "b", '{"y": 2}')


async def test_a_call_without_arguments_is_a_block_too() -> None:
    last = Chunk((Choice(0, finish_reason="stop"),), Usage(1, 1))

    answered = await streamed([call_part(0, name="now"), last])

    assert [(block["type"], block["name"]) for block in blocks(answered)] == [("tool_use", "now")]
    assert answered.events[-2][1]["delta"]["stop_reason"] == "tool_use"


def test_arguments_that_are_no_object_are_the_engines_fault_unless_they_were_cut_short() -> None:
    def whole(reason: str) -> bytes:
        call = ToolCallDelta(0, "i", "a", '{"x": ')
        return Writer(called(BODY), "1").whole(Chunk((Choice(0, tool_calls=(call,), finish_reason=reason),)))

    with pytest.raises(EngineUnavailable):
        whole("tool_calls")
    assert b'"content":[]' in whole("length")
    assert b'"stop_reason":"max_tokens"' in whole("length")


async def test_an_error_after_the_first_byte_is_an_event() -> None:
    answered = await streamed([Chunk((Choice(0, content="half"),)), EngineUnavailable()])

    name, last = answered.events[-1]
    assert (name, last["type"], last["error"]["type"]) == ("error", "error", "overloaded_error")
    assert "message_stop" not in [name for name, _ in answered.events]


ERRORS: list[tuple[SekishoError, int, str]] = [
    (BadRequest(param="x"), 400, "invalid_request_error"),
    (Unauthenticated(), 401, "authentication_error"),
    (Forbidden(), 403, "permission_error"),
    (ModelNotFound(), 404, "not_found_error"),
    (BodyTooLarge(), 413, "request_too_large"),
    (LimitExceeded(), 429, "rate_limit_error"),
    (EngineUnavailable(), 529, "overloaded_error"),
    (SekishoError(), 500, "api_error"),
]


@pytest.mark.parametrize(("error", "status", "kind"), ERRORS, ids=[row[2] for row in ERRORS])
async def test_errors_look_as_anthropics(error: SekishoError, status: int, kind: str) -> None:
    house = House()
    house.faults["detect"] = error

    answered = await post(endpoint(house, messages.API), BODY)

    assert (answered.status, answered.json["type"], answered.json["error"]["type"]) == (status, "error", kind)
    assert answered.json["request_id"] == answered.headers["request-id"] == answered.headers["x-request-id"]
    assert answered.headers["x-sekisho-code"] == error.code == answered.json["error"]["code"]


async def test_tokens_are_counted_by_the_engine_and_the_text_is_redacted_for_it() -> None:
    house = House()
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "x", finish_reason="length"),), Usage(42, 1, 40))]

    body = {name: value for name, value in BODY.items() if name != "max_tokens"}
    answered = await post(endpoint(house, messages.COUNT), body)

    assert (answered.status, answered.json) == (200, {"input_tokens": 42})
    (prompt,) = house.engines["a"].prompts
    assert (prompt.body["max_tokens"], prompt.stream) == (1, False)
    assert prompt.body["messages"][0]["content"] == "hello <TAG>"


async def test_a_key_may_come_in_anthropics_header() -> None:
    seen: list[str | None] = []
    house = House()
    identify = house.identify
    house.identify = lambda said: (seen.append(said), identify(said))[1]  # type: ignore[method-assign]

    await post(endpoint(house, messages.API), BODY, authorization="", x_api_key="sk-1")
    await post(endpoint(house, messages.API), BODY, authorization="Bearer sk-2", x_api_key="sk-1")

    assert seen == ["Bearer sk-1", "Bearer sk-2"]
