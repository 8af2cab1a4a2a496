"""The question's strings: bounded and in Unicode form NFC, or refused by a stable code."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import (
    LONGEST_TARGET,
    LONGEST_WORD,
    MOST_WORDS,
    Caller,
    Capability,
    DataFacts,
    EnvFacts,
    PolicyInput,
    RequestFacts,
    Role,
    Target,
)
from gateway.errors import PolicyUnavailable
from gateway.policy.question import question

REQUEST = RequestFacts("01J", "chat.completions", Capability.CHAT, "m", False, False, "support")
CALLER = Caller("k1", "acme", "press-shop", (Role.APP,), "support", "plant", "DE", "DE", "DE")
DATA = DataFacts("internal", "DE", {"PERSON": "1"}, "cascade/1")
ENV = EnvFacts("plant", "n1", "2030-01-01T00:00:00Z", 1, "synchronised")
TARGET = Target("plant/n1/w0:m", "m", (Capability.CHAT,), "plant", "n1", "DE", True)
NFD = "Ko\u0308ln"
NFC = "K\u00f6ln"

PLACES: list[tuple[str, str]] = [
    *(("request", name) for name in ("id", "endpoint", "model", "purpose")),
    *(("caller", name) for name in ("key_id", "tenant", "project", "site", "jurisdiction", "access_from")),
    *(("data", name) for name in ("collected_in", "detector")),
    *(("env", name) for name in ("site", "node", "time")),
    *(("lists", name) for name in ("entities", "jurisdictions", "special", "languages")),
    ("target", "id"),
]


def ask(place: tuple[str, str] = ("", ""), text: str = "") -> PolicyInput:
    """Return the question with ``text`` at one place."""
    part, name = place
    parts: dict[str, Any] = {"request": REQUEST, "caller": CALLER, "data": DATA, "env": ENV, "target": TARGET}
    if part == "lists":
        parts["data"] = replace(DATA, **{name: {text: "1"} if name == "entities" else (text,)})
    elif part:
        parts[part] = replace(parts[part], **{name: text})
    return question(parts["request"], parts["caller"], parts["data"], [parts["target"]], parts["env"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", ["too long", "not NFC"])
def test_a_string_that_does_not_fit_is_refused(place: tuple[str, str], fault: str) -> None:
    longest = LONGEST_TARGET if place[0] == "target" else LONGEST_WORD

    with pytest.raises(PolicyUnavailable) as refused:
        ask(place, "x" * (longest + 1) if fault == "too long" else NFD)

    assert refused.value.code == "policy.input_unfit"


@pytest.mark.parametrize("place", PLACES)
def test_a_string_that_fits_is_passed_on_as_it_is(place: tuple[str, str]) -> None:
    longest = LONGEST_TARGET if place[0] == "target" else LONGEST_WORD

    for text in ("x" * longest, NFC, ""):
        assert text in str(ask(place, text))


@pytest.mark.parametrize("name", ["jurisdictions", "special", "languages"])
def test_lists_are_bounded(name: str) -> None:
    data = replace(DATA, **{name: ("x",) * (MOST_WORDS + 1)})

    with pytest.raises(PolicyUnavailable):
        question(REQUEST, CALLER, data, [TARGET], ENV)


def test_every_word_of_the_document_is_looked_at() -> None:
    """A field that is added to the input later is either in the list above or no free text."""
    kinds = {"request": type(REQUEST), "caller": type(ask().caller), "data": DataFacts, "env": EnvFacts}
    words = {
        (part, field.name)
        for part, kind in kinds.items()
        for field in msgspec.structs.fields(kind)
        if ("max_length" in str(field.type) and field.name not in ("entities", "jurisdictions", "special", "languages"))
        or field.type is str
    }

    assert len(words) > 10
    assert words - {("data", name) for name in ("entities", "jurisdictions", "special", "languages")} <= set(PLACES)


@given(st.text(max_size=40))
def test_what_is_let_through_is_what_its_schema_allows(text: str) -> None:
    try:
        asked = ask(("caller", "tenant"), text)
    except PolicyUnavailable:
        return
    try:
        raw = msgspec.json.encode(asked)
    except UnicodeEncodeError:
        return
    assert msgspec.json.decode(raw, type=PolicyInput) == asked
