"""Reasons in words: four languages, the same keys, every parameter named for people."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import decisions
import msgspec
import pytest

from gateway.domain import DATA_CLASSES, PolicyInput, Reason
from gateway.kinds import KINDS, SPECIAL
from gateway.policy.client import rulebook
from gateway.policy.life.build import build
from gateway.policy.opa.program import find_opa
from gateway.policy.organisation import Route
from gateway.policy.table.row import NEAR, OPERATORS
from gateway.policy.trials.cases import run
from gateway.policy.trials.counterfactual import Change
from gateway.policy.trials.explanation import Explanation, RowSaid, TargetSaid
from gateway.policy.trials.explanation_words import told
from gateway.policy.words import FOLDER, LANGUAGES, language_of, named, parameters, sentence, texts, with_law
from gateway.settings import Settings

FILES = {language: msgspec.yaml.decode((FOLDER / f"{language}.yaml").read_bytes()) for language in LANGUAGES}
NAMES = msgspec.yaml.decode((FOLDER / "names.yaml").read_bytes())
RESIDENCY = Reason("policy.residency", "residency", "GDPR art. 44", "deny", {"origin": "DE", "destination": "CN"})


@pytest.mark.parametrize("section", ["reasons", "missing", "phrases"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_parameters(language: str, section: str) -> None:
    english, there = FILES["en"][section], FILES[language][section]

    assert list(there) == list(english)
    assert {k: parameters(t) for k, t in there.items()} == {k: parameters(t) for k, t in english.items()}


@pytest.mark.parametrize(
    ("language", "heading", "row"),
    [
        ("en", "m: refused (this machine, Germany)", "Row 9 of the rule table: names of persons: masked (why)"),
        (
            "de",
            "m: abgelehnt (dieser Rechner, Deutschland)",
            "Zeile 9 der Regeltabelle: Namen von Personen: maskiert (why)",
        ),
        ("ja", "m：拒否（この端末、ドイツ）", "規則表9行目：人名：マスク（why）"),
        ("zh", "m：拒绝（本机、德国）", "规则表第 9 行：人名：掩码（why）"),
    ],
)
def test_an_explanation_has_the_signs_of_its_language(language: str, heading: str, row: str) -> None:
    rows = (RowSaid("PERSON", 9, "allow", "mask", "why"),)
    target = TargetSaid(id="m", place="same-node/DE", allowed=False, rules=(), rows=rows)

    lines = told(Explanation(allowed=False, targets=(target,), changes=()), language, what_if=False)

    assert lines == ["", heading, f"  {row}"]


@pytest.mark.parametrize(
    ("change", "language", "said"),
    [
        (("place", "DE"), "en", "if it went to a model here: another site, Germany"),
        (("place", "same-site"), "en", "if it went to a model here: this site"),
        (("place", "DE"), "ja", "次の場所のモデルへ送る場合：別の拠点、ドイツ"),
        (("target", "a/n/w:m"), "de", "wenn es an a/n/w:m ginge"),
    ],
)
def test_a_change_reads_as_what_lets_pass_and_as_what_stops(change: tuple[str, str], language: str, said: str) -> None:
    unasked = cast(PolicyInput, None)  # words need no question

    assert Change(*change, unasked).said(language) == said


def test_sentences_differ_between_languages() -> None:
    for code in texts("en"):
        assert len({texts(language)[code] for language in LANGUAGES}) == len(LANGUAGES), code


@pytest.mark.parametrize("section", NAMES)
def test_each_name_is_there_in_each_language(section: str) -> None:
    wrong = {word: names for word, names in NAMES[section].items() if len(names) != len(LANGUAGES) or not all(names)}
    assert wrong == {}
    assert all(isinstance(word, str) for word in NAMES[section])  # an unquoted NO is no country in YAML


def test_what_rules_and_table_can_say_has_a_name(repository: Path) -> None:
    countries = msgspec.json.decode((repository / "policies/data/jurisdictions.json").read_bytes())
    groups = {group for entry in countries.values() for group in entry["groups"]}

    assert set(NAMES["classes"]) == set(DATA_CLASSES)
    assert set(NAMES["special"]) == set(SPECIAL)
    assert set(NAMES["operators"]) == set(OPERATORS)
    assert set(NEAR) <= set(NAMES["near"])
    assert set(get_args(Route)) == set(NAMES["routes"])
    assert {f"@{kind}" for kind in KINDS} <= set(NAMES["data"])
    assert (set(countries) | groups) - set(NAMES["places"]) == set()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Data from Germany may not be sent to China"),
        ("de", "Daten mit Herkunft Deutschland dürfen nicht dorthin gesendet werden: China"),
        ("ja", "ドイツで取得されたデータを中国へ送ることはできません"),
        ("zh", "来自德国的数据不得发送到中国"),
    ],
)
def test_parameters_are_named_for_people(language: str, words: str) -> None:
    assert sentence(RESIDENCY, language).startswith(words)
    assert "GDPR art. 44" in with_law(RESIDENCY, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_parameter_that_is_not_there_is_said_to_be_missing(language: str) -> None:
    for code, text in texts(language).items():
        said = sentence(Reason(code, "r"), language)
        assert "{" not in said
        assert parameters(text) == frozenset() or said != text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_customers_own_code_is_shown_as_it_is(language: str) -> None:
    assert "policy.export_control" in sentence(Reason("policy.export_control", "export"), language)


@pytest.mark.parametrize(
    ("word", "parameter", "said"),
    [
        ("PERSON", "data", "names of persons"),
        ("*", "data", "the text as a whole"),
        ("*", "class", "*"),
        ("@secrets", "data", "passwords and keys"),
        ("special:health", "data", "what is said of health"),
        ("special:*", "data", "special categories of personal data"),
        ("PL_PESEL", "data", "Polish personal numbers (PESEL)"),
        ("strict", "class", "strictly confidential"),
        ("EEA", "destination", "the European Economic Area"),
        ("QQ", "destination", "QQ"),
        ("14", "row", "14"),
    ],
)
def test_words_are_named_or_left_as_they_are(word: str, parameter: str, said: str) -> None:
    assert named(word, "en", parameter) == said


@pytest.mark.parametrize(
    ("tag", "language"), [("de-AT", "de"), ("zh_CN", "zh"), ("JA", "ja"), ("fr", "en"), ("", "en")]
)
def test_a_language_without_texts_is_answered_in_english(tag: str, language: str) -> None:
    assert language_of(tag) == language


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> list[Reason]:
    """Every reason that the rules that ship give for the decisions made by hand."""
    settings = Settings()
    opa = find_opa(settings)
    bundle = build(opa, settings.policies, tmp_path_factory.mktemp("bundle"))
    outcomes = run(opa, bundle, [line.case for line in decisions.read()], rulebook(settings))
    return [reason for outcome in outcomes if outcome.answer for reason in outcome.answer.reasons]


@pytest.mark.real
def test_a_reason_carries_the_parameters_that_its_text_names(reasons: list[Reason]) -> None:
    """Only a place may be unset, and then it is said to be."""
    lacking = {
        (reason.code, name)
        for reason in reasons
        for name in parameters(texts("en").get(reason.code, "")) - set(reason.params) - {"origin", "destination"}
    }
    carried = {(reason.code, name) for reason in reasons for name in reason.params}
    named_by_text = {(reason.code, name) for reason in reasons for name in parameters(texts("en")[reason.code])}

    assert lacking == set()
    assert named_by_text - carried == set()


@pytest.mark.real
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_parameter_that_a_reason_carries_is_said_in_words(reasons: list[Reason], language: str) -> None:
    """Dates, rows, references and purposes stay as they are; countries, classes and findings have names."""
    as_they_are = {"until", "row", "grant", "waives", "purpose"}
    unnamed = {
        (reason.code, name, value)
        for reason in reasons
        for name, value in reason.params.items()
        if name in parameters(texts(language)[reason.code]) - as_they_are and named(value, language, name) == value
    }

    assert unnamed == set()
