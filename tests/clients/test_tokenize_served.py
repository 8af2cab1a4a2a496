"""Tokens of a real model through a running gateway, with detection on: what is cut is what an engine would read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from running import Running

pytestmark = [pytest.mark.real]

TEXT = "The press stands in hall 7 \u2014 M\u00fcnchen \u90fd\U0001f697."


@pytest.fixture(scope="module")
def caller(gateway: Running) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {gateway.key('tokens')}"}
    with httpx.Client(base_url=gateway.base, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def post(caller: httpx.Client, path: str, model: str, **fields: Any) -> Any:
    answer = caller.post(path, json={"model": model, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_text_comes_back_from_its_tokens(caller: httpx.Client, model_name: str) -> None:
    tokens = post(caller, "/tokenize", model_name, content=TEXT)["tokens"]
    pieces = post(caller, "/v1/tokenize", model_name, content=TEXT, with_pieces=True)["tokens"]

    assert [piece["id"] for piece in pieces] == tokens
    raw = b"".join(p["piece"].encode() if isinstance(p["piece"], str) else bytes(p["piece"]) for p in pieces)
    assert raw.decode() == TEXT
    assert any(isinstance(piece["piece"], list) for piece in pieces), "no piece of this text is a part of a character"
    assert post(caller, "/detokenize", model_name, tokens=tokens) == {"content": TEXT}


def test_marks_are_one_token_where_they_are_read_as_such(caller: httpx.Client, model_name: str) -> None:
    read = post(caller, "/tokenize", model_name, content="<|im_start|>")["tokens"]
    plain = post(caller, "/tokenize", model_name, content="<|im_start|>", parse_special=False)["tokens"]

    assert len(read) == 1 < len(plain)
    assert post(caller, "/detokenize", model_name, tokens=read) == {"content": "<|im_start|>"}


def test_a_prompts_tokens_are_those_that_the_engine_counts(caller: httpx.Client, model_name: str) -> None:
    tokens = post(caller, "/tokenize", model_name, content="Count the presses in hall 7", add_special=True)["tokens"]
    told = post(caller, "/v1/completions", model_name, prompt="Count the presses in hall 7", max_tokens=1)

    assert len(tokens) == told["usage"]["prompt_tokens"]


def test_ids_that_no_vocabulary_has_are_refused(caller: httpx.Client, model_name: str) -> None:
    answer = caller.post("/detokenize", json={"model": model_name, "tokens": [2**31 - 1]})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tokens")
