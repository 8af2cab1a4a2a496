"""Data files of the law: what is malformed is refused with its place, before a rule could find nothing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.life.build import BuildError, law
from gateway.policy.life.law import FORMS
from gateway.settings import SHIPPED

SHIPPED_DATA = SHIPPED / "policies" / "data"


@pytest.fixture
def said(tmp_path: Path) -> Any:
    """Put text into a data file; return what the law of that folder is refused with."""
    (tmp_path / "data").mkdir()

    def refusal(name: str, text: str | bytes) -> str:
        path = tmp_path / "data" / f"{name}.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(BuildError) as caught:
            law(tmp_path)
        return caught.value.problem.removeprefix(f"{tmp_path}/data/")

    return refusal


def test_every_form_is_one_that_a_shipped_file_has() -> None:
    assert FORMS.keys() <= law(SHIPPED / "policies").keys()


WAY = '{"condition": "", "legal": "GDPR art. 45", "since": "2021-06-28", "until": "2031-12-27"}'


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("adequacy", "{\n}}", "adequacy.json, line 2, column 2: not JSON (Extra data)."),
        ("adequacy", "[]", "adequacy.json, line 1, column 1: expected `object`, got `array`."),
        ("adequacy", f'{{"EEA": {{\n"gb": {WAY}}}}}', "adequacy.json, line 1, column 2: expected `str` matching regex"),
        (
            "adequacy",
            f'{{"EEA": {{\n"GB":\n{WAY.replace("until", "untill")}}}}}',
            "line 3, column 67: unknown field `untill`.",
        ),
        ("adequacy", f'{{"EEA": {{\n"GB": {WAY.replace("-12-27", "-13-27")}}}}}', "line 2, column 73: invalid"),
        (
            "adequacy",
            '{"EEA": {\n"GB": {"legal": "x"}}}',
            "line 2, column 1: object missing required field `condition`.",
        ),
        (
            "adequacy",
            f'{{"EEA": {{"GB": {WAY},\n"GB": {WAY}}}}}',
            "adequacy.json, line 2, column 2: `GB` stands twice.",
        ),
        ("jurisdictions", '{\n\n"DE": 3}', "jurisdictions.json, line 3, column 1: expected `object`, got `int`."),
        ("special_categories", '{"bases": {},\n"lawz": {}, "free": []}', "line 2, column 1: unknown field `lawz`."),
        (
            "special_categories",
            '{"bases": {}, "free": [],\n"laws": {"*": {"legal": "",\n"categories": ["helth"]}}}',
            "special_categories.json, line 3, column 16: invalid enum value 'helth'.",
        ),
        ("prototypes", '{"type": ["CODE_NAME"]}', "prototypes.json, line 1, column 2: unknown field `type`."),
        ("break_glass", '{"never": {},\n"longest_hours": 48}', "line 2, column 1: expected `int` <= 24."),
        (
            "unsigned",
            '{"classes": {"demo": ["public"],\n"strict": ["secret"]}}',
            "line 2, column 12: invalid enum value 'secret'.",
        ),
        ("output_guard", '{"external": "blocked"}', "line 1, column 2: invalid enum value 'blocked'."),
        ("house_rule", '{"limit": NaN}', "house_rule.json, line 1, column 11: `NaN` is no number."),
        (
            "house_rule",
            '{"a": 1,\n"limit": 1e999}',
            "house_rule.json, line 2, column 10: `1e999` is no number that anybody can hold.",
        ),
        ("house_rule", "[\n" * 65 + "]" * 65, "house_rule.json, line 65, column 1: nested more than 64 deep."),
        ("house_rule", "[\n" * 100_000, "house_rule.json, line 65, column 1: nested more than 64 deep."),
        (
            "house_rule",
            '{"größe 東京": 1,\n "東京": 2, "東京": 3}',
            "house_rule.json, line 2, column 12: `東京` stands twice.",
        ),
        (
            "purposes",
            '{"aliases": {}, "purposes": {}, "東京": 1}',
            "purposes.json, line 1, column 33: unknown field `東京`.",
        ),
        ("house_rule", b'{"a": 1,\n"b": "\xff"}', "house_rule.json, line 2, column 7: not UTF-8."),
    ],
)
def test_what_is_malformed_is_told_with_its_place(said: Any, name: str, text: str | bytes, expected: str) -> None:
    assert expected in said(name, text)


@pytest.mark.parametrize("name", sorted(FORMS.keys() - {"sources"}))  # whose keys are names of files
def test_no_field_of_a_form_can_be_misspelt(said: Any, name: str) -> None:
    content = json.loads((SHIPPED_DATA / f"{name}.json").read_text(encoding="utf-8"))
    first = next(iter(content))
    content[f"{first}x!"] = content.pop(first)

    assert f"{name}.json, line " in said(name, json.dumps(content, indent=1))


def test_files_of_a_houses_own_rules_hold_what_those_want(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "export_control.json").write_text('{"anything": [1, {"x": null}]}')

    assert law(tmp_path) == {"export_control": {"anything": [1, {"x": None}]}}
