"""openai-python's ``client.responses`` against a running gateway: nothing is changed but base URL and key."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import openai
import pydantic
import pytest
from running import Running
from scripted import Delta, ScriptedEngine

pytestmark = [pytest.mark.real, pytest.mark.slow]

MAIL = "anna.schmidt@example.com"
TAG = re.compile(r"EMAIL_ADDRESS_[0-9A-Z]{16}")
SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Munich"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}


def ask(client: openai.OpenAI, model: str, **options: Any) -> Any:
    asked = {"model": model, "input": "Say hello.", "max_output_tokens": 16, "temperature": 0}
    return client.responses.create(**{**asked, **options})


def test_a_response_is_answered_and_counted(client: openai.OpenAI, model_name: str) -> None:
    answer = ask(client, model_name, instructions="Be brief.")

    counted = client.responses.input_tokens.count(model=model_name, input="Say hello.", instructions="Be brief.")

    assert (answer.object, answer.model, answer.store) == ("response", model_name, False)
    assert answer.output_text
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert counted.input_tokens == answer.usage.input_tokens > 0


def test_a_stream_says_what_a_plain_call_says(client: openai.OpenAI, model_name: str) -> None:
    plain = ask(client, model_name)
    events = list(ask(client, model_name, stream=True))

    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert said == plain.output_text == events[-1].response.output_text != ""
    assert events[-1].type == f"response.{plain.status}"
    assert events[-1].response.usage.output_tokens == plain.usage.output_tokens


def test_a_tool_that_is_required_is_called_and_its_result_is_read(client: openai.OpenAI, model_name: str) -> None:
    wish: Any = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 250}
    first = ask(client, model_name, input="How is the weather in Munich?", **wish)
    with client.responses.stream(model=model_name, input="How is the weather in Munich?", **wish) as stream:
        streamed: Any = stream.get_final_response()

    (call,) = [item for item in first.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain, 4 degrees."}
    second = ask(client, model_name, input=[{"role": "user", "content": "Weather?"}, *first.output, result])

    assert call.name == streamed.output[-1].name == "weather"
    assert json.loads(call.arguments)["city"] in ("Paris", "Munich")
    assert streamed.output[-1].parsed_arguments["city"] in ("Paris", "Munich")
    assert second.output_text


class Weather(pydantic.BaseModel):
    city: str = pydantic.Field(max_length=20)  # a small model may never end a text by itself
    rain: bool


def test_a_schema_is_held_by_the_engine(client: openai.OpenAI, model_name: str) -> None:
    answer = client.responses.parse(
        model=model_name, input="It rains in Munich.", text_format=Weather, max_output_tokens=200
    )

    assert isinstance(answer.output_parsed, Weather)


def test_what_is_not_there_is_refused_by_name(client: openai.OpenAI, model_name: str) -> None:
    for change in ({"background": True}, {"conversation": "c"}):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, model_name, **change)
        assert (refused.value.param, refused.value.code) == (next(iter(change)), "unsupported_parameter")


def test_without_a_wish_no_response_is_kept(client: openai.OpenAI, model_name: str) -> None:
    answer = ask(client, model_name)
    responses = client.responses

    for look in (responses.retrieve, responses.delete, responses.cancel, responses.input_items.list):
        with pytest.raises(openai.NotFoundError) as missing:
            look(answer.id)
        assert (missing.value.code, missing.value.type) == ("request.response_not_found", "invalid_request_error")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-sekisho-none").responses.retrieve(answer.id)


# --- an engine that says exactly what a test wants -------------------------------------------------------------------


@pytest.fixture
async def scripted(before: tuple[Running, str]) -> AsyncIterator[openai.AsyncOpenAI]:
    running, key = before
    async with openai.AsyncOpenAI(base_url=running.base + "/v1", api_key=key, max_retries=0) as client:
        yield client


def tag_in(body: dict[str, Any]) -> str:
    found = TAG.search(json.dumps(body))
    assert found is not None
    return found[0]


def call_in_parts(body: dict[str, Any]) -> list[Delta]:
    arguments = json.dumps({"to": tag_in(body)})
    thought = [{"reasoning_content": letter} for letter in f"For {tag_in(body)}."]
    said = [{"content": letter} for letter in f"To {tag_in(body)}:"]
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send_mail", "arguments": ""}}
    parts = [{"index": 0, "function": {"arguments": arguments[at : at + 3]}} for at in range(0, len(arguments), 3)]
    return [*thought, *said, *({"tool_calls": [part]} for part in (head, *parts))]


def sent_back(node: Any) -> Any:
    """Return an item without what the client's own ``stream`` adds to it, which OpenAI refuses too."""
    if isinstance(node, dict):
        return {k: sent_back(v) for k, v in node.items() if k not in ("parsed", "parsed_arguments")}
    return [sent_back(inner) for inner in node] if isinstance(node, list) else node


async def test_an_agents_turn_is_redacted_and_its_stream_restored(
    scripted: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    """The second request sends the first one's output back, as agents that keep their own conversation do."""
    engine.answer = call_in_parts
    tool: Any = {"type": "function", "name": "send_mail", "parameters": {"type": "object"}, "strict": False}
    talk: list[Any] = [{"role": "user", "content": f"Write to {MAIL}."}]
    wish: Any = {"model": "scripted", "instructions": f"You send mail for {MAIL}.", "tools": [tool]}

    for _ in range(2):
        async with scripted.responses.stream(input=talk, **wish) as stream:
            answer: Any = await stream.get_final_response()
        thought, text, call = answer.output
        assert thought.content[0].text == f"For {MAIL}."
        assert text.content[0].text == f"To {MAIL}:"
        assert (call.call_id, call.name, json.loads(call.arguments)) == ("call_1", "send_mail", {"to": MAIL})
        output = {"type": "function_call_output", "call_id": call.call_id, "output": f"{MAIL} bounced"}
        talk += [*(sent_back(item.to_dict()) for item in answer.output), output]

    assert MAIL not in json.dumps(engine.bodies)
    assert [turn["role"] for turn in engine.bodies[1]["messages"]] == ["system", "user", "assistant", "tool"]
    assert answer.instructions == f"You send mail for {MAIL}."
