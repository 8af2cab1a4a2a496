"""OpenAI's responses: where text stands, what an engine gets, and the events that clients put together."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from asgi import Answered, endpoint, post
from house import House, words
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from rich_bodies import RESPONSE as RICH

from gateway.asking import Asking
from gateway.domain import Choice, Chunk, Declared, ToolCallDelta, Usage
from gateway.errors import BadRequest, EngineUnavailable
from gateway.http import responses
from gateway.http.call import Call

BODY: dict[str, Any] = {"model": "m", "input": "hello SECRET"}
EVENTS: Any = TypeAdapter(ResponseStreamEvent)


def called(body: Any) -> Call:
    body = copy.deepcopy(body)
    return Call(responses.API, responses.API.parse(body), body, Declared(), 10_000)


def engine_body(body: Any) -> dict[str, Any]:
    call = called(body)
    return call.body_for_engine([segment.text for segment in call.segments])


# --- requests --------------------------------------------------------------------------------------------------------


def strings(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield every string of a body and where it stands."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, str):
            yield (*path, key), value
        elif isinstance(value, dict | list):
            yield from strings(value, (*path, key))


def put(body: dict[str, Any], path: tuple[Any, ...], text: str) -> dict[str, Any]:
    body = copy.deepcopy(body)
    node: Any = body
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = text
    return body


@pytest.mark.parametrize("path", [path for path, _ in strings(RICH)], ids=lambda path: ".".join(map(str, path)))
def test_a_string_anywhere_is_searched_or_refused(path: tuple[Any, ...]) -> None:
    """Ids and names of models are the only strings that pass unread: their letters are few, and no engine sees them."""
    bird = "Anna Schmidt, +49 89 1234567"
    try:
        call = called(put(RICH, path, bird))
    except BadRequest:
        return
    assert path == ("model",) or any(bird in segment.text for segment in call.segments)


def test_every_text_of_a_request_is_searched() -> None:
    found = {segment.text for segment in called(RICH).segments}

    texts = "ruled told asked short thought said would_not look where there number 12345 came went and? of_a_tool here "
    texts += "shape of_a_form fixed numbered somebody someone order"
    assert {text.replace("_", " ") for text in texts.split()} <= found


def test_segments_know_who_said_them() -> None:
    roles = {segment.text: segment.role for segment in called(RICH).segments}

    assert (roles["told"], roles["asked"], roles["said"]) == ("developer", "user", "assistant")
    assert (roles["thought"], roles["there"], roles["came"], roles["look"]) == (
        "assistant",
        "assistant",
        "tool",
        "tool-name",
    )


class Known(Asking):
    """A request whose texts stay as they are."""

    def __init__(self, call: Call) -> None:
        super().__init__(cast(Any, None), cast(Any, SimpleNamespace(call=call)))

    def redacted(self, grant: Any) -> Any:
        return SimpleNamespace(texts=[segment.text for segment in self._visit.call.segments])


def test_the_fleet_sees_a_prompt_in_the_order_in_which_it_is_read() -> None:
    """Clients send their fields by the alphabet: ``input`` before ``instructions``, and both before ``tools``."""
    body = {"input": "asked", "instructions": "ruled", "model": "m", "tools": RICH["tools"], "user": "somebody"}

    texts = [text for _, text in Known(called(body)).turns(cast(Any, None))]

    assert texts == ["look", "of a tool", "where", "here", "ruled", "asked"]


def test_an_engine_gets_the_chat_form_with_what_was_put_in_place() -> None:
    call = called(RICH)

    body = call.body_for_engine([s.text + "!" if s.role != "tool-name" else s.text for s in call.segments])

    ruled, told, asked, answered, first, second, last = body["messages"]
    assert [(m["role"], m["content"]) for m in (ruled, told, asked, last)] == [
        ("system", "ruled!"),
        ("system", "told!"),
        ("user", "asked!"),
        ("user", "and?!"),
    ]
    assert [part["text"] for part in answered["content"]] == ["said!", "would not!"]
    assert answered["reasoning_content"] == "thought!"
    function = {"name": "look", "arguments": '{"where!":"there!","number!":"12345!"}'}
    assert answered["tool_calls"][0] == {"id": "call_1", "type": "function", "function": function}
    assert [call["id"] for call in answered["tool_calls"]] == ["call_1", "call_2"]
    assert first == {"role": "tool", "tool_call_id": "call_1", "content": "came!"}
    assert second == {"role": "tool", "tool_call_id": "call_2", "content": "went!"}


def test_an_engine_is_told_the_wishes_and_nothing_that_is_the_gateways() -> None:
    body = engine_body(RICH)

    tool = {k: v for k, v in RICH["tools"][0].items() if k != "type"}
    form = {k: v for k, v in RICH["text"]["format"].items() if k != "type"}
    del body["messages"]
    assert body == {
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": form},
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
    }


def test_an_engine_is_told_what_an_answer_says_where_the_caller_said_nothing() -> None:
    body = engine_body(BODY)

    assert (body["temperature"], body["top_p"]) == (1.0, 1.0)


def test_of_allowed_tools_an_engine_is_told_those_alone() -> None:
    tools: list[Any] = [{"type": "function", "name": name, "parameters": {}} for name in ("a", "b")]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}

    body = engine_body({**BODY, "tools": tools, "tool_choice": choice})

    assert [tool["function"]["name"] for tool in body["tools"]] == ["b"]
    assert body["tool_choice"] == "required"


def test_turns_of_an_assistant_stay_apart() -> None:
    def call(number: str) -> list[dict[str, Any]]:
        made = {"type": "function_call", "call_id": number, "name": "look", "arguments": "{}"}
        return [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": number}]}, made]

    body = engine_body({**BODY, "input": [*call("1"), *call("2"), {"role": "assistant", "content": "done"}]})

    turns = [(turn.get("reasoning_content"), turn["content"]) for turn in body["messages"]]
    assert turns == [("1", None), ("2", None), (None, "done")]


IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,aGk="}
OUTPUT = {"type": "function_call_output", "call_id": "c"}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"store": "yes"}, "store", "invalid_type"),
    ({"previous_response_id": "../x"}, "previous_response_id", "invalid_value"),
    ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
    ({"background": True}, "background", "unsupported_parameter"),
    ({"include": ["reasoning.encrypted_content"]}, "include", "unsupported_parameter"),
    ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
    ({"reasoning": {"effort": "low"}}, "reasoning.effort", "unsupported_parameter"),
    ({"text": {"verbosity": "low"}}, "text.verbosity", "unsupported_parameter"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
    ({"tool_choice": {"type": "file_search"}}, "tool_choice.type", "unsupported_parameter"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type", "unsupported_parameter"),
    ({"input": [{"role": "user", "content": [IMAGE]}]}, "input[0].content[0]", "request.part_unreadable"),
    ({"input": [{**OUTPUT, "output": [IMAGE]}]}, "input[0].output[0]", "request.part_unreadable"),
    ({"input": []}, "input", "invalid_value"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "invalid_value"),
    (
        {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
        "input[0]",
        "invalid_value",
    ),
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice", "invalid_value"),
    ({"surprise": 1}, "surprise", "unknown_parameter"),
]


@pytest.mark.parametrize(("change", "param", "code"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_cannot_be_done_is_refused_by_name(change: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        responses.API.parse(copy.deepcopy({**BODY, **change}))

    assert (refused.value.param, refused.value.code) == (param, code)


async def test_what_may_be_dropped_is_dropped_and_said() -> None:
    body = {**BODY, "background": True, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}
    house = House()
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "hi", finish_reason="stop"),), Usage(1, 1))]
    app = endpoint(house, responses.API)

    answered = await post(app, body, x_sekisho_drop_params="true")
    kept = await post(app, {**BODY, "conversation": "x"}, x_sekisho_drop_params="true")

    assert (answered.status, answered.json["store"]) == (200, False)
    dropped = set(answered.headers["x-sekisho-dropped-params"].split(", "))
    assert dropped == {"background", "include", "reasoning.effort"}
    assert (kept.status, kept.json["error"]["param"]) == (400, "conversation")


# --- answers ---------------------------------------------------------------------------------------------------------


def part(index: int, arguments: str | None = None, name: str | None = None) -> Chunk:
    return Chunk((Choice(0, tool_calls=(ToolCallDelta(index, f"id{index}" if name else None, name, arguments),)),))


def last(reason: str = "stop") -> Chunk:
    return Chunk((Choice(0, finish_reason=reason),), Usage(7, 2, 3))


async def streamed(script: list[Any], **more: Any) -> Answered:
    house = House()
    house.engines["a"].script = script
    return await post(endpoint(house, responses.API), {**BODY, "stream": True, **more})


def as_openai_has_it(data: dict[str, Any]) -> dict[str, Any]:
    """Return an event by OpenAI's closed types: an error with a code of theirs, and reasoning that was counted."""
    response = data.get("response") or {}
    if response.get("error"):
        data = {**data, "response": {**response, "error": {**response["error"], "code": "server_error"}}}
    if response.get("usage") and not response["usage"]["output_tokens_details"]:
        counts = {**response["usage"], "output_tokens_details": {"reasoning_tokens": 1}}
        data = {**data, "response": {**response, "usage": counts}}
    return data


def put_together(answered: Answered) -> dict[str, Any]:
    """Return the last event's response, after each event was read as OpenAI's types and put together by number."""
    items: dict[int, dict[str, Any]] = {}
    for number, (name, data) in enumerate(answered.events):
        assert (name, data["sequence_number"]) == (data["type"], number)
        EVENTS.validate_python(as_openai_has_it(data))
        if name == "response.output_item.added":
            assert data["output_index"] == len(items)
            items[data["output_index"]] = {"text": "", "id": data["item"]["id"]}
        elif name.endswith(".delta"):
            item = items[data["output_index"]]
            assert (item["id"], "item" in item) == (data["item_id"], False)
            item["text"] += data["delta"]
        elif name.endswith(("_text.done", "arguments.done")):
            assert items[data["output_index"]]["text"] == data.get("text", data.get("arguments"))
        elif name == "response.output_item.done":
            items[data["output_index"]]["item"] = data["item"]
    response: dict[str, Any] = answered.events[-1][1]["response"]
    if response["status"] != "failed":
        assert response["output"] == [item["item"] for item in items.values()]
    return response


async def test_a_plain_answer_is_one_of_openais() -> None:
    house = House()
    calls = (ToolCallDelta(0, "id0", "look", '{"where": "here"}'),)
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "hi", "hm", calls, "tool_calls"),), Usage(7, 2, 3))]

    answered = await post(endpoint(house, responses.API), {**RICH, "text": None})

    answer = Response.model_validate({**answered.json, "usage": None})
    thought, said, call = answered.json["output"]
    assert thought["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert (answer.output_text, said["status"]) == ("hi", "completed")
    assert (call["call_id"], call["name"], call["arguments"]) == ("id0", "look", '{"where": "here"}')
    assert (answer.status, answered.json["store"], answer.id[:5]) == ("completed", False, "resp_")
    assert (answer.instructions, answer.metadata, answer.max_output_tokens) == ("ruled", {"order": "numbered"}, 9)
    assert answered.json["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {},
        "total_tokens": 9,
    }


async def test_the_events_of_a_stream_come_in_their_order() -> None:
    answered = await streamed(words("one ", "two"))

    names = [name.removeprefix("response.") for name, _ in answered.events]
    assert names == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * names.count("output_text.delta"),
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    response = put_together(answered)
    assert response["output"][0]["content"][0]["text"] == "one two"
    assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}
    assert answered.headers["content-type"].startswith("text/event-stream")


async def test_calls_grow_side_by_side_and_late_text_finds_its_message() -> None:
    script = [
        Chunk((Choice(0, "assistant", reasoning="hm"),)),
        Chunk((Choice(0, content="text"),)),
        part(0, name="a"),
        part(0, '{"x": '),
        part(1, '{"y"', name="b"),
        part(0, "1}"),
        part(1, ": 2}"),
        Chunk((Choice(0, content=" held", reasoning="late", finish_reason="tool_calls"),), Usage(1, 1)),
    ]

    response = put_together(await streamed(script))

    thought, text, first, second, late = response["output"]
    assert (thought["content"][0]["text"], late["content"][0]["text"]) == ("hm", "late")
    assert text["content"][0]["text"] == "text held"
    assert (first["call_id"], first["name"], first["arguments"]) == ("id0", "a", '{"x": 1}')
    assert (second["call_id"], second["name"], second["arguments"]) == ("id1", "b", '{"y": 2}')


async def test_reasoning_is_done_before_words_begin() -> None:
    script = [Chunk((Choice(0, reasoning="hm"),)), Chunk((Choice(0, content="hi"),)), last()]

    names = [name for name, _ in (await streamed(script)).events]

    done = names.index("response.output_item.done")
    assert names.index("response.reasoning_text.done") < done < names.index("response.output_text.delta")


async def test_a_call_without_arguments_is_an_item_too() -> None:
    response = put_together(await streamed([part(0, name="now"), last()]))

    assert [(item["name"], item["arguments"]) for item in response["output"]] == [("now", "")]


@pytest.mark.parametrize(("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_was_cut_says_so(reason: str, told: str) -> None:
    answered = await streamed([Chunk((Choice(0, content="hi"),)), part(0, '{"x": ', name="a"), last(reason)])

    response = put_together(answered)

    assert answered.events[-1][0] == "response.incomplete"
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": told})
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]


async def test_an_answer_of_nothing_is_whole() -> None:
    response = put_together(await streamed([last()]))

    assert (response["status"], response["output"]) == ("completed", [])


async def test_an_error_after_the_first_byte_fails_the_response() -> None:
    answered = await streamed([Chunk((Choice(0, content="half "),)), EngineUnavailable()])

    response = put_together(answered)

    assert (answered.events[-1][0], response["status"]) == ("response.failed", "failed")
    assert response["error"]["code"] == EngineUnavailable().code
    assert [item["status"] for item in response["output"]] in ([], ["incomplete"])


async def test_an_error_before_the_first_byte_is_openais() -> None:
    house = House()
    house.faults["detect"] = EngineUnavailable()

    answered = await post(endpoint(house, responses.API), {**BODY, "stream": True})

    assert (answered.status, set(answered.json)) == (503, {"error"})


async def test_tokens_are_counted_by_the_engine_and_the_text_is_redacted_for_it() -> None:
    house = House()
    house.engines["a"].script = [Chunk((Choice(0, "assistant", "x", finish_reason="length"),), Usage(42, 1, 40))]

    answered = await post(endpoint(house, responses.COUNT), BODY)

    assert answered.json == {"object": "response.input_tokens", "input_tokens": 42}
    (prompt,) = house.engines["a"].prompts
    assert (prompt.body["max_tokens"], prompt.stream) == (1, False)
    assert prompt.body["messages"] == [{"role": "user", "content": "hello <TAG>"}]
