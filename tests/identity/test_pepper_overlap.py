"""Two peppers beside each other: who is recognised, what is sealed anew, and what a store that fails changes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import SetupError, Unauthenticated
from gateway.identity import keys as identity
from gateway.identity.apikey import pepper_id
from gateway.identity.keys import KeyRegister, OnlyPepper
from gateway.identity.record import NewKey
from gateway.settings import SiteSettings

SITE = SiteSettings(name="muc", jurisdiction="DE")
OLD, NEW = b"o" * 32, b"n" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = (OnlyPepper(NEW), OnlyPepper(OLD, NOW + timedelta(days=1)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def register(path: Path) -> KeyRegister:
    """A register under the old pepper, with a key."""
    return KeyRegister(path, OLD, SITE, lambda: NOW)


@pytest.fixture
def key(register: KeyRegister) -> str:
    return register.create(NewKey(name="ci", tenant="t"))[1]


def peppers(path: Path) -> tuple[str, list[str]]:
    stored = json.loads(path.read_text())
    return stored["pepper"], [record.get("pepper", "") for record in stored["keys"]]


def test_the_file_says_under_which_pepper_each_key_is(register: KeyRegister, key: str, path: Path) -> None:
    register.use(BOTH)
    assert peppers(path) == (pepper_id(NEW), [pepper_id(OLD)])

    register.identify(f"Bearer {key}")
    register.reseal()

    assert peppers(path) == (pepper_id(NEW), [""])
    assert KeyRegister(path, NEW, SITE).identify(f"Bearer {key}").tenant == "t"


def test_an_unknown_key_stays_unknown(register: KeyRegister, key: str) -> None:
    register.use(BOTH)
    other = key[:-3] + ("aaa" if not key.endswith("aaa") else "bbb")

    with pytest.raises(Unauthenticated):
        register.identify(f"Bearer {other}")


def test_a_revoked_key_stays_revoked_under_either_pepper(register: KeyRegister, key: str) -> None:
    register.use(BOTH)
    register.identify(f"Bearer {key}")
    register.revoke("ci")
    register.reseal()  # it was seen before

    with pytest.raises(Unauthenticated):
        register.identify(f"Bearer {key}")


def test_whoever_follows_the_file_seals_anew_by_itself(
    register: KeyRegister, key: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "WATCH_SECONDS", 0.01)
    register.use(BOTH)
    register.identify(f"Bearer {key}")

    async def watch() -> None:
        task = asyncio.create_task(register.watch())
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if peppers(path)[1] == [""]:
                break
        task.cancel()

    asyncio.run(watch())

    assert peppers(path)[1] == [""]


def test_a_store_that_fails_locks_nobody_out(
    register: KeyRegister, key: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SetupError("full", "")

    with monkeypatch.context() as broken:
        broken.setattr(identity, "write_file", full)
        with pytest.raises(SetupError):
            register.use(BOTH)
        assert register.identify(f"Bearer {key}").tenant == "t"
        with pytest.raises(SetupError):
            register.reseal()
    register.reseal()

    assert peppers(path) == (pepper_id(NEW), [""])


def test_a_file_of_a_third_pepper_is_refused(register: KeyRegister, key: str, path: Path) -> None:
    with pytest.raises(SetupError, match="another pepper"):
        KeyRegister(path, (OnlyPepper(NEW), OnlyPepper(b"x" * 32, NOW)), SITE)


def test_a_file_of_the_release_before_is_read(path: Path, register: KeyRegister, key: str) -> None:
    stored = json.loads(path.read_text())
    for record in stored["keys"]:
        record["revoked"] = None  # it wrote out what is not so
        record.pop("pepper", None)
    path.write_text(json.dumps(stored))

    assert KeyRegister(path, OLD, SITE).identify(f"Bearer {key}").tenant == "t"
    assert KeyRegister(path, BOTH, SITE, lambda: NOW).identify(f"Bearer {key}").tenant == "t"
