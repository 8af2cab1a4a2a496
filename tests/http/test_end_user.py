"""For whom an application says that it asks: read from the body, searched as text, and never told to an engine."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain import Declared
from gateway.errors import BadRequest
from gateway.http import chat, completions
from gateway.http.call import Api, Call

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def unpacked(api: Api, body: dict[str, Any]) -> Call:
    return Call(api, api.parse(body), body, Declared(), 1000)


@pytest.mark.parametrize(
    ("said", "end_user"),
    [
        ({}, ""),
        ({"user": "u-1"}, "u-1"),
        ({"safety_identifier": "u-2"}, "u-2"),
        ({"user": "u-1", "safety_identifier": "u-2"}, "u-2"),
        ({"user": "u-1", "safety_identifier": ""}, "u-1"),
        ({"user": None, "safety_identifier": None}, ""),
    ],
)
def test_of_a_chat(said: dict[str, Any], end_user: str) -> None:
    call = unpacked(chat.API, {**ASKED, **said})

    assert call.end_user == end_user
    assert {segment.text for segment in call.segments} >= {value for value in said.values() if value}
    assert not {"user", "safety_identifier"} & call.body_for_engine([s.text for s in call.segments]).keys()


def test_of_a_completion() -> None:
    assert unpacked(completions.API, {"model": "m", "prompt": "hello", "user": "u-1"}).end_user == "u-1"


def test_only_a_string_names_somebody() -> None:
    with pytest.raises(BadRequest):
        unpacked(chat.API, {**ASKED, "safety_identifier": 4711})
