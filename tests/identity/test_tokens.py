"""Tokens of an issuer whose public keys are pinned: who is let in, and every known way of forging one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm
from token_issuer import (
    CLAIMS,
    EDWARDS,
    NAME,
    NOW,
    OTHER,
    P256,
    PEPPER,
    PUBLIC_PEM,
    RSA,
    SETTINGS,
    SITE,
    by_hand,
    code_of,
    lay,
    members,
    part,
    signed,
)

from gateway.domain import Caller, Role
from gateway.errors import Forbidden, SekishoError
from gateway.identity.issuers import Issuers
from gateway.identity.token import MAX_TOKEN_CHARS


@pytest.fixture
def issuers(tmp_path: Path) -> Issuers:
    lay(tmp_path, members())
    return Issuers((SETTINGS,), tmp_path, SITE, lambda: PEPPER, lambda *_: None, lambda: NOW)


HEADER = {"alg": "RS256", "kid": "r1", "typ": "JWT"}


def test_claims_become_a_caller_whose_subject_is_a_pseudonym(issuers: Issuers) -> None:
    caller = issuers.identify(signed())
    assert caller == Caller(
        key_id=caller.key_id, tenant="bodyshop", project="welding", roles=(Role.USER,), purpose="general",
        site="ingolstadt", jurisdiction="DE", collected_in="DE", access_from="FR",
    )  # fmt: skip
    assert caller.key_id.startswith("jwt-")
    assert len(caller.key_id) == 28
    assert caller.key_id == issuers.identify(signed({"groups": ["/paint"], "iat": NOW - 5})).key_id
    assert caller.key_id != issuers.identify(signed({"sub": "7c9e-anb"})).key_id


@pytest.mark.parametrize(("key", "alg", "kid"), [(RSA, "RS256", "r1"), (P256, "ES256", "e1"), (EDWARDS, "EdDSA", "o1")])
def test_each_kind_of_key_counts_by_its_own_algorithm(issuers: Issuers, key: Any, alg: str, kid: str) -> None:
    assert code_of(issuers, signed(key=key, alg=alg, kid=kid)) == ""
    assert code_of(issuers, signed(key=key, alg=alg, kid="r1" if kid != "r1" else "e1")) == "identity.token"


def hs256(secret: bytes, header: dict[str, Any]) -> str:
    text = f"{part(header)}.{part(CLAIMS)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


JWK_OF_THE_THIEF = {**RSAAlgorithm.to_jwk(OTHER.public_key(), as_dict=True), "kid": "r1"}
FORGED = {
    "not signed at all": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(CLAIMS)}.",
    "none, with something for a signature": f"{part({**HEADER, 'alg': 'none'})}.{part(CLAIMS)}.{part(b'x')}",
    "nOnE": f"{part({**HEADER, 'alg': 'nOnE'})}.{part(CLAIMS)}.{part(b'x')}",
    "HS256 with the public key for a secret": hs256(PUBLIC_PEM, {**HEADER, "alg": "HS256"}),
    "RS256 in name, HS256 with the public key in deed": hs256(PUBLIC_PEM, HEADER),
    "an algorithm of this kind of key that is not in the list": signed(alg="PS256"),
    "an algorithm that is no text": by_hand({**HEADER, "alg": ["RS256"]}, CLAIMS),
    "another's key": signed(key=OTHER),
    "another's key, sent along": signed(key=OTHER, jwk=JWK_OF_THE_THIEF),
    "another's key, by address": signed(key=OTHER, jku="https://thief.example/keys"),
    "another's certificate, by address": signed(key=OTHER, x5u="https://thief.example/cert", x5c=["MIIB"]),
    "the key to encrypt with": signed(key=OTHER, kid="enc1"),
    "no kid": by_hand({"alg": "RS256", "typ": "JWT"}, CLAIMS),
    "kid: a path": signed(kid="../../../../dev/null"),
    "kid: a query": signed(kid="r1' UNION SELECT 'x"),
    "kid: a NUL": signed(kid="r1\x00"),
    "kid: an address": signed(kid="https://thief.example/keys#r1"),
    "kid: a list": by_hand({**HEADER, "kid": ["r1"]}, CLAIMS),
    "kid: an object": by_hand({**HEADER, "kid": {"r1": 1}}, CLAIMS),
    "crit": by_hand({**HEADER, "crit": ["b64"], "b64": False}, CLAIMS),
    "typ: an ID token's": signed(typ="id+jwt"),
    "typ: missing": by_hand({"alg": "RS256", "kid": "r1"}, CLAIMS),
    "typ: a number": by_hand({**HEADER, "typ": 7}, CLAIMS),
    "claim typ: an ID token": signed({"typ": "ID"}),
    "claim typ: a refresh token": signed({"typ": "Refresh"}),
    "a logout token": signed({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
    "exp: missing": signed({"exp": None}),
    "exp: text": by_hand(HEADER, {**CLAIMS, "exp": str(NOW + 60)}),
    "exp: true": by_hand(HEADER, {**CLAIMS, "exp": True}),
    "exp: null": by_hand(HEADER, {**CLAIMS, "exp": None}),
    "exp: for ever": by_hand(HEADER, json.dumps(CLAIMS).replace(str(NOW + 240), "1e999").encode()),
    "exp: Infinity": by_hand(HEADER, {**CLAIMS, "exp": float("inf")}),
    "exp: 400 digits": by_hand(HEADER, json.dumps(CLAIMS).replace(str(NOW + 240), "9" * 400).encode()),
    "iat: missing": signed({"iat": None}),
    "iat: in the future": signed({"iat": NOW + 31}),
    "nbf: far in the future": signed({"nbf": NOW + 10**8}),
    "iat: in the future, nbf not": signed({"iat": NOW + 31, "nbf": NOW}),
    "nbf: text": by_hand(HEADER, {**CLAIMS, "nbf": "0"}),
    "iss: another": signed({"iss": NAME + "/"}),
    "iss: missing": signed({"iss": None}),
    "iss: a list": by_hand(HEADER, {**CLAIMS, "iss": [NAME]}),
    "aud: another": signed({"aud": "account"}),
    "aud: missing": signed({"aud": None}),
    "aud: none": signed({"aud": []}),
    "aud: an object": by_hand(HEADER, {**CLAIMS, "aud": {"sekisho": 1}}),
    "aud: a list with a list": by_hand(HEADER, {**CLAIMS, "aud": ["sekisho", ["x"]]}),
    "a claim twice": by_hand(HEADER, json.dumps(CLAIMS).replace("{", '{"tenant": "a", ', 1).encode()),
    "a claim in a claim twice": by_hand(HEADER, json.dumps(CLAIMS).replace('"roles"', '"roles": [], "roles"').encode()),
    "a header twice": by_hand(json.dumps(HEADER).replace("{", '{"alg": "none", ', 1).encode(), CLAIMS),
    "claims: a list": by_hand(HEADER, [CLAIMS]),
    "claims: not UTF-8": by_hand(HEADER, b'{"iss": "\xff"}'),
    "claims: 10,000 deep": by_hand(HEADER, b"[" * 10_000),
    "huge": signed({"more": "x" * MAX_TOKEN_CHARS}),
    "two parts": ".".join(signed().split(".")[:2]),
    "five parts: encrypted": signed() + ".x.y",
    "padding": signed() + "==",
    "a space": signed().replace(".", ". ", 1),
    "a signature of no length": signed().rpartition(".")[0] + ".",
    "not ASCII": signed() + "é",
}  # fmt: skip


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_what_is_forged_bent_or_not_meant_for_us_is_refused_in_one_way(issuers: Issuers, token: str) -> None:
    assert code_of(issuers, signed()) == ""
    assert code_of(issuers, token) == "identity.token"


def test_a_changed_bit_anywhere_is_refused(issuers: Issuers) -> None:
    token = signed()
    for place in range(0, len(token), 17):
        bent = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert code_of(issuers, bent) == "identity.token"


def test_one_token_has_one_spelling(issuers: Issuers) -> None:
    token = signed(key=EDWARDS, alg="EdDSA", kid="o1")  # 64 bytes: the last character has four bits that say nothing
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    assert base64.urlsafe_b64decode(other[-86:] + "==") == base64.urlsafe_b64decode(token[-86:] + "==")
    assert (code_of(issuers, token), code_of(issuers, other)) == ("", "identity.token")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": NOW - 29}, ""),  # within the skew of 30 s
        ({"exp": NOW - 30}, "identity.token_expired"),
        ({"iat": NOW + 30}, ""),
        ({"nbf": NOW + 30}, ""),
        ({"iat": NOW - 3630, "exp": NOW + 10**7}, ""),
        ({"iat": NOW - 3631, "exp": NOW + 10**7}, "identity.token_expired"),  # over the maximum age of an hour
        ({"exp": NOW + 60.5}, ""),
    ],
)
def test_times_hold_to_the_second(issuers: Issuers, changes: dict[str, Any], code: str) -> None:
    assert code_of(issuers, signed(changes)) == code


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tenant": None}, "tenant"),
        ({"tenant": "Body Shop"}, "tenant"),
        ({"tenant": ["bodyshop", "paint"]}, "tenant"),
        ({"tenant": {"name": "bodyshop"}}, "tenant"),
        ({"groups": ["/welding", "/paint"]}, "project"),
        ({"groups": ["/all"]}, "project"),
        ({"groups": None}, "project"),
        ({"realm_access": None}, "roles"),
        ({"realm_access": {"roles": ["admin", "user"]}}, "roles"),  # the issuer's words are no roles of ours
        ({"realm_access": {"roles": []}}, "roles"),
        ({"realm_access": ["llm-user"]}, "roles"),
        ({"realm_access": {"roles": ["llm-user", 7]}}, "roles"),
        ({"country": "de"}, "access from"),
        ({"country": ""}, "access from"),
        ({"sub": None}, "subject"),
        ({"sub": "x" * 1025}, "subject"),
    ],
)
def test_what_the_settings_cannot_read_is_refused_and_named(
    issuers: Issuers, changes: dict[str, Any], what: str
) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    with pytest.raises(Forbidden, match=f"does not say the {what} as") as refusal:
        issuers.identify(by_hand(HEADER, claims))
    assert refusal.value.code == "identity.token_unmapped"


def test_no_word_of_the_token_is_in_a_refusal(issuers: Issuers) -> None:
    with pytest.raises(SekishoError) as refusal:
        issuers.identify(signed({"tenant": "Herr Weiß"}))
    assert "Wei" not in str(refusal.value)
