"""The client follows the specification's workflow (TUF 1.0.34, section 5) in its corners."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, TargetFile, Targets, Timestamp

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository import client as client_
from gateway.bundle.repository import metadata as md
from gateway.bundle.repository.metadata import MetaFile


def refused(client) -> str:
    with pytest.raises(BundleRefused) as caught:
        client.refresh()
    return caught.value.code


def republish(maker, change) -> None:
    """Let ``change`` alter the newest snapshot's and timestamp's content, and sign both again, without hashes."""
    version = int(maker.at.timestamp())
    path = maker.metadata / f"{version}.snapshot.json"
    snapshot = Metadata.from_bytes(path.read_bytes())
    timestamp = Metadata[Timestamp].from_bytes((maker.metadata / "timestamp.json").read_bytes())
    change(snapshot.signed, timestamp.signed)
    timestamp.signed.snapshot_meta = MetaFile(timestamp.signed.snapshot_meta.version)
    for metadata, role in ((snapshot, "snapshot"), (timestamp, "timestamp")):
        metadata.signatures.clear()
        md.sign(metadata, maker.signers[role])
    path.write_bytes(md.encode(snapshot))
    (maker.metadata / "timestamp.json").write_bytes(md.encode(timestamp))


def delegate(maker, role: str, paths: list[str], files: dict[str, bytes]) -> None:
    """Have the newest targets delegate to a new role, whose metadata list ``files``."""
    version, signer = int(maker.at.timestamp()), CryptoSigner.generate_ed25519()
    path = maker.metadata / f"{version}.targets.json"
    targets = Metadata[Targets].from_bytes(path.read_bytes())
    key = signer.public_key
    delegated = DelegatedRole(role, [key.keyid], 1, terminating=False, paths=paths)
    targets.signed.delegations = Delegations({key.keyid: key}, {role: delegated})
    targets.signatures.clear()
    md.sign(targets, maker.signers["targets"])
    path.write_bytes(md.encode(targets))
    below = Metadata(Targets(version=1, expires=targets.signed.expires))
    for name, raw in files.items():
        below.signed.targets[name] = TargetFile.from_data(name, raw)
    md.sign(below, [signer])
    (maker.metadata / f"1.{client_.quote(role, safe='')}.json").write_bytes(md.encode(below))

    def listed(snapshot, _timestamp) -> None:
        snapshot.meta = {"targets.json": MetaFile(version), f"{role}.json": MetaFile(1)}

    republish(maker, listed)


def test_lengths_and_hashes_of_metadata_are_optional(maker, tmp_path):
    maker.release({"a": b"1"})
    republish(maker, lambda snapshot, _: snapshot.meta.update({"targets.json": MetaFile(int(maker.at.timestamp()))}))
    maker.client(tmp_path / "trusted").refresh()


def test_a_snapshot_of_another_version_than_the_timestamp_says_is_mixed(maker, tmp_path):
    maker.release({"a": b"1"})
    republish(maker, lambda snapshot, _: setattr(snapshot, "version", snapshot.version + 1))
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.mixed"


@pytest.mark.parametrize("gone", [False, True])
def test_a_snapshot_that_takes_targets_back_is_refused(maker, tmp_path, gone):
    maker.release({"a": b"1"})
    maker.client(tmp_path / "trusted").refresh()
    maker.release({"a": b"2"})

    def back(snapshot, _timestamp) -> None:
        snapshot.meta = {} if gone else {"targets.json": MetaFile(1)}

    republish(maker, back)
    assert refused(maker.client(tmp_path / "trusted")) == ("bundle.malformed" if gone else "bundle.rolled_back")


def test_a_timestamp_that_takes_the_snapshot_back_is_refused(maker, tmp_path):
    maker.release({"a": b"1"})
    maker.client(tmp_path / "trusted").refresh()
    maker.release({"a": b"2"})

    def back(_snapshot, timestamp) -> None:
        timestamp.snapshot_meta = MetaFile(1)

    republish(maker, back)
    assert refused(maker.client(tmp_path / "trusted")) == "bundle.rolled_back"


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_either_key_rotated_lets_both_versions_begin_anew(maker, tmp_path, role):
    today, trusted = maker.at, tmp_path / "trusted"
    maker.at += timedelta(days=30)
    maker.release({"a": b"1"})
    maker.client(trusted).refresh()
    maker.at = today
    maker.rotate(role)
    maker.release({"a": b"2"})
    client = maker.client(trusted)
    client.refresh()
    assert client.trusted.timestamp.version == int(maker.at.timestamp())


def test_another_root_alone_does_not(maker, tmp_path):
    today, trusted = maker.at, tmp_path / "trusted"
    maker.at += timedelta(days=30)
    maker.release({"a": b"1"})
    maker.client(trusted).refresh()
    maker.at = today
    maker.rotate("targets")
    maker.release({"a": b"2"})
    assert refused(maker.client(trusted)) == "bundle.rolled_back"


def test_a_refused_timestamp_is_not_kept(maker, tmp_path):
    maker.release({"a": b"1"})
    trusted = tmp_path / "trusted"
    assert refused(maker.client(trusted, maker.at + timedelta(days=91))) == "bundle.expired"
    assert not (trusted / "timestamp.json").exists()


def test_a_root_in_between_may_be_past_its_end(maker, tmp_path):
    maker.at -= timedelta(days=800)
    maker.rotate("targets")  # 2.root.json ended long ago
    maker.at += timedelta(days=800)
    maker.rotate("targets")
    maker.release({"a": b"1"})
    client = maker.client(tmp_path / "trusted")
    client.refresh()
    assert client.trusted.root.version == 3


def test_no_more_than_so_many_roots_are_walked(maker, tmp_path, monkeypatch):
    monkeypatch.setattr(client_.CONFIG, "max_root_rotations", 3)
    for _ in range(5):
        maker.rotate("targets")
    maker.release({"a": b"1"})
    client = maker.client(tmp_path / "trusted")
    client.refresh_root()
    assert client.trusted.root.version == 4


@pytest.mark.parametrize("name", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("content", [b"", b"{}", b'{"signed": {"version": "x"}, "signatures": []}'])
def test_kept_files_that_are_no_metadata_are_fetched_again(maker, tmp_path, name, content):
    maker.release({"a": b"1"})
    trusted = tmp_path / "trusted"
    maker.client(trusted).refresh()
    (trusted / f"{name}.json").write_bytes(content)
    maker.client(trusted).refresh()
    assert json.loads((trusted / f"{name}.json").read_bytes())["signed"]["_type"] == name


def test_kept_files_past_their_end_still_hold_versions_back(maker, tmp_path):
    older = maker.release({"a": b"1"})
    maker.release({"a": b"2"})
    trusted = tmp_path / "trusted"
    maker.client(trusted).refresh()
    (maker.metadata / "timestamp.json").write_bytes(older["timestamp.json"])
    assert refused(maker.client(trusted, maker.at + timedelta(days=91))) == "bundle.rolled_back"


@pytest.mark.parametrize("role", ["policies", "../../etc", "a b", ".", "Größe/ü", "100%"])
def test_a_delegated_role_may_be_called_anything(maker, tmp_path, role):
    maker.release({"a": b"1"})
    delegate(maker, role, ["*"], {"b": b"2"})
    client, trusted = maker.client(tmp_path / "in" / "trusted"), tmp_path / "in"
    found = client.find("b")
    assert found is not None
    assert found.length == 1
    assert [path.name for path in trusted.iterdir()] == ["trusted"]


def test_a_delegated_role_speaks_of_its_own_paths_only(maker, tmp_path):
    maker.release({"a": b"1"})
    delegate(maker, "policies", ["policies/*"], {"models/b": b"2", "a": b"3", "policies/c": b"4"})
    client = maker.client(tmp_path / "trusted")
    assert client.find("models/b") is None
    assert client.find("policies/c") is not None
    assert client.find("a").verify_length_and_hashes(b"1") is None
