"""sekisho keys check, given a token: whom it lets in, or why nobody. Never a word of the token itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from token_issuer import OTHER, SETTINGS, lay, members, signed


@pytest.fixture
def sso(house: Path) -> None:
    """The house believes an issuer, by its own sekisho.yaml."""
    lay(house, members())
    said = yaml.safe_load((house / "sekisho.yaml").read_text())
    told = {name: value for name, value in msgspec.to_builtins(SETTINGS).items() if value is not None}
    for name in ("tenant", "project", "roles", "purpose", "access_from"):
        told[name] = {word: value for word, value in told[name].items() if value}
    (house / "sekisho.yaml").write_text(yaml.safe_dump({**said, "identity": {"issuers": [told]}}))


def current(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iat": now, "exp": now + 300, **changes}


def test_a_token_that_would_be_let_in_says_whom(sekisho, sso: None) -> None:
    said = sekisho("keys", "check", "--json", given=signed(current()) + "\n")
    assert (said.code, said.err) == (0, "")
    assert said.json["state"] == "live"
    assert (said.json["caller"]["tenant"], said.json["caller"]["roles"]) == ("bodyshop", ["user"])
    assert "7c9e-ana" not in said.out


@pytest.mark.parametrize(
    ("token", "state", "why"),
    [
        (lambda: signed(current(), key=OTHER), "refused", "signature"),
        (lambda: signed(current(), kid="r9"), "refused", "kid"),
        (lambda: signed(current(aud="other")), "refused", "aud"),
        (lambda: signed(current(iss="https://thief.example")), "refused", "iss"),
        (lambda: signed(current(), alg="PS256"), "refused", "alg"),
        (lambda: signed(current(exp=1, iat=0)), "expired", "time is over"),
        (lambda: signed(current(groups=["/all"])), "unmapped", "project"),
        (lambda: "a.b.c", "refused", "base64url"),
    ],
)
def test_a_token_that_would_not_says_why(sekisho, sso: None, token: Any, state: str, why: str) -> None:
    said = sekisho("keys", "check", "--json", given=token())
    assert (said.code, said.json["state"], said.json["caller"]) == (1, state, None)
    assert why in said.json["why"]
    assert sekisho("keys", "check", given=token()).out.startswith(f"{state}: ")


def test_without_the_file_of_keys_it_could_not(sekisho, sso: None, house: Path) -> None:
    (house / SETTINGS.keys).unlink()
    said = sekisho("keys", "check", given=signed(current()))
    assert said.code == 3
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"audience": []}, "audience"),
        ({"roles": {"claim": "roles"}}, "map"),
        ({"roles": {"claim": "roles", "map": {"x": "root"}}}, "roles"),
        ({"tenant": {"claim": "a", "value": "b"}}, "exactly one"),
        ({"tenant": {}}, "exactly one"),
        ({"tenant": {"value": "b", "map": {"x": "y"}}}, "exactly one"),
        ({"skew_seconds": 301}, "skew_seconds"),
        ({"jku": "https://sso.plant.example"}, "jku"),
    ],
)
def test_settings_that_would_believe_too_much_are_refused(
    sekisho, sso: None, house: Path, wrong: dict[str, Any], word: str
) -> None:
    said = yaml.safe_load((house / "sekisho.yaml").read_text())
    said["identity"]["issuers"][0].update(wrong)
    (house / "sekisho.yaml").write_text(yaml.safe_dump(said))
    told = sekisho("keys", "check", given=signed(current()))
    assert told.code == 2
    assert word in told.err
