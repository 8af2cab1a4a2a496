"""sekisho policy and sekisho privacy, with the real OPA and the real detectors."""

from pathlib import Path

import pytest
import yaml

from gateway.cli.privacy import plain_finding
from gateway.domain import Finding


def change(house: Path, **sections) -> None:
    config = yaml.safe_load((house / "sekisho.yaml").read_text())
    (house / "sekisho.yaml").write_text(yaml.safe_dump({**config, **sections}))


@pytest.mark.real
def test_the_policies_that_ship_pass(sekisho, house: Path, opa_binary: Path) -> None:
    change(house, policy={"opa_binary": str(opa_binary)})
    said = sekisho("policy", "check", "--json")
    assert said.code == 0, said.out + said.err
    assert len(said.json["digest"]) == 64


@pytest.mark.real
def test_their_tests_pass(sekisho, house: Path, opa_binary: Path) -> None:
    change(house, policy={"opa_binary": str(opa_binary)})
    said = sekisho("policy", "test", "--json")
    assert (said.code, said.json["failed"]) == (0, [])
    assert said.json["passed"] > 0


@pytest.mark.real
def test_policies_that_do_not_compile_are_a_no_with_opas_own_lines(sekisho, house: Path, opa_binary: Path) -> None:
    (house / "own" / "bad").mkdir(parents=True)
    (house / "own" / "bad" / "rule.rego").write_text("package rules.bad\n\nverdicts := http.send({})\n")
    (house / "own" / "main").mkdir()
    (house / "own" / "main" / "decision.rego").write_text("package sekisho\n")
    change(house, policy={"opa_binary": str(opa_binary), "directory": "own"})
    said = sekisho("policy", "check")
    assert said.code == 1
    assert "http.send" in said.out


def test_the_rules_in_force_are_shown(sekisho, house: Path) -> None:
    shown = sekisho("policy", "show", "--json").json
    assert "residency" in shown["rules"]
    assert shown["table"]["lines"][0] == "class,type,where,operator,note"
    assert (shown["preset"], shown["jurisdiction"]) == ("demo", "DE")


@pytest.mark.real
@pytest.mark.slow
def test_a_scan_shows_types_and_no_values(sekisho, house: Path) -> None:
    (house / "letter.txt").write_text("Please write to anna.schmidt@example.com today.")
    said = sekisho("privacy", "scan", "letter.txt", "--json", "--fail-when-found")
    assert (said.code, said.json["counts"]["EMAIL_ADDRESS"]) == (1, 1)
    assert "anna" not in said.out + said.err


def test_a_value_is_shown_only_when_told_to() -> None:
    found = Finding(0, 3, 7, "PERSON", 0.854, "names")
    assert plain_finding("Is Anna", found, show=True)["value"] == "Anna"
    assert "Anna" not in str(plain_finding("Is Anna", found, show=False))


def test_with_detection_off_nothing_is_found_and_it_says_so(sekisho, house: Path) -> None:
    change(house, privacy={"detection": "off"})
    assert sekisho("privacy", "scan", "--json", given="a@b.de").json["detector"] == "off"


def test_text_that_is_not_utf8_is_refused(sekisho, house: Path) -> None:
    (house / "latin.txt").write_bytes(b"M\xfcller")
    assert sekisho("privacy", "scan", "latin.txt").code == 2
    assert sekisho("privacy", "scan", "nowhere.txt").code == 3
