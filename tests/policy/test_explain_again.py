"""A decision explained: each rule and row by target, and the single changes that flip it, found by asking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from gateway.domain import DataFacts, PolicyInput, Reason, Target
from gateway.errors import SetupError
from gateway.policy.client import rulebook
from gateway.policy.facts import Rulebook, build_facts
from gateway.policy.opa.program import find_opa
from gateway.policy.organisation import Organisation
from gateway.policy.table.read import parse
from gateway.policy.trials.counterfactual import Change, changes, hypothetical, with_targets
from gateway.policy.trials.explanation import Explanation, explained, rows_for, rules_in
from gateway.policy.trials.explanation_words import plain, told
from gateway.policy.trials.proposal import find
from gateway.policy.trials.scratch import Rehearsal
from gateway.policy.words import LANGUAGES
from gateway.settings import SHIPPED, Settings
from tests.policy.past import HEADER, OPEN_TABLE, policies

Ask = Callable[..., PolicyInput]
Explain = Callable[..., Any]


@pytest.fixture
def house(settings: Settings, short_dir: Path) -> Settings:
    folder = policies(short_dir / "policies")
    (short_dir / "rules.csv").write_text(OPEN_TABLE)
    source = str(short_dir / "sekisho.yaml")
    return replace(settings, source=source, policy=replace(settings.policy, directory=str(folder)))


@pytest_asyncio.fixture
async def why(house: Settings, targets: tuple[Target, ...]) -> AsyncIterator[Explain]:
    """Explain a question under a table."""

    async def explain(question: PolicyInput, *rows: str, fleet: tuple[Target, ...] = targets) -> Explanation:
        table = house.base / "t.csv"
        table.write_text(HEADER + "".join(f"{row}\n" for row in rows) if rows else OPEN_TABLE)
        proposal = find(house, table=table)
        assert proposal.rulebook
        facts = build_facts(house.site, Organisation(), fleet, proposal.rulebook)
        async with Rehearsal(find_opa(house), proposal.bundle.path) as rehearsal:
            return await explained(rehearsal, question, facts, proposal)

    yield explain


def said(changes: tuple[Change, ...]) -> set[tuple[str, str]]:
    return {(change.what, change.value) for change in changes}


@pytest.mark.real
async def test_each_target_has_its_own_reasons(why: Explain, ask: Ask) -> None:
    found: Explanation = await why(ask())

    by_id = {target.id: target for target in found.targets}
    assert [target.allowed for target in found.targets] == [True, True, True, False]
    assert [(rule.rule, rule.says) for rule in by_id["pek/n/w0:m"].rules] == [("places", "refuses")]
    assert [(rule.rule, rule.says) for rule in by_id["par/n/w0:m"].rules] == [("places", "permits")]
    assert by_id["par/n/w0:m"].rules[0].reason.params["destination"] == "FR"


@pytest.mark.real
async def test_another_target_opens_it_and_is_told_first(why: Explain, ask: Ask) -> None:
    found: Explanation = await why(ask("pek/n/w0:m"))

    assert not found.allowed
    assert ("target", "par/n/w0:m") in said(found.changes)
    assert ("origin", "CN") in said(found.changes)
    assert found.changes[0].what == "target"
    assert found.changes[-1].what == "origin"
    assert "  - if it went to par/n/w0:m" in told(found)


@pytest.mark.real
@pytest.mark.parametrize(
    ("row", "flip"),
    [
        ("PERSON,*,*,*,elsewhere,deny,,,,,,", ("leave_out", "PERSON")),
        ("special:health,*,*,*,elsewhere,deny,,,,,,", ("leave_out", "special:health")),
        ("*,*,internal,*,elsewhere,deny,,,,,,", ("class", "public")),
        ("*,*,*,support,elsewhere,deny,,,,,,", ("purpose", "general")),
        ("*,DE,*,*,elsewhere,deny,,,,,,", ("origin", "FR")),
        ("*,*,*,*,elsewhere,deny,,,,,,", ("target", "ber/n/w0:m")),
    ],
)
async def test_the_one_thing_that_flips_it_is_found(why: Explain, ask: Ask, row: str, flip: tuple[str, str]) -> None:
    question = replace(ask("par/n/w0:m"), data=DataFacts("internal", "DE", {"PERSON": "1"}, "d", special=("health",)))

    found: Explanation = await why(question, row, "*,*,*,*,*,allow,mask,,,,,")

    assert not found.allowed
    assert flip in said(found.changes)


@pytest.mark.real
async def test_a_change_that_does_not_help_is_not_told(why: Explain, ask: Ask) -> None:
    found: Explanation = await why(ask("par/n/w0:m"), "*,DE,*,*,elsewhere,deny,,,,,,", "*,*,*,*,*,allow,mask,,,,,")

    assert not {what for what, _ in said(found.changes)} & {"leave_out", "class", "purpose", "human_oversight"}


@pytest.mark.real
async def test_a_yes_is_told_what_would_have_stopped_it(why: Explain, ask: Ask) -> None:
    found: Explanation = await why(ask("par/n/w0:m"), "special:health,*,*,*,*,deny,,,,,,", "*,*,*,*,*,allow,mask,,,,,")

    assert found.allowed
    assert {("add", "special:health"), ("target", "pek/n/w0:m")} <= said(found.changes)
    assert "What would have stopped it:" in told(found)


@pytest.mark.real
async def test_a_place_that_the_fleet_lacks_is_tried(why: Explain, ask: Ask, targets: tuple[Target, ...]) -> None:
    found: Explanation = await why(ask("pek/n/w0:m"), fleet=targets[3:])

    assert {("place", "same-node"), ("place", "DE")} <= said(found.changes)


@pytest.mark.real
async def test_what_a_project_has_not_declared_is_tried(
    settings: Settings, ask: Ask, target: Callable[..., Target]
) -> None:
    """With the rules that ship: a purpose of high risk, and a target of others."""
    proposal = find(settings, str(SHIPPED / "policies"))
    assert proposal.rulebook
    outside = target("cloud/n/w0:m", "DE", external=True)
    facts = build_facts(settings.site, Organisation(), [outside], proposal.rulebook)
    recruiting = replace(ask("muc/n/w0:m"), candidates=("cloud/n/w0:m",))
    recruiting = replace(recruiting, env=replace(recruiting.env, time="2030-01-01T00:00:00Z"))
    async with Rehearsal(find_opa(settings), proposal.bundle.path) as rehearsal:
        external = await explained(rehearsal, recruiting, facts, proposal)
        named = {**facts, "projects": {"acme/p1": {"external": ["cloud/n/w0:m"], "sites": [], "class": "public"}}}
        risky = replace(recruiting, request=replace(recruiting.request, purpose="recruiting"))
        oversight = await explained(rehearsal, risky, named, proposal)

    assert ("external", "cloud/n/w0:m") in said(external.changes)
    assert ("human_oversight", "acme/p1") in said(oversight.changes)
    assert ("purpose", "general") in said(oversight.changes)


@pytest.mark.real
async def test_a_site_that_a_project_does_not_name_is_tried(
    settings: Settings, ask: Ask, target: Callable[..., Target]
) -> None:
    proposal = find(settings, str(SHIPPED / "policies"))
    assert proposal.rulebook
    facts = build_facts(settings.site, Organisation(), [target("ber/n/w0:m", "DE")], proposal.rulebook)
    held = {**facts, "projects": {"acme/p1": {"external": [], "sites": ["muc"], "class": "public"}}}
    async with Rehearsal(find_opa(settings), proposal.bundle.path) as rehearsal:
        found = await explained(rehearsal, replace(ask("muc/n/w0:m"), candidates=("ber/n/w0:m",)), held, proposal)

    assert not found.allowed
    assert ("site", "ber") in said(found.changes)
    assert "if the project named the site ber" in "\n".join(told(found))


@pytest.mark.real
@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_told_in_each_language(why: Explain, ask: Ask, language: str) -> None:
    found: Explanation = await why(ask())

    lines = told(found, language)
    assert any("par/n/w0:m" in line for line in lines)
    assert plain(found, language)["targets"][3]["rules"][0]["text"] in "\n".join(lines)
    assert not [line for line in lines if "{" in line]


@pytest.mark.real
def test_every_rule_of_a_bundle_is_known(settings: Settings) -> None:
    assert "residency" in rules_in(find(settings, str(SHIPPED / "policies")).bundle.path)


def test_what_is_no_bundle_is_told(tmp_path: Path) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(b"x")

    with pytest.raises(SetupError, match="no OPA bundle"):
        rules_in(tmp_path / "bundle.tar.gz")


def book_of(settings: Settings, *rows: str) -> Rulebook:
    groups = rulebook(settings).groups
    places = frozenset().union(*groups.values())
    return Rulebook(parse(HEADER + "".join(f"{row}\n" for row in rows), "t.csv", places), groups)


@pytest.mark.parametrize(
    ("target", "lines"),
    [("muc/n/w0:m", [4, 4]), ("ber/n/w0:m", [4, 3]), ("par/n/w0:m", [4, 2])],
)
def test_the_row_that_decides_is_named(
    settings: Settings, targets: tuple[Target, ...], ask: Ask, target: str, lines: list[int]
) -> None:
    book = book_of(
        settings,
        "PERSON,*,*,*,elsewhere,deny,,,,,,",
        "PERSON,*,*,*,DE,allow,mask,,,,,",
        "*,*,*,*,*,allow,keep,,,,,",
    )
    far = replace(targets[0], jurisdiction="AT")
    facts = build_facts(settings.site, Organisation(), [far, *targets[1:]], book)

    assert [row.line for row in rows_for(ask(), target, facts, book)] == lines


def test_a_row_that_only_observed_is_named_and_passed(
    settings: Settings, targets: tuple[Target, ...], ask: Ask
) -> None:
    until = date.today().replace(year=date.today().year + 1).isoformat()
    book = book_of(settings, f"PERSON,*,*,*,*,deny,,,{until},,observe,", "*,*,*,*,*,allow,keep,,,,,")
    facts = build_facts(settings.site, Organisation(), targets, book)
    observed = [Reason("policy.table_observed", "table", params={"row": "2", "data": "PERSON"})]

    text, person = rows_for(ask(), "muc/n/w0:m", facts, book, observed)

    assert (text.line, text.observed) == (3, ())
    assert (person.line, person.decision, person.observed) == (3, "allow", (2,))


@pytest.mark.real
async def test_a_row_observes_only_while_no_candidate_is_elsewhere(why: Explain, ask: Ask) -> None:
    until = date(2026, 6, 20).isoformat()
    rows = (f"PERSON,*,*,*,same-site,deny,,,{until},,observe,", "*,*,*,*,*,allow,keep,,,,,")

    on_site: Explanation = await why(ask("muc/n/w0:m"), *rows)
    both: Explanation = await why(ask("muc/n/w0:m", "ber/n/w0:m"), *rows)

    assert [(row.line, row.observed) for row in on_site.targets[0].rows] == [(3, ()), (3, (2,))]
    assert [(row.line, row.decision) for row in both.targets[0].rows] == [(3, "allow"), (2, "deny")]
    assert [target.allowed for target in both.targets] == [False, True]


def test_without_a_table_no_row_is_named(settings: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    facts = build_facts(settings.site, Organisation(), targets, book_of(settings, "*,*,*,*,*,allow,keep,,,,,"))

    assert rows_for(ask(), "muc/n/w0:m", facts, None) == []


def test_only_one_thing_is_changed_at_a_time(settings: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    book = book_of(settings, "*,*,*,sales,*,allow,keep,,,,,", "*,*,*,*,*,allow,keep,,,,,")
    facts = build_facts(settings.site, Organisation(), targets, book)
    question = ask("ber/n/w0:m")

    for change in changes(question, facts, book):
        parts = ("request", "caller", "data", "candidates", "env")
        differ = [name for name in parts if getattr(change.question, name) != getattr(question, name)]
        assert len(differ) == (0 if change.facts is not None and change.what != "place" else 1), change


def test_an_imagined_target_is_one_that_the_gateway_would_push(settings: Settings, targets: tuple[Target, ...]) -> None:
    book = book_of(settings, "*,*,*,*,FR,allow,mask,,,,,", "*,*,*,*,*,allow,keep,,,,,")
    facts = build_facts(settings.site, Organisation(), targets, book)
    imagined = hypothetical("external", "FR", facts, "m")

    assert with_targets(facts, [imagined], book) == build_facts(
        settings.site, Organisation(), [*targets, imagined], book
    )


def test_a_place_that_is_none_is_refused(settings: Settings, targets: tuple[Target, ...]) -> None:
    facts = build_facts(settings.site, Organisation(), targets, book_of(settings, "*,*,*,*,*,allow,keep,,,,,"))

    with pytest.raises(SetupError, match="is no place"):
        hypothetical("nearby", "FR", facts, "m")
