"""A key of the installation is lost without a copy: what docs/how-to/disaster.md says to do, and what it warns of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

OTHERS = {"log.pem", "pepper", "tenants", "policy-bundle.pem"}


@pytest.fixture
def keys(sekisho, house: Path) -> Path:
    """The folder of keys, of a site that has made an API key, so that there is a log."""
    assert sekisho("keys", "create", "--name", "app", "--tenant", "bodyshop").code == 0
    return house / ".sekisho" / "keys"


def make_what_is_missing(sekisho, keys: Path) -> int:
    data = str(keys.parent)
    return int(sekisho("init", "--yes", "--site", "plant", "--dir", "scratch", "--data-dir", data).code)


def contents(keys: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in keys.iterdir() if path.name in OTHERS}


@pytest.mark.parametrize("lost", ["pepper", "tenants"])
def test_what_is_lost_is_made_anew_and_nothing_else(sekisho, house: Path, keys: Path, lost: str) -> None:
    config = (house / "sekisho.yaml").read_bytes()
    before = contents(keys)
    (keys / lost).unlink()

    assert make_what_is_missing(sekisho, keys) == 0
    after = contents(keys)
    assert {name for name in OTHERS if after[name] != before[name]} == {lost}
    assert (keys / lost).stat().st_mode & 0o777 == 0o600
    assert (house / "sekisho.yaml").read_bytes() == config
    assert sekisho("audit", "verify").code == 0


def test_after_a_new_pepper_the_register_is_refused_by_name_and_keys_are_made_anew(sekisho, keys: Path) -> None:
    (keys / "pepper").unlink()
    assert make_what_is_missing(sekisho, keys) == 0
    refused = sekisho("keys", "list")
    assert (refused.code, "another pepper" in refused.err) == (3, True)

    shutil.move(keys.parent / "state" / "keys.json", "keys.json.before")
    assert sekisho("keys", "create", "--name", "app", "--tenant", "bodyshop").code == 0
    assert [key["name"] for key in sekisho("keys", "list", "--json").json["data"]] == ["app"]


def test_another_log_key_in_the_old_folder_is_refused_and_the_old_log_still_verifies(sekisho, keys: Path) -> None:
    public = (keys / "log.vkey").read_bytes()
    (keys / "log.pem").unlink()
    make_what_is_missing(sekisho, keys)

    refused = sekisho("keys", "create", "--name", "late", "--tenant", "bodyshop")
    assert (refused.code, "audit recover" in refused.err) == (3, True)

    (keys.parent / "elsewhere.vkey").write_bytes(public)
    (log,) = (path.parent for path in (keys.parent / "audit").rglob("checkpoint"))
    assert sekisho("audit", "verify", str(log), "--key", str(keys.parent / "elsewhere.vkey")).code == 0


@pytest.mark.real
def test_a_new_data_folder_beside_it_begins_a_log_of_its_own(sekisho, house: Path, keys: Path) -> None:
    (keys / "log.pem").unlink()
    new = house / "data-2"

    assert sekisho("init", "--yes", "--site", "plant", "--dir", "scratch", "--data-dir", str(new)).code == 0
    config = house / "sekisho.yaml"
    config.write_text(config.read_text().replace('data_dir: "./.sekisho"', f'data_dir: "{new}"'))
    assert sekisho("keys", "create", "--name", "app", "--tenant", "bodyshop").code == 0
    assert sekisho("audit", "verify").code == 0
    assert (new / "keys" / "log.vkey").read_bytes() != (keys / "log.vkey").read_bytes()


@pytest.mark.real
def test_the_key_of_policy_bundles_is_made_again_by_building(sekisho, keys: Path) -> None:
    (keys / "policy-bundle.pem").unlink()

    assert sekisho("policy", "build").code == 0
    assert (keys / "policy-bundle.pem").is_file()
