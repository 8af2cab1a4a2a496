"""Checking, testing and building the Rego, with the real OPA."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import msgspec
import pytest

from gateway.policy.life import build as policy_build
from gateway.policy.life.build import CAPABILITIES, BuildError, build, check
from gateway.policy.opa.capabilities import FORBIDDEN, reduced
from gateway.policy.opa.program import Opa, find_opa
from gateway.settings import Settings

pytestmark = pytest.mark.real

REASONS_ELSEWHERE = ("http.send", "net.lookup_ip_addr", "opa.runtime", "time.now_ns", "rand.intn", "uuid.rfc4122")

METADATA = """\
# METADATA
# title: T
# description: D
# custom:
#   legal: none
#   date: "2026-01-01"
#   owner: me
"""


@pytest.fixture(scope="module")
def opa() -> Opa:
    return find_opa(Settings())


@pytest.fixture
def policies(tmp_path: Path, repository: Path) -> Path:
    """A copy of the policies, to be spoilt."""
    return Path(shutil.copytree(repository / "policies", tmp_path / "policies"))


def _add_rule(policies: Path, body: str, name: str = "mine") -> None:
    (policies / name).mkdir()
    (policies / name / "rule.rego").write_text(f"{METADATA}package rules.{name}\n\n{body}\n")


def test_what_ships_passes_its_check(opa: Opa, repository: Path) -> None:
    check(opa, repository / "policies")


def test_what_ships_passes_its_tests_and_they_reach_every_line(opa: Opa, repository: Path) -> None:
    report = policy_build.test(opa, repository / "policies")

    assert report.failed == ()
    assert report.passed > 40
    assert report.coverage >= 95, report.uncovered


def test_a_broken_rule_fails_its_tests(opa: Opa, policies: Path) -> None:
    rule = policies / "residency" / "rule.rego"
    rule.write_text(rule.read_text().replace("\t\troute.until >= today\n", ""))

    report = policy_build.test(opa, policies)

    assert "data.rules.residency_test.test_adequacy_counts_from_its_first_to_its_last_day" in report.failed
    assert report.coverage < 95


@pytest.mark.parametrize("builtin", REASONS_ELSEWHERE)
def test_a_builtin_that_reaches_outside_does_not_build(opa: Opa, policies: Path, tmp_path: Path, builtin: str) -> None:
    arguments = {"http.send": "{}", "net.lookup_ip_addr": '"x"', "rand.intn": '"a", 2', "uuid.rfc4122": '"a"'}
    _add_rule(policies, f"verdict(_) := {builtin}({arguments.get(builtin, '')})")

    with pytest.raises(BuildError, match="undefined function") as error:
        build(opa, policies, tmp_path / "cache")

    assert builtin in error.value.details
    assert "mine/rule.rego:10" in str(error.value)


def test_capabilities_are_opas_own_without_what_is_forbidden(opa: Opa) -> None:
    committed = msgspec.json.decode(CAPABILITIES.read_bytes())
    names = {builtin["name"] for builtin in committed["builtins"]}

    assert not names & set(FORBIDDEN)
    assert not [b["name"] for b in committed["builtins"] if b.get("nondeterministic")]
    assert committed["allow_net"] == []
    if opa.version == "1.22.2":  # the one that the file was made with
        assert committed == reduced(msgspec.json.decode(opa.run("capabilities", "--current").stdout))


def test_a_bundle_declares_its_roots_and_leaves_facts_free(opa: Opa, repository: Path, tmp_path: Path) -> None:
    bundle = build(opa, repository / "policies", tmp_path / "cache")

    with tarfile.open(bundle.path) as archive:
        names = archive.getnames()
        manifest = json.load(archive.extractfile("/.manifest"))  # type: ignore[arg-type]
    assert set(manifest["roots"]) == {"sekisho", "rules", "law"}
    assert manifest["revision"] == bundle.revision
    assert not [name for name in names if name.endswith("_test.rego")]


def test_the_same_policies_are_built_once_and_alike(opa: Opa, policies: Path, tmp_path: Path) -> None:
    first = build(opa, policies, tmp_path / "a")
    written = first.path.stat().st_mtime_ns

    assert build(opa, policies, tmp_path / "a") == first
    assert first.path.stat().st_mtime_ns == written
    assert build(opa, policies, tmp_path / "b").digest == first.digest


def test_other_data_make_another_bundle(opa: Opa, policies: Path, tmp_path: Path) -> None:
    first = build(opa, policies, tmp_path / "cache")
    (policies / "data" / "adequacy.json").write_text("{}")

    second = build(opa, policies, tmp_path / "cache")

    assert first.revision != second.revision
    assert first.digest != second.digest


def test_a_rule_without_verdicts_does_not_compile(opa: Opa, policies: Path) -> None:
    _add_rule(policies, "verdicts := 1")

    with pytest.raises(BuildError, match=r"mine/rule\.rego:8:1: there is no rules\.mine\.verdict\(place\)"):
        check(opa, policies)


def test_a_rule_without_metadata_is_refused(opa: Opa, policies: Path) -> None:
    (policies / "mine").mkdir()
    (policies / "mine" / "rule.rego").write_text("package rules.mine\n\nverdict(_) := {}\n")

    with pytest.raises(
        BuildError, match=r"mine/rule\.rego:\d+:1: METADATA .* lacks title, description, legal, date, owner"
    ):
        check(opa, policies)


def test_a_rule_of_another_root_is_refused(opa: Opa, policies: Path) -> None:
    _add_rule(policies, "verdict(_) := {}")
    (policies / "mine" / "extra.rego").write_text("package system.authz\n\nallow := true\n")

    with pytest.raises(BuildError, match=r"mine/extra\.rego:1:9: package system\.authz is not below ") as error:
        check(opa, policies)
    assert "do not permit 'package system" in error.value.details


def test_unformatted_rego_is_refused(opa: Opa, policies: Path) -> None:
    _add_rule(policies, "verdict(_)  :=  {}")

    with pytest.raises(BuildError, match=r"Not formatted \(opa fmt -w\): mine/rule\.rego:\d+:\d+: "):
        check(opa, policies)


def test_a_syntax_error_is_told_with_file_and_line(opa: Opa, policies: Path, tmp_path: Path) -> None:
    _add_rule(policies, "verdict(_) := {")

    with pytest.raises(BuildError, match=r"mine/rule\.rego:\d+:\d+") as error:
        build(opa, policies, tmp_path / "cache")
    assert error.value.exit_code == 2


def test_data_that_are_not_json_are_told_by_file(opa: Opa, policies: Path, tmp_path: Path) -> None:
    (policies / "data" / "adequacy.json").write_text("{")

    with pytest.raises(BuildError, match=r"adequacy\.json, line 1, column 2: not JSON"):
        build(opa, policies, tmp_path / "cache")


def test_a_folder_without_rules_is_refused(opa: Opa, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no rule folder"):
        build(opa, tmp_path, tmp_path / "cache")


# --- a rule that speaks of all places at once

SPEAKS = """\
verdict(place) := {"code": "own.yes", "severity": "info", "legal": "", "params": {}} if place.near

verdicts := {name: verdict(data.facts.places[name]) | some name in input.speaks_of} if input.speaks"""
KNOWN = {"facts": {"places": {p: {"near": "other"} for p in ("a", "b")}, "targets": {"t": {"place": "a"}}}}


@pytest.mark.parametrize(
    ("asked", "said"), [({"speaks": True}, ["a"]), ({"speaks": True, "speaks_of": []}, []), ({}, [])]
)
def test_places_of_which_a_rule_does_not_speak_at_once_are_without_its_word(
    opa: Opa, policies: Path, tmp_path: Path, asked: dict[str, object], said: list[str]
) -> None:
    _add_rule(policies, SPEAKS)
    bundle = build(opa, policies, tmp_path / "bundles")
    (tmp_path / "facts.json").write_text(json.dumps(KNOWN))
    (tmp_path / "input.json").write_text(json.dumps({"candidates": ["t"], "speaks_of": ["a", "b"], **asked}))

    options = ("--data", tmp_path / "facts.json", "--input", tmp_path / "input.json", "--format", "json")
    found = opa.run("eval", "--bundle", bundle.path, *options, "data.sekisho.judged.mine")

    (judged,) = msgspec.json.decode(found.stdout)["result"][0]["expressions"]
    assert sorted(judged["value"]) == said
