"""openai-python against a running gateway with a real model: nothing is changed but base URL and key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from running import Running, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]


def ask(client: openai.OpenAI, model: str, **options: Any) -> Any:
    return client.chat.completions.create(**{"model": model, "messages": HELLO, "max_tokens": 12, "seed": 1, **options})


def test_a_chat_is_answered(client: openai.OpenAI, model_name: str) -> None:
    answer = ask(client, model_name)

    assert answer.object == "chat.completion"
    assert answer.model == model_name
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_what_a_plain_call_says(client: openai.OpenAI, model_name: str) -> None:
    plain = ask(client, model_name, temperature=0)
    stream = ask(client, model_name, temperature=0, stream=True)

    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    assert streamed == plain.choices[0].message.content


def test_the_last_chunk_holds_the_usage_when_asked_for(client: openai.OpenAI, model_name: str) -> None:
    *chunks, last = ask(client, model_name, stream=True, stream_options={"include_usage": True})

    assert last.choices == []
    assert last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks)


def test_text_completion_plain_and_streamed(client: openai.OpenAI, model_name: str) -> None:
    options: Any = {"model": model_name, "prompt": "One, two, three,", "max_tokens": 8, "temperature": 0}

    plain = client.completions.create(**options)
    streamed = "".join(chunk.choices[0].text for chunk in client.completions.create(**options, stream=True))

    assert plain.choices[0].text == streamed != ""


def test_a_tool_that_is_required_is_called_plain_and_streamed(client: openai.OpenAI, model_name: str) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Munich"]}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    options: Any = {"tools": tools, "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 250}

    plain = ask(client, model_name, **options).choices[0]
    parts = [chunk.choices[0] for chunk in ask(client, model_name, stream=True, **options) if chunk.choices]

    calls = [call for part in parts for call in part.delta.tool_calls or []]
    assert (plain.finish_reason, parts[-1].finish_reason) == ("tool_calls", "tool_calls")
    assert plain.message.tool_calls[0].function.name == calls[0].function.name == "weather"
    for arguments in (plain.message.tool_calls[0].function.arguments, "".join(c.function.arguments for c in calls)):
        assert json.loads(arguments)["city"] in ("Paris", "Munich")


def test_a_text_that_says_no_length_ends_after_sixteen_tokens(client: openai.OpenAI, model_name: str) -> None:
    answer = client.completions.create(model=model_name, prompt="One, two, three,", temperature=0)

    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (16, "length")


def test_the_same_seed_says_the_same(client: openai.OpenAI, model_name: str) -> None:
    first, second = (ask(client, model_name, seed=42, temperature=1).choices[0].message.content for _ in range(2))

    assert first == second


def test_stop_ends_the_answer_before_the_word(client: openai.OpenAI, model_name: str) -> None:
    free = ask(client, model_name, temperature=0).choices[0].message.content
    word = free.split()[1]

    stopped = ask(client, model_name, temperature=0, stop=[word])

    assert word not in stopped.choices[0].message.content
    assert stopped.choices[0].finish_reason == "stop"


def test_a_json_schema_is_enforced_by_the_engine(client: openai.OpenAI, model_name: str) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}, "count": {"type": "integer"}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}

    answer = ask(client, model_name, response_format=shape, max_tokens=60)

    said = json.loads(answer.choices[0].message.content)
    assert said["colour"] in ("red", "blue")
    assert isinstance(said["count"], int)


TOOL = {
    "type": "function",
    "function": {
        "name": "read_gauge",
        "description": "Read a gauge of the press.",
        "parameters": {"type": "object", "properties": {"gauge": {"type": "integer"}}, "required": ["gauge"]},
    },
}


def test_tools_reach_the_model(client: openai.OpenAI, model_name: str) -> None:
    without, with_tool = (ask(client, model_name, **options).usage for options in ({}, {"tools": [TOOL]}))

    assert with_tool.prompt_tokens > without.prompt_tokens + 20


def test_a_tool_result_can_be_sent_back(client: openai.OpenAI, model_name: str) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "read_gauge", "arguments": '{"gauge":3}'}}
    turns = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "4.2 bar"},
    ]

    assert ask(client, model_name, messages=turns, tools=[TOOL]).choices[0].finish_reason in ("stop", "length")


def test_logprobs_come_when_nothing_was_restored(client: openai.OpenAI, model_name: str) -> None:
    answer = ask(client, model_name, logprobs=True, top_logprobs=2)

    first = answer.choices[0].logprobs.content[0]
    assert first.logprob <= 0
    assert len(first.top_logprobs) == 2


# --- what the specification has beyond that --------------------------------------------------------------------------


def test_several_choices_differ_and_their_prompt_counts_once(client: openai.OpenAI, model_name: str) -> None:
    one, two = (ask(client, model_name, n=n, temperature=1.5, max_completion_tokens=8) for n in (1, 2))

    assert [choice.index for choice in two.choices] == [0, 1]
    assert two.choices[0].message.content != two.choices[1].message.content
    assert two.usage.prompt_tokens == one.usage.prompt_tokens
    assert one.usage.completion_tokens <= 8
    assert two.usage.completion_tokens <= 16


def test_models_are_listed_and_found(client: openai.OpenAI, model_name: str) -> None:
    assert model_name in [model.id for model in client.models.list()]
    assert client.models.retrieve(model_name).id == model_name


# --- errors, as the SDK's own classes --------------------------------------------------------------------------------


def test_a_wrong_field_is_bad_request(client: openai.OpenAI, model_name: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, model_name, messages=[])

    assert refused.value.param == "messages"


@pytest.mark.parametrize("key", ["", "sk-sekisho-wrong", "nonsense"])
def test_without_a_valid_key_it_is_authentication_error(gateway: Running, model_name: str, key: str) -> None:
    stranger = openai.OpenAI(base_url=gateway.base + "/v1", api_key=key or "x", max_retries=0)

    with stranger, pytest.raises(openai.AuthenticationError) as refused:
        ask(stranger, model_name)

    assert refused.value.code == "invalid_api_key"


def test_a_key_works_until_it_is_revoked(gateway: Running, model_name: str) -> None:
    key = gateway.key("short-lived")
    with openai.OpenAI(base_url=gateway.base + "/v1", api_key=key, max_retries=0) as client:
        ask(client, model_name, max_tokens=1)
        sekisho(gateway.folder, "keys", "revoke", "short-lived")

        with pytest.raises(openai.AuthenticationError):
            ask(client, model_name, max_tokens=1)


def test_an_unknown_model_lists_those_there_are(client: openai.OpenAI, model_name: str) -> None:
    with pytest.raises(openai.NotFoundError, match=model_name) as refused:
        ask(client, "gpt-4o")

    assert refused.value.code == "model_not_found"
    assert "alias" in refused.value.message


def test_a_body_over_the_limit_is_413(narrow_client: openai.OpenAI, model_name: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        ask(narrow_client, model_name, messages=[{"role": "user", "content": "word " * 5000}])

    assert refused.value.status_code == 413


def test_a_prompt_longer_than_the_context_is_bad_request(client: openai.OpenAI, model_name: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, model_name, messages=[{"role": "user", "content": "bolt nut " * 6000}])

    assert refused.value.code == "context_length_exceeded"


async def test_a_full_queue_is_a_rate_limit_error(narrow: Running, model_name: str) -> None:
    key = narrow.key("crowd")
    async with openai.AsyncOpenAI(base_url=narrow.base + "/v1", api_key=key, max_retries=0) as client:
        asked = [
            client.chat.completions.create(model=model_name, messages=HELLO, max_tokens=40, logit_bias={"2": -100})
            for _ in range(6)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)

    full = [answer for answer in answers if isinstance(answer, openai.RateLimitError)]
    assert len(full) == 4
    assert all(int(error.response.headers["retry-after"]) >= 1 for error in full)
    assert {error.code for error in full} == {"fleet.queue_full"}


# --- the async client, crowds, hang-ups ------------------------------------------------------------------------------


async def test_thirty_two_streams_at_once_all_end_well(gateway: Running, model_name: str) -> None:
    key = gateway.key("choir")

    async def sing(client: openai.AsyncOpenAI, number: int) -> tuple[str, str | None]:
        turns: Any = [{"role": "user", "content": f"Count from {number}."}]
        stream = await client.chat.completions.create(model=model_name, messages=turns, max_tokens=10, stream=True)
        chunks = [chunk async for chunk in stream]
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        return said, chunks[-1].choices[0].finish_reason

    async with openai.AsyncOpenAI(base_url=gateway.base + "/v1", api_key=key, max_retries=0) as client:
        songs = await asyncio.gather(*(sing(client, number) for number in range(32)))

    assert all(said and reason in ("stop", "length") for said, reason in songs)


async def first_byte_seconds(client: openai.AsyncOpenAI, model: str) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    stream = await client.chat.completions.create(model=model, messages=HELLO, max_tokens=2, stream=True)
    await anext(stream)
    took = loop.time() - began
    async for _ in stream:
        pass
    return took


@pytest.mark.parametrize("stream", [True, False])
async def test_after_a_hang_up_the_engines_slot_is_free_within_200_ms(
    narrow: Running, model_name: str, stream: bool
) -> None:
    key = narrow.key(f"impatient-{stream}")
    async with openai.AsyncOpenAI(base_url=narrow.base + "/v1", api_key=key, max_retries=0) as client:
        usual = sorted([await first_byte_seconds(client, model_name) for _ in range(3)])[1]
        waits = [await _hang_up_and_ask(client, model_name, stream) for _ in range(3)]

    assert min(waits) < usual + 0.2  # the best of three: other programs share this machine


async def _hang_up_and_ask(client: openai.AsyncOpenAI, model: str, stream: bool) -> float:
    """Return how long the first byte takes on the only slot there is, just after its caller hung up."""
    endless: Any = {"model": model, "messages": HELLO, "max_tokens": 1500, "logit_bias": {"2": -100}}
    asking = asyncio.ensure_future(_drain(client, endless, stream))
    await asyncio.sleep(1.0)
    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return await first_byte_seconds(client, model)


async def _drain(client: openai.AsyncOpenAI, request: Any, stream: bool) -> None:
    answer = await client.chat.completions.create(**request, stream=stream)
    if stream:
        async with answer:
            async for _ in answer:
                pass
