"""What counts as a decision, and what does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import PolicyInput
from gateway.policy.answer import Refused, read_answer
from tests.policy.conftest import make_question

GOOD: dict[str, Any] = {
    "version": "sekisho.answer/1",
    "allow": True,
    "granted": {"muc/n/w0:m": "same-node||"},
    "terms": {
        "same-node||": {
            "redact": {"*": "pseudonymise", "CREDIT_CARD": "mask"},
            "tag_scope": "project",
            "restore": ["text", "arguments"],
            "obligations": [],
            "output_guard": "redact",
        }
    },
    "reasons": {"x": [{"code": "policy.x", "legal": "art. 1", "severity": "info", "params": {"origin": "DE"}}]},
    "facts": "r1",
    "remember_until": "",
}
Edit = Callable[[dict[str, Any]], Any]


def _read(result: Any, question: PolicyInput | None = None) -> Any:
    raw = json.dumps({"result": result}).encode()
    return read_answer(raw, question or make_question(), ["r1"])


def _edited(edit: Edit) -> dict[str, Any]:
    result = copy.deepcopy(GOOD)
    edit(result)
    return result


def _code(raw: bytes) -> str:
    with pytest.raises(Refused) as refusal:
        read_answer(raw, make_question(), ["r1"])
    return refusal.value.code


def test_a_whole_answer_is_taken_as_it_is() -> None:
    answer = _read(GOOD)

    assert answer.allow
    assert answer.targets[0].redact == {"*": "pseudonymise", "CREDIT_CARD": "mask"}
    assert answer.targets[0].restore == ("text", "arguments")
    assert answer.targets[0].output_guard == "redact"
    assert answer.reasons[0].legal == "art. 1"


def test_a_no_without_targets_is_an_answer() -> None:
    assert not _read({**GOOD, "allow": False, "granted": {}}).allow


def test_grants_stand_in_the_order_of_the_candidates() -> None:
    names = ["pek/n/w0:m", "muc/n/w0:m", "ber/n/w0:m"]
    granted = dict.fromkeys(["ber/n/w0:m", "pek/n/w0:m"], "same-node||")

    answer = _read({**GOOD, "granted": granted}, make_question(*names))

    assert [grant.id for grant in answer.targets] == ["pek/n/w0:m", "ber/n/w0:m"]


def test_refusals_stand_before_other_reasons() -> None:
    no = {**REASON, "code": "policy.y", "severity": "deny"}

    answer = _read({**GOOD, "reasons": {"x": [REASON], "y": [no]}})

    assert [(reason.rule, reason.code) for reason in answer.reasons] == [("y", "policy.y"), ("x", "policy.x")]


def test_no_result_is_undefined() -> None:
    assert _code(b"{}") == "policy.undefined"


TERMS, REASON = GOOD["terms"]["same-node||"], GOOD["reasons"]["x"][0]

MALFORMED: dict[str, Edit] = {
    "another version": lambda r: r.update(version="sekisho.answer/2"),
    "an unknown field": lambda r: r.update(forever=True),
    "a time that is none": lambda r: r.update(remember_until="tomorrow"),
    "a time of no zone": lambda r: r.update(remember_until="2099-01-01T00:00:00"),
    "an unknown field of terms": lambda r: r["terms"]["same-node||"].update(guard="off"),
    "an unknown field of a reason": lambda r: r["reasons"]["x"][0].update(text="because"),
    "an unknown operator": lambda r: r["terms"]["same-node||"]["redact"].update(PERSON="encrypt"),
    "an unknown scope": lambda r: r["terms"]["same-node||"].update(tag_scope="tenant"),
    "an unknown channel": lambda r: r["terms"]["same-node||"].update(restore=["files"]),
    "an unknown output guard": lambda r: r["terms"]["same-node||"].update(output_guard="maybe"),
    "an unknown severity": lambda r: r["reasons"]["x"][0].update(severity="maybe"),
    "no rule for other findings": lambda r: r["terms"]["same-node||"].update(redact={"PERSON": "pseudonymise"}),
    "a target nobody asked for": lambda r: r["granted"].update({"elsewhere/n/w0:m": "same-node||"}),
    "terms that are not there": lambda r: r["granted"].update({"muc/n/w0:m": "elsewhere||"}),
    "yes to nothing": lambda r: r.update(granted={}),
    "no with targets": lambda r: r.update(allow=False),
    "a yes that is not a boolean": lambda r: r.update(allow="true"),
    **{f"no {name}": (lambda r, name=name: r.pop(name)) for name in GOOD},
    **{f"terms without {name}": (lambda r, name=name: r["terms"]["same-node||"].pop(name)) for name in TERMS},
    **{f"a reason without {name}": (lambda r, name=name: r["reasons"]["x"][0].pop(name)) for name in REASON},
}


@pytest.mark.parametrize("edit", MALFORMED.values(), ids=MALFORMED)
def test_it_is_malformed_with(edit: Edit) -> None:
    with pytest.raises(Refused) as refusal:
        _read(_edited(edit))

    assert refusal.value.code == "policy.malformed"


def test_content_is_to_be_kept_for_the_longest_time_that_is_said() -> None:
    def keeping(*obligations: str) -> int:
        answer = _read(_edited(lambda r: r["terms"]["same-node||"].update(obligations=list(obligations))))
        return int(answer.targets[0].keep_content_days)

    assert keeping() == 0
    assert keeping("keep_content/30") == 30
    assert keeping("keep_content/30", "keep_content/365") == 365


@pytest.mark.parametrize(
    "obligation", ["watermark", "keep_content", "keep_content/0", "keep_content/x", "Keep_content/3"]
)
def test_an_obligation_that_is_not_known_is_refused(obligation: str) -> None:
    with pytest.raises(Refused) as refusal:
        _read(_edited(lambda r: r["terms"]["same-node||"].update(obligations=[obligation])))

    assert refusal.value.code == "policy.unknown_obligation"


def test_facts_that_were_not_pushed_are_refused() -> None:
    with pytest.raises(Refused) as refusal:
        _read({**GOOD, "facts": ""})

    assert refusal.value.code == "policy.facts_unknown"


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"true", b'{"result": null}', b"\xff", b'{"result": {}', b"<html>"]
)
def test_rubbish_is_malformed(raw: bytes) -> None:
    assert _code(raw) == "policy.malformed"


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.text(), lambda c: st.dictionaries(st.text(), c)))
def test_no_bytes_at_all_become_a_yes(noise: Any) -> None:
    raw = noise if isinstance(noise, bytes) else json.dumps({"result": noise}).encode()

    with pytest.raises(Refused):
        read_answer(raw, make_question(), ["r1"])
