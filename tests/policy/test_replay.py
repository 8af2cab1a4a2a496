"""Past decisions asked again: what flips is named, what cannot be read is counted, under the same policy nothing is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain import DataFacts, Grant, PolicyInput, Reason, Target
from gateway.errors import SetupError
from gateway.policy.datasets import DataSets
from gateway.policy.opa.program import find_opa
from gateway.policy.trials.flips import Line, Sums, differences, why_not
from gateway.policy.trials.proposal import find
from gateway.policy.trials.replay import Replay, Report, Unreadable, past_of
from gateway.policy.trials.scratch import Rehearsal
from gateway.settings import Settings
from tests.policy.past import HEADER, OPEN_TABLE, RULE, live, policies, records

Ask = Callable[..., PolicyInput]

GRANT = Grant("t", {"*": "mask", "PERSON": "pseudonymise"}, "project", ("text",), (), "redact")


@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        ({"redact": {"*": "mask", "PERSON": "keep"}}, "weaker", "PERSON pseudonymise->keep"),
        ({"redact": {"*": "mask"}}, "stronger", "PERSON pseudonymise->mask"),
        ({"redact": {"*": "keep", "PERSON": "redact"}}, "weaker", "* mask->keep"),
        ({"tag_scope": "request"}, "stronger", "tag_scope project->request"),
        ({"restore": ("text", "urls")}, "weaker", "restore +urls"),
        ({"restore": ()}, "stronger", "restore -text"),
        ({"output_guard": "off"}, "weaker", "output_guard redact->off"),
        ({"output_guard": "block"}, "stronger", "output_guard redact->block"),
        ({"obligations": ("watermark",)}, "stronger", "obligations +watermark"),
    ],
)
def test_a_change_of_terms_is_weaker_or_stronger(change: dict[str, object], kind: str, what: str) -> None:
    (found,) = differences(["t"], [GRANT], [replace(GRANT, **change)])

    assert (found.kind, found.what) == (kind, what)


def test_the_same_said_otherwise_is_no_difference() -> None:
    assert differences(["t"], [GRANT], [replace(GRANT, redact={**GRANT.redact, "URL": "mask"})]) == []


def test_targets_open_and_close() -> None:
    found = differences(["a", "b", "c"], [replace(GRANT, id="a")], [replace(GRANT, id="b")])

    assert [(each.target, each.kind) for each in found] == [("a", "closed"), ("b", "opened")]


def test_a_reason_that_names_another_destination_does_not_count() -> None:
    reasons = [
        Reason("policy.residency", "residency", severity="deny", params={"destination": "CN"}),
        Reason("policy.residency_adequate", "residency"),
        Reason("policy.table_denied", "table", severity="deny"),
    ]

    assert why_not(reasons, "US") == ("table", "policy.table_denied")
    assert why_not(reasons, "CN") == ("residency table", "policy.residency policy.table_denied")


def test_sums_are_bounded() -> None:
    sums = Sums(most=2)
    for tenant in "abcd":
        sums.add(Line("opened", tenant, "r", "c", "other/DE"), f"01{tenant}")

    assert sums.count("opened") == 4
    assert len(sums.lines()) == 3


@pytest.mark.parametrize(
    "record",
    [
        {"type": "outcome"},
        {"type": "key.created"},
        {"type": "denial", "code": "rate_limit_exceeded", "status": 429, "input": None, "decision": None},
        {"type": "denial", "code": "policy.timeout", "status": 503, "input": {}, "decision": None},
    ],
)
def test_what_holds_no_decision_is_passed_over(record: dict[str, object]) -> None:
    assert past_of(record) is None


@pytest.mark.parametrize(
    "record",
    [
        {"type": "intent", "input": None, "decision": None},
        {"type": "intent", "input": {"version": "sekisho.input/9"}, "decision": {}},
        {"type": "denial", "code": "policy.residency", "status": 403, "input": None, "decision": None},
    ],
)
def test_a_decision_that_is_not_there_is_unreadable(record: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        past_of(record)


# --- with the real OPA and a real log


@pytest.fixture
def house(settings: Settings, short_dir: Path) -> Settings:
    """An installation with one rule of places, and a table that lets everything go pseudonymised."""
    folder = policies(short_dir / "policies")
    (short_dir / "rules.csv").write_text(OPEN_TABLE)
    source = str(short_dir / "sekisho.yaml")
    return replace(settings, source=source, policy=replace(settings.policy, directory=str(folder)))


async def again(settings: Settings, reference: str = "", table: Path | None = None) -> Report:
    proposal = find(settings, reference, table)
    replay = Replay(DataSets(settings.state / "policy" / "data"), proposal)
    for name, record in records(settings):
        replay.add(record or {"type": "intent"}, name)
    async with Rehearsal(find_opa(settings), proposal.bundle.path) as rehearsal:
        return await replay.run(rehearsal)


def changed(settings: Settings, *rows: str) -> Path:
    path = settings.base / "new.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def lines(report: Report) -> list[tuple[str, int, str, str, str]]:
    return [
        (line["kind"], line["count"], line["rule"], line["reason"], line["destination"]) for line in report.sums.lines()
    ]


@pytest.mark.real
async def test_under_the_same_policy_nothing_flips(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    await live(house, targets, [ask(), ask("pek/n/w0:m"), ask(origin="JP"), ask(origin="CN", access="CN")])

    report = await again(house)

    assert (report.decisions, report.same, report.unreadable, lines(report)) == (4, 4, 0, [])


@pytest.mark.real
async def test_what_a_new_row_closes_is_told(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    await live(house, targets, [ask()] * 3)
    table = changed(house, "PERSON,*,*,*,FR,deny,,,,,,", "*,*,*,*,*,allow,pseudonymise,,,,,")

    report = await again(house, table=table)

    assert lines(report) == [("closed", 3, "table", "policy.table_denied", "other/FR")]
    assert not report.opens
    assert report.refused_now == 0


@pytest.mark.real
async def test_what_opens_is_told_with_what_had_closed_it(
    house: Settings, targets: tuple[Target, ...], ask: Ask
) -> None:
    (house.base / "rules.csv").write_text(f"{HEADER}PERSON,*,*,*,*,deny,,,,,,\n*,*,*,*,*,allow,keep,,,,,\n")
    decisions = await live(house, targets, [ask("ber/n/w0:m", "pek/n/w0:m")])
    (house.base / "rules.csv").write_text(OPEN_TABLE)

    report = await again(house)

    assert lines(report) == [("opened", 1, "table", "policy.table_denied", "other/DE")]
    assert report.sums.lines()[0]["decisions"] == [decisions[0].id]
    assert (report.opens, report.allowed_now) == (True, 1)


@pytest.mark.real
async def test_a_change_of_redaction_is_told(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    await live(house, targets, [ask("ber/n/w0:m")])

    report = await again(house, table=changed(house, "*,*,*,*,*,allow,keep,,,,,"))

    assert lines(report) == [("weaker", 1, "table", "* pseudonymise->keep", "other/DE")]
    assert not report.opens


@pytest.mark.real
async def test_other_rego_is_asked_too(house: Settings, targets: tuple[Target, ...], ask: Ask, tmp_path: Path) -> None:
    await live(house, targets, [ask()])
    folder = policies(tmp_path / "policies", RULE.replace('{"CN"}', '{"FR"}'))

    report = await again(house, str(folder))

    assert lines(report) == [
        ("opened", 1, "places", "policy.residency", "other/CN"),
        ("closed", 1, "places", "policy.residency", "other/FR"),
    ]
    assert (report.allowed_now, report.refused_now) == (0, 0)


@pytest.mark.real
async def test_each_decision_is_asked_with_its_own_facts(
    house: Settings, targets: tuple[Target, ...], target: Callable[..., Target], ask: Ask
) -> None:
    await live(house, targets, [ask("ber/n/w0:m")])
    moved = (*targets[:1], target("ber/n/w0:m", "CN"), *targets[2:])
    await live(house, moved, [ask("ber/n/w0:m")])

    report = await again(house)

    assert (report.decisions, report.same) == (2, 2)


@pytest.mark.real
async def test_a_lost_data_set_is_counted_and_named(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    (decision,) = await live(house, targets, [ask()])
    (house.state / "policy" / "data" / f"{decision.data_revision}.json").unlink()

    report = await again(house)

    assert report.unreadable == 1
    assert decision.id in report.unreadable_named[0]
    assert decision.data_revision[:12] in report.unreadable_named[0]


@pytest.mark.real
async def test_equal_questions_are_asked_once(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    other_day = ask()
    other_day = replace(other_day, env=replace(other_day.env, time="2026-06-02T08:00:00Z"))
    await live(house, targets, [ask()] * 20 + [other_day] * 20)

    report = await again(house)

    assert (report.decisions, report.same, report.asked) == (40, 40, 2)


@pytest.mark.real
async def test_an_answer_that_is_none_is_a_refusal(
    house: Settings, targets: tuple[Target, ...], ask: Ask, tmp_path: Path
) -> None:
    await live(house, targets, [ask("ber/n/w0:m")])
    folder = policies(tmp_path / "policies")
    decision = folder / "main" / "decision.rego"
    decision.write_text(decision.read_text().replace('"tag_scope": object', '"tag_scope_": object'))

    report = await again(house, str(folder))

    assert lines(report) == [("closed", 1, "main", "policy.malformed", "other/DE")]
    assert report.no_answer == 2  # all candidates, and the closed one by itself


@pytest.mark.real
async def test_different_questions_are_each_asked(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    asked = [replace(ask(), data=DataFacts("internal", "DE", {f"TYPE_{n}": "1"}, "d")) for n in range(300)]
    await live(house, targets, asked)

    report = await again(house)

    assert (report.asked, report.same) == (300, 300)


@pytest.mark.real
async def test_an_opa_that_ends_amid_it_is_no_report(house: Settings, targets: tuple[Target, ...], ask: Ask) -> None:
    await live(house, targets, [ask()])
    proposal = find(house)
    replay = Replay(DataSets(house.state / "policy" / "data"), proposal)
    for name, record in records(house):
        replay.add(record or {}, name)
    async with Rehearsal(find_opa(house), proposal.bundle.path) as rehearsal:
        assert rehearsal._process
        rehearsal._process.kill()
        await rehearsal._process.wait()

        with pytest.raises(SetupError, match="ended"):
            await replay.run(rehearsal)
