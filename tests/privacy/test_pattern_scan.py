"""How candidates become findings: ends, starts, boundaries, context, places."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.privacy.patterns import database
from gateway.privacy.patterns.catalogue import RULES, plan
from gateway.privacy.patterns.rule import Boundary, Rule, checked
from gateway.privacy.patterns.scan import Patterns, Plan


def rule(expression: str, boundary: Boundary = Boundary.ALNUM, **more: object) -> Rule:
    return Rule(name="it", type="IT", expression=expression, boundary=boundary, family="x", score=0.6, **more)  # type: ignore[arg-type]


def go_on() -> None:
    pass


def found(of: Rule, text: str) -> list[str]:
    return [text[span.start : span.end] for span in Patterns(Plan([of])).find([text], go_on)[0]]


def sums_to(total: int) -> Callable[[str], bool]:
    return lambda value: sum(int(character) for character in value if character.isdigit()) == total


GROUPS = r"[0-9]{2,4}(?:[ -][0-9]{2,4}){1,3}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("番号1234 5678です", ["1234 5678"]),
        ("12 1234 5678", ["1234 5678"]),  # a longer start that does not hold
        ("1234 5678 12", ["1234 5678"]),  # a longer end that does not hold
        ("1234 5678 1233 5679", ["1234 5678", "1233 5679"]),
        ("1234 5678,1234 5678", ["1234 5678", "1234 5678"]),
        ("1234 5678 1234 5678", ["1234 5678", "5678 1234", "1234 5678"]),
        ("x1234 5678", []),
        ("1234 56789", []),
        ("", []),
    ],
)
def test_a_candidate_that_holds_is_not_hidden_by_one_that_does_not(text: str, expected: list[str]) -> None:
    assert found(rule(GROUPS, confirm=checked(sums_to(36), "sum")), text) == expected


@pytest.mark.parametrize(
    ("boundary", "text", "expected"),
    [
        (Boundary.ALNUM, "漢AB12字 éAB12é (AB12) xAB12 AB123", 3),
        (Boundary.DIGIT, "xAB12x", 1),
        (Boundary.DIGIT, "AB123", 0),
        (Boundary.TOKEN, "AB12. -AB12 x/AB12 AB12-9 AB12 漢AB12", 4),
        (Boundary.START, "AB1299 xAB12", 1),
        (Boundary.END, "xAB12 AB123", 1),
        (Boundary.NONE, "xAB123", 1),
    ],
)
def test_boundaries_hold_between_scripts(boundary: Boundary, text: str, expected: int) -> None:
    assert found(rule("AB12", boundary), text) == ["AB12"] * expected


@pytest.mark.parametrize("text", ["東12西34", "😀東12", "é東12"])
def test_places_are_code_points(text: str) -> None:
    assert found(rule("[東西][0-9]{2}", Boundary.NONE), text)[0] == "東12"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("phones: 4711", "phone"),
        ("userPhone=4711", "phone"),
        ("microphone 4711", ""),
        ("電話番号は4711", "電話"),
        ("4711 (ID)", "id"),
        ("idea 4711", ""),
        ("PHONE 4711", "phone"),
        ("phone" + " " * 70 + "4711", ""),
    ],
)
def test_context_words_count_where_a_word_begins(text: str, word: str) -> None:
    spans = Patterns(Plan([rule("4711", context=("phone", "電話", "id"))])).find([text], go_on)[0]

    assert [(span.context, span.score) for span in spans] == [(word, 0.85 if word else 0.6)]


def test_a_rule_that_needs_context_is_nothing_without() -> None:
    needing = rule("4711", context=("badge",), needs_context=True)

    assert found(needing, "badge 4711") == ["4711"]
    assert found(needing, "order 4711") == []


@pytest.mark.parametrize(
    ("text", "count"),
    [("part no: 4711", 0), ("Part-No. 4711", 1), ("品番4711", 0), ("part no. of 4711", 1), ("counterpart 4711", 1)],
)
def test_a_word_against_it_counts_only_directly_before(text: str, count: int) -> None:
    assert len(found(rule("4711", against=("part no", "品番", "part")), text)) == count


@given(st.text(st.sampled_from("0123 -漢a😀"), max_size=80))
def test_what_is_found_is_what_python_would_find(text: str) -> None:
    import re

    expected = {match.span() for match in re.finditer(r"(?<![0-9])(?=([0-9]{3})(?![0-9]))", text)}
    spans = Patterns(Plan([rule("[0-9]{3}", Boundary.DIGIT)])).find([text], go_on)[0]

    assert {span.start for span in spans} == {start for start, _ in expected}


@given(st.text(st.sampled_from("01239 -"), max_size=60))
def test_an_expression_made_looser_for_vectorscan_finds_no_more(text: str) -> None:
    import re

    spans = Patterns(Plan([rule("(?:0[1-9]|1[0-2])[0-3][0-9]", Boundary.DIGIT)])).find([text], go_on)[0]
    expected = re.finditer("(?<![0-9])(?:0[1-9]|1[0-2])[0-3][0-9](?![0-9])", text)

    assert [(span.start, span.end) for span in spans] == [match.span() for match in expected]


@pytest.mark.parametrize(
    "rules", [[rule("a(?=b)")], [rule("(a")], [rule("a"), rule("b")], [rule(r"(?P<x>a)\1")]], ids=str
)
def test_a_rule_that_cannot_be_is_refused_at_start(rules: list[Rule]) -> None:
    with pytest.raises(SetupError):
        Plan(rules)


def test_a_rule_whose_example_is_not_found_fails_the_self_test() -> None:
    with pytest.raises(SetupError, match="it"):
        Patterns(Plan([rule("4711", example="4712")])).self_test()


def test_what_proceed_raises_ends_the_search() -> None:
    def leave() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Patterns(Plan([rule("1")])).find(["1 " * 100_000], leave)


def test_all_rules_find_their_examples() -> None:
    Patterns(plan()).self_test()


def test_the_version_changes_with_a_rule() -> None:
    assert Plan([rule("a")]).version != Plan([rule("b")]).version


def test_every_rule_is_described() -> None:
    assert [each.name for each in RULES if not (each.family and each.type and 0 < each.score <= 1)] == []


def test_more_forms_than_a_report_can_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MOST_FORMS", 1)
    with pytest.raises(SetupError, match="More than 1 patterns"):
        Plan([rule("a1"), msgspec.structs.replace(rule("b2"), name="other")])
