"""What llama.cpp would misread of OpenAI's words is said in its own."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import Capability, Choice, Chunk, Prompt
from gateway.engines.dialect import LlamaDialect
from gateway.errors import BadRequest

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]


def said(capability: Capability = Capability.CHAT, **body: Any) -> dict[str, Any]:
    """Return what goes to llama.cpp for a body."""
    [call] = LlamaDialect().calls(Prompt("r", capability, body, stream=False), "m")
    return call.body


def test_a_tool_that_is_named_is_the_only_one_and_required() -> None:
    body = said(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "b"}})

    assert (body["tools"], body["tool_choice"]) == ([TOOLS[1]], "required")


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_a_choice_that_is_a_word_passes_as_it_is(choice: str) -> None:
    body = said(tools=TOOLS, tool_choice=choice)

    assert (body["tools"], body["tool_choice"]) == (TOOLS, choice)


def test_log_probabilities_beside_tools_are_refused_by_name() -> None:
    with pytest.raises(BadRequest) as refused:
        said(tools=TOOLS, logprobs=True)

    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "logprobs")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_completion_tokens": 5, "max_tokens": 9}, {"max_tokens": 5}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"seed": -1}, {"seed": 2**32 - 2}),
        ({"seed": 2**32 - 1}, {"seed": 0}),
        ({"seed": 7}, {"seed": 7}),
        ({"presence_penalty": 0.5}, {"presence_penalty": 0.5, "repeat_last_n": -1}),
        ({"logprobs": True}, {"logprobs": True, "top_logprobs": 1}),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ],
)
def test_numbers_mean_what_they_mean_to_openai(given: dict[str, Any], expected: dict[str, Any]) -> None:
    ours = said().keys()

    assert {name: value for name, value in said(**given).items() if name not in ours} == expected


@pytest.mark.parametrize(("asked", "sent"), [(0, 1), (3, 3)])
def test_a_texts_log_probabilities_are_asked_for_by_their_number(asked: int, sent: int) -> None:
    body = said(Capability.COMPLETE, prompt="x", logprobs=asked)

    assert (body["n_probs"], "logprobs" in body) == (sent, False)


def test_alternatives_that_nobody_asked_for_are_not_told() -> None:
    told = {"content": [{"token": "x", "logprob": -1.0, "top_logprobs": [{"token": "y", "logprob": -1.0}]}]}
    prompt = Prompt("r", Capability.COMPLETE, {"prompt": "x", "logprobs": 0}, stream=False)

    chunk = LlamaDialect().tidy(Chunk((Choice(0, content="x", logprobs=told),)), prompt)

    assert chunk.choices[0].logprobs["content"][0]["top_logprobs"] == []
