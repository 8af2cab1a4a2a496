"""Words stay words in files about law."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway import plain_yaml
from gateway.errors import SetupError
from gateway.policy import organisation
from gateway.settings import Settings


def test_norway_is_a_country_and_a_day_a_text() -> None:
    said = plain_yaml.read("{where: NO, on: off, day: 2026-06-01, sure: true, many: 3, nothing: }")

    assert said == {"where": "NO", "on": "off", "day": "2026-06-01", "sure": True, "many": 3, "nothing": None}


def test_an_empty_document_says_nothing() -> None:
    assert plain_yaml.read("# only a comment\n") is None


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "`a` stands twice"),
        ("a:\n  b: {c: 1, c: 2}\n", 2, "`c` stands twice"),
        ("? [a]\n: 1\n", 1, "a key is no word"),
        ("a: [1\n", 2, "not valid YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(yaml.YAMLError) as error:
        plain_yaml.read(text)

    assert plain_yaml.problem_of(error.value) == (line, problem)


def test_a_site_in_norway_needs_no_quotes(tmp_path: Path) -> None:
    (tmp_path / "organisation.yaml").write_text("sites:\n  oslo: {jurisdiction: NO}\n", encoding="utf-8")

    said = organisation.load(Settings(source=str(tmp_path / "sekisho.yaml")))

    assert said.sites["oslo"].jurisdiction == "NO"


def test_a_project_that_is_declared_twice_is_refused(tmp_path: Path) -> None:
    text = "projects:\n  design/car: {prototype: true}\n  design/car: {prototype: false}\n"
    (tmp_path / "organisation.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(SetupError, match=r"organisation\.yaml, line 3: `design/car` stands twice"):
        organisation.load(Settings(source=str(tmp_path / "sekisho.yaml")))
