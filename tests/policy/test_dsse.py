"""DSSE: the published test vector, and what must not pass."""

from __future__ import annotations

import base64

import msgspec
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.policy.life import dsse
from gateway.policy.life.dsse import BadEnvelope, Signer, add_signatures, canonical, sign, verify

TYPE = "application/vnd.sekisho.test+json"
ANA, BEN, EVE = (Ed25519PrivateKey.generate() for _ in range(3))


def signer(name: str, key: Ed25519PrivateKey) -> Signer:
    return Signer(name, base64.b64encode(dsse.public_bytes(key)).decode())


SIGNERS = (signer("ana", ANA), signer("ben", BEN))


def test_the_published_vector_of_the_protocol_holds() -> None:
    """secure-systems-lab/dsse, protocol.md 1.0.0, test vectors: its signature is over what pae() returns."""
    text = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert text == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key().verify(signature, text, ECDSA(SHA256()))


def test_lengths_are_of_bytes() -> None:
    assert dsse.pae("é", "ü".encode()) == "DSSEv1 2 é 2 ü".encode()


def test_two_persons_who_signed_are_named() -> None:
    envelope = add_signatures(sign(TYPE, b"{}", [BEN]), [ANA])
    assert verify(TYPE, envelope, SIGNERS, needed=2) == ("ana", "ben")
    assert dsse.read_envelope(dsse.write_envelope(envelope)) == envelope


def test_a_verifier_takes_url_safe_base64_too() -> None:
    envelope = sign(TYPE, b"\xfb\xff\xfe", [ANA])
    (first,) = envelope.signatures
    urlsafe = msgspec.structs.replace(
        envelope,
        payload="-__-",
        signatures=(msgspec.structs.replace(first, sig=first.sig.replace("+", "-").replace("/", "_")),),
    )
    assert verify(TYPE, urlsafe, SIGNERS) == ("ana",)


@pytest.mark.parametrize(
    ("signers", "keys"),
    [
        (SIGNERS, [ANA]),
        (SIGNERS, [ANA, EVE]),
        ((signer("ana", ANA), signer("ana", BEN)), [ANA, BEN]),
        ((signer("ana", ANA), signer("ben", ANA)), [ANA]),
    ],
    ids=["one person", "a stranger", "one person with two keys", "two names of one key"],
)
def test_that_is_not_two_persons(signers: tuple[Signer, ...], keys: list[Ed25519PrivateKey]) -> None:
    with pytest.raises(BadEnvelope, match=r"1 of the 2 persons"):
        verify(TYPE, sign(TYPE, b"{}", keys), signers, needed=2)


def test_what_was_signed_for_one_type_is_worth_nothing_for_another() -> None:
    envelope = sign(TYPE, b"{}", [ANA])
    with pytest.raises(BadEnvelope, match="another type"):
        verify("application/vnd.sekisho.other+json", envelope, SIGNERS)
    renamed = msgspec.structs.replace(envelope, payload_type="application/vnd.sekisho.other+json")
    with pytest.raises(BadEnvelope, match="0 of the 1"):
        verify("application/vnd.sekisho.other+json", renamed, SIGNERS)


def test_a_changed_payload_has_no_signature() -> None:
    envelope = msgspec.structs.replace(sign(TYPE, b"{}", [ANA]), payload=base64.b64encode(b"{ }").decode())
    with pytest.raises(BadEnvelope, match="0 of the 1"):
        verify(TYPE, envelope, SIGNERS)


def test_a_key_id_proves_nothing() -> None:
    envelope = sign(TYPE, b"{}", [EVE])
    (forged,) = envelope.signatures
    named = msgspec.structs.replace(forged, keyid=SIGNERS[0].key_id)
    with pytest.raises(BadEnvelope, match="0 of the 1"):
        verify(TYPE, msgspec.structs.replace(envelope, signatures=(named,)), SIGNERS)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"payload": "e30="}', b"\xff", b'{"payloadType":"a","payload":1}'])
def test_what_is_no_envelope_is_refused(raw: bytes) -> None:
    with pytest.raises(BadEnvelope, match="not a DSSE envelope"):
        dsse.read_envelope(raw)


def test_a_payload_that_is_not_base64_is_refused() -> None:
    envelope = msgspec.structs.replace(sign(TYPE, b"{}", [ANA]), payload="?")
    with pytest.raises(BadEnvelope, match="base64"):
        verify(TYPE, envelope, SIGNERS)


def test_too_many_signatures_are_not_tried() -> None:
    envelope = sign(TYPE, b"{}", [ANA])
    many = msgspec.structs.replace(envelope, signatures=envelope.signatures * (dsse.MOST_SIGNATURES + 1))
    with pytest.raises(BadEnvelope, match="more than 32"):
        verify(TYPE, many, SIGNERS)


def test_a_signer_without_a_key_is_refused() -> None:
    with pytest.raises(BadEnvelope, match="ana is not 32 bytes"):
        verify(TYPE, sign(TYPE, b"{}", [ANA]), (Signer("ana", "AAAA"),))


def test_canonical_json_is_that_of_rfc_8785() -> None:
    document = {"b": ["é", '\x1f\n"\\/', 9007199254740991, True, None], "a": {"B": {}, "A": []}}
    assert canonical(document) == rfc8785.dumps(document)
