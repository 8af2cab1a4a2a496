"""The texts of kept answers, and whom they name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.domain import Caller, Detection, Finding, Segment
from gateway.errors import DetectorUnavailable
from gateway.http.answer_texts import texts_of_answer
from gateway.keeping import OVERLAP, PART, named_in

CALL = {"name": "look_up", "arguments": json.dumps({"name": "Jos\u00e9", "phone": 4915112345678, "a": [{"b": "c"}]})}
FOUND = ["name", "José", "phone", "4915112345678", "a", "b", "c"]


def texts(answer: Any) -> list[str]:
    return [segment.text for segment in texts_of_answer(answer)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"choices": [{"index": 0, "content": "Hi", "finish_reason": "stop"}]}, ["Hi"]),
        ({"choices": [{"index": 0, "reasoning": "hm", "tool_calls": [CALL]}]}, ["hm", "look_up", *FOUND]),
        ({"choices": [{"content": "a"}, {"content": "b"}]}, ["a", "b"]),
        ({"choices": [{"index": 0, "text": "Hi", "logprobs": {"tokens": ["Hi"]}}]}, ["Hi"]),
        (
            {
                "id": "chatcmpl-1",
                "choices": [
                    {
                        "index": 0,
                        "message": {
                            "role": "assistant",
                            "content": None,
                            "refusal": "no",
                            "tool_calls": [{"id": "call_1", "type": "function", "function": CALL}],
                        },
                        "logprobs": {"content": [{"token": "no", "top_logprobs": [{"token": "yes"}]}]},
                    }
                ],
            },
            ["no", "look_up", *FOUND],
        ),
        (
            {
                "id": "resp_1",
                "output": [
                    {"id": "rs_1", "type": "reasoning", "summary": [], "content": [{"type": "r", "text": "hm"}]},
                    {
                        "id": "msg_1",
                        "type": "message",
                        "role": "assistant",
                        "status": "completed",
                        "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": ["Hi"]}],
                    },
                    {"id": "fc_1", "type": "function_call", "call_id": "call_1", "status": "completed", **CALL},
                ],
            },
            ["hm", "Hi", "look_up", *FOUND],
        ),
        ({"id": "resp_1", "response": {"output": [{"type": "x", "unheard_of": "Hi"}]}, "input": ["no"]}, ["Hi"]),
        ({"vectors": ["AAAA"]}, []),
        ({"data": [{"embedding": [0.5]}]}, []),
        ([], []),
    ],
)
def test_every_text_once_and_nothing_else(answer: Any, said: list[str]) -> None:
    assert texts(answer) == said


def test_keys_lead_to_their_values_as_in_a_request() -> None:
    """So that an object of them can be read as a whole."""
    key, value = texts_of_answer({"choices": [{"tool_calls": [{"arguments": '{"password": "x"}'}]}]})
    assert key.path == value.path
    assert {key.direction, value.direction} == {"out"}


class Finder:
    """Finds each ``Anna`` and each URL; ``asked`` are the texts of each call."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.callers: set[tuple[str, str]] = set()

    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        self.asked.append([segment.text for segment in segments])
        self.callers.add((caller.tenant, caller.project))
        found = []
        for index, segment in enumerate(segments):
            for type_, word in (("PERSON", "Anna"), ("URL", "http://x")):
                if (at := segment.text.find(word)) >= 0:
                    found.append(Finding(index, at, at + len(word), type_, 1.0, "test"))
        return Detection(tuple(found), "test/1")


async def named(*said: str, privacy: Any = None) -> list[str]:
    return await named_in(privacy or Finder(), "acme", "support", [Segment((), text) for text in said])


async def test_persons_are_named_in_their_canonical_form_and_nobody_else_is() -> None:
    finder = Finder()
    assert await named("ask Anna", "Anna again", "at http://x", privacy=finder) == ["found:anna"]
    assert finder.callers == {("acme", "support")}
    assert len(finder.asked) == 1


@pytest.mark.parametrize("at", [0, PART - 2, PART - OVERLAP - 2, 2 * PART - OVERLAP - 1, 3 * PART - 4])
async def test_a_long_text_is_searched_in_parts_and_no_cut_hides_a_name(at: int) -> None:
    finder = Finder()
    text = "." * at + "Anna" + "." * (3 * PART - at - 4)

    assert await named("short", text, privacy=finder) == ["found:anna"]

    assert max(sum(map(len, part)) for part in finder.asked) <= PART
    assert len(finder.asked) >= 3


async def test_of_nothing_nothing_is_asked() -> None:
    finder = Finder()
    assert await named(privacy=finder) == []
    assert finder.asked == []


async def test_a_search_that_fails_is_no_empty_result() -> None:
    class Broken(Finder):
        async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
            raise DetectorUnavailable

    with pytest.raises(DetectorUnavailable):
        await named("x", privacy=Broken())
