"""A break-glass statement opens one release past its end, and nothing else."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner

from gateway.bundle import release as release_
from gateway.bundle.install.verify import verify
from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository import break_glass
from gateway.bundle.repository.break_glass import Statement
from gateway.bundle.repository.roles import Role, Roles
from tests.bundle.install.test_verify import FILES, a_release

LATE = timedelta(days=91)  # timestamp and snapshot are good for 90, targets for 180


@pytest.fixture
def bundle(maker):
    """A bundle that was built 91 days ago."""
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES))})
    return maker.metadata.parent


@pytest.fixture
def late(maker, bundle, tmp_path):
    """Verify the bundle after the end of its timestamp, with a statement or none."""

    def run(statement=None, after=LATE, trusted=None):
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return verify(bundle, maker.first_root, scratch, trusted=trusted, at=maker.at + after, break_glass=statement)

    return run


def said(maker, *, signers=None, snapshot=None, days=100.0):
    """A statement on the maker's newest release, signed by two of the root's three keys."""
    version = int(maker.at.timestamp()) if snapshot is None else snapshot
    made = break_glass.make(
        Statement(snapshot=version, until=maker.at + timedelta(days=days), reason="the line stands still")
    )
    for one in maker.signers["root"][:2] if signers is None else signers:
        made.envelope.sign(one)
    return break_glass.encode(made)


def refused(work) -> BundleRefused:
    with pytest.raises(BundleRefused) as caught:
        work()
    return caught.value


def test_past_its_end_a_bundle_is_refused_without_a_statement(late):
    assert refused(late).code == "bundle.expired"


def test_a_statement_of_the_threshold_opens_that_release(maker, late):
    found = late(said(maker))
    assert found.release.version == "1"
    assert found.glass is not None
    assert found.glass.snapshot == found.snapshot


def test_a_statement_that_was_not_needed_is_not_used(maker, late):
    assert late(said(maker), after=timedelta(days=1)).glass is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snapshot": 7}, "for snapshot 7"),
        ({"days": 90.5}, "It ended"),
        ({"days": 91.0}, "It ended"),
        ({"signers": []}, "keys 0 signed it"),
    ],
)
def test_any_other_statement_is_refused_by_name(maker, late, change, words):
    found = refused(lambda: late(said(maker, **change)))
    assert found.code == "bundle.break_glass"
    assert words in str(found)


def test_below_the_threshold_it_does_not_count(maker, late):
    one = maker.signers["root"][0]
    assert "keys 1 signed it" in str(refused(lambda: late(said(maker, signers=[one, one]))))


def test_keys_of_other_roles_and_of_another_root_do_not_count(maker, late):
    strangers = [*maker.signers["targets"], CryptoSigner.generate_ed25519(), maker.signers["root"][0]]
    assert "keys 1 signed it" in str(refused(lambda: late(said(maker, signers=strangers))))


def test_a_key_that_was_revoked_counts_no_more(maker, late, tmp_path):
    old = maker.signers["root"][:2]
    statement = said(maker, signers=old)
    maker.rotate("root")
    assert "keys 1 signed it" in str(refused(lambda: late(statement)))


def test_a_signature_over_another_payload_does_not_count(maker, late):
    told = json.loads(said(maker))
    other = json.loads(said(maker, days=170))
    told["payload"] = other["payload"]
    assert "keys 0 signed it" in str(refused(lambda: late(json.dumps(told).encode())))


def test_it_does_not_lift_the_end_of_targets(maker, late):
    found = refused(lambda: late(said(maker, days=300), after=timedelta(days=181)))
    assert (found.code, "targets.json" in str(found)) == ("bundle.expired", True)


def test_it_does_not_lift_the_end_of_the_root(maker, bundle, late):
    maker.roles = Roles(root=Role(3, 2, 60), targets=Role(1, 1, 180))
    maker.at -= timedelta(hours=2)  # the release keeps its time, the root is of before
    maker.rotate("timestamp")
    maker.at += timedelta(hours=1)
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES))})
    assert refused(lambda: late(said(maker))).code == "bundle.expired"


def test_it_does_not_let_an_older_bundle_in(maker, late, tmp_path):
    maker.release({"newer": b"1"})
    newest = maker.client(tmp_path / "trusted")
    newest.refresh()
    maker.at -= timedelta(hours=1)
    older = said(maker)
    maker.at -= timedelta(hours=1)
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES))})  # the bundle is the older one again
    assert refused(lambda: late(older, trusted=tmp_path / "trusted")).code == "bundle.rolled_back"


def test_after_it_the_next_bundle_is_taken_as_ever(maker, late, bundle, tmp_path):
    opened = late(said(maker))
    maker.at += LATE
    next((bundle / "targets").glob("*.release.json")).unlink()
    maker.release({**FILES, release_.NAME: release_.encode(a_release(FILES, version="2"))})
    scratch = tmp_path / "next"
    scratch.mkdir()
    found = verify(bundle, b"", scratch, trusted=opened.accepted, at=maker.at)
    assert (found.release.version, found.glass) == ("2", None)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b"\xff", b'{"payload":"e30=","payloadType":"x","signatures":[]}', b"[" * 100_000]
)
def test_what_is_no_statement_is_refused(raw):
    assert refused(lambda: break_glass.read(raw)).code == "bundle.break_glass"


def test_the_pre_authentication_encoding_is_that_of_the_specification(maker):
    """DSSE 1.0.2, protocol.md: ``DSSEv1 SP LEN(type) SP type SP LEN(body) SP body``, signed as it stands."""
    told = break_glass.read(said(maker))
    kind, body = break_glass.PAYLOAD_TYPE.encode(), told.envelope.payload
    encoded = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind + b" " + str(len(body)).encode() + b" " + body
    signer = maker.signers["root"][0]
    signer.public_key.verify_signature(told.envelope.signatures[signer.public_key.keyid], encoded)
