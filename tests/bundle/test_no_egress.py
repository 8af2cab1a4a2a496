"""The maker's report of no egress counts by keys of the root that the site trusts, and never for more than it saw."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from running import Running, install
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from gateway.audit.log import reader
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository.no_egress import PAYLOAD_TYPE, read
from gateway.cli.main import main
from tests.airgap import prove

SEEN = {
    "schema": "sekisho.no-egress/1",
    "proven": True,
    "at": "2026-11-23T12:00:00Z",
    "bundle_sha256": "a" * 64,
    "root_sha256": "b" * 64,
    "kernel": "6.1",
    "seconds": 265,
    "seen": [],
    "controls_caught": {"trace": True, "sink": True, "resolver": True, "doctor --egress": True},
    "endpoints": ["GET /v1/models 200"],
    "not_as_expected": [],
    "life": ["sekisho doctor"],
    "server_exit": 0,
}


def file(signers: list[Any], **changes: Any) -> bytes:
    envelope = Envelope(json.dumps({**SEEN, **changes}).encode(), PAYLOAD_TYPE, {})
    for signer in signers:
        envelope.sign(signer)
    return json.dumps(envelope.to_dict()).encode()


def root(maker: Any) -> Root:
    return Metadata[Root].from_bytes(maker.first_root).signed


def refused(work: Any) -> str:
    with pytest.raises(BundleRefused) as caught:
        work()
    return caught.value.code


def test_a_report_that_a_targets_key_signed_counts(maker) -> None:
    raw = file(maker.signers["targets"][:1])
    proof = read(raw)

    told = proof.summary(proof.check(root(maker)))

    assert (told["proven"], told["controls"], told["controls_missed"]) == (True, 4, [])
    assert told["report_sha256"] == hashlib.sha256(raw).hexdigest()
    assert told["keys"] == [maker.signers["targets"][0].public_key.keyid]


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", ""])
def test_a_report_that_others_signed_does_not(maker, role: str) -> None:
    signers = maker.signers[role][:1] if role else []

    assert refused(lambda: read(file(signers)).check(root(maker))) == "bundle.signature"


def test_a_strangers_signature_does_not_count(maker) -> None:
    assert refused(lambda: read(file([CryptoSigner.generate_ed25519()])).check(root(maker))) == "bundle.signature"


def test_a_report_that_was_changed_after_it_was_signed_does_not_count(maker) -> None:
    told = json.loads(file(maker.signers["targets"][:1], proven=False, seen=["trace: connect to 203.0.113.7"]))
    told["payload"] = json.loads(file([]))["payload"]

    assert refused(lambda: read(json.dumps(told).encode()).check(root(maker))) == "bundle.signature"


@pytest.mark.parametrize(
    "change",
    [
        {"seen": ["trace: connect to 203.0.113.7"]},
        {"controls_caught": {"trace": False}},
        {"controls_caught": {}},
        {"not_as_expected": ["GET / 500"]},
        {"server_exit": 1},
        {"endpoints": []},
        {"life": []},
        {"schema": "sekisho.no-egress/2"},
        {"more": 1},
    ],
    ids="-".join,
)
def test_a_report_that_says_more_than_it_saw_is_refused(maker, change: dict[str, Any]) -> None:
    assert refused(lambda: read(file(maker.signers["targets"][:1], **change))) == "bundle.malformed"


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"\xff", b"x" * (2**20 + 1)], ids=["0", "map", "list", "ff", "long"]
)
def test_what_is_no_report_is_refused(raw: bytes) -> None:
    assert refused(lambda: read(raw)) == "bundle.malformed"


def test_what_the_proof_writes_can_be_read(maker, tmp_path: Path) -> None:
    """The shape of the report that `make airgap-proof` last left in the documentation."""
    published = Path(prove.REPOSITORY / "docs" / "assets" / "no-egress.json")

    report = read(published.read_bytes()).report

    assert report.proven
    assert set(report.controls_caught) == {"trace", "sink", "resolver", "doctor --egress"}


@pytest.fixture
def trusting(maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This program is of an installation that trusts the maker's root."""
    version = tmp_path / "p" / "versions" / "1-1.0.0"
    version.mkdir(parents=True)
    (tmp_path / "p" / "state" / "accepted").mkdir(parents=True)
    (tmp_path / "p" / "state" / "accepted" / "root.json").write_bytes(maker.first_root)
    monkeypatch.setattr(sys, "prefix", str(version))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
        raise SystemExit(0)
    return int(left.value.code or 0)


def on_record(folder: Path) -> list[dict[str, Any]]:
    logs = reader.events_by_log(folder / ".sekisho" / "audit", "admin.egress_proven")
    return [details for events in logs.values() for _, details in events(0)]


def put(maker: Any, tmp_path: Path, folder: Path, **changes: Any) -> int:
    report = tmp_path / "report.json"
    report.write_bytes(file(maker.signers["targets"][:1], **changes))
    return run("--config", str(folder / "sekisho.yaml"), "doctor", "--egress", "--proof", str(report))


@pytest.mark.real
def test_a_report_is_on_record_without_a_server_and_with_one(
    maker, trusting: None, tmp_path: Path, short_dir: Path, model_file: Path
) -> None:
    install(short_dir, model_file)
    running = Running(short_dir)
    assert put(maker, tmp_path, running.folder) == 0
    running.start()
    try:
        assert put(maker, tmp_path, running.folder, proven=False, seen=["x"]) == 1
    finally:
        running.stop()
    records = on_record(running.folder)

    assert sorted((record["proven"], record["seen"]) for record in records) == [(False, 1), (True, 0)]
    (maker_key,) = {key for record in records for key in record["keys"]}
    assert maker_key == maker.signers["targets"][0].public_key.keyid
    assert run("--config", str(running.folder / "sekisho.yaml"), "doctor", "--egress", "--proof", "nowhere.json") == 2
