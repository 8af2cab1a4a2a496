"""What the law says, as data: complete, dated, with a source, and in the words that the gateway itself uses."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.kinds import SPECIAL
from gateway.policy.life.build import law
from gateway.policy.organisation import Route
from gateway.policy.persons.counters import CHINA
from gateway.privacy.patterns.catalogue import RULES
from gateway.settings import SHIPPED

POLICIES = SHIPPED / "policies"
LAW = law(POLICIES)
OURS = ("adequacy", "china_automotive", "jurisdictions", "special_categories", "thresholds", "transfers")
LABELS = {label for code, entry in LAW["jurisdictions"].items() for label in (code, *entry["groups"])}
GENERAL = "*"


def is_day(text: str) -> bool:
    return date.fromisoformat(text).isoformat() == text


@pytest.mark.parametrize("name", OURS)
def test_each_says_where_it_is_from_and_when_somebody_looked(name: str) -> None:
    source = LAW["sources"][name]
    assert source["about"].endswith(".")
    assert date.fromisoformat(source["looked_at"]) >= date(2026, 1, 1)
    assert source["sources"]
    assert all(url.startswith("https://") for url in source["sources"])
    assert all(question.endswith(".") for question in source["for_a_lawyer"])


def test_no_source_is_about_nothing() -> None:
    assert LAW["sources"].keys() <= LAW.keys()


# --- adequacy


def ways() -> list[tuple[str, str, dict[str, str]]]:
    return [(giver, to, way) for giver, found in LAW["adequacy"].items() for to, way in found.items()]


@pytest.mark.parametrize(("giver", "to", "way"), ways(), ids=[f"{giver}-{to}" for giver, to, _ in ways()])
def test_a_decision_is_between_known_places_dated_and_cited(giver: str, to: str, way: dict[str, str]) -> None:
    assert {giver, to} <= LABELS
    assert way.keys() == {"condition", "legal", "since", "until"}
    assert is_day(way["since"])
    assert way["since"] < way["until"]
    assert re.search(r"(art\.|ch\.|28 CFR)", way["legal"])


@pytest.mark.parametrize("giver", ["CH", "EEA", "GB"])
def test_frameworks_for_certified_recipients_are_conditions(giver: str) -> None:
    assert "certified" in LAW["adequacy"][giver]["US"]["condition"]


@pytest.mark.parametrize(
    ("giver", "to"),
    [
        ("CN", "EEA"),
        ("CN", "HK"),
        ("JP", "US"),
        ("JP", "CN"),
        ("JP", "CH"),
        ("CH", "JP"),
        ("US", "CN"),
        ("US", "HK"),
        ("EEA", "BR"),
    ],
)
def test_ways_that_nobody_decided_are_not_there(giver: str, to: str) -> None:
    assert to not in LAW["adequacy"].get(giver, {})


def test_each_origin_that_the_rules_are_about_has_its_law() -> None:
    assert {"CH", "CN", "EEA", "GB", "JP"} == LAW["transfers"].keys()
    assert {"CH", "EEA", "GB", "JP", "US"} <= LAW["adequacy"].keys()


# --- transfers


def test_every_route_that_can_be_declared_is_known_to_some_law_and_no_other() -> None:
    assert {route for entry in LAW["transfers"].values() for route in entry["routes"]} == set(get_args(Route))


def test_a_route_by_numbers_has_numbers() -> None:
    by_numbers = {
        origin
        for origin, entry in LAW["transfers"].items()
        if any(route["holds"] in {"limited", "exempt"} for route in entry["routes"].values())
    }
    assert by_numbers == LAW["thresholds"].keys() == {"CN"}


def test_the_numbers_are_those_of_the_provisions_of_2024() -> None:
    numbers = LAW["thresholds"]["CN"]
    assert (numbers["contract_from_persons"], numbers["assessment_from_persons"]) == (100_000, 1_000_000)
    assert (numbers["contract_from_sensitive"], numbers["assessment_from_sensitive"]) == (1, 10_000)


def test_the_counters_year_begins_when_the_laws_does() -> None:
    offset = CHINA.utcoffset(None)
    hours = int(offset.total_seconds() // 3600)
    assert LAW["thresholds"]["CN"]["year_begins_at"] == f"00:00:00+{hours:02}:00"


# --- what is said of content


def test_signals_name_findings_that_there_are() -> None:
    named = {type_ for signal in LAW["china_automotive"]["signals"].values() for type_ in signal["all"]}
    assert named <= {rule.type for rule in RULES}


def test_laws_and_bases_name_categories_that_there_are() -> None:
    special = LAW["special_categories"]
    lists = [entry["categories"] for entry in special["laws"].values()]
    lists += [entry["categories"] for by_law in special["bases"].values() for entry in by_law.values()]
    assert {category for categories in lists for category in categories} <= set(SPECIAL)
    assert set(special["laws"][GENERAL]["categories"]) == set(SPECIAL)
    assert special["laws"].keys() - {GENERAL} <= LABELS


def test_purposes_with_a_basis_are_written_as_keys_write_them() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", purpose) for purpose in LAW["special_categories"]["bases"])


def test_places_where_such_texts_are_free_are_in_the_house() -> None:
    assert set(LAW["special_categories"]["free"]) <= {"same-node", "same-site", "same-jurisdiction"}


# --- jurisdictions


def test_countries_are_two_capitals_and_groups_more() -> None:
    entries: dict[str, dict[str, Any]] = LAW["jurisdictions"]
    assert all(re.fullmatch(r"[A-Z]{2}", code) and entry["name"] for code, entry in entries.items())
    assert {group for entry in entries.values() for group in entry["groups"]} == {"EU", "EEA"}
    assert all(entry["groups"] in ([], ["EEA"], ["EU", "EEA"]) for entry in entries.values())


# --- the rules


@pytest.mark.parametrize("rule", ["residency", "transfers", "china_automotive", "special_categories", "ccpa"])
def test_each_rule_has_a_source_and_a_day(rule: str) -> None:
    text = Path(POLICIES / rule / "rule.rego").read_text(encoding="utf-8")
    head = text[: text.index("\npackage ")]
    assert re.search(r"ref: https://", head)
    day = re.search(r'date: "(.+)"', head)
    assert day
    assert is_day(day[1])


def test_answers_are_not_guarded_unless_a_house_wants_it() -> None:
    modes = law(SHIPPED / "policies")["output_guard"]

    assert modes == dict.fromkeys(("same-node", "same-site", "same-jurisdiction", "elsewhere", "external"), "off")
