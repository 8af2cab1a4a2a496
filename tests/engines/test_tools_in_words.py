"""The real small model, whose template knows no tools, calls them all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.domain import Choice

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Munich"]}, "days": {"$ref": "#/$defs/Days"}},
    "required": ["city", "days"],
    "additionalProperties": False,
    "$defs": {"Days": {"type": "integer", "minimum": 1, "maximum": 5}},
}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Tell the weather.", "parameters": PARAMETERS}},
    {"type": "function", "function": {"name": "clock", "description": "Tell the time."}},
]


def check(choice: Choice, names: set[str]) -> None:
    """Each call is of one of these tools, and its arguments are as the tool's schema says."""
    assert choice.finish_reason == "tool_calls"
    assert choice.content is None
    assert choice.tool_calls
    for call in choice.tool_calls:
        arguments = json.loads(call.arguments or "")
        assert call.name in names
        assert (call.id or "").startswith("call_")
        if call.name == "weather":
            assert (arguments["city"] in ("Paris", "Munich"), arguments["days"] in range(1, 6)) == (True, True)
        else:
            assert arguments == {}


async def test_a_required_call_is_made(worker: Any, chat: Any, collect: Any) -> None:
    asked = chat(
        "The weather in Paris for 2 days?", stream=False, tools=TOOLS, tool_choice="required",
        parallel_tool_calls=False, max_tokens=250,
    )  # fmt: skip

    (answer,) = await collect(worker, asked)

    check(answer.choices[0], {"weather", "clock"})
    assert len(answer.choices[0].tool_calls) == 1


async def test_a_named_function_is_called_in_a_stream(worker: Any, chat: Any, collect: Any) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    asked = chat("Hello", tools=TOOLS, tool_choice=named, parallel_tool_calls=False, max_tokens=250)

    parts = [choice for chunk in await collect(worker, asked) for choice in chunk.choices]

    calls = [call for part in parts for call in part.tool_calls]
    assert [call.name for call in calls if call.name] == ["weather"]
    assert len([call for call in calls if call.arguments]) > 2  # as they are made, not at the end
    assert json.loads("".join(call.arguments or "" for call in calls))["city"] in ("Paris", "Munich")
    assert [part.finish_reason for part in parts if part.finish_reason] == ["tool_calls"]
    assert not any(part.content for part in parts)


async def test_left_to_itself_it_calls_or_answers_in_text(worker: Any, chat: Any, collect: Any) -> None:
    (answer,) = await collect(worker, chat("Say hello.", stream=False, tools=TOOLS, max_tokens=250))

    choice = answer.choices[0]
    if choice.tool_calls:
        assert choice.finish_reason in ("tool_calls", "length")
    else:
        assert choice.content
        assert not choice.content.lstrip().startswith('{"content"')


async def test_results_in_the_history_are_read(worker: Any, chat: Any, collect: Any) -> None:
    asked = chat("The weather in Paris?", stream=False, tools=TOOLS, tool_choice="none", max_tokens=8)
    without = await collect(worker, asked)
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    asked.body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny and 21 degrees. " * 4},
    ]

    (answer,) = await collect(worker, asked)

    assert answer.usage.prompt_tokens > without[0].usage.prompt_tokens + 40
    assert answer.choices[0].content


async def test_a_template_that_shows_tools_but_forces_no_call_is_not_relied_on(
    worker_on: Any, model_file: Path, model_manifest: Any, chat: Any, collect: Any
) -> None:
    async with worker_on(model_file, chat_template=model_manifest.chat_template) as showing:
        asked = chat("Hello", stream=False, tools=TOOLS, tool_choice="required", max_tokens=250)
        (answer,) = await collect(showing, asked)

    check(answer.choices[0], {"weather", "clock"})
