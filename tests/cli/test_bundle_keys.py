"""Keys of bundles: made, shown, replaced, and signed with by persons who each hold one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def maker(sekisho, tmp_path: Path) -> Path:
    """A maker's folder with all its keys and the first root."""
    folder = tmp_path / "maker"
    assert sekisho("bundle", "keys", "create", "--dir", str(folder)).code == 0
    return folder


def test_the_first_root_is_whole_and_its_fingerprint_is_told(sekisho, tmp_path):
    folder = tmp_path / "maker"
    said = sekisho("bundle", "keys", "create", "--dir", str(folder), "--json")
    told = json.loads(said.out)
    assert told["lacks"] == ""
    assert told["sha256"] == hashlib.sha256((folder / "roots" / "1.root.json").read_bytes()).hexdigest()
    assert {path.stat().st_mode & 0o777 for path in (folder / "keys").glob("*.pem")} == {0o600}


def test_a_maker_is_never_made_twice(sekisho, maker):
    before = {path: path.read_bytes() for path in maker.rglob("*") if path.is_file()}
    said = sekisho("bundle", "keys", "create", "--dir", str(maker))
    assert said.code == 2
    assert before == {path: path.read_bytes() for path in maker.rglob("*") if path.is_file()}


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_key_is_replaced_and_sites_follow(sekisho, maker, tmp_path, role):
    from gateway.bundle.repository import metadata

    assert sekisho("bundle", "keys", "rotate", role, "--dir", str(maker)).code == 0
    before, after = (metadata.read_root((maker / "roots" / f"{n}.root.json").read_bytes()) for n in (1, 2))
    assert metadata.lacking(after, before) == ""
    gone = set(before.signed.roles[role].keyids) - set(after.signed.roles[role].keyids)
    assert gone == {before.signed.roles[role].keyids[0]}


def test_persons_who_each_hold_one_key_sign_one_after_the_other(sekisho, tmp_path):
    anna, kenji, maker = tmp_path / "anna", tmp_path / "kenji", tmp_path / "maker"
    for person in (anna, kenji):
        sekisho("bundle", "keys", "create", "--dir", str(person))
    public = [f"root={person}/keys/root-1.pub.json" for person in (anna, kenji)]
    said = sekisho(
        "bundle", "keys", "create", "--dir", str(maker), "--public", public[0], "--public", public[1], "--json"
    )
    root = maker / "roots" / "1.root.json"
    assert json.loads(said.out)["lacks"] == "1 more of itself"
    said = sekisho("bundle", "keys", "sign", str(root), "--key", str(anna / "keys" / "root-1.pem"), "--json")
    assert json.loads(said.out)["lacks"] == ""


def test_a_stranger_does_not_sign(sekisho, maker, tmp_path):
    stranger = tmp_path / "stranger"
    sekisho("bundle", "keys", "create", "--dir", str(stranger))
    root = maker / "roots" / "1.root.json"
    before = root.read_bytes()
    said = sekisho("bundle", "keys", "sign", str(root), "--key", str(stranger / "keys" / "root-1.pem"))
    assert said.code == 3 and "no key of this root" in said.err
    assert root.read_bytes() == before


def test_a_root_that_lost_a_holder_of_its_keys_says_what_it_lacks(sekisho, maker):
    for name in ("root-1", "root-2"):
        (maker / "keys" / f"{name}.pem").unlink()
    said = sekisho("bundle", "keys", "rotate", "timestamp", "--dir", str(maker), "--json")
    assert json.loads(said.out)["lacks"] == "1 more of the root before"


@pytest.mark.parametrize(
    "spoil, says",
    [
        (lambda file: file.chmod(0o644), "can be read by others"),
        (lambda file: file.write_text("no key"), "cannot be opened"),
        (lambda file: file.unlink(), "cannot be read"),
    ],
)
def test_a_key_that_is_no_good_is_named(sekisho, maker, spoil, says):
    key = maker / "keys" / "root-1.pem"
    spoil(key)
    said = sekisho("bundle", "keys", "sign", str(maker / "roots" / "1.root.json"), "--key", str(key))
    assert said.code == 3 and says in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(
    "roles, says",
    [
        ("root: {keys: 1, threshold: 2}", "fewer keys than must sign"),
        ("mirror: {keys: 1}", "no role mirror"),
        ("root: {keys: 0}", "keys"),
        ("root: {days: 365, colour: red}", "colour"),
    ],
)
def test_a_file_of_roles_that_is_wrong_is_named(sekisho, tmp_path, roles, says):
    file = tmp_path / "roles.yaml"
    file.write_text(roles, encoding="utf-8")
    said = sekisho("bundle", "keys", "create", "--dir", str(tmp_path / "maker"), "--roles", str(file))
    assert said.code == 2 and says in said.err and not (tmp_path / "maker").exists()


def test_what_is_shown_names_every_key(sekisho, maker):
    told = json.loads(sekisho("bundle", "keys", "show", "--dir", str(maker), "--json").out)
    names = sorted(path.name.removesuffix(".pub.json") for path in (maker / "keys").glob("*.pub.json"))
    assert sorted(row["name"] for row in told["keys"]) == names
    shutil.rmtree(maker / "roots")
    assert sekisho("bundle", "keys", "show", "--dir", str(maker)).code == 2
