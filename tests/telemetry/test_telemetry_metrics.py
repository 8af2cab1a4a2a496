"""What `/metrics` shows, and that no text of a request can become a label."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.domain import Outcome, Usage
from gateway.telemetry.accumulate import Names, Times
from gateway.telemetry.metrics import ENDPOINTS, Metrics

CHAT = "/v1/chat/completions"
DONE = Outcome(status="done", usage=Usage(10, 20), first_byte_seconds=0.02, total_seconds=0.3)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3", models=["tiny"])


def samples(metrics: Metrics, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """Read the page back with Prometheus' own parser: labels (sorted) to value."""
    families = text_string_to_metric_families(metrics.render().decode())
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(sorted(sample.labels.items())): sample.value for sample in found}


def pass_through(metrics: Metrics, outcome: Outcome = DONE, endpoint: str = CHAT, model: str = "tiny") -> None:
    metrics.entered()
    with metrics.stage("detect", {}):
        pass
    metrics.left(endpoint, model, outcome)


def test_a_request_is_counted_with_its_times_and_tokens(metrics: Metrics) -> None:
    pass_through(metrics)

    labels = (("code", ""), ("endpoint", CHAT), ("model", "tiny"), ("outcome", "done"))
    assert samples(metrics, "sekisho_requests_total") == {labels: 1}
    assert samples(metrics, "sekisho_tokens_total") == {
        (("direction", "in"), ("model", "tiny")): 10,
        (("direction", "out"), ("model", "tiny")): 20,
    }
    assert samples(metrics, "sekisho_request_seconds_sum") == {(("endpoint", CHAT),): 0.3}
    assert samples(metrics, "sekisho_first_byte_seconds_count") == {(("endpoint", CHAT),): 1}
    assert samples(metrics, "sekisho_stage_seconds_count") == {(("stage", "detect"),): 1}


def test_what_the_guard_of_answers_did_is_counted_by_type(metrics: Metrics) -> None:
    pass_through(metrics, Outcome(status="done", guarded={"PERSON": 2, "EMAIL_ADDRESS": 1}))
    pass_through(metrics, Outcome(status="failed", code="privacy.output_blocked", guarded={"PERSON": 1}))
    pass_through(metrics)

    assert samples(metrics, "sekisho_guarded_total") == {(("type", "EMAIL_ADDRESS"),): 1, (("type", "PERSON"),): 3}


def test_in_flight_rises_and_falls(metrics: Metrics) -> None:
    metrics.entered()
    metrics.entered()
    assert samples(metrics, "sekisho_in_flight") == {(): 2}

    metrics.left(CHAT, "tiny", DONE)

    assert samples(metrics, "sekisho_in_flight") == {(): 1}


def test_a_refusal_is_counted_by_code_whether_it_became_a_request_or_not(metrics: Metrics) -> None:
    metrics.entered()
    metrics.left(CHAT, "", Outcome(status="failed", code="policy.denied"), refused=True)
    metrics.refused("request.route_not_found")

    assert samples(metrics, "sekisho_refusals_total") == {
        (("code", "policy.denied"),): 1,
        (("code", "request.route_not_found"),): 1,
    }
    labels = (("code", "policy.denied"), ("endpoint", CHAT), ("model", ""), ("outcome", "refused"))
    assert samples(metrics, "sekisho_requests_total") == {labels: 1}


def test_a_stage_is_timed_also_when_it_fails(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="x"), metrics.stage("decide", {}):
        raise ValueError("x")

    assert samples(metrics, "sekisho_stage_seconds_count") == {(("stage", "decide"),): 1}


def test_findings_rooms_values_and_version_are_shown(metrics: Metrics) -> None:
    metrics.found({"PERSON": 2})
    metrics.found({"PERSON": 1})
    metrics.watch_room("engine", lambda: True)
    metrics.watch_room("policy", lambda: False)
    metrics.watch_value("sekisho_policy_expires_timestamp_seconds", "When.", lambda: 4096)
    metrics.watch_value("sekisho_not_known_yet", "Nothing.", lambda: None)

    assert samples(metrics, "sekisho_findings_total") == {(("type", "PERSON"),): 3}
    assert samples(metrics, "sekisho_ready") == {(("room", "engine"),): 1, (("room", "policy"),): 0}
    assert samples(metrics, "sekisho_policy_expires_timestamp_seconds") == {(): 4096}
    assert samples(metrics, "sekisho_not_known_yet") == {}
    assert samples(metrics, "sekisho_build_info") == {(("version", "1.2.3"),): 1}
    assert b"process_resident_memory_bytes" in metrics.render()


@given(asked=st.lists(st.text(), min_size=1, max_size=50))
def test_for_all_texts_models_and_endpoints_stay_those_we_serve(asked: list[str]) -> None:
    metrics = Metrics(version="1", models=["tiny"])
    for text in asked:
        pass_through(metrics, Outcome(status="failed", code=text), endpoint=text, model=text)
        metrics.found({text: 1})

    for labels in samples(metrics, "sekisho_requests_total"):
        values = dict(labels)
        assert values["model"] in ("", "tiny", "other")
        assert values["endpoint"] in ("", "other", *ENDPOINTS)
    metrics.render().decode("ascii")


def test_a_model_that_was_added_has_its_own_name_from_then_on() -> None:
    metrics = Metrics(version="1", models=["tiny"])
    for _ in range(2):
        pass_through(metrics, Outcome(status="done"), endpoint="chat.completions", model="added")
        metrics.serve(["tiny", "added"])

    assert sorted(dict(labels)["model"] for labels in samples(metrics, "sekisho_requests_total")) == ["added", "other"]


def test_codes_and_types_have_an_end(metrics: Metrics) -> None:
    for number in range(1000):
        metrics.refused(f"made.up.{number}")
        metrics.found({f"MADE_UP_{number}": 1})

    assert len(samples(metrics, "sekisho_refusals_total")) == 257
    assert samples(metrics, "sekisho_refusals_total")[(("code", "other"),)] == 1000 - 256
    assert len(samples(metrics, "sekisho_findings_total")) == 257


@pytest.mark.parametrize("text", ["anna@example.org", "two words", "x" * 65, "模型", "a\nb"])
def test_a_label_that_does_not_look_like_a_name_is_other(text: str) -> None:
    assert Names((), room=10)(text) == "other"


def observed(seconds: list[float]) -> dict[str, Any]:
    times = Times("t_seconds", "help", "x", (0.1, 1.0))
    for second in seconds:
        times.observe("a", second)
    return {sample.labels.get("le", sample.name): sample.value for sample in times.family().samples}


@given(seconds=st.lists(st.floats(0, 10), min_size=1))
def test_for_all_times_buckets_count_what_is_at_most_their_bound(seconds: list[float]) -> None:
    found = observed(seconds)

    assert found["0.1"] == sum(second <= 0.1 for second in seconds)
    assert found["1.0"] == sum(second <= 1.0 for second in seconds)
    assert found["+Inf"] == found["t_seconds_count"] == len(seconds)
    assert found["t_seconds_sum"] == pytest.approx(sum(seconds))
