"""Ollama's own Python client against a running gateway: nothing is changed but address and key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import ollama
import pytest
from running import Running
from scripted import Delta, ScriptedEngine

pytestmark = [pytest.mark.real, pytest.mark.slow]

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
COLD: dict[str, Any] = {"temperature": 0, "num_predict": 12}
MAIL = "anna.schmidt@example.com"


@pytest.fixture(scope="session")
def llama(gateway: Running) -> Iterator[ollama.Client]:
    said = {"authorization": f"Bearer {gateway.key('ollama')}"}
    with ollama.Client(gateway.base, headers=said, timeout=60) as client:
        yield client


def test_a_chat_is_answered_whole_and_in_parts(llama: ollama.Client, model_name: str) -> None:
    whole = llama.chat(model_name, HELLO, options=COLD)
    parts = list(llama.chat(model_name, HELLO, options=COLD, stream=True))

    assert whole.message.content == "".join(part.message.content or "" for part in parts) != ""
    assert (whole.done, whole.done_reason, whole.eval_count) == (True, "length", 12)
    assert whole.prompt_eval_count == parts[-1].prompt_eval_count
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_a_prompt_is_answered_by_its_template_or_as_it_is(llama: ollama.Client, model_name: str) -> None:
    told = llama.generate(model_name, "One, two, three,", options=COLD)
    raw = llama.generate(model_name, "One, two, three,", raw=True, options=COLD)

    assert told.response
    assert "four" in raw.response
    assert raw.prompt_eval_count is not None
    assert told.prompt_eval_count is not None
    assert raw.prompt_eval_count < told.prompt_eval_count


def test_a_schema_is_held_by_the_engine(llama: ollama.Client, model_name: str) -> None:
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}

    answer = llama.chat(model_name, HELLO, format=schema, options={"temperature": 0, "num_predict": 50})

    assert json.loads(answer.message.content or "")["colour"] in ("red", "blue")


def test_models_are_listed_and_shown(llama: ollama.Client, model_name: str) -> None:
    assert model_name in [model.model for model in llama.list().models]
    assert "completion" in (llama.show(model_name).capabilities or ())


def test_errors_are_the_clients_own(llama: ollama.Client, gateway: Running, model_name: str) -> None:
    with pytest.raises(ollama.ResponseError) as missing:
        llama.chat("no-such-model", HELLO)
    with pytest.raises(ollama.ResponseError) as refused:
        llama.chat(model_name, HELLO, options={"num_ctx": 4096})
    with ollama.Client(gateway.base) as nobody, pytest.raises(ollama.ResponseError) as stranger:
        nobody.list()

    assert (missing.value.status_code, refused.value.status_code, stranger.value.status_code) == (404, 400, 401)
    assert "options.num_ctx" in refused.value.error


# --- an engine that says exactly what a test wants -------------------------------------------------------------------


@pytest.fixture
async def scripted(before: tuple[Running, str]) -> AsyncIterator[ollama.AsyncClient]:
    running, key = before
    async with ollama.AsyncClient(running.base, headers={"authorization": f"Bearer {key}"}) as client:
        yield client


def call_in_parts(body: dict[str, Any]) -> list[Delta]:
    """Call the tool with what the engine was told, three characters at a time."""
    tag = body["messages"][0]["content"].removeprefix("Write to ").removesuffix(".")
    arguments = json.dumps({"to": tag})
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send_mail", "arguments": ""}}
    parts = [{"index": 0, "function": {"arguments": arguments[at : at + 3]}} for at in range(0, len(arguments), 3)]
    return [{"tool_calls": [part]} for part in (head, *parts)]


def send_mail(to: str) -> None:
    """Send a mail.

    Args:
        to: its address
    """


async def test_a_call_of_a_tool_comes_back_restored(scripted: ollama.AsyncClient, engine: ScriptedEngine) -> None:
    engine.answer = call_in_parts
    turns: list[Any] = [{"role": "user", "content": f"Write to {MAIL}."}]

    stream = await scripted.chat("scripted", turns, tools=[send_mail], stream=True)
    calls = [call async for part in stream for call in part.message.tool_calls or ()]

    assert [(call.function.name, call.function.arguments) for call in calls] == [("send_mail", {"to": MAIL})]
    assert MAIL not in json.dumps(engine.bodies)
    assert engine.bodies[0]["tools"][0]["function"]["name"] == "send_mail"
