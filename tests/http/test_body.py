"""Bodies: bounded, decoded once, refused by the name of the field."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

import orjson
import pytest

from gateway.errors import BadRequest, BodyTooLarge, ClientGone
from gateway.http import chat, completions
from gateway.http.body import parse_object, read_body


def receiver(messages: Iterable[dict[str, Any]]) -> Any:
    waiting = iter(messages)

    async def receive() -> MutableMapping[str, Any]:
        return next(waiting)

    return receive


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_parts_is_joined() -> None:
    assert await read_body(receiver([part(b"{", True), part(b"}", False)]), None, 10) == b"{}"


async def test_a_declared_size_over_the_limit_is_refused_before_reading() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(receiver([]), b"11", 10)


async def test_a_body_that_grows_over_the_limit_is_refused_whatever_it_declared() -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(receiver([part(b"12345", True), part(b"678901", True)]), b"3", 10)


async def test_a_caller_that_hangs_up_while_sending_is_no_request() -> None:
    with pytest.raises(ClientGone):
        await read_body(receiver([part(b"{", True), {"type": "http.disconnect"}]), None, 10)


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", "body"),
        (b"not json", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b'{"a":"\xff"}', "body"),
        (b'{"a":NaN}', "body"),
        (b'{"messages":[{"content":"\\ud800"}]}', "messages[0].content"),
        (b'{"\\udfff":1}', "body"),
        (b'{"deep":' + b"[" * 64 + b"]" * 64 + b"}", "deep"),
        (b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body"),
    ],
)
def test_what_is_no_proper_object_is_refused_naming_the_field(raw: bytes, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_object(raw, 64)

    assert refused.value.status == 400
    assert refused.value.param == param


def test_an_object_as_deep_as_allowed_passes() -> None:
    assert parse_object(b'{"deep":' + b"[" * 63 + b"]" * 63 + b"}", 64)


GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "messages"),
    ({"messages": "hello"}, "messages"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
    ({"messages": [{"role": "pirate", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": "x", "mood": "good"}]}, "messages[0].mood"),
    ({"messages": [{"role": "tool", "tool_call_id": "hans@example.com", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": 3}, "temperature"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"n": 129}, "n"),
    ({"invented": 1}, "invented"),
    ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
    ({"tools": [{"type": "function", "function": {"name": "has space"}}]}, "tools[0].function.name"),
    ({"logit_bias": {"word": 1}}, "logit_bias"),
    ({"response_format": {"type": "yaml"}}, "response_format.type"),
    ({"stream_options": {"chunk": 1}}, "stream_options.chunk"),
    ({"store": True}, "store"),
    ({"top_logprobs": 2}, "top_logprobs"),
]


@pytest.mark.parametrize(("change", "param"), WRONG, ids=[param for _, param in WRONG])
def test_a_wrong_field_is_refused_by_name(change: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        chat.parse(orjson.loads(orjson.dumps({**GOOD, **change})))

    assert refused.value.param == param
    assert refused.value.status == 400


def test_without_a_model_or_messages_the_field_is_named() -> None:
    for field in ("model", "messages"):
        with pytest.raises(BadRequest, match=field):
            chat.parse({key: value for key, value in GOOD.items() if key != field})


def test_what_a_client_echoes_back_of_our_answers_is_taken() -> None:
    echoed = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "audio": None, "tool_calls": []}

    assert chat.parse({**GOOD, "messages": [*GOOD["messages"], {**echoed, "function_call": None}]})


def test_the_developer_role_reaches_the_engine_as_system() -> None:
    tree = {**GOOD, "messages": [{"role": "developer", "content": "be brief"}]}

    chat.parse(tree)

    assert tree["messages"] == [{"role": "system", "content": "be brief"}]


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2]], ["a", 1], ["a", ""], [], "", None, 5])
def test_a_prompt_that_is_not_one_text_is_refused(prompt: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        completions.parse({"model": "m", "prompt": prompt})

    assert refused.value.param.startswith("prompt")


def test_each_prompt_of_a_list_has_its_choices() -> None:
    request = completions.parse({"model": "m", "prompt": ["once", "twice"], "n": 3, "max_tokens": 5})

    assert (request.texts, request.inputs, request.output_bound) == (["once", "twice"], 6, 30)
