from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import Capability, Choice, Chunk, Prompt, Usage
from gateway.engines.calls import Count, numbered, single_calls
from gateway.engines.dialect import LlamaDialect, OpenAIDialect


def prompt(capability: Capability = Capability.COMPLETE, slot: int | None = 1, **body: Any) -> Prompt:
    return Prompt("r", capability, body, stream=False, slot=slot)


@pytest.mark.parametrize(
    ("body", "prompts"),
    [
        ({"prompt": "a"}, ["a"]),
        ({"prompt": ["a", "b"]}, ["a", "b"]),
        ({"prompt": [1, 2]}, [[1, 2]]),
        ({"prompt": [[1, 2], [3]]}, [[1, 2], [3]]),
        ({"prompt": ["a", "b"], "n": 2}, ["a", "a", "b", "b"]),
    ],
)
def test_each_choice_is_a_call_of_its_own(body: dict[str, Any], prompts: list[Any]) -> None:
    calls = single_calls(prompt(**body))

    assert [call.body["prompt"] for call in calls] == prompts
    assert all("n" not in call.body for call in calls)


def test_seeds_differ_between_choices() -> None:
    calls = single_calls(prompt(Capability.CHAT, messages=[], n=3, seed=2**32 - 1))

    assert [call.body["seed"] for call in calls] == [2**32 - 1, 0, 1]


def test_repeated_prompts_count_once() -> None:
    count = Count()
    for repeats in (False, True, True):
        count.add(Usage(10, 2, 1), repeats)

    assert count.usage == Usage(10, 6, 1)


def test_choices_are_numbered_on() -> None:
    assert numbered(Chunk((Choice(0, content="x"),), Usage(1, 1)), 2) == Chunk((Choice(2, content="x"),))


def test_llama_cache_is_reused_only_for_the_tenant_and_only_on_a_pinned_slot() -> None:
    def cached(slot: int | None, reuse: bool) -> Any:
        asked = Prompt("r", Capability.CHAT, {"messages": []}, stream=True, slot=slot, reuse_cache=reuse)
        return LlamaDialect().calls(asked, "m")[0].body["cache_prompt"]

    assert (cached(1, True), cached(1, False), cached(None, True)) == (True, False, False)


@pytest.mark.parametrize("field", ["id_slot", "cache_prompt", "stream", "model", "return_progress", "n_cmpl"])
def test_caller_cannot_set_what_is_ours(field: str) -> None:
    asked = prompt(prompt="a", **{field: "theirs"})

    assert LlamaDialect().calls(asked, "m")[0].body.get(field) != "theirs"


def test_alternatives_that_nobody_asked_for_are_dropped() -> None:
    asked = prompt(Capability.CHAT, messages=[], logprobs=True)
    received = Chunk((Choice(0, logprobs={"content": [{"token": "a", "top_logprobs": [1]}]}), Choice(1)))

    tidied = LlamaDialect().tidy(received, asked)

    assert tidied.choices[0].logprobs == {"content": [{"token": "a", "top_logprobs": []}]}


def test_any_other_engine_gets_the_body_as_it_is() -> None:
    asked = Prompt("r", Capability.CHAT, {"messages": [], "n": 2, "stream_options": {}}, stream=False)

    assert [call.body for call in OpenAIDialect().calls(asked, "m")] == [
        {"messages": [], "n": 2, "model": "m", "stream": False}
    ]
