"""Cases in words on the command line: a list for people, and a difference that can be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

CASE = """\
title: {en: Paris may not help, ja: パリは手伝えない}
story: A customer's own case, decided by mistake against the law of the Union.
law: [GDPR art. 1(3)]
given:
  site: munich
  jurisdiction: DE
  collected_in: DE
  targets:
    paris/n1/w0:m: {jurisdiction: FR}
expected:
  reasons: [policy.residency]
"""


@pytest.fixture
def own(house: Path, repository: Path, opa_binary: Path) -> Path:
    """A customer's own folder of policies, with one case beside them."""
    own = Path(shutil.copytree(repository / "policies", house / "own"))
    shutil.rmtree(own / "cases")
    for tests in own.glob("*/*_test.rego"):  # one folder's are enough here
        if tests.parent.name != "ccpa":
            tests.unlink()
    (own / "cases").mkdir()
    (own / "cases" / "paris.yaml").write_text(CASE, encoding="utf-8")
    config = yaml.safe_load((house / "sekisho.yaml").read_text())
    config["policy"] = {"opa_binary": str(opa_binary), "directory": "own"}
    (house / "sekisho.yaml").write_text(yaml.safe_dump(config))
    return own


@pytest.mark.usefixtures("house")
def test_the_cases_that_ship_are_listed_in_a_language(sekisho) -> None:
    english, japanese = (
        sekisho("policy", "cases", "--json").json,
        sekisho("policy", "cases", "--lang", "ja", "--json").json,
    )

    titles = {case["case"]: case["title"] for case in japanese}
    assert len(english) >= 30
    assert titles["supplier-phone"] == "ミュンヘンで扱う中国の仕入先の電話番号は通る"
    assert {case["case"] for case in english} == set(titles)
    assert "supplier-phone" in sekisho("policy", "cases").out


@pytest.mark.real
def test_one_case_is_shown_whole_as_it_is_decided_now(sekisho, own: Path) -> None:
    said, plain = (
        sekisho("policy", "cases", "paris", "--lang", "de"),
        sekisho("policy", "cases", "paris", "--json").json,
    )

    assert "A customer's own case" in said.out
    assert "allowed: paris/n1/w0:m" in said.out
    assert "policy.residency_adequate: Ein geltender Angemessenheitsbeschluss öffnet den Weg" in said.out
    assert "DIFFERS: expected none; got paris/n1/w0:m" in said.out
    assert (plain["allow"], plain["decided"]) == ([], ["paris/n1/w0:m"])
    assert (own / "cases").is_dir()


@pytest.mark.usefixtures("house")
def test_a_case_that_there_is_not_is_used_wrongly(sekisho) -> None:
    assert sekisho("policy", "cases", "no-such-case").code == 2


@pytest.mark.usefixtures("house")
def test_a_language_without_titles_is_used_wrongly(sekisho) -> None:
    said = sekisho("policy", "cases", "--lang", "fr")

    assert said.code == 2
    assert "en, de, ja, zh" in said.err


def test_a_customers_cases_lie_beside_its_policies(sekisho, own: Path) -> None:
    said = sekisho("policy", "cases", "--lang", "ja")

    assert "パリは手伝えない" in said.out
    assert str(own / "cases") in said.out


def test_a_malformed_case_is_named_by_file_and_line(sekisho, own: Path) -> None:
    (own / "cases" / "paris.yaml").write_text(CASE.replace("site: munich", "town: munich"), encoding="utf-8")

    said = sekisho("policy", "cases")

    assert said.code == 2
    assert "paris.yaml, line 5" in said.err
    assert len(said.err.strip().splitlines()) <= 2


@pytest.mark.real
def test_a_case_that_differs_fails_the_tests_and_is_told(sekisho, own: Path) -> None:
    told, plain = sekisho("policy", "test"), sekisho("policy", "test", "--json")

    assert (told.code, plain.code) == (1, 1)
    assert "DIFFERS: paris: Paris may not help" in told.out
    assert "expected none; got paris/n1/w0:m" in told.out
    assert "0 cases in words hold, 1 differ." in told.out
    failed = plain.json["cases"]["failed"]
    assert [case["case"] for case in failed] == ["paris"]
    assert "policy.residency_adequate" in failed[0]["reasons"]
    assert (own / "cases" / "paris.yaml").is_file()
