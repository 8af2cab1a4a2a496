"""The template of a customer's own rule: copied as its how-to says, it passes what every rule must pass."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from gateway.policy.life import build
from gateway.policy.opa.program import Opa, find_opa
from gateway.settings import Settings

pytestmark = pytest.mark.real


@pytest.fixture
def opa(settings: Settings) -> Opa:
    return find_opa(settings)


@pytest.fixture
def policies(repository: Path, tmp_path: Path) -> Path:
    """The shipped policies with the template copied in, as docs/how-to/add-a-rule.md says."""
    folder = tmp_path / "policies"
    shutil.copytree(repository / "policies", folder)
    rule = folder / "export_control"
    shutil.copytree(folder / "templates" / "export_control", rule)
    (rule / "export_control.json").rename(folder / "data" / "export_control.json")
    return folder


def test_the_template_is_no_rule_where_it_lies(repository: Path) -> None:
    assert "export_control" not in build.rules_in(repository / "policies")


def test_copied_it_is_checked_tested_and_covered_like_any_rule(opa: Opa, policies: Path) -> None:
    build.check(opa, policies)
    report = build.test(opa, policies)
    assert report.failed == ()
    assert [line for line in report.uncovered if line.startswith("export_control")] == []
    assert report.passed > 0


def test_copied_without_its_data_it_does_not_pass(opa: Opa, policies: Path) -> None:
    (policies / "data" / "export_control.json").unlink()
    assert any("export_control_test" in name for name in build.test(opa, policies).failed)


def test_with_a_project_of_no_known_regime_its_tests_fail(opa: Opa, policies: Path) -> None:
    path = policies / "data" / "export_control.json"
    data = json.loads(path.read_text())
    data["projects"]["acme/laser-head"]["regime"] = "XX"
    path.write_text(json.dumps(data))
    assert any("has_a_regime" in name for name in build.test(opa, policies).failed)


def test_its_codes_are_the_customers_own(policies: Path) -> None:
    codes = set(re.findall(r'"([a-z]+\.[a-z_]+)"', (policies / "export_control" / "rule.rego").read_text()))
    assert codes == {"own.export_open", "own.export_control", "policy.unconcerned"}
