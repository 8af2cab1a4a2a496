"""An issuer of tokens: its pairs of keys, its JWK set as Keycloak lays it out, and tokens right and bent.

Example::

    lay(tmp_path, members())                  # the file of public keys that SETTINGS name
    code_of(issuers, signed({"exp": NOW}))    # why a token with that change is refused; empty when it is not
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.errors import SekishoError
from gateway.identity.issuers import Issuers
from gateway.settings import ClaimSettings, IssuerSettings, SiteSettings

NOW = 1_770_000_000
NAME = "https://sso.plant.example/realms/plant"
PEPPER = b"\x07" * 32
SITE = SiteSettings(name="ingolstadt", node="n1", jurisdiction="DE")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256, EDWARDS = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
PUBLIC_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CLAIMS = {
    "iss": NAME, "aud": ["sekisho", "account"], "sub": "7c9e-ana", "iat": NOW - 60, "exp": NOW + 240, "typ": "Bearer",
    "tenant": "bodyshop", "realm_access": {"roles": ["llm-user", "offline_access"]}, "groups": ["/welding", "/all"],
    "country": "FR",
}  # fmt: skip
SETTINGS = IssuerSettings(
    issuer=NAME,
    audience=("sekisho",),
    keys="issuer.jwks.json",
    algorithms=("RS256", "ES256", "EdDSA"),
    tenant=ClaimSettings(claim="tenant"),
    project=ClaimSettings(claim="groups", map={"/welding": "welding", "/paint": "paint"}),
    roles=ClaimSettings(claim=("realm_access", "roles"), map={"llm-user": "user", "llm-audit": "auditor"}),
    access_from=ClaimSettings(claim="country"),
)


def members() -> list[dict[str, Any]]:
    """Return the JWK set's keys as Keycloak has them: to sign with, and one to encrypt with."""
    rsa_key, p256, edwards = (
        {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "r1", "use": "sig", "alg": "RS256"},
        {**ECAlgorithm.to_jwk(P256.public_key(), as_dict=True), "kid": "e1"},
        {**OKPAlgorithm.to_jwk(EDWARDS.public_key(), as_dict=True), "kid": "o1"},
    )
    encrypting = {**RSAAlgorithm.to_jwk(OTHER.public_key(), as_dict=True), "kid": "enc1", "use": "enc"}
    return [rsa_key, p256, edwards, encrypting]


def lay(folder: Path, keys: list[dict[str, Any]]) -> None:
    for key in keys:
        key.pop("key_ops", None)
    (folder / SETTINGS.keys).write_text(json.dumps({"keys": keys}))


def signed(changes: dict[str, Any] | None = None, key: Any = RSA, alg: str = "RS256", **header: Any) -> str:
    """Return a token of :data:`CLAIMS` with changes; ``None`` takes a claim out."""
    claims = {name: value for name, value in {**CLAIMS, **(changes or {})}.items() if value is not None}
    return jwt.encode(claims, key, alg, headers={"kid": "r1", **header})


def part(said: Any) -> str:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: Any, claims: Any, key: Any = RSA) -> str:
    """Return a rightly signed token of parts that no library would write."""
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(RSAAlgorithm(RSAAlgorithm.SHA256).sign(text.encode(), key))}"


def code_of(issuers: Issuers, token: str) -> str:
    """Return why a token is refused; empty when it is not."""
    try:
        issuers.identify(token)
    except SekishoError as error:
        return error.code
    return ""
