"""Who signed what, and whether that is enough: every rule of ``signing.py``, and keys that people keep."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from policy_house import PolicyHouse

from gateway.errors import SetupError
from gateway.policy.life import dsse
from gateway.policy.life.manifest import TYPE, BundleKey, Manifest, Source, read, said, written
from gateway.policy.life.manifest import Tested as Results
from gateway.policy.life.revisions import Revision
from gateway.policy.life.signers import Signer, Signers, create_private, needs_passphrase, read_private, read_public
from gateway.policy.life.signing import Trust, hindrances, require_vouched, signatures, trust_of

MANIFEST = Manifest(
    revision="a" * 32,
    created="2026-11-22T09:00:00Z",
    expires="2027-11-22T00:00:00Z",
    site="muc",
    opa="1.22.2",
    bundle="b" * 64,
    table="c" * 64,
    key=BundleKey(id="k", pem="-"),
    sources=(Source(path="main/decision.rego", sha256="d" * 64),),
    tests=Results(passed=3, failed=0),
)


def _signed(house: PolicyHouse, *names: str, here: bool = True, **change: object) -> Revision:
    payload = written(msgspec.structs.replace(MANIFEST, **change))
    keys = [*([house.keyring.log_key()] if here else []), *(house.keys[name] for name in names)]
    envelope = dsse.sign(TYPE, payload, keys)
    return Revision(Path("/nowhere"), envelope, read(envelope))


def _codes(house: PolicyHouse, revision: Revision, **options: bool) -> list[str]:
    return sorted(hindrances(revision, trust_of(house.settings.keys), house.now, **options))


@pytest.fixture
def people(house: PolicyHouse) -> PolicyHouse:
    """Ana writes policies, Ben and Cem approve them, Eve is not known here."""
    house.person("ana", "policy-author")
    house.person("ben", "approver")
    house.person("cem", "approver")
    house.person("dan", "policy-author")
    house.person("eve")
    return house


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        ((), ["policy.not_approved"]),
        (("ana",), ["policy.not_approved"]),
        (("ben",), ["policy.not_approved"]),
        (("ana", "eve"), ["policy.not_approved"]),
        (("ana", "dan"), ["policy.not_approved"]),  # two persons, and no approver
        (("ana", "ben"), []),
        (("ben", "cem"), []),
    ],
)
def test_two_persons_must_sign_and_one_of_them_approve(
    people: PolicyHouse, names: tuple[str, ...], codes: list[str]
) -> None:
    assert _codes(people, _signed(people, *names)) == codes


@pytest.mark.parametrize(("names", "codes"), [((), ["policy.unsigned"]), (("ben",), ["policy.unsigned"])])
@pytest.mark.parametrize("approved", [True, False])
def test_what_was_built_elsewhere_needs_them_whatever_the_preset(
    people: PolicyHouse, names: tuple[str, ...], codes: list[str], approved: bool
) -> None:
    assert _codes(people, _signed(people, *names, here=False), approved=approved) == codes


def test_what_was_built_elsewhere_and_carries_enough_signatures_counts(people: PolicyHouse) -> None:
    revision = _signed(people, "ana", "ben", here=False)

    assert _codes(people, revision) == []
    require_vouched(revision, trust_of(people.settings.keys))


def test_a_revision_that_nobody_vouches_for_is_refused(people: PolicyHouse) -> None:
    with pytest.raises(SetupError, match="Nobody vouches"):
        require_vouched(_signed(people, "ana", here=False), trust_of(people.settings.keys))


def test_a_demonstration_needs_nobody(people: PolicyHouse) -> None:
    assert _codes(people, _signed(people), approved=True) == []


@pytest.mark.parametrize("tests", [Results(passed=3, failed=1), Results(passed=0, failed=0)])
def test_tests_that_failed_or_were_not_there_hinder(people: PolicyHouse, tests: Results) -> None:
    assert _codes(people, _signed(people, "ana", "ben", tests=tests)) == ["policy.tests_failed"]


def test_cases_that_failed_hinder(people: PolicyHouse) -> None:
    revision = _signed(people, "ana", "ben", cases=Results(passed=29, failed=1))

    assert _codes(people, revision) == ["policy.tests_failed"]


@pytest.mark.parametrize(("days", "codes"), [(-1, []), (0, ["policy.bundle_expired"]), (9, ["policy.bundle_expired"])])
def test_an_expired_one_may_not(people: PolicyHouse, days: int, codes: list[str]) -> None:
    expires = said(people.now - timedelta(days=days))

    assert _codes(people, _signed(people, "ana", "ben", expires=expires)) == codes


def test_a_signature_moved_from_another_revision_is_nobodys(people: PolicyHouse) -> None:
    revision, other = _signed(people), _signed(people, "ben", revision="f" * 32)
    moved = msgspec.structs.replace(revision.envelope, signatures=other.envelope.signatures)

    seen = signatures(Revision(revision.folder, moved, revision.manifest), trust_of(people.settings.keys))

    assert [one.name for one in seen] == ["", ""]


def test_one_signature_under_two_names_is_one_person(people: PolicyHouse) -> None:
    ben = Signers(people.settings.keys).find("ben")
    twin = msgspec.structs.replace(ben, name="twin")

    with pytest.raises(SetupError, match="known already"):
        Signers(people.settings.keys).add(twin)


def test_who_is_removed_counts_no_more(people: PolicyHouse) -> None:
    revision = _signed(people, "ana", "ben")
    Signers(people.settings.keys).remove("ben")

    assert _codes(people, revision) == ["policy.not_approved"]


@pytest.mark.parametrize(
    ("change", "said_"),
    [
        ({"name": "Ana B"}, "no name"),
        ({"roles": ()}, "no role"),
        ({"public_key": "AAAA"}, "not an Ed25519 key"),
        ({"name": "ana"}, "known already"),
    ],
)
def test_signers_that_cannot_be(people: PolicyHouse, change: dict[str, object], said_: str) -> None:
    fresh = Signer(name="new", public_key=_public(), roles=("approver",))

    with pytest.raises(SetupError, match=said_):
        Signers(people.settings.keys).checked(msgspec.structs.replace(fresh, **change))


def _public() -> str:
    from gateway.policy.life.signers import public_text

    return public_text(Ed25519PrivateKey.generate().public_key())


def test_a_damaged_file_of_signers_is_told(people: PolicyHouse) -> None:
    (people.settings.keys / "policy-signers.json").write_text('{"signers": [{"name": "x"}]}')

    with pytest.raises(SetupError, match="is damaged"):
        trust_of(people.settings.keys)


def test_the_houses_own_key_is_read_whatever_its_bytes(house: PolicyHouse) -> None:
    for byte in range(4):  # base64 may hold the + that parts the fields of a verifier key
        raw = bytes([1]) + b"\xfb\xef\xbe" * 10 + bytes([byte, 0])
        import base64

        (house.settings.keys / "log.vkey").write_text(f"sekisho-log+00aabbcc+{base64.b64encode(raw).decode()}\n")
        assert trust_of(house.settings.keys).builders[0].raw() == raw[1:]


def test_a_private_key_is_opened_by_its_passphrase_alone(tmp_path: Path) -> None:
    path = tmp_path / "ana.pem"
    public = create_private(path, "a long one")

    assert needs_passphrase(path)
    assert read_public(public) == public
    assert dsse.key_id(dsse.public_bytes(read_private(path, "a long one")))
    for wrong in ("", "another"):
        with pytest.raises(SetupError):
            read_private(path, wrong)


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ana.pem"
    create_private(path, "")
    path.chmod(0o644)

    with pytest.raises(SetupError, match="open to other users"):
        read_private(path)


def test_names_and_paths_are_told_as_they_are(people: PolicyHouse, tmp_path: Path) -> None:
    """Where file names tell large letters from small ones, `Ana.pem` is another file than `ana.pem`."""
    with pytest.raises(SetupError, match=re.escape(f"{tmp_path}/none.pem cannot be read.")):
        read_private(tmp_path / "none.pem")
    with pytest.raises(SetupError, match=r"^ana\.pem cannot be read"):
        read_private(Path("ana.pem"))
    with pytest.raises(SetupError, match=r"^ana is known already"):
        Signers(people.settings.keys).checked(Signer(name="ana", public_key=_public(), roles=("approver",)))
    with pytest.raises(SetupError, match=r"^No signer is called eve"):
        Signers(people.settings.keys).find("eve")


def test_a_private_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "ana.pem"
    create_private(path, "")

    with pytest.raises(SetupError, match="already"):
        create_private(path, "")


def test_trust_is_of_the_house_and_its_persons(people: PolicyHouse) -> None:
    trust = trust_of(people.settings.keys)

    assert isinstance(trust, Trust)
    assert [signer.name for signer in trust.persons] == ["ana", "ben", "cem", "dan"]
