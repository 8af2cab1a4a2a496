"""sekisho policy, with the real OPA."""

from pathlib import Path

import pytest
import yaml


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
    (house / "own" / "bad" / "rule.rego").write_text("package rules.bad\n\nverdict(_) := http.send({})\n")
    (house / "own" / "main").mkdir()
    (house / "own" / "main" / "decision.rego").write_text("package sekisho\n\ndefault decision := {}\n")
    change(house, policy={"opa_binary": str(opa_binary), "directory": "own"})
    said = sekisho("policy", "check")
    assert said.code == 1
    assert "http.send" in said.out


def test_the_rules_in_force_are_shown(sekisho, house: Path) -> None:
    shown = sekisho("policy", "show", "--json").json
    assert "residency" in shown["rules"]
    assert shown["table"]["lines"][0].startswith("data,collected_in,class,purpose,destination,decision,")
    assert (shown["preset"], shown["jurisdiction"]) == ("demo", "DE")
