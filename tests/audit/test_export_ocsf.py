"""Events of the OCSF export are API Activity (6003) of OCSF 1.9.0, chained by its profile ``record_integrity``.

What 1.9.0 says of ``attestation_list``, ``fingerprint`` and ``prev_event`` stands below, in our words (source: OCSF
schema 1.9.0, Apache-2.0); all else is held against the schema of the class that the package ``ocsf-json-schema``
carries, 1.8.0, which 1.9.0 changed in nothing that these events use.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from gateway.audit.canonical import canonical
from gateway.audit.export import ocsf
from gateway.audit.export.columns import Row
from gateway.audit.log.merkle import leaf_hash
from gateway.audit.log.reader import Filter, raw_records
from gateway.domain import Outcome, Usage
from tests.audit.conftest import CALLER, DECISION, question
from tests.audit.exports import BERLIN, HOSTILE, make, manifest_of, proves

Log = Any  # conftest.OpenLog

_WORD = {"type": "string"}
_FINGERPRINT = {
    "type": "object",
    "properties": {
        "algorithm_id": {"enum": [*range(21), 99]},
        "algorithm": _WORD,
        "value": _WORD,
        "encoding_id": {"enum": [0, 1, 2, 3, 99]},
        "encoding": _WORD,
        "serialization_id": {"enum": [*range(9), 99]},
        "serialization": _WORD,
    },
    "required": ["algorithm_id", "value"],
    "additionalProperties": False,
}
_PREVIOUS = {
    "type": "object",
    "properties": {"uid": _WORD, "type_uid": {"type": "integer"}, "fingerprint": _FINGERPRINT},
    "required": ["uid"],
    "additionalProperties": False,
}
_ATTESTATION = {
    "type": "object",
    "properties": {
        "uid": _WORD,
        "authority_uid": _WORD,
        "chain_uid": _WORD,
        "fingerprint": _FINGERPRINT,
        "prev_event": _PREVIOUS,
        "signatures": {"type": "array"},
    },
    "anyOf": [{"required": ["fingerprint"]}, {"required": ["signatures"]}],
    "additionalProperties": False,
}


@cache
def validator() -> Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema(
        "api_activity", ["ai_operation", "datetime", "security_control"]
    )
    schema["properties"]["attestation_list"] = {"type": "array", "items": _ATTESTATION}
    schema["$defs"]["fingerprint"] = _FINGERPRINT
    return Draft202012Validator(schema)


@pytest.fixture
def events(open_log: Callable[..., Log], tmp_path: Path) -> list[dict[str, Any]]:
    log = open_log()
    for number, text in enumerate(HOSTILE):
        log.intent(number, text).close(Outcome("done", usage=Usage(3, 4), total_seconds=1.5, finish_reason=text))
    log.intent(90).close(Outcome("failed", "engine.unavailable"))
    log.intent(91).close(Outcome("hung_up"))
    asked = question("01JDENIED", "m")
    log.book.denial(code="policy.residency", status=403, caller=CALLER, question=asked, decision=DECISION, source="::1")
    log.book.denial(code="identity.key_unknown", status=401, source="127.0.0.1")
    log.book.preview(CALLER, asked, DECISION)
    for kind in ("key.created", "key.revoked", "config", "admin.exported", "policy.activated"):
        log.book.event(kind, by="mia", details={"key": {"name": "x"}})
    log.book.close()
    done = make(log, tmp_path / "out", "ocsf")
    found = [json.loads(line) for line in done.out.read_bytes().split(b"\n")[:-1]]
    leaves = {event["unmapped"]["leaf_index"]: bytes.fromhex(event["unmapped"]["leaf_hash"]) for event in found}
    assert proves(manifest_of(done.out, log.vkey).said["logs"][0], leaves)
    return found


def test_every_event_is_valid(events: list[dict[str, Any]]) -> None:
    for event in events:
        problems = [f"{list(error.path)} {error.message}" for error in validator().iter_errors(event)]
        assert not problems, event["metadata"]["event_code"]


def test_the_schema_finds_what_is_wrong(events: list[dict[str, Any]]) -> None:
    for broken in (
        {**events[0], "class_uid": "6003"},
        {**events[0], "not_in_the_class": 1},
        {name: value for name, value in events[0].items() if name != "api"},
        {**events[0], "attestation_list": [{"uid": "x"}]},
    ):
        assert not validator().is_valid(broken)


def test_an_event_says_what_the_record_says(events: list[dict[str, Any]]) -> None:
    intent, outcome = events[0], events[1]
    denial = next(event for event in events if event["metadata"]["event_code"] == "denial")

    assert (intent["activity_id"], intent["activity_name"], intent["type_uid"]) == (99, "intent", 600399)
    assert (intent["action"], intent["disposition"], intent["ai_model"]["name"]) == ("Allowed", "Allowed", "=1+1")
    assert intent["dst_endpoint"]["location"]["country"] == "DE"
    assert outcome["message_context"]["total_tokens"] == 7 and outcome["duration"] == 1500
    assert (denial["action"], denial["status"], denial["status_code"]) == ("Denied", "Failure", "policy.residency")
    assert denial["src_endpoint"] == {"name": "::1"} and denial["api"]["response"]["code"] == 403
    assert intent["time"] == int(datetime.fromisoformat(intent["time_dt"]).timestamp() * 1000)


@pytest.mark.parametrize(
    ("kind", "activity"), [("key.created", 1), ("key.revoked", 4), ("config", 3), ("admin.exported", 2)]
)
def test_changes_are_what_they_do(events: list[dict[str, Any]], kind: str, activity: int) -> None:
    event = next(event for event in events if event["metadata"]["event_code"] == kind)

    assert (event["activity_id"], event["type_uid"]) == (activity, 600300 + activity)
    assert event["actor"]["user"] == {"name": "mia", "type_id": 2, "type": "Admin"}


def test_the_record_itself_is_in_its_event(events: list[dict[str, Any]]) -> None:
    for event in events:
        raw = event["raw_data"].encode()
        assert leaf_hash(raw).hex() == event["unmapped"]["leaf_hash"] == event["attestation_list"][0]["uid"]
        assert event["raw_data_hash"]["value"] == hashlib.sha256(raw).hexdigest()


def test_events_of_a_log_are_a_chain(events: list[dict[str, Any]]) -> None:
    previous: dict[str, Any] = {}
    for event in events:
        (attested,) = event["attestation_list"]
        fingerprint = attested.pop("fingerprint")
        assert fingerprint["value"] == hashlib.sha256(canonical(event)).hexdigest()
        assert attested.get("prev_event", {}) == previous
        uid, kind = event["metadata"]["uid"], event["type_uid"]
        previous = {"uid": uid, "type_uid": kind, "fingerprint": fingerprint}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_is_canonical(text: str) -> None:
    value = {"b": text, "a": [1, {"y": True, "x": None}]}

    assert ocsf._encoder.encode(value) == canonical(value)


def test_an_export_of_what_matches_is_a_chain_of_its_own(open_log: Callable[..., Log], tmp_path: Path) -> None:
    log = open_log()
    for number in range(3):
        log.intent(number).close(Outcome("done"))
    log.book.close()

    out = make(log, tmp_path / "out", "ocsf", Filter(type="outcome")).out
    lines = out.read_bytes().split(b"\n")[:-1]
    found = [json.loads(line)["attestation_list"][0].get("prev_event", {}).get("uid", "") for line in lines]

    assert found == ["", "berlin/node1/w0/default/1", "berlin/node1/w0/default/3"]
    row = Row(0, b"", next(iter(raw_records(log.folder))), "default", BERLIN.zone)
    assert ocsf.event_of(row, "p")["timezone_offset"] in (60, 120)
