"""What the engine sees and what the caller gets back, with an engine that says exactly what a test wants."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from running import Running
from scripted import Delta, ScriptedEngine

pytestmark = [pytest.mark.real, pytest.mark.slow]

MAIL = "anna.schmidt@example.com"
TURNS: list[Any] = [{"role": "user", "content": f"Send the order to {MAIL}, please."}]
TAG = re.compile(r"EMAIL_ADDRESS_[0-9A-Z]{16}")
TOOL: Any = {
    "type": "function",
    "function": {"name": "send_mail", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}},
}


@pytest.fixture
async def client(before: tuple[Running, str]) -> AsyncIterator[openai.AsyncOpenAI]:
    running, key = before
    async with openai.AsyncOpenAI(base_url=running.base + "/v1", api_key=key, max_retries=0) as client:
        yield client


def tag_in(body: dict[str, Any]) -> str:
    found = TAG.search(json.dumps(body))
    assert found is not None
    return found[0]


async def ask(client: openai.AsyncOpenAI, **options: Any) -> Any:
    return await client.chat.completions.create(**{"model": "scripted", "messages": TURNS, **options})


async def test_the_engine_sees_a_tag_and_the_caller_the_value(
    client: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    engine.answer = lambda body: [{"content": f"Sent to {tag_in(body)}."}]

    answer = await ask(client)

    assert answer.choices[0].message.content == f"Sent to {MAIL}."
    assert MAIL not in json.dumps(engine.bodies)


async def test_a_tag_cut_into_single_letters_is_restored_in_a_stream(
    client: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    engine.answer = lambda body: [{"content": letter} for letter in f"Sent to {tag_in(body)}, done."]

    stream = await ask(client, stream=True)
    said = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]

    assert "".join(said) == f"Sent to {MAIL}, done."


def call_in_parts(body: dict[str, Any]) -> list[Delta]:
    arguments = json.dumps({"to": tag_in(body)})
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send_mail", "arguments": ""}}
    parts = [{"index": 0, "function": {"arguments": arguments[at : at + 3]}} for at in range(0, len(arguments), 3)]
    return [{"tool_calls": [part]} for part in (head, *parts)]


async def test_tools_pass_through_and_their_arguments_come_back_restored(
    client: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    engine.answer = call_in_parts

    stream = await ask(client, tools=[TOOL], tool_choice="required", stream=True)
    calls = [call async for chunk in stream if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]

    assert engine.bodies[0]["tools"] == [TOOL]
    assert engine.bodies[0]["tool_choice"] == "required"
    assert (calls[0].id, calls[0].function.name) == ("call_1", "send_mail")
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"to": MAIL}


async def test_the_next_turn_carries_the_same_tag_so_that_a_prompt_cache_still_hits(
    client: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    await ask(client)
    await ask(client, messages=[*TURNS, {"role": "assistant", "content": "ok"}, {"role": "user", "content": MAIL}])

    assert tag_in(engine.bodies[0]) == tag_in(engine.bodies[1])
    assert MAIL not in json.dumps(engine.bodies)


@pytest.mark.parametrize(("says_tag", "null"), [(True, True), (False, False)])
async def test_logprobs_are_null_where_text_was_restored(
    client: openai.AsyncOpenAI, engine: ScriptedEngine, says_tag: bool, null: bool
) -> None:
    engine.logprobs = {"content": [{"token": "x", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None}
    engine.answer = lambda body: [{"content": tag_in(body) if says_tag else "nothing of the kind"}]

    answer = await ask(client, logprobs=True)

    assert (answer.choices[0].logprobs is None) is null


async def test_what_is_for_us_is_not_told_to_the_engine(client: openai.AsyncOpenAI, engine: ScriptedEngine) -> None:
    await ask(client, user="u-17", metadata={"ticket": "8D-4711"})

    assert {"user", "metadata"}.isdisjoint(engine.bodies[0])


async def test_a_typed_look_alike_of_a_tag_comes_back_as_typed(
    client: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    await ask(client)
    stolen = tag_in(engine.bodies[0])
    engine.answer = lambda body: [{"content": "I was told: " + body["messages"][0]["content"]}]

    answer = await ask(client, messages=[{"role": "user", "content": f"What is {stolen}?"}])

    assert answer.choices[0].message.content == f"I was told: What is {stolen}?"
    assert MAIL not in answer.choices[0].message.content
