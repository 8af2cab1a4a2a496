"""The file of a token issuer's public keys: what may lie in it, and what happens when it changes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import HMACAlgorithm, RSAAlgorithm
from patience import soon
from token_issuer import NOW, OTHER, PEPPER, RSA, SETTINGS, SITE, code_of, lay, members, signed

from gateway.errors import AuditUnavailable, SetupError, Unauthenticated, Unavailable
from gateway.identity import issuers as issuers_module
from gateway.identity.issuers import Callers, Issuers
from gateway.identity.jwks import read_jwks
from gateway.identity.keys import KeyRegister
from gateway.identity.record import NewKey

Told = list[tuple[str, list[str]]]


def rolled() -> list[dict[str, Any]]:
    """Return the set after the issuer took a new key into use and withdrew the old one."""
    new = {**RSAAlgorithm.to_jwk(OTHER.public_key(), as_dict=True), "kid": "r2", "use": "sig", "alg": "RS256"}
    return [new, *members()[1:]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def issuers(tmp_path: Path, told: Told) -> Issuers:
    lay(tmp_path, members())
    return Issuers((SETTINGS,), tmp_path, SITE, lambda: PEPPER, lambda *said: told.append(said), lambda: NOW)


async def test_a_new_key_counts_within_a_second_and_a_withdrawn_one_no_more(
    issuers: Issuers, tmp_path: Path, told: Told
) -> None:
    watching = asyncio.create_task(issuers.watch())
    await asyncio.sleep(0.1)
    assert told == []
    lay(tmp_path, rolled())
    await soon(lambda: code_of(issuers, signed(key=OTHER, kid="r2")) == "")
    assert code_of(issuers, signed()) == "identity.token"
    await soon(lambda: told == [(SETTINGS.issuer, ["e1", "o1", "r2"])])
    watching.cancel()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"keys": []}', b"\xff", None])
def test_while_the_file_is_no_set_nobody_is_let_in(
    issuers: Issuers, tmp_path: Path, told: Told, content: bytes | None
) -> None:
    path = tmp_path / SETTINGS.keys
    path.unlink() if content is None else path.write_bytes(content)
    issuers.refresh()
    issuers.tell()
    with pytest.raises(Unavailable) as refusal:
        issuers.identify(signed())
    assert (refusal.value.code, told) == ("identity.unavailable", [(SETTINGS.issuer, [])])
    lay(tmp_path, members())
    issuers.refresh()
    assert code_of(issuers, signed()) == ""


def test_keys_that_nobody_looked_at_for_long_let_nobody_in(issuers: Issuers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers_module, "STALE_SECONDS", -1.0)

    async def look_once() -> None:
        watching = asyncio.create_task(issuers.watch())
        await asyncio.sleep(0.1)
        watching.cancel()

    assert code_of(issuers, signed()) == ""
    asyncio.run(look_once())
    assert code_of(issuers, signed()) == "identity.unavailable"


def test_what_the_book_could_not_take_it_is_told_again(tmp_path: Path) -> None:
    lay(tmp_path, members())
    said: Told = []
    shut = [True]

    def tell(issuer: str, keys: list[str]) -> None:
        if shut.pop() if shut else False:
            raise AuditUnavailable
        said.append((issuer, keys))

    issuers = Issuers((SETTINGS,), tmp_path, SITE, lambda: PEPPER, tell, lambda: NOW)
    lay(tmp_path, rolled())
    issuers.refresh()
    issuers.tell()
    assert said == []
    issuers.tell()
    issuers.tell()
    assert said == [(SETTINGS.issuer, ["e1", "o1", "r2"])]


SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
UNFIT: dict[str, list[dict[str, Any]]] = {
    "a shared secret": [*members(), {**HMACAlgorithm.to_jwk(b"x" * 32, as_dict=True), "kid": "h1"}],
    "a private key": [{**RSAAlgorithm.to_jwk(RSA, as_dict=True), "kid": "r1"}],
    "two keys of one kid": [members()[0], {**members()[1], "kid": "r1"}],
    "no kid": [{name: said for name, said in members()[0].items() if name != "kid"}],
    "1,024 bits": [{**RSAAlgorithm.to_jwk(SMALL.public_key(), as_dict=True), "kid": "s1"}],
    "only a key to encrypt with": members()[3:],
    "only for an algorithm that is not in the list": [{**members()[0], "alg": "PS256"}],
    "a key of no kind": [{"kty": "XYZ", "kid": "x"}],
    "numbers that are none": [{"kty": "RSA", "kid": "r1", "n": "!!", "e": "AQAB"}],
    "a point that is on no curve": [{**members()[1], "x": members()[1]["y"]}],
    "no number": [{"kty": "RSA", "kid": "r1", "e": "AQAB"}],
}


@pytest.mark.parametrize("keys", UNFIT.values(), ids=UNFIT.keys())
def test_a_file_that_is_not_fit_is_refused_whole(tmp_path: Path, keys: list[dict[str, Any]]) -> None:
    for key in keys:
        key.pop("key_ops", None)
    (tmp_path / "keys.json").write_text(json.dumps({"keys": keys}))
    with pytest.raises(SetupError, match=r"keys\.json"):
        read_jwks(tmp_path / "keys.json", SETTINGS.algorithms)


def test_there_is_no_start_without_the_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        Issuers((SETTINGS,), tmp_path, SITE, lambda: PEPPER, lambda *_: None)


def test_keys_and_tokens_come_by_one_door(issuers: Issuers, tmp_path: Path) -> None:
    register = KeyRegister(tmp_path / "state" / "keys.json", PEPPER, SITE)
    record, key = register.create(NewKey(name="ci", tenant="paint"))
    callers = Callers(register, issuers)
    assert callers.identify(f"Bearer {key}").key_id == record.id
    assert callers.identify(f"bearer {signed()}").tenant == "bodyshop"
    for nothing in (None, "", "Bearer ", "Bearer .", f"Basic {signed()}", "Bearer x"):
        with pytest.raises(Unauthenticated):
            callers.identify(nothing)
