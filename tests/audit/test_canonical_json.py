"""Records are RFC 8785 by another implementation's reckoning."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import record as records
from gateway.audit.canonical import LARGEST_INTEGER, canonical
from gateway.domain import Outcome, PolicyInput, Usage

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
integers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_canonical_is_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(model=text, redactions=st.dictionaries(text, st.integers(0, 1000), max_size=4))
def test_an_intent_is_rfc_8785_whatever_its_words(
    new_intent: Callable[..., records.Intent], model: str, redactions: dict[str, int]
) -> None:
    intent = new_intent(model, redactions)
    data = records.encode(intent)

    assert data == rfc8785.dumps(json.loads(data))
    assert msgspec.convert(json.loads(data)["input"], PolicyInput) == intent.input


@given(text, st.floats(0, 1e6), st.integers(0, 2**40))
def test_an_outcome_is_rfc_8785_with_whole_microseconds(word: str, seconds: float, tokens: int) -> None:
    outcome = Outcome("done", "", Usage(tokens, 1), word, seconds, seconds, {word: 1}, 2, {word: 3})

    data = records.encode(records.outcome_record("01J", 3, outcome))

    assert data == rfc8785.dumps(json.loads(data))
    assert json.loads(data)["total_us"] == round(seconds * 1e6)


@given(st.dictionaries(text, values, max_size=4))
def test_an_event_is_rfc_8785(details: dict[str, object]) -> None:
    data = records.encode(records.Event(type="key.created", details=details))

    assert data == rfc8785.dumps(json.loads(data))


def test_keys_are_sorted_by_utf_16_code_units(new_intent: Callable[..., records.Intent]) -> None:
    """The one place where UTF-8 order is another: U+10000 is D800 DC00, before U+E000."""
    assert canonical({"\ue000": 1, "\U00010000": 2}) == '{"\U00010000":2,"\ue000":1}'.encode()

    data = records.encode(new_intent("m", {"\ue000": 1, "\U00010000": 2}))
    assert '{"\U00010000":2,"\ue000":1}'.encode() in data


def test_large_integers_become_strings() -> None:
    assert canonical([2**53 - 1, 2**53, -(2**53)]) == b'[9007199254740991,"9007199254740992","-9007199254740992"]'


@pytest.mark.parametrize("value", [0.5, float("nan"), {1: 2}, b"bytes", {"a": [object()]}])
def test_what_is_no_plain_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical("\ud800")


def test_a_record_over_60_kib_is_refused() -> None:
    with pytest.raises(records.RecordTooLarge):
        records.encode(records.Event(type="config", details={"a": "x" * 61_440}))


def test_times_are_rfc_3339_utc_with_microseconds() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", records.now())
