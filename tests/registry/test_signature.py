"""Which signatures count, which say nothing, and which are bad. OpenSSF's own program agrees."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_signatures import bundle, new_key, public_pem, statement

from gateway.errors import SetupError
from gateway.registry.manifest import Manifest
from gateway.registry.signature import BadKey, Verdict, judge, read_key
from gateway.registry.store import ContentStore

MODEL, OTHER = hashlib.sha256(b"model").hexdigest(), hashlib.sha256(b"other").hexdigest()
KEY, STRANGER = new_key(), new_key()
SIGNED = json.dumps(bundle(KEY, statement(MODEL))).encode()
TRUSTED = [read_key("house", public_pem(KEY).encode())]


def verdict(signed: dict[str, Any], sha256: str = MODEL) -> Verdict:
    return judge(json.dumps(signed).encode(), sha256, TRUSTED)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_signature_by_a_key_of_the_house_counts(curve: ec.EllipticCurve) -> None:
    key = new_key(curve)
    signed = json.dumps(bundle(key, statement(MODEL))).encode()

    assert judge(signed, MODEL, [read_key("mia", public_pem(key).encode())]) == Verdict("signed", "mia")


def test_a_signature_over_a_folder_counts_for_each_file_in_it() -> None:
    signed = bundle(KEY, statement(OTHER, MODEL))
    assert verdict(signed, MODEL).status == verdict(signed, OTHER).status == "signed"


def test_a_signature_by_a_stranger_says_nothing() -> None:
    found = verdict(bundle(STRANGER, statement(MODEL)))
    assert (found.status, found.signer) == ("unknown key", "")
    assert judge(b"", MODEL, TRUSTED) == Verdict("unsigned")


def pretending(signed: dict[str, Any]) -> dict[str, Any]:
    """A stranger's signature that names the key of the house."""
    return signed | {"verificationMaterial": bundle(KEY, statement(MODEL))["verificationMaterial"]}


def exchanged(signed: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Another statement under a signature."""
    payload = base64.b64encode(json.dumps(said).encode()).decode()
    return signed | {"dsseEnvelope": signed["dsseEnvelope"] | {"payload": payload}}


def predicate(**changes: Any) -> dict[str, Any]:
    return statement(MODEL)["predicate"] | changes


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        (bundle(KEY, statement(OTHER)), "for other bytes"),
        (pretending(bundle(STRANGER, statement(MODEL))), "the key house did not sign this"),
        (exchanged(bundle(KEY, statement(OTHER)), statement(MODEL)), "the key house did not sign this"),
        (bundle(KEY, statement(MODEL, subject=[{"digest": {"sha256": OTHER}}])), "contradicts itself"),
        (bundle(KEY, statement(MODEL, predicateType="https://slsa.dev/provenance/v1")), "something else"),
        (bundle(KEY, statement(MODEL, _type="x")), "something else"),
        (bundle(KEY, statement(MODEL), payload_type="text/plain"), "another kind"),
        (bundle(KEY, statement(MODEL)) | {"mediaType": "x"}, "another kind"),
        (bundle(KEY, statement(MODEL, predicate=predicate(serialization={"method": "shards"}))), "whole files"),
        (bundle(KEY, statement(MODEL, predicate=predicate(resources=[]))), "no statement about a model"),
        (bundle(KEY, {"_type": "x"}), "no statement about a model"),
        ({}, "no signature file"),
    ],
)
def test_what_a_signature_should_not_be_is_bad_with_the_reason(signed: dict[str, Any], why: str) -> None:
    found = verdict(signed)
    assert (found.status, found.signer) == ("bad", "")
    assert why in found.why


@pytest.mark.parametrize("raw", [b"x", b"[]", b"\xff", b" " * (1024 * 1024 + 1) + b"{}"])
def test_what_is_no_signature_file_is_bad(raw: bytes) -> None:
    assert judge(raw, MODEL, TRUSTED).status == "bad"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bit_leaves_a_signature_that_counts_for_other_bytes(data: st.DataObject) -> None:
    raw = bytearray(SIGNED)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert judge(bytes(raw), OTHER, TRUSTED).status == "bad"


@pytest.mark.parametrize(
    "pem",
    [
        b"no key",
        public_pem(new_key(ec.SECP256K1())).encode(),
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_a_key_of_another_kind_cannot_be_trusted(pem: bytes) -> None:
    with pytest.raises(BadKey):
        read_key("x", pem)


# --- in the store


@pytest.fixture
def store(tmp_path: Path, write_manifest: Callable[..., Path], source: Path) -> ContentStore:
    write_manifest()
    store = ContentStore(tmp_path / "models", tmp_path / "store", site=tmp_path / "state" / "models")
    store.add(source, tiny(store))
    return store


def tiny(store: ContentStore) -> Manifest:
    found = store.find("tiny")
    assert found is not None
    return found


def signed(store: ContentStore, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    return json.dumps(bundle(key, statement(tiny(store).sha256)))


def test_a_signed_model_says_by_whom(store: ContentStore) -> None:
    store.signatures.trust("house", public_pem(KEY))

    store.signatures.put(tiny(store), signed(store))

    assert store.signatures.verdict(tiny(store)) == Verdict("signed", "house")
    assert store.verify("tiny").signature.signer == "house"


def test_a_key_that_is_taken_away_counts_no_more_at_once(store: ContentStore) -> None:
    store.signatures.trust("house", public_pem(KEY))
    store.signatures.put(tiny(store), signed(store))

    store.signatures.distrust("house")

    assert store.signatures.verdict(tiny(store)).status == "unknown key"
    store.weights(tiny(store))  # whether it may serve is for the policy to say


def test_a_model_with_a_bad_signature_is_never_loaded(store: ContentStore, tmp_path: Path) -> None:
    store.signatures.trust("house", public_pem(KEY))
    store.signatures.put(tiny(store), signed(store))
    path = tmp_path / "store" / "signatures" / f"{tiny(store).sha256}.json"
    path.write_text(json.dumps(bundle(KEY, statement(OTHER))))

    with pytest.raises(SetupError, match="The signature of the model tiny is bad: it is for other bytes"):
        store.weights(tiny(store))
    assert (store.verify("tiny").status, store.verify("tiny").why) == ("bad signature", "it is for other bytes")


@pytest.mark.parametrize("key", [STRANGER, None])
def test_a_signature_that_does_not_count_is_not_kept(store: ContentStore, key: Any) -> None:
    store.signatures.trust("house", public_pem(KEY))
    with pytest.raises(SetupError, match="no signature of tiny that counts here"):
        store.signatures.put(tiny(store), signed(store, key) if key else json.dumps(bundle(KEY, statement(OTHER))))
    assert store.signatures.verdict(tiny(store)).status == "unsigned"


def test_a_signature_may_come_with_the_manifest_and_a_bad_one_there_counts_too(
    store: ContentStore, tmp_path: Path, write_manifest: Callable[..., Path]
) -> None:
    store.signatures.trust("house", public_pem(KEY))
    good, bad = signed(store), json.dumps(bundle(KEY, statement(OTHER)))

    for text, status in ((good, "signed"), (bad, "bad")):
        write_manifest("tiny", signature=text)
        again = ContentStore(tmp_path / "models", tmp_path / "store", site=tmp_path / "state" / "models")
        assert again.signatures.verdict(tiny(again)).status == status
    store.signatures.put(tiny(store), good)
    assert again.signatures.verdict(tiny(again)).status == "bad"


@pytest.mark.parametrize(("name", "pem"), [("house", "x"), ("../x", None), ("", None), ("House", None)])
def test_a_key_that_cannot_be_used_is_refused(store: ContentStore, name: str, pem: str | None) -> None:
    with pytest.raises(SetupError) as refusal:
        store.signatures.trust(name, pem or public_pem(KEY))
    assert refusal.value.exit_code == 2
    assert store.signatures.trusted() == ()


def test_neither_a_name_nor_a_key_is_trusted_twice(store: ContentStore) -> None:
    store.signatures.trust("house", public_pem(KEY))
    for name, key in (("house", STRANGER), ("other", KEY)):
        with pytest.raises(SetupError, match="counts already"):
            store.signatures.trust(name, public_pem(key))


@pytest.mark.real
def test_openssf_s_own_program_agrees_both_ways(tmp_path: Path) -> None:
    import model_signing

    file, private, public = tmp_path / "m.gguf", tmp_path / "key.pem", tmp_path / "key.pub"
    file.write_bytes(b"model")
    private.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_text(public_pem(KEY))

    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=private)
    config.sign(file, tmp_path / "theirs.sig")
    assert judge((tmp_path / "theirs.sig").read_bytes(), MODEL, TRUSTED) == Verdict("signed", "house")

    (tmp_path / "ours.sig").write_text(json.dumps(bundle(KEY, statement(MODEL))))
    theirs = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=public)
    theirs.verify(file, tmp_path / "ours.sig")  # what the other tests take for one is one
    theirs.verify(file, tmp_path / "theirs.sig")
    file.write_bytes(b"other")
    assert judge((tmp_path / "theirs.sig").read_bytes(), OTHER, TRUSTED).status == "bad"
