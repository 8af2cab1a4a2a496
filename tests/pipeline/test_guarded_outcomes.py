"""What the guard of answers did is counted in the outcome: by type, never by value, whatever the answer's form."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from gateway.audit import record as records
from gateway.domain import Choice, Chunk, Detection, Finding, Segment, ToolCallDelta
from gateway.errors import DetectorUnavailable, OutputBlocked
from gateway.privacy.guard import Guard
from gateway.privacy.own import Own
from gateway.privacy.redact import Book

FOUND = {"PERSON": r"Bob Bolt|Ada Lovelace", "EMAIL_ADDRESS": r"[a-z]+@[a-z.]+[a-z]"}


async def detect(segments: Sequence[Segment]) -> Detection:
    if any("crash" in segment.text for segment in segments):
        raise DetectorUnavailable
    found = [
        Finding(index, match.start(), match.end(), type, 1.0, "test")
        for index, segment in enumerate(segments)
        for type, form in FOUND.items()
        for match in re.finditer(form, segment.text)
    ]
    return Detection(tuple(sorted(found, key=lambda each: (each.segment, each.start))), "test/1")


def guard(mode: Literal["redact", "block"] = "redact") -> Guard:
    return Guard(detect, mode, Book(b"k" * 32), Own(["About Ada Lovelace."]))


def call(index: int = 0, name: str | None = None, arguments: str | None = None) -> Chunk:
    return Chunk((Choice(0, tool_calls=(ToolCallDelta(index, name=name, arguments=arguments),)),))


def said(*texts: str) -> list[Chunk]:
    return [Chunk((Choice(0, content=text),)) for text in texts]


TWO = "Ask Bob Bolt or bob@x.example, not Ada Lovelace. Bob Bolt knows."
ANSWERS: dict[str, tuple[list[Chunk], dict[str, int]]] = {
    "plain": ([Chunk((Choice(0, content=TWO, finish_reason="stop"),))], {"PERSON": 2, "EMAIL_ADDRESS": 1}),
    "streamed": (said(*TWO), {"PERSON": 2, "EMAIL_ADDRESS": 1}),
    "two choices": (
        [Chunk((Choice(0, content="Bob Bolt"), Choice(1, content="Bob Bolt"), Choice(2, content="nobody")))],
        {"PERSON": 2},
    ),
    "reasoning": ([Chunk((Choice(0, reasoning="Bob Bolt", content="hm"),))], {"PERSON": 1}),
    "tool calls": (
        [
            call(0, name="mail_bob@x.example"),
            call(0, arguments='{"to": "bob@'),
            call(0, arguments='x.example"}'),
            call(1, arguments='{"cc": "Bob\\u0020Bolt"}'),
        ],
        {"EMAIL_ADDRESS": 2, "PERSON": 1},
    ),
    "the caller's own": (said("Ada Lovelace"), {}),
}


@pytest.mark.parametrize(("answer", "counts"), ANSWERS.values(), ids=ANSWERS)
async def test_masks_are_counted_by_type(house: Any, visit: Any, answer: list[Chunk], counts: dict[str, int]) -> None:
    house.engines["a"].script = answer
    house.guard = guard()

    await visit()

    assert [outcome.guarded for outcome in house.outcomes] == [counts]


@pytest.mark.parametrize(("answer", "counts"), ANSWERS.values(), ids=ANSWERS)
async def test_what_ended_an_answer_is_counted(
    house: Any, visit: Any, answer: list[Chunk], counts: dict[str, int]
) -> None:
    house.engines["a"].script = answer
    house.guard = guard("block")

    if counts:
        with pytest.raises(OutputBlocked):
            await visit()
        assert set(house.outcomes[0].guarded) <= set(counts)
        assert house.outcomes[0].code == "privacy.output_blocked"
    else:
        await visit()
    assert bool(house.outcomes[0].guarded) is bool(counts)


async def test_masks_before_a_failure_stay_counted(house: Any, visit: Any) -> None:
    house.engines["a"].script = said("This was told by Bob Bolt some time ago. And", " then a crash. ")
    house.guard = guard()

    with pytest.raises(DetectorUnavailable):
        await visit()

    assert (house.outcomes[0].status, house.outcomes[0].guarded) == ("failed", {"PERSON": 1})


async def test_without_a_guard_nothing_is_counted(house: Any, visit: Any) -> None:
    house.engines["a"].script = said("Bob Bolt")

    await visit()

    assert house.outcomes[0].guarded == {}


async def test_the_record_holds_counts_and_no_value(house: Any, visit: Any) -> None:
    house.engines["a"].script = said(TWO)
    house.guard = guard()
    await visit()

    data = records.encode(records.outcome_record("01J", 3, house.outcomes[0]))

    assert json.loads(data)["guarded"] == {"EMAIL_ADDRESS": 1, "PERSON": 2}
    assert b"Bob" not in data
    assert b"bob" not in data
