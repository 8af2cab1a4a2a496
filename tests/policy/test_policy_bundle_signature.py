"""What decides refuses a bundle that is not signed by the key it was started with, or was changed since."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from policy_house import PolicyHouse

from gateway.errors import SetupError
from gateway.policy.life.assembly import signing_key
from gateway.policy.life.build import Bundle, VerifyingKey, build, build_signed
from gateway.policy.opa.access import Access
from gateway.policy.opa.program import Opa, find_opa
from gateway.policy.opa.supervisor import OpaProcess

pytestmark = pytest.mark.real


def _rewritten(bundle: Bundle, to: Path, change: Callable[[str, bytes], bytes | None]) -> Bundle:
    """Write the bundle with each file as ``change`` returns it; ``None`` leaves it out."""
    with tarfile.open(bundle.path) as old, tarfile.open(to, "w:gz") as new:
        for member in old:
            content = change(member.name, old.extractfile(member).read())  # type: ignore[union-attr]
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return Bundle(to, bundle.revision, bundle.digest, bundle.key)


def _other_key(folder: Path) -> VerifyingKey:
    path = folder / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return signing_key(path).public


def _no_signature(bundle: Bundle, folder: Path) -> Bundle:
    return _rewritten(bundle, folder / "b.tar.gz", lambda n, c: None if n.endswith(".signatures.json") else c)


def _changed_rule(bundle: Bundle, folder: Path) -> Bundle:
    return _rewritten(
        bundle, folder / "b.tar.gz", lambda n, c: c + b"\nmore := true\n" if n.endswith("rule.rego") else c
    )


def _changed_data(bundle: Bundle, folder: Path) -> Bundle:
    return _rewritten(
        bundle, folder / "b.tar.gz", lambda n, c: c.replace(b'"a"', b'"z"') if n.endswith("data.json") else c
    )


def _changed_manifest(bundle: Bundle, folder: Path) -> Bundle:
    return _rewritten(bundle, folder / "b.tar.gz", lambda n, c: c.replace(b"2027", b"2099") if "manifest" in n else c)


def _other_keys_bundle(bundle: Bundle, folder: Path) -> Bundle:
    return Bundle(bundle.path, bundle.revision, bundle.digest, _other_key(folder))


def _other_id(bundle: Bundle, folder: Path) -> Bundle:
    assert bundle.key
    forged = VerifyingKey(bundle.key.id, _other_key(folder).pem)
    return Bundle(bundle.path, bundle.revision, bundle.digest, forged)


@pytest.fixture
def bundle(house: PolicyHouse) -> Bundle:
    opa, key = find_opa(house.settings), signing_key(house.keyring.bundle_key_file())
    return build_signed(opa, house.policies, house.folder / "bundle.tar.gz", key, {"expires": "2027-11-22T00:00:00Z"})


@pytest.fixture(params=["decide", "run"], autouse=True)
def opa(house: PolicyHouse, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Opa:
    """Our ``opa decide`` and OPA's own ``opa run``: both must refuse the same."""
    found = find_opa(house.settings)
    if request.param == "decide" and not found.decides:
        pytest.skip("the opa that is installed here was given, not built by make deps")
    chosen = replace(found, decides=request.param == "decide")
    monkeypatch.setattr(f"{__name__}.find_opa", lambda _: chosen)
    return chosen


async def _start(house: PolicyHouse, bundle: Bundle) -> None:
    async def up(access: Access) -> None:
        assert access

    async def down() -> None:
        pass

    process = OpaProcess(find_opa(house.settings), bundle, house.settings.run, up, down)
    try:
        await process.start()
    finally:
        await process.stop()


async def test_the_signed_bundle_is_taken(house: PolicyHouse, bundle: Bundle) -> None:
    await _start(house, bundle)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_signature, "missing .signatures.json"),
        (_changed_rule, "digest"),
        (_changed_data, "digest"),
        (_changed_manifest, "digest"),
        (_other_keys_bundle, "verify|verification"),
        (_other_id, "verify|verification"),
    ],
)
async def test_any_other_is_refused(
    house: PolicyHouse, bundle: Bundle, spoil: Callable[[Bundle, Path], Bundle], said: str
) -> None:
    with pytest.raises(SetupError, match=f"(?i)ended at once.*({said})"):
        await _start(house, spoil(bundle, house.folder))


async def test_a_bundle_that_was_signed_for_another_purpose_is_refused(
    house: PolicyHouse, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policy.opa.supervisor.SCOPE", "something.else")

    with pytest.raises(SetupError, match="scope mismatch"):
        await _start(house, bundle)


async def test_an_unsigned_bundle_is_refused_when_there_is_a_key(house: PolicyHouse, bundle: Bundle) -> None:
    plain = build(find_opa(house.settings), house.policies, house.folder / "cache")

    with pytest.raises(SetupError, match="signatures"):
        await _start(house, Bundle(plain.path, plain.revision, plain.digest, bundle.key))


def test_the_signature_names_its_key_and_purpose(bundle: Bundle) -> None:
    import base64

    with tarfile.open(bundle.path) as archive:
        file = archive.extractfile("/.signatures.json")
        assert file
        token = msgspec.json.decode(file.read())["signatures"][0]
    claims = msgspec.json.decode(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert bundle.key
    assert (claims["keyid"], claims["scope"]) == (bundle.key.id, "sekisho.policy")
    assert {file["name"] for file in claims["files"]} >= {"main/decision.rego", "data.json", ".manifest"}
