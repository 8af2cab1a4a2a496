"""The client believes what the root leads to, and names what it refuses."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository import metadata as md
from gateway.bundle.repository.client import Client, trust


def refused(client: Client) -> str:
    with pytest.raises(BundleRefused) as caught:
        client.refresh()
    return caught.value.code


def test_a_target_comes_as_it_was_signed(maker, tmp_path):
    maker.release({"parts/a.txt": b"one", "b.txt": b"two"})
    client = maker.client(tmp_path / "trusted")
    client.refresh()
    file = client.download("parts/a.txt", tmp_path / "got")
    assert file.read_bytes() == b"one"
    assert file.parent == tmp_path / "got"


def test_roots_are_walked_one_by_one(maker, tmp_path):
    for role in ("root", "targets", "timestamp", "root"):
        maker.rotate(role)
    maker.release({"a": b"1"})
    client = maker.client(tmp_path / "trusted")
    client.refresh()
    assert client.trusted.root.version == 5


def test_a_root_below_the_old_threshold_is_no_root(maker, tmp_path):
    maker.rotate("targets")
    while len(maker.root.signatures) > 1:
        maker.root.signatures.popitem()
    maker.write_root()
    maker.release({"a": b"1"})
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.signature"


def test_a_root_that_only_the_new_keys_signed_is_no_root(maker, tmp_path):
    maker.rotate("root")
    maker.root.signatures.clear()
    md.sign(maker.root, maker.signers["root"][-1:])
    maker.write_root()
    maker.release({"a": b"1"})
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.signature"


def test_what_was_signed_by_a_key_that_was_replaced_is_not_believed(maker, tmp_path):
    old = maker.release({"a": b"1"})
    maker.rotate("timestamp")
    (maker.metadata / "timestamp.json").write_bytes(old["timestamp.json"])
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.signature"


@pytest.mark.parametrize("name", ["timestamp.json", "{}.snapshot.json", "{}.targets.json"])
def test_a_changed_file_is_refused(maker, tmp_path, name):
    maker.release({"a": b"1"})
    maker.change(name.format(int(maker.at.timestamp())), version=int(maker.at.timestamp()) + 1)
    assert refused(maker.client(tmp_path / "trusted")) in ("bundle.signature", "bundle.tampered")


def test_an_older_release_is_refused_after_a_newer_one(maker, tmp_path):
    older = maker.release({"a": b"1"})
    maker.release({"a": b"2"})
    maker.client(tmp_path / "trusted").refresh()
    (maker.metadata / "timestamp.json").write_bytes(older["timestamp.json"])
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.rolled_back"


def test_a_version_far_ahead_is_recovered_from_by_new_keys(maker, tmp_path):
    today, trusted = maker.at, tmp_path / "trusted"
    maker.at += timedelta(days=9000)  # whoever has the keys signs a version that no other can reach
    maker.release({"a": b"1"})
    maker.client(trusted, today).refresh()
    maker.at = today
    maker.release({"a": b"2"})
    assert refused(maker.client(trusted)) == "bundle.rolled_back"
    for role in ("timestamp", "snapshot", "targets"):
        maker.rotate(role)
    maker.release({"a": b"2"})
    client = maker.client(trusted)
    client.refresh()
    assert client.download("a", tmp_path / "got").read_bytes() == b"2"


@pytest.mark.parametrize("role, days", [("timestamp", 91), ("root", 366)])
def test_what_is_past_its_end_is_refused(maker, tmp_path, role, days):
    maker.release({"a": b"1"})
    late = maker.at + timedelta(days=days)
    assert refused(maker.client(tmp_path / "trusted", late)) == "bundle.expired", role


def test_reference_time_is_what_ends_are_compared_with(maker, tmp_path):
    maker.release({"a": b"1"})
    maker.client(tmp_path / "early", datetime(1970, 1, 1, tzinfo=UTC)).refresh()
    assert refused(maker.client(tmp_path / "late", datetime(2100, 1, 1, tzinfo=UTC))) == "bundle.expired"


def test_metadata_of_two_releases_do_not_mix(maker, tmp_path):
    old = maker.release({"a": b"1"})
    first = int(maker.at.timestamp())
    maker.release({"a": b"2"})
    now = int(maker.at.timestamp())
    (maker.metadata / f"{now}.targets.json").write_bytes(old[f"{first}.targets.json"])
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.mixed"


def test_a_file_without_an_end_is_left_off(maker, tmp_path):
    maker.release({"a": b"1"})
    path = maker.metadata / f"{int(maker.at.timestamp())}.snapshot.json"
    path.write_bytes(path.read_bytes() + b" " * 100_000)
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.endless"


@pytest.mark.parametrize(
    "content, code", [(b"x", "bundle.tampered"), (b"one!", "bundle.endless"), (None, "bundle.truncated")]
)
def test_a_target_that_is_not_what_was_signed_is_not_kept(maker, tmp_path, content, code):
    maker.release({"a": b"one"})
    [path] = maker.targets.iterdir()
    path.write_bytes(content) if content is not None else path.unlink()
    client = maker.client(tmp_path / "trusted")
    client.refresh()
    with pytest.raises(BundleRefused) as caught:
        client.download("a", tmp_path / "got")
    assert caught.value.code == code
    assert list((tmp_path / "got").iterdir()) == []


def test_nothing_outside_the_folder_is_read(maker, tmp_path):
    maker.release({"a": b"one"})
    [path] = maker.targets.iterdir()
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    client = maker.client(tmp_path / "trusted")
    client.refresh()
    with pytest.raises(BundleRefused):
        client.download("a", tmp_path / "got")


def test_a_root_signed_by_too_few_is_not_trusted(maker, tmp_path):
    maker.root.signatures.popitem()
    with pytest.raises(BundleRefused) as caught:
        trust(md.encode(maker.root), tmp_path / "trusted")
    assert caught.value.code == "bundle.signature"
    assert not (tmp_path / "trusted" / "root.json").exists()


def test_trusting_anew_forgets(maker, tmp_path):
    maker.release({"a": b"1"})
    trusted = tmp_path / "trusted"
    maker.client(trusted).refresh()
    trust(Path(maker.metadata / "1.root.json").read_bytes(), trusted)
    assert sorted(path.name for path in trusted.iterdir()) == ["root.json", "root_history"]
