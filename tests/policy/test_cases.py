"""What persons decided, held against the real OPA: the lines of ``decisions.csv``, and the cases in words that ship."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import decisions
import msgspec
import pytest

from gateway.errors import SetupError
from gateway.policy.answer import read_answer
from gateway.policy.client import rulebook
from gateway.policy.facts import Rulebook
from gateway.policy.life.build import Bundle, build, rules_in
from gateway.policy.opa.access import Access
from gateway.policy.opa.program import Opa, find_opa
from gateway.policy.opa.session import UnixOpaClient
from gateway.policy.opa.supervisor import OpaProcess
from gateway.policy.trials.case import LANGS, Case, Expected, load, parse
from gateway.policy.trials.cases import Outcome, asked, run, told
from gateway.settings import Settings

LINES = decisions.read()
CODE = re.compile(
    r'"(policy\.[a-z_]+)", "severity": "deny"|no\("(policy\.[a-z_]+)"|"code": "(policy\.[a-z_]+)",\s+"severity": "deny"'
)

TEXT = """\
title: {en: Norway stays Norway}
story: A site in Oslo asks.
law: [GDPR art. 1(3)]
given:
  site: oslo
  jurisdiction: NO
  collected_in: NO
  at: 2026-06-01
  targets:
    oslo/n1/w0:m: {near: same-node}
    munich/n1/w0:m: {jurisdiction: DE}
    beijing/n1/w0:m: {jurisdiction: CN}
expected:
  allow: [oslo/n1/w0:m, munich/n1/w0:m]
  reasons: [policy.residency]
"""


class Asker:
    """The OPA that is installed, with the rules that ship."""

    def __init__(self, folder: Path) -> None:
        settings = Settings()
        self.opa: Opa = find_opa(settings)
        self.policies = settings.policies
        self.bundle: Bundle = build(self.opa, self.policies, folder)
        self.rulebook: Rulebook = rulebook(settings)

    def ask(self, cases: Sequence[Case]) -> tuple[Outcome, ...]:
        return run(self.opa, self.bundle, cases, self.rulebook)


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    return Asker(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def decided(asker: Asker) -> dict[int, Outcome]:
    outcomes = asker.ask([line.case for line in LINES])
    return {line.number: outcome for line, outcome in zip(LINES, outcomes, strict=True)}


def case_of(text: str) -> Case:
    return parse(text, Path("a-case.yaml"))


# --- decided by hand


@pytest.mark.real
@pytest.mark.parametrize("line", LINES, ids=lambda line: f"line-{line.number}")
def test_rego_decides_as_a_person_did(line: decisions.Line, decided: dict[int, Outcome]) -> None:
    outcome = decided[line.number]

    assert not outcome.differences, "\n".join(told(outcome))
    assert outcome.answer is not None
    said = {reason.severity for reason in outcome.answer.reasons if reason.code == line.code}
    assert said == {"deny"} if line.denied else said, f"line {line.number}: {line.code} does not refuse"


def test_every_code_by_which_a_rule_refuses_was_decided_by_hand(repository: Path) -> None:
    policies = repository / "policies"
    sources = [(policies / name / "rule.rego").read_text(encoding="utf-8") for name in rules_in(policies)]
    refusing = {code for source in sources for found in CODE.findall(source) for code in found if code}

    assert len(refusing) >= 15
    assert refusing <= {line.code for line in LINES if line.denied}


def test_there_are_enough_lines_and_none_stands_twice() -> None:
    asked = [msgspec.json.encode(line.case.given) for line in LINES]

    assert len(LINES) >= 150
    assert len(set(asked)) == len(asked)


# --- cases in words


def test_thirty_cases_ship_with_titles_in_four_languages(repository: Path) -> None:
    cases = load(repository / "policies")

    assert len(cases) >= 30
    assert not [case.name for case in cases if not all(getattr(case.title, lang) for lang in LANGS)]
    assert len({case.title.en for case in cases}) == len(cases)


@pytest.mark.real
def test_the_cases_that_ship_hold(asker: Asker) -> None:
    outcomes = asker.ask(load(asker.policies))

    assert not [line for outcome in outcomes if outcome.differences for line in told(outcome)]


@pytest.mark.real
def test_the_case_in_the_documentation_holds(asker: Asker, repository: Path) -> None:
    page = (repository / "docs" / "explanation" / "policy.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```text\n(title:.*?)^```", page, re.MULTILINE | re.DOTALL)

    (outcome,) = asker.ask([case_of(text)])

    assert outcome.differences == ()


def test_the_documentation_names_every_rule_that_ships(repository: Path) -> None:
    page = (repository / "docs" / "explanation" / "policy.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)) == set(rules_in(repository / "policies"))


@pytest.mark.real
def test_a_case_that_is_decided_otherwise_is_told_with_its_story(asker: Asker) -> None:
    case = case_of(TEXT)
    wrong = Expected(allow=("beijing/n1/w0:m",), reasons=("policy.secrets",), redact={"PERSON": "keep"})

    right, other = asker.ask([case, msgspec.structs.replace(case, expected=wrong)])

    lines = told(other)
    assert right.differences == ()
    assert lines[:2] == ["DIFFERS: a-case: Norway stays Norway", "  A site in Oslo asks."]
    assert lines[2] == "  expected beijing/n1/w0:m; got oslo/n1/w0:m, munich/n1/w0:m"
    assert lines[3] == "  expected among the reasons: policy.secrets"
    assert lines[4] == "  expected PERSON to oslo/n1/w0:m: keep; got pseudonymise"
    assert any("policy.residency by residency destination=CN origin=NO" in line for line in lines)


@pytest.mark.real
def test_many_cases_at_once_are_decided_as_each_alone(asker: Asker, decided: dict[int, Outcome]) -> None:
    for line in LINES[::40]:
        assert asker.ask([line.case]) == (decided[line.number],)


@pytest.mark.real
async def test_an_opa_that_serves_answers_the_same(asker: Asker, decided: dict[int, Outcome], short_dir: Path) -> None:
    clients: list[UnixOpaClient] = []

    async def up(access: Access) -> None:
        clients.extend(UnixOpaClient(access.socket, token, 10.0) for token in (access.push, access.query))
        for client in clients:
            await client.open()

    async def down() -> None:
        for client in clients:
            await client.close_connection()

    process = OpaProcess(asker.opa, asker.bundle, short_dir, up, down)
    await process.start()
    try:
        for line in LINES[::7]:
            one = asked(line.case, asker.rulebook)
            derived = await clients[0].derive(one.facts, one.question.env.time)
            await clients[0].push({**one.facts, "derived": derived})
            answer = read_answer(await clients[1].ask(one.question), one.question, (one.facts["revision"],))
            assert answer == decided[line.number].answer, line.number
    finally:
        await process.stop()


# --- what a case file may hold


def test_words_are_taken_as_they_stand() -> None:
    given = case_of(TEXT).given

    assert (given.jurisdiction, given.collected_in, given.at) == ("NO", "NO", "2026-06-01")


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("near: same-node", "near: next-door", 9, "next-door"),
        ("  site: oslo", "  place: oslo", 5, "unknown field `place`"),
        ("  site: oslo", "  site: oslo\n  site: bergen", 6, "`site` stands twice"),
        ("  at: 2026-06-01", "  at: yesterday", 8, "`yesterday` is neither a day"),
        ("  allow: [oslo/n1/w0:m, munich/n1/w0:m]", "  allow: [paris/n1/w0:m]", 14, "none of the case's targets"),
        ("  reasons: [policy.residency]", "  reasons: [residency]", 15, "policy"),
        ("jurisdiction: NO", "jurisdiction: Norway", 6, "Norway|regex"),
        ("story: A site in Oslo asks.", "story: ''", 2, "length"),
        ("title: {en", "name: x\ntitle: {en", 1, "the file's own"),
        ("munich/n1/w0:m: {j", "oslo/n2/w0:m: {j", 9, "on the case's own site"),
        ("law: [GDPR", "law: [[GDPR", 4, "not valid YAML"),
        ("title: {en", "? [a, b]\n: 1\ntitle: {en", 1, "a key is no word"),
    ],
)
def test_a_wrong_case_is_named_by_file_and_line(old: str, new: str, line: int, problem: str) -> None:
    text = TEXT.replace(old, new)
    if "oslo/n2" in new:
        text = text.replace(", munich/n1/w0:m]", "]")

    with pytest.raises(SetupError, match=problem) as error:
        case_of(text)
    assert str(error.value).startswith(f"a-case.yaml, line {line}: ")
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


def test_a_case_has_no_more_targets_than_a_question() -> None:
    many = "".join(f"    paris/n{number}/w0:m: {{jurisdiction: FR}}\n" for number in range(62))

    with pytest.raises(SetupError, match="line 9: more than 64 targets"):
        case_of(TEXT.replace("expected:", f"{many}expected:"))


def test_findings_are_bounded() -> None:
    with pytest.raises(SetupError, match=r"line 5: .*1000"):
        case_of(TEXT.replace("  site: oslo", "  found: {PERSON: 1001}\n  site: oslo"))


def test_a_refusal_needs_a_reason() -> None:
    head = TEXT.partition("expected:")[0]

    with pytest.raises(SetupError, match="line 13: a refusal needs the code of a reason"):
        case_of(f"{head}expected:\n  allow: []\n")


@pytest.mark.parametrize("text", ["", "- a list", "just words"])
def test_what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="line 1: Expected `object`"):
        case_of(text)


def test_a_folder_without_cases_has_none(tmp_path: Path) -> None:
    assert load(tmp_path) == ()


@pytest.mark.real
def test_a_table_that_is_none_is_refused(asker: Asker) -> None:
    case = case_of(TEXT.replace("  at: 2026-06-01", "  table: ['PERSON,*,*,*,*,perhaps,keep']"))

    with pytest.raises(SetupError, match="line 2, column decision: `perhaps`"):
        asker.ask([case])
