"""A customer's recognizers: found in every language, bounded, and refused in one line when they are wrong."""

from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.privacy.patterns.custom import MORE_COUNTRIES, Custom, SearchTimedOut, load
from gateway.privacy.patterns.scan import Patterns, Plan

OURS = r"""
recognizers:
  - name: Badge
    supported_entity: EMPLOYEE_ID
    patterns: [{name: badge, regex: '\bWK-\d{6}\b', score: 0.5}]
    context: [badge, 社員証]
  - name: Code names
    supported_entity: PROJECT
    deny_list: [Bluebird, 青い鳥]
  - name: Anchored
    supported_entity: TICKET
    patterns: [{name: ticket, regex: '\AT-\d+', score: 0.9}]
"""


def written(folder: Path, content: str) -> Path:
    path = folder / "recognizers.yaml"
    path.write_text(content, "utf-8")
    return path


def values(custom: list[Custom], text: str) -> list[tuple[str, str]]:
    spans = Patterns(Plan((), custom)).find([text], lambda: None)[0]
    return [(span.type, text[span.start : span.end]) for span in spans]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> list[Custom]:
    return load(written(tmp_path_factory.mktemp("yaml"), OURS), 2.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Der Ausweis WK-123456 fehlt", [("EMPLOYEE_ID", "WK-123456")]),
        ("Bluebirdプロジェクトと青い鳥計画", [("PROJECT", "Bluebird"), ("PROJECT", "青い鳥")]),
        ("bluebirds", []),
        ("T-99 is open", [("TICKET", "T-99")]),
        ("see T-99", []),
        ("WK-1234567", []),
    ],
)
def test_own_recognizers_find_in_any_language(ours: list[Custom], text: str, expected: list[tuple[str, str]]) -> None:
    assert values(ours, text) == expected


def test_a_context_word_raises_the_score(ours: list[Custom]) -> None:
    with_word, without = Patterns(Plan((), ours)).find(["社員証 WK-123456", "WK-123456"], lambda: None)

    assert [(span.score, span.context, span.source) for span in with_word] == [(0.85, "社員証", "custom:Badge")]
    assert [span.score for span in without] == [0.5]


def test_only_recognizers_whose_expression_may_match_are_asked(
    ours: list[Custom], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Custom, "search", lambda self, text: asked.append(self.name) or [])

    Patterns(Plan((), ours)).find(["nothing here", "Bluebird"], lambda: None)

    assert asked == ["custom:Anchored", "custom:Code names", "custom:Anchored"]


def test_more_countries_are_found_beside_kanji() -> None:
    more = load(MORE_COUNTRIES, 2.0)

    assert ("KR_RRN", "960121-1234567") in values(more, "番号960121-1234567です")
    assert values(more, "番号は次の通りです") == []


def test_an_expression_that_runs_out_of_time_raises(tmp_path: Path) -> None:
    slow = "recognizers: [{name: Slow, supported_entity: X, patterns: [{name: x, regex: '^(?:a|a)*$', score: 1}]}]"

    with pytest.raises(SearchTimedOut):
        values(load(written(tmp_path, slow), 0.1), "a" * 40 + "b")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("recognizers: [", "no YAML in line 1"),
        ("- x", "no list of recognizers"),
        ("recognizers: [{name: A, supported_entity: B}]", "recognizer A"),
        ("recognizers: [{name: A, supported_entity: B, patterns: [{name: x, regex: '(', score: 1}]}]", "recognizer A"),
        ("recognizers: [{name: Nobody, type: predefined}]", "no predefined recognizer"),
        ("recognizers: [{name: EmailRecognizer, type: predefined}]", "asks the network"),
        ("recognizers: [{name: SpacyRecognizer, type: predefined}]", "not made of patterns"),
    ],
)
def test_a_file_that_is_wrong_is_one_line_with_its_name(tmp_path: Path, content: str, problem: str) -> None:
    path = written(tmp_path, content)

    with pytest.raises(SetupError) as refusal:
        load(path, 1.0)

    assert problem in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        load(tmp_path / "none.yaml", 1.0)


def test_a_finding_is_explained_as_presidio_would() -> None:
    from gateway.privacy.patterns.catalogue import RULES, plan
    from gateway.privacy.patterns.explain import explanation

    text = "IBAN: DE89 3704 0044 0532 0130 00"
    span = next(each for each in Patterns(plan()).find([text], lambda: None)[0] if each.type == "IBAN_CODE")

    explained = explanation(span, RULES)

    assert explained.supportive_context_word == "iban"
    assert "MOD 97-10" in explained.textual_explanation
    assert "3704" not in str(explained.to_dict())
