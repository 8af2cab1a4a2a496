"""Policies given for a bundle are judged before anybody signs them, and packed so that every site unpacks them."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.bundle.build import archive, policy_folder
from gateway.bundle.unpack import unpack
from gateway.cli.bundle_build import _judge
from gateway.cli.session import Session
from gateway.errors import SetupError


@pytest.fixture
def pack(tmp_path: Path, repository: Path) -> Callable[..., Path]:
    """Make an archive of the shipped policies, as `tar czf FILE -C FOLDER .` does, with a file in other words."""

    def make(top: str = ".", name: str = "", before: str = "", after: str = "") -> Path:
        folder = tmp_path / "given"
        shutil.copytree(repository / "policies", folder, ignore=shutil.ignore_patterns(".*"))
        if name:
            text = (folder / name).read_text(encoding="utf-8")
            assert before in text
            (folder / name).write_text(text.replace(before, after), encoding="utf-8")
        with tarfile.open(tmp_path / "given.tar.gz", "w:gz") as tar:
            tar.add(folder, top)
        return tmp_path / "given.tar.gz"

    return make


def judge(folder: Path) -> None:
    _judge(Session(), folder)


def test_an_archive_of_a_folder_is_carried_so_that_a_site_unpacks_it(pack, tmp_path) -> None:
    looked: list[bool] = []
    made = policy_folder.read(pack(), lambda folder: looked.append((folder / "main" / "decision.rego").is_file()), 0)
    (tmp_path / "made.tar.gz").write_bytes(made)
    (tmp_path / "site").mkdir()
    unpack(tmp_path / "made.tar.gz", tmp_path / "site", "policies")
    assert looked == [True]
    assert (tmp_path / "site" / "residency" / "rule.rego").is_file()


def test_the_shipped_policies_pass(pack, opa_binary) -> None:
    assert policy_folder.read(pack(), judge, 0)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("residency/rule.rego", "package rules.residency", "package rules.residency\n\nx := = 1"),
        ("ccpa/rule.rego", "package rules.ccpa", 'package rules.ccpa\n\nx := http.send({"url": "http://x"})'),
        ("ccpa/rule.rego", "# title:", "# heading:"),
        ("ccpa/rule_test.rego", "package rules.ccpa_test", "package rules.ccpa_test\n\ntest_never if 1 == 2"),
    ],
)
def test_what_policy_check_or_test_finds_a_fault_in_is_not_carried(pack, opa_binary, name, before, after) -> None:
    with pytest.raises(SetupError):
        policy_folder.read(pack(name=name, before=before, after=after), judge, 0)


def test_what_is_no_policy_folder_is_not_carried(pack, tmp_path) -> None:
    with pytest.raises(SetupError, match=r"lacks capabilities\.json"):
        policy_folder.read(pack(top="policies"), lambda folder: None, 0)
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    for file in (tmp_path / "x.tar.gz", tmp_path / "nothing"):
        with pytest.raises(SetupError):
            policy_folder.read(file, lambda folder: None, 0)


def test_a_name_that_leads_out_is_refused(tmp_path) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(archive.tar_gz({"../x": archive.Member(b"1")}, 0))
    with pytest.raises(SetupError, match="leads elsewhere"):
        policy_folder.read(tmp_path / "bad.tar.gz", lambda folder: None, 0)
