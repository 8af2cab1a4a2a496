"""Asking the real OPA about cases in words (:mod:`gateway.policy.trials.case`), and comparing. One start for all.

A case is put together by the same code as a request: its class is derived, its facts and its question are built. The
answer is read as strictly as in service.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.domain import (
    Caller,
    Capability,
    CounterFacts,
    Declared,
    Detection,
    EnvFacts,
    Finding,
    PolicyInput,
    Reason,
    RequestFacts,
    Role,
    Target,
)
from gateway.errors import SetupError
from gateway.policy.answer import Answer, Refused, read_answer
from gateway.policy.derive import derive
from gateway.policy.facts import Rulebook, build_facts, revision_of
from gateway.policy.life.build import Bundle
from gateway.policy.opa.program import Opa
from gateway.policy.organisation import Organisation, Project, Tenant
from gateway.policy.question import question
from gateway.policy.table import read
from gateway.policy.table.row import Row
from gateway.policy.trials.case import Aim, Case, Expected, Given, Grant, site_of
from gateway.settings import SiteSettings

QUERY = (
    "[answer | some one in input.cases; question := one.question; facts := one.facts; "
    "answer := data.sekisho.decision with input as question with data.facts as facts]"
)
"""The names come first: what stands behind ``with`` would be looked up in the input that it replaces."""


class Asked(msgspec.Struct, frozen=True):
    """What OPA is asked, and the facts that it is asked under."""

    facts: dict[str, Any]
    question: PolicyInput


class Outcome(msgspec.Struct, frozen=True):
    """A case and what became of it. ``refused`` is the code where OPA's answer was no decision."""

    case: Case
    answer: Answer | None
    refused: str
    differences: tuple[str, ...]


# --- what is asked


def asked(case: Case, rulebook: Rulebook) -> Asked:
    """Return the question and the facts of a case, put together as for a request.

    Args:
        rulebook: the groups of countries, and the table in force.

    Raises:
        SetupError: the case names a table that there is not, or rows that are none.
    """
    given = case.given
    site = SiteSettings(name=given.site, node="n1", jurisdiction=given.jurisdiction, preset=_preset(given))
    targets = [_target(id_, aim, given) for id_, aim in given.targets.items()]
    known = [target for target in targets if given.targets[target.id].known]
    book = Rulebook(_rows(case, rulebook), rulebook.groups)
    glass = [_grant(grant, given) for grant in given.break_glass]
    facts = build_facts(site, _organisation(given), known, book, glass)
    return Asked({**facts, "revision": revision_of(facts)}, _question(given, targets))


def _organisation(given: Given) -> Organisation:
    """Return the case's organisation; who asks is in it also where nothing is declared of him."""
    said = given.organisation
    tenants = {given.tenant: Tenant(), **said.tenants}
    projects = {f"{given.tenant}/{given.project}": Project(), **said.projects}
    return msgspec.structs.replace(said, tenants=tenants, projects=projects)


def _target(id_: str, aim: Aim, given: Given) -> Target:
    return Target(
        id=id_,
        model=aim.model,
        capabilities=(Capability.CHAT,),
        site=given.site if aim.near in ("same-node", "same-site") else site_of(id_),
        node="n1" if aim.near == "same-node" else "n2",
        jurisdiction=given.jurisdiction if aim.jurisdiction is None else aim.jurisdiction,
        same_node=aim.near == "same-node",
        external=aim.near == "external",
        signed=aim.signed and aim.near != "external",
    )


def _preset(given: Given) -> Literal["demo", "balanced", "strict"]:
    """Return the preset of the site: the one whose table the case names, else the demonstration's."""
    named: dict[str | tuple[str, ...], Literal["balanced", "strict"]] = {"balanced": "balanced", "strict": "strict"}
    return named.get(given.table, "demo")


def _rows(case: Case, rulebook: Rulebook) -> tuple[Row, ...]:
    table = case.given.table
    if not table:
        return rulebook.rows
    text = read.preset(table) if isinstance(table, str) else "\n".join([",".join(read.COLUMNS), *table])
    return read.parse(text, f"{case.name}.yaml: given.table", frozenset().union(*rulebook.groups.values()))


def _grant(grant: Grant, given: Given) -> dict[str, Any]:
    own = grant.project or f"{given.tenant}/{given.project}"
    return {**msgspec.to_builtins(grant), "project": own}


def _question(given: Given, targets: Sequence[Target]) -> PolicyInput:
    caller = Caller(
        key_id="k1",
        tenant=given.tenant,
        project=given.project,
        roles=(Role.APP,),
        purpose=given.purpose,
        site=given.site,
        jurisdiction=given.jurisdiction,
        collected_in=given.collected_in,
        access_from=given.access_from,
        class_floor=given.data_class,
    )
    project = given.organisation.projects.get(f"{given.tenant}/{given.project}", Project())
    data = derive(caller, Declared(given.declared), _detection(given), project_floor=project.data_class)
    model = given.model or next((target.model for target in targets), "m")
    request = RequestFacts(
        id="01J0",
        endpoint="/v1/chat/completions",
        capability=Capability.CHAT,
        model=model,
        stream=False,
        tools=False,
        purpose=given.purpose,
        declared_class=given.declared or "",
    )
    time = given.at if given.at.endswith("Z") else f"{given.at}T12:00:00Z"
    env = EnvFacts(site=given.site, node="n1", time=time, attempt=1, clock=given.clock)
    whole = question(request, caller, data, targets, env)
    return msgspec.structs.replace(whole, counters=_counters(given, date.fromisoformat(time[:10]).year))


def _detection(given: Given) -> Detection:
    types = [type_ for type_, count in given.found.items() for _ in range(count)]
    return Detection(
        findings=tuple(Finding(0, at, at + 1, type_, 1.0, "case") for at, type_ in enumerate(types)),
        detector="case/1",
        jurisdictions=given.signals,
        special=given.special,
        mark=given.mark,
    )


def _counters(given: Given, year: int) -> CounterFacts | None:
    said = given.counters
    if said is None:
        return None
    entity = given.organisation.tenants.get(given.tenant, Tenant()).entity or given.tenant
    return CounterFacts(entity, said.year or year, said.all, said.sensitive, said.by_destination)


# --- asking, comparing


def run(opa: Opa, bundle: Bundle, cases: Sequence[Case], rulebook: Rulebook) -> tuple[Outcome, ...]:
    """Return what became of each case; OPA is started once for all of them.

    Raises:
        SetupError: as :func:`asked`; or OPA could not decide, and the first case of which that is so.
    """
    questions = [asked(case, rulebook) for case in cases]
    answers = _answers(opa, bundle, questions)
    if answers is None:
        answers = [_alone(opa, bundle, case, one) for case, one in zip(cases, questions, strict=True)]
    return tuple(_outcome(*each) for each in zip(cases, questions, answers, strict=True))


def _alone(opa: Opa, bundle: Bundle, case: Case, one: Asked) -> Any:
    answers = _answers(opa, bundle, [one])
    if not answers:
        raise SetupError(f"OPA could not decide the case {case.name}.", "Run: sekisho policy check", exit_code=2)
    return answers[0]


def _answers(opa: Opa, bundle: Bundle, questions: Sequence[Asked]) -> list[Any] | None:
    """Return OPA's decisions in order; ``None`` when it could not make all of them."""
    with tempfile.TemporaryDirectory(prefix="sekisho-cases-") as folder:
        path = Path(folder) / "input.json"
        path.write_bytes(msgspec.json.encode({"cases": questions}))
        done = opa.run("eval", "--bundle", bundle.path, "--input", path, "--format", "json", QUERY)
    if done.returncode:
        return None
    answers = msgspec.json.decode(done.stdout)["result"][0]["expressions"][0]["value"]
    return answers if len(answers) == len(questions) else None


def _outcome(case: Case, one: Asked, raw: Mapping[str, Any]) -> Outcome:
    try:
        answer = read_answer(msgspec.json.encode({"result": raw}), one.question, (one.facts["revision"],))
    except Refused as refusal:
        return Outcome(case, None, refusal.code, (f"OPA's answer was no decision: {refusal.code}",))
    return Outcome(case, answer, "", tuple(_differences(case.expected, answer)))


def _differences(expected: Expected, answer: Answer) -> Iterator[str]:
    got = [grant.id for grant in answer.targets]
    if set(got) != set(expected.allow):
        yield f"expected {_list(expected.allow)}; got {_list(got)}"
    codes = {reason.code for reason in answer.reasons}
    if missing := sorted(set(expected.reasons) - codes):
        yield f"expected among the reasons: {_list(missing)}"
    for grant in answer.targets:
        for type_, operator in expected.redact.items():
            done = grant.redact.get(type_, grant.redact["*"])
            if done != operator:
                yield f"expected {type_} to {grant.id}: {operator}; got {done}"


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"


def told(outcome: Outcome, lang: str = "en") -> list[str]:
    """Return lines that tell a difference to a person: the story, what was expected, what came, and why."""
    case = outcome.case
    return [
        f"DIFFERS: {case.name}: {case.title.in_(lang)}",
        f"  {' '.join(case.story.split())}",
        *(f"  {difference}" for difference in outcome.differences),
        *(f"  {_reason(reason)}" for reason in (outcome.answer.reasons if outcome.answer else ())),
    ]


def _reason(reason: Reason) -> str:
    params = "".join(f" {name}={value}" for name, value in sorted(reason.params.items()))
    return f"{reason.severity}: {reason.code} by {reason.rule}{params} [{reason.legal or '-'}]"
