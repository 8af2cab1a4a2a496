"""``sekisho tenants`` and ``sekisho projects``, without a server: on record, what depends, and dry runs."""

from __future__ import annotations

from pathlib import Path

import pytest

FILE = (
    "tenants:\n  bodyshop: {entity: Beispiel AG}  # since 2024\nprojects:\n  bodyshop/weld: {safety_oversight: true}\n"
)


@pytest.fixture
def file(house: Path) -> Path:
    path = house / "organisation.yaml"
    path.write_text(FILE)
    return path


def records(house: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (house / ".sekisho" / "audit").rglob("*") if path.is_file())


def test_a_tenant_is_added_changed_and_removed(sekisho, file: Path, house: Path) -> None:
    assert sekisho("tenants", "add", "design", "--entity", "Neue AG").code == 0
    assert "  design: {entity: Neue AG}\n" in file.read_text()
    said = sekisho("tenants", "change", "design", "--entity", "", "--model", "smollm2-135m-instruct", "--json").json
    assert said["before"] == {"entity": "Neue AG"}
    assert said["after"] == {"models": ["smollm2-135m-instruct"]}
    assert sekisho("tenants", "remove", "design").code == 0
    assert file.read_text() == FILE
    assert records(house).count(b'"organisation.changed"') == 3


def test_a_project_keeps_what_is_not_named(sekisho, file: Path) -> None:
    said = sekisho("projects", "change", "bodyshop/weld", "--class", "strict", "--at-site", "munich", "--json")
    assert said.json["after"] == {"class": "strict", "sites": ["munich"], "safety_oversight": True}
    sekisho("projects", "change", "bodyshop/weld", "--no-safety-oversight")
    assert "bodyshop/weld: {class: strict, sites: [munich]}" in file.read_text()


def test_a_dry_run_changes_nothing_and_leaves_no_record(sekisho, file: Path, house: Path) -> None:
    before = file.stat().st_mtime_ns
    said = sekisho("tenants", "change", "bodyshop", "--entity", "X", "--dry-run", "--json").json
    assert (said["dry_run"], said["after"], said["depends"]["projects"]) == (True, {"entity": "X"}, ["bodyshop/weld"])
    assert file.stat().st_mtime_ns == before
    assert not (house / ".sekisho" / "audit").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("tenants", "add", "bodyshop"), "organisation.exists"),
        (("tenants", "change", "nobody"), "organisation.exists"),
        (("tenants", "remove", "bodyshop"), "organisation.in_use"),
        (("tenants", "show", "nobody"), "organisation.not_found"),
        (("tenants", "add", "Body Shop"), "organisation.name"),
        (("projects", "add", "weld"), "organisation.name"),
        (("projects", "add", "hr/jobs", "--at-site", "Not A Site"), "organisation.field"),
    ],
)
def test_what_is_refused_says_why(sekisho, file: Path, arguments: tuple[str, ...], code: str) -> None:
    said = sekisho(*arguments, "--json")
    assert (said.code, said.json["error"]["code"]) == (2, code)
    assert file.read_text() == FILE


def test_what_keys_name_is_listed_and_cannot_be_removed(sekisho, file: Path) -> None:
    sekisho("keys", "create", "--name", "ci", "--tenant", "bodyshop", "--project", "weld")
    sekisho("keys", "create", "--name", "other", "--tenant", "press")
    listed = {view["name"]: view for view in sekisho("projects", "list", "--json").json["data"]}
    assert listed["bodyshop/weld"]["depends"]["keys"] == ["ci"]
    assert listed["press/default"]["declared"] is False
    assert "press" in sekisho("tenants", "list").out
    assert "ci" in sekisho("tenants", "show", "bodyshop").out
    assert "keys: ci" in sekisho("projects", "remove", "bodyshop/weld").err
    sekisho("keys", "revoke", "ci")
    assert sekisho("projects", "remove", "bodyshop/weld").code == 0
    assert sekisho("tenants", "remove", "bodyshop").code == 0
