"""What a 403 by policy says: bounded, with paths and types, never a value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Capability, Decision, Declared, Reason
from gateway.errors import PolicyDenied
from gateway.http import chat, completions
from gateway.http.call import LONGEST_PATH, Call
from gateway.http.wire import error_body
from gateway.policy.refusal import MOST_FINDINGS, MOST_REASONS, denied


def decision(*reasons: Reason) -> Decision:
    return Decision("01J", False, (), reasons, "r1", "b", "d", "opa")


def row(data: str, line: str = "1") -> Reason:
    return Reason("policy.table_denied", "table", "", "deny", {"row": line, "data": data})


RESIDENCY = Reason("policy.residency", "residency", "GDPR", "deny", {"origin": "DE", "destination": "CN"})
INFO = Reason("policy.residency_same_node", "residency", "", "info")
SSN = ("messages[1].content", "US_SSN")
IBAN = ("messages[0].content", "IBAN_CODE")


def test_types_and_paths_are_named_and_what_to_change() -> None:
    error = denied(decision(row("US_SSN"), INFO), [IBAN, SSN, SSN], leaves_site=True)

    assert error.message == (
        "Policy does not allow this request: data of type US_SSN (messages[1].content) may not go to any target of "
        "this model (policy.table_denied). Remove them or use a model on this site."
    )
    assert (error.code, error.param, error.decision_id) == ("policy.table_denied", "messages[1].content", "01J")


def test_several_types_are_named_each_with_its_places() -> None:
    error = denied(decision(row("US_SSN"), row("IBAN_CODE")), [IBAN, SSN], leaves_site=False)

    assert "IBAN_CODE (messages[0].content) and US_SSN (messages[1].content)" in error.message
    assert error.message.endswith("Remove them.")


def test_another_rule_says_its_reason_and_where_the_way_out_is_told() -> None:
    error = denied(decision(RESIDENCY), [SSN], leaves_site=True)

    assert "(policy.residency)" in error.message
    ways = "Use a model on this site or ask your operator, whom `sekisho doctor policy.residency` tells what helps."
    assert error.message.endswith(ways)
    assert error.param is None


def test_a_row_against_everything_names_no_data() -> None:
    error = denied(decision(row("*")), [SSN], leaves_site=False)

    assert "(policy.table_denied)" in error.message
    assert "US_SSN" not in error.message
    assert error.param is None


def test_a_rule_about_secrets_means_every_secret() -> None:
    reason = Reason("policy.secrets", "secrets", "", "deny", {"data": "API_KEY"})
    found = [("user", "PERSON"), ("messages[0].content", "API_KEY"), ("messages[1].content", "PASSWORD")]

    error = denied(decision(reason), found, leaves_site=True)

    assert "API_KEY (messages[0].content) and PASSWORD (messages[1].content)" in error.message
    assert error.message.endswith("(policy.secrets). Remove them or use a model on this site.")
    assert error.param == "messages[0].content"


def test_a_row_about_one_secret_means_that_one() -> None:
    found = [("messages[0].content", "API_KEY"), ("messages[1].content", "PASSWORD")]

    error = denied(decision(row("API_KEY")), found, leaves_site=False)

    assert error.detail is not None
    assert error.detail["findings"] == [{"path": "messages[0].content", "type": "API_KEY"}]


def test_reasons_that_hang_on_no_data_are_told_beside_those_that_do() -> None:
    error = denied(decision(row("US_SSN"), RESIDENCY), [SSN], leaves_site=False)

    assert "US_SSN (messages[1].content)" in error.message
    assert "(policy.residency)" in error.message
    ways = "Remove them or ask your operator, whom `sekisho doctor policy.residency` tells what helps."
    assert error.message.endswith(ways)


def test_a_no_without_reasons_is_still_a_sentence() -> None:
    error = denied(decision(), [], leaves_site=False)

    assert (error.code, error.message) == (
        "policy.denied",
        "Policy does not allow this request. Ask your operator.",
    )


def test_everything_is_bounded() -> None:
    reasons = [Reason(f"policy.r{n}", "r", "", "deny") for n in range(100)] + [row(f"T{n}") for n in range(100)]
    found = [(f"messages[{n}].content", f"T{n % 100}") for n in range(10_000)]

    error = denied(decision(*reasons), found, leaves_site=True)

    inner = error_body(error)["error"]["sekisho"]
    assert (len(inner["reasons"]), len(inner["findings"])) == (MOST_REASONS, MOST_FINDINGS)
    assert len(error.message) < 1000
    assert len(json.dumps(error_body(error))) < 20_000


def test_the_body_keeps_openais_fields() -> None:
    inner = error_body(denied(decision(row("US_SSN")), [SSN], leaves_site=False))["error"]

    assert (inner["type"], inner["param"], inner["code"]) == ("permission_error", SSN[0], "policy.table_denied")
    assert inner["sekisho"]["reasons"][0]["code"] == "policy.table_denied"
    assert "sekisho" not in error_body(PolicyDenied())["error"]


# --- paths


def call(tree: dict[str, object], api: object = chat.API) -> Call:
    parsed = api.parse(tree)  # type: ignore[attr-defined]
    return Call(api, parsed, tree, Declared(), 10**6)  # type: ignore[arg-type]


def body(**change: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], **change}


SCHEMA = {"type": "object", "properties": {"Ann Lee": {"type": "string", "description": "of Ann Lee"}}}
CALLED = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"Ann Lee": {"content": "x"}}'}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"metadata": {"Ann Lee": "x"}}, {"metadata.*"}),
        ({"user": "Ann Lee", "stop": ["Ann Lee"]}, {"user", "stop[0]"}),
        (
            {"messages": [{"role": "assistant", "tool_calls": [CALLED]}]},
            {
                "messages[0].tool_calls[0].function.name",
                "messages[0].tool_calls[0].function.arguments.*",
                "messages[0].tool_calls[0].function.arguments.*.content",
            },
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]},
            {
                "tools[0].function.name",
                "tools[0].function.parameters.properties.*",
                "tools[0].function.parameters.properties.*.description",
            },
        ),
    ],
)
def test_what_a_caller_named_is_no_part_of_a_path(change: dict[str, object], expected: set[str]) -> None:
    unpacked = call(body(**change))

    shown = {unpacked.where(segment.path) for segment in unpacked.segments} - {"messages[0].content"}

    assert shown == expected


@given(st.recursive(st.text(max_size=20), lambda inner: st.dictionaries(st.text(max_size=20), inner), max_leaves=20))
def test_no_path_holds_a_callers_own_key(tree: object) -> None:
    unpacked = call(body(metadata={"marker-1234": json.dumps(tree)}, user="u"))
    arguments = {"id": "a", "type": "function", "function": {"name": "f", "arguments": json.dumps({"marker-99": tree})}}
    nested = call(body(messages=[{"role": "assistant", "tool_calls": [arguments]}]))

    for each in (unpacked, nested):
        for segment in each.segments:
            where = each.where(segment.path)
            assert "marker" not in where
            assert len(where) <= LONGEST_PATH


def test_a_completions_prompt_has_its_path() -> None:
    unpacked = call({"model": "m", "prompt": "x"}, completions.API)

    assert unpacked.capability is Capability.COMPLETE
    assert [unpacked.where(segment.path) for segment in unpacked.segments] == ["prompt"]


def test_a_call_tells_its_modalities() -> None:
    parts = body(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}]}])

    assert call(parts).modalities == ("text",)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "de",
            "Das Regelwerk lässt diese Anfrage nicht zu: Daten der Art IBAN_CODE (messages[0].content) und US_SSN "
            "(messages[1].content) dürfen an kein Ziel dieses Modells gesendet werden (policy.table_denied); Daten mit "
            "Herkunft Deutschland dürfen nicht dorthin gesendet werden: China; das Recht ihrer Herkunft öffnet keinen "
            "Weg (policy.residency). Lassen Sie sie weg oder nehmen Sie ein Modell an diesem Standort oder fragen Sie "
            "Ihren Betreiber, dem `sekisho doctor policy.residency` sagt, was hilft.",
        ),
        ("ja", "ポリシーにより、このリクエストは許可されません："),
        ("zh", "策略不允许此请求：类型为IBAN_CODE (messages[0].content)和US_SSN (messages[1].content)的数据"),
    ],
)
def test_it_is_said_in_the_language_that_is_asked_for(language: str, expected: str) -> None:
    english = denied(decision(row("US_SSN"), row("IBAN_CODE"), RESIDENCY), iter([IBAN, SSN]), leaves_site=True)

    error = english.spoken(language)

    assert isinstance(error, PolicyDenied)
    assert error.message.startswith(expected)
    assert error.message.endswith((".", "。"))
    assert "。." not in error.message
    assert "。 (" not in error.message
    assert (error.code, error.param, error.reasons) == (english.code, english.param, english.reasons)
    assert english.detail is not None
    assert error.detail is not None
    assert error.detail["findings"] == english.detail["findings"]
    assert error.detail["reasons"] != english.detail["reasons"]


def test_english_and_what_has_no_other_words_stay_as_they_are() -> None:
    error = denied(decision(RESIDENCY), [SSN], leaves_site=False)

    assert error.spoken("en") is error
    assert PolicyDenied().spoken("de").message == PolicyDenied.default_message
