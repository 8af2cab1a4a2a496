"""Anthropic's own Python client against a running gateway: nothing is changed but base URL and key."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest
from running import Running
from scripted import Delta, ScriptedEngine

pytestmark = [pytest.mark.real, pytest.mark.slow]

COLD = {"temperature": 0}  # of the API, though newer clients have no argument for it
HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
MAIL = "anna.schmidt@example.com"
TAG = re.compile(r"EMAIL_ADDRESS_[0-9A-Z]{16}")
TOOL: Any = {
    "name": "send_mail",
    "description": "Send a mail.",
    "input_schema": {"type": "object", "properties": {"to": {"type": "string"}}},
    "cache_control": {"type": "ephemeral"},
}


@pytest.fixture(scope="session")
def claude(gateway: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=gateway.base, api_key=gateway.key("anthropic"), max_retries=0, timeout=60
    ) as client:
        yield client


def ask(client: anthropic.Anthropic, model: str, **options: Any) -> Any:
    return client.messages.create(
        **{"model": model, "messages": HELLO, "max_tokens": 12, "extra_body": COLD, **options}
    )


def test_a_message_is_answered_and_counted(claude: anthropic.Anthropic, model_name: str) -> None:
    answer = ask(claude, model_name, system="Be brief.")

    counted = claude.messages.count_tokens(model=model_name, messages=HELLO, system="Be brief.")

    assert (answer.type, answer.role, answer.model) == ("message", "assistant", model_name)
    assert answer.content[0].text
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 12)
    assert counted.input_tokens == answer.usage.input_tokens + answer.usage.cache_read_input_tokens > 0
    assert answer._request_id


def test_a_stream_says_what_a_plain_call_says(claude: anthropic.Anthropic, model_name: str) -> None:
    plain = ask(claude, model_name)
    asked: Any = {"model": model_name, "messages": HELLO, "max_tokens": 12, "extra_body": COLD}

    with claude.messages.stream(**asked) as stream:
        said = "".join(stream.text_stream)
        last = stream.get_final_message()

    assert said == plain.content[0].text == last.content[0].text
    assert last.usage.output_tokens == plain.usage.output_tokens
    assert last.stop_reason == "max_tokens"


def test_a_schema_is_held_by_the_engine(claude: anthropic.Anthropic, model_name: str) -> None:
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}

    shape: Any = {"format": {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}}
    answer = ask(claude, model_name, output_config=shape, max_tokens=50)

    assert json.loads(answer.content[0].text)["colour"] in ("red", "blue")


def test_errors_are_of_the_clients_own_classes(claude: anthropic.Anthropic, gateway: Running, model_name: str) -> None:
    stranger = claude.with_options(api_key="sk-sekisho-none")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}

    with pytest.raises(anthropic.AuthenticationError):
        ask(stranger, model_name)
    with pytest.raises(anthropic.NotFoundError) as missing:
        ask(claude, "no-such-model")
    with pytest.raises(anthropic.BadRequestError) as unread:
        ask(claude, model_name, messages=[{"role": "user", "content": [image]}])

    assert missing.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    assert unread.value.body["error"]["param"] == "messages[0].content[0]"  # type: ignore[index]
    assert unread.value.response.headers["x-should-retry"] == "false"


# --- an engine that says exactly what a test wants -------------------------------------------------------------------


@pytest.fixture
async def scripted(before: tuple[Running, str]) -> AsyncIterator[anthropic.AsyncAnthropic]:
    running, key = before
    async with anthropic.AsyncAnthropic(base_url=running.base, auth_token=key, max_retries=0) as client:
        yield client


def tag_in(body: dict[str, Any]) -> str:
    found = TAG.search(json.dumps(body))
    assert found is not None
    return found[0]


def call_in_parts(body: dict[str, Any]) -> list[Delta]:
    arguments = json.dumps({"to": tag_in(body)})
    said = [{"content": letter} for letter in f"To {tag_in(body)}:"]
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send_mail", "arguments": ""}}
    parts = [{"index": 0, "function": {"arguments": arguments[at : at + 3]}} for at in range(0, len(arguments), 3)]
    return [*said, *({"tool_calls": [part]} for part in (head, *parts))]


async def test_an_agents_turn_is_redacted_and_its_stream_restored(
    scripted: anthropic.AsyncAnthropic, engine: ScriptedEngine
) -> None:
    """A request as coding agents send it: caches marked, a user named, an earlier call that failed."""
    engine.answer = call_in_parts
    used = {"type": "tool_use", "id": "toolu_1", "name": "send_mail", "input": {"to": MAIL}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": f"{MAIL} bounced"}
    asked: Any = {
        "model": "scripted",
        "max_tokens": 500,
        "system": [{"type": "text", "text": "You send mail.", "cache_control": {"type": "ephemeral"}}],
        "metadata": {"user_id": "user_1_account__session_2"},
        "thinking": {"type": "disabled"},
        "tools": [TOOL],
        "messages": [
            {"role": "user", "content": f"Write to {MAIL}."},
            {"role": "assistant", "content": [used]},
            {
                "role": "user",
                "content": [result, {"type": "text", "text": "Again.", "cache_control": {"type": "ephemeral"}}],
            },
        ],
    }

    async with scripted.messages.stream(**asked) as stream:
        answer: Any = await stream.get_final_message()

    text, call = answer.content
    assert text.text == f"To {MAIL}:"
    assert (call.type, call.id, call.name, call.input) == ("tool_use", "call_1", "send_mail", {"to": MAIL})
    assert answer.stop_reason == "tool_use"
    assert MAIL not in json.dumps(engine.bodies)
    assert [turn["role"] for turn in engine.bodies[0]["messages"]] == ["system", "user", "assistant", "tool", "user"]
