"""Class, origin and entities of a request, and the question made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.cli.codes import explanations
from gateway.domain import DATA_CLASSES, Caller, DataClass, Declared, Detection, Finding, PolicyInput, Target
from gateway.errors import PolicyUnavailable
from gateway.policy.derive import bucket, derive
from gateway.policy.explain import TEXTS, explain
from gateway.policy.facts import Rulebook, build_facts, revision_of
from gateway.policy.organisation import Organisation
from gateway.policy.schema import schemas
from gateway.policy.table.read import parse, preset
from gateway.settings import Settings, SiteSettings
from tests.policy.conftest import make_caller, make_question, make_target

CLASSES = st.sampled_from(DATA_CLASSES)


def _found(*types: str) -> Detection:
    return Detection(tuple(Finding(0, i, i + 1, type_, 1.0, "r") for i, type_ in enumerate(types)), "presidio/2")


def _caller(floor: DataClass) -> Caller:
    return Caller("k", "t", "p", (), "x", "muc", "DE", "DE", "", class_floor=floor)


@given(floor=CLASSES, declared=st.none() | CLASSES, project=CLASSES, mark=CLASSES)
def test_nothing_lowers_the_class(
    floor: DataClass, declared: DataClass | None, project: DataClass, mark: DataClass
) -> None:
    data = derive(_caller(floor), Declared(declared), replace(_found("PERSON"), mark=mark), project_floor=project)

    said = [floor, declared or "public", project, "internal", mark]
    assert DATA_CLASSES.index(data.data_class) == max(map(DATA_CLASSES.index, said))


def test_a_national_number_raises_the_class() -> None:
    assert derive(_caller("public"), Declared(), _found("US_SSN")).data_class == "confidential"


def test_without_findings_public_stays_public() -> None:
    assert derive(_caller("public"), Declared(), _found()).data_class == "public"


def test_content_does_not_change_the_origin() -> None:
    data = derive(make_caller("DE"), Declared(), _found("PHONE_NUMBER", "CN_ID"))

    assert data.collected_in == "DE"


def test_findings_become_counts_in_buckets() -> None:
    data = derive(make_caller(), Declared(), _found(*["PERSON"] * 7, "URL", "LOCATION", "LOCATION"))

    assert data.entities == {"LOCATION": "2-4", "PERSON": "5-19", "URL": "1"}
    assert data.detector == "presidio/2"


@pytest.mark.parametrize(
    ("count", "name"), [(1, "1"), (2, "2-4"), (4, "2-4"), (5, "5-19"), (19, "5-19"), (20, "20+"), (10**6, "20+")]
)
def test_buckets(count: int, name: str) -> None:
    assert bucket(count) == name


def test_a_question_holds_the_caller_and_the_candidates_ids(ask: Callable[..., PolicyInput]) -> None:
    question = ask("muc/n/w0:m", "par/n/w0:m", access="FR")

    assert question.candidates == ("muc/n/w0:m", "par/n/w0:m")
    assert (question.caller.key_id, question.caller.access_from) == ("k1", "FR")
    assert question.version == "sekisho.input/1"


def test_a_question_has_at_most_64_candidates() -> None:
    make_question(*[f"s/n/w{i}:m" for i in range(64)])

    with pytest.raises(PolicyUnavailable) as refusal:
        make_question(*[f"s/n/w{i}:m" for i in range(65)])
    assert refusal.value.code == "policy.too_many_candidates"


SETTINGS = Settings(site=SiteSettings(name="muc", jurisdiction="DE"))
RULEBOOK = Rulebook(parse(preset("demo"), "demo.csv", frozenset()), {"DE": frozenset({"DE", "EU"})})


def facts_of(targets: Sequence[Target]) -> dict[str, Any]:
    return build_facts(SETTINGS.site, Organisation(), targets, RULEBOOK)


@pytest.mark.parametrize(
    ("target", "near"),
    [
        (make_target("muc/n/w0:m", same_node=True), "same-node"),
        (make_target("muc/n2/w0:m"), "same-site"),
        (make_target("ber/n/w0:m"), "other"),
        (make_target("muc/n/w0:m", external=True), "external"),
        (make_target("muc/n/w0:m", same_node=True, external=True), "external"),
    ],
)
def test_facts_say_how_near_a_target_is(target: Target, near: str) -> None:
    facts = facts_of([target])

    assert facts["places"][facts["targets"][target.id]["place"]]["near"] == near


def test_facts_know_every_site() -> None:
    facts = facts_of([make_target("par/n/w0:m", "FR")])

    assert facts["sites"] == {"muc": {"jurisdiction": "DE"}, "par": {"jurisdiction": "FR"}}


def test_the_revision_follows_the_facts_and_not_their_order() -> None:
    one, other = make_target("a/n/w:m"), make_target("b/n/w:m")

    assert revision_of(facts_of([one, other])) == revision_of(facts_of([other, one]))
    assert revision_of(facts_of([one])) != revision_of(facts_of([other]))


def test_schemas_close_over_their_parts() -> None:
    documents = schemas()

    named = {"sekisho.input/1", "sekisho.decision/1", "sekisho.break-glass/1", "sekisho.signer-change/1"}
    assert set(documents) == named
    for schema in documents.values():
        referred = re.findall(r"#/\$defs/(\w+)", json.dumps(schema))
        assert set(referred) <= set(schema["$defs"])
    assert {"RequestFacts", "CallerFacts", "DataFacts", "EnvFacts"} <= set(documents["sekisho.input/1"]["$defs"])
    assert {"Grant", "Reason"} <= set(documents["sekisho.decision/1"]["$defs"])


@pytest.mark.real
async def test_a_decision_is_explained_line_by_line(policy: object, ask: Callable[..., PolicyInput]) -> None:
    question = ask()
    lines = explain(question, await policy.decide(question))  # type: ignore[attr-defined]

    assert lines[0].startswith("Allowed under policy ")
    assert "pek/n/w0:m: refused" in lines
    assert any("Regulation (EU) 2016/679 art. 44" in line for line in lines)


def test_every_code_that_rego_says_has_a_text(repository: object) -> None:
    import re
    from pathlib import Path

    rego = [p for p in Path(str(repository), "policies").rglob("*.rego") if not p.name.endswith("_test.rego")]
    said = {code for path in rego for code in re.findall(r'"(policy\.[a-z_]+)"', path.read_text())}
    refused = {code for code, each in explanations().items() if each.status in (403, 503)}
    gateways = {code for code in refused if code.startswith("policy.")}

    assert said | gateways == set(TEXTS)
