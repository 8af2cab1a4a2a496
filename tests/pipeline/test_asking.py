"""What a fleet may look at before it chooses: the prompt as each target would get it, made once for each way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from house import CALLER, House, Telemetry

from gateway.asking import Asking
from gateway.domain import Capability, Choosing, Considered, Detection, Grant, Segment

SEGMENTS = (
    Segment(("messages", 0, "content"), "Be brief", "system"),
    Segment(("messages", 1, "content"), "hello SECRET", "user"),
    Segment(("tools", 0, "function", "name"), "find", "tool-name"),
    Segment(("user",), "anna", ""),
    Segment(("stop",), "END", ""),
)
TAGGED = {"*": "pseudonymise"}


@pytest.fixture
def asking(house: House) -> Asking:
    call = SimpleNamespace(segments=SEGMENTS, capability=Capability.CHAT, output_bound=64)
    visit: Any = SimpleNamespace(request_id="R", caller=CALLER, call=call, detection=Detection((), "t/1"), parts={})
    rooms: Any = SimpleNamespace(privacy=house, telemetry=Telemetry(house))
    return Asking(rooms, visit)


def test_tools_are_read_before_messages_and_what_is_no_prompt_is_left_out(asking: Asking) -> None:
    turns = list(asking.turns(Grant("a", TAGGED)))

    assert turns == [("tool-name", "find"), ("system", "Be brief"), ("user", "hello <TAG>")]


def test_targets_that_get_the_same_words_share_one_redaction(asking: Asking, house: House) -> None:
    one, two = Grant("a", TAGGED), Grant("b", TAGGED)
    list(asking.turns(one))
    list(asking.turns(two))

    assert asking.redacted(two) is asking.redacted(one)
    assert [line for line in house.diary if line.startswith("redact")] == ["redact for a"]


@pytest.mark.parametrize(
    "other",
    [Grant("b", {"*": "keep"}), Grant("b", TAGGED, tag_scope="request")],
    ids=["another operator", "another scope of tags"],
)
def test_targets_that_get_other_words_have_another_profile(asking: Asking, other: Grant) -> None:
    one = Grant("a", TAGGED)

    assert asking.profile(one) != asking.profile(other)
    assert asking.redacted(one) is not asking.redacted(other)


@pytest.mark.parametrize("other", [Grant("b", TAGGED, restore=("text",)), Grant("b", TAGGED, output_guard="block")])
def test_what_differs_in_the_answer_alone_shares_the_profile_and_not_the_way_back(asking: Asking, other: Grant) -> None:
    one = Grant("a", TAGGED)

    assert asking.profile(one) == asking.profile(other)
    assert asking.redacted(one) is not asking.redacted(other)


def test_an_embedding_generates_nothing(asking: Asking) -> None:
    assert (asking.generates, asking.max_tokens) == (True, 64)
    asking._visit.call.capability = Capability.EMBED
    assert not asking.generates


async def test_how_the_target_was_chosen_goes_into_the_attempts_intent(house: House, visit: Any) -> None:
    house.choice = Choosing("soonest", 9, 12, 2, (Considered("a", 10, 90), Considered("b", 20, 99)))

    await visit()

    assert house.choices == [house.choice]
