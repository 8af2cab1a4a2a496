"""What a plant configures, what is wrong with it, and numbers of employees behind their names."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.errors import SetupError
from gateway.privacy.patterns.plant import RULES, rules_for
from gateway.privacy.patterns.rule import Rule
from gateway.privacy.patterns.scan import Patterns, Plan
from gateway.settings import ConfiguredPattern

PROJECT = ConfiguredPattern(name="project", type="PROJECT_NUMBER", mask="P-999999", examples=("P-471147",))
CODE_NAMES = ["Polar Fox", "北極星", "Überflieger", "X7-Omega"]


def found(rules: Sequence[Rule], text: str) -> list[tuple[str, str]]:
    spans = Patterns(Plan(rules)).find([text], lambda: None)[0]
    return sorted({(text[span.start : span.end], span.type) for span in spans})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Personalnummer: 471147", "471147"),
        ("Pers.-Nr. 4711", "4711"),
        ("Mitarbeiter-ID M-47114", "M-47114"),
        ("社員番号は A-4711 です", "A-4711"),
        ("従業員番号471147の佐藤", "471147"),
        ("工号:G471147", "G471147"),
        ("员工编号为47114", "47114"),
        ("matricule 47114", "47114"),
        ("matricola n. 47114", "47114"),
        ("número de empleado 47114", "47114"),
        ('{"employee_id": "E10482"}', "E10482"),
        ("badge no. 004711", "004711"),
    ],
)
def test_finds_an_employee_number_behind_its_name(text: str, number: str) -> None:
    assert found(RULES, text) == [(number, "EMPLOYEE_ID")]


@pytest.mark.parametrize(
    "text",
    [
        "order 471147",
        "加工号:471147",
        "pressa matricola 47114",
        "matricola macchina 47114",
        "Personalnummer wird im Formular 12 eingetragen",
        "employee number of site 12",
        "employee_id: string",
        "社員番号を入力してください",
        "Personalnummer 12",
    ],
)
def test_leaves_numbers_of_other_things(text: str) -> None:
    assert found(RULES, text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("for P-471147 only", "P-471147"),
        ("für polar-fox gilt", "polar-fox"),
        ("POLARFOX", "POLARFOX"),
        ("polar_fox", "polar_fox"),
        ("次期車種北極星の試作", "北極星"),
        ("ÜBERFLIEGER!", "ÜBERFLIEGER"),
        ("the x7 omega mule", "x7 omega"),
    ],
)
def test_finds_what_is_configured(text: str, value: str) -> None:
    assert [each for each, _ in found(rules_for([PROJECT], CODE_NAMES), text)] == [value]


@pytest.mark.parametrize("text", ["XP-471147", "P-471147-2", "P-4711470", "Polarfoxes", "polar bear fox", "AX7OMEGA"])
def test_leaves_what_only_holds_a_configured_value(text: str) -> None:
    assert found(rules_for([PROJECT], CODE_NAMES), text) == []


def test_a_configured_word_is_asked_for_when_wanted() -> None:
    rule = ConfiguredPattern(name="badge", type="EMPLOYEE_ID", mask="99999", context=("Stempel",), needs_context=True)
    assert found(rules_for([rule], []), "47114") == []
    assert found(rules_for([rule], []), "Stempel 47114") == [("47114", "EMPLOYEE_ID")]


def test_an_expression_may_take_the_place_of_a_mask() -> None:
    rule = ConfiguredPattern(name="mule", type="PROTOTYPE", expression="[A-F][0-9]{2}(?:EV|HV)", ignore_case=True)
    assert found(rules_for([rule], []), "mule b47ev left") == [("b47ev", "PROTOTYPE")]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "My badge", "mask": "99999"}, "'My badge': the name"),
        ({"type": "badge", "mask": "99999"}, "the type 'badge'"),
        ({}, "needs either mask or expression"),
        ({"mask": "99999", "expression": "a{3}"}, "needs either mask or expression"),
        ({"mask": "P-9"}, "fewer than three"),
        ({"mask": " 9999"}, "begins or ends with a blank"),
        ({"expression": "("}, "not valid"),
        ({"expression": "(?=a)b"}, "cannot be searched for"),
        ({"expression": "a{0,3}"}, "matches nothing"),
        ({"mask": "99999", "needs_context": True}, "context is empty"),
        ({"mask": "99999", "score": 0.1}, "score 0.1"),
        ({"mask": "99999", "examples": ("4711",)}, "its example 1"),
        ({"mask": "99999", "counter_examples": ("47114",)}, "its counter-example 1"),
    ],
)
def test_says_in_one_line_which_pattern_is_wrong_and_why(fields: dict[str, object], why: str) -> None:
    pattern = ConfiguredPattern(**{"name": "own", "type": "OWN_NUMBER", **fields})  # type: ignore[arg-type]
    with pytest.raises(SetupError) as error:
        rules_for([pattern], [])
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("name", ["", "  ", "ab", "星", "a" * 81, "a\nbcd"])
def test_refuses_a_code_name_that_would_be_found_everywhere_without_repeating_it(name: str) -> None:
    with pytest.raises(SetupError, match="code name 2"):
        rules_for([], ["Polar Fox", name])


def test_refuses_two_patterns_of_one_name() -> None:
    with pytest.raises(SetupError, match="'project'"):
        rules_for([PROJECT, PROJECT], [])


def test_hundreds_of_code_names_are_found() -> None:
    names = [f"Fox{number:03d}" for number in range(300)]
    rules = rules_for([], names)
    assert found(rules, "about fox-007? fox007, FOX299, fox300") == [("FOX299", "CODE_NAME"), ("fox007", "CODE_NAME")]
