"""Secrets behind a token, with SoftHSM: the log key signs inside and never comes out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, Mechanism, ObjectClass

from gateway.audit.verify import verify
from gateway.errors import AuditUnavailable, SetupError
from gateway.keys import seal
from gateway.keys.files import FileKeyring
from gateway.keys.opening import create_keyring, forget, open_keyring
from gateway.keys.token import GCM, HMAC, Token, TokenVault, by_token
from gateway.settings import KeySettings, Settings
from tests.keys.installation import ORIGIN, Installation
from tests.keys.softhsm import LABEL, MODULE, PIN, new_token


@pytest.fixture(scope="session")
def token_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    where = new_token(tmp_path_factory.mktemp("hsm"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in where.items():
            environment.setenv(name, value)
        yield where


@pytest.fixture
def token(token_env: dict[str, str]) -> Token:
    return Token(str(MODULE), LABEL, PIN)


@pytest.fixture
def vault(tmp_path: Path, token: Token) -> TokenVault:
    folder = tmp_path / "keys"
    return TokenVault(folder, seal.make(folder, *by_token(token)), token)


@pytest.fixture
def house(tmp_path: Path, vault: TokenVault) -> Iterator[Installation]:
    made = Installation(tmp_path, vault)
    made.start()
    yield made
    made.stop()


class OnlyHmac(Token):
    """A token that cannot encrypt with AES-GCM."""

    def allows(self, mechanism: object) -> bool:
        return mechanism != Mechanism.AES_GCM


def test_the_log_is_signed_inside_the_token_and_verifies(house: Installation) -> None:
    house.book.event("model.added", by="mia")
    house.stop()

    vkey = (house.keyring.folder / "log.vkey").read_text()
    assert verify(house.folder / "audit" / ORIGIN / "default", vkey).ok
    assert not [path for path in house.keyring.folder.iterdir() if b"PRIVATE" in path.read_bytes()]
    house.start()


def test_the_private_key_cannot_be_taken_out(house: Installation, token: Token) -> None:
    key_id = bytes.fromhex(house.keyring.vault._reference("log.token").id)  # type: ignore[attr-defined]

    def look(session: object) -> list[bool]:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=key_id)  # type: ignore[attr-defined]
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            key[Attribute.VALUE]
        return [key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]]

    assert token.ask(look) == [True, False]


def test_after_a_restart_it_is_the_same_key(house: Installation) -> None:
    before = house.keyring.ids()

    house.restart()

    assert house.keyring.ids() == before


def test_a_rotation_makes_the_next_key_in_the_token_and_destroys_the_old_one(house: Installation, token: Token) -> None:
    old = bytes.fromhex(house.keyring.vault._reference("log.token").id)  # type: ignore[attr-defined]
    house.run(house.office.rotate("log", "mia", timedelta(days=1)))
    house.book.event("model.added", by="mia")
    house.later(days=1)
    house.tick()
    house.stop()

    left = token.ask(lambda session: len(list(session.get_objects({Attribute.ID: old}))))
    assert left == 0
    for vkey in (house.keyring.folder / "log-vkeys").read_text().splitlines():
        assert verify(house.folder / "audit" / ORIGIN / "default", vkey).ok
    house.start()


def test_a_key_whose_file_was_never_written_is_destroyed_in_the_token(
    house: Installation, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        return token.ask(lambda session: len(list(session.get_objects({Attribute.LABEL: "sekisho"}))))

    def die(self: TokenVault, name: str, secret: bytes) -> None:
        raise SetupError("killed here", "")

    before = count()
    with monkeypatch.context() as broken:
        broken.setattr(TokenVault, "write_once", die)
        with pytest.raises(SetupError, match="killed here"):
            house.run(house.office.rotate("log", "mia"))
    assert count() == before + 2  # its two halves

    house.tick()

    assert count() == before


def test_a_lost_file_leads_to_the_same_key_again(house: Installation) -> None:
    before = house.keyring.ids()
    house.stop()
    (house.keyring.folder / "log.token").unlink()

    house.keyring.create()

    house.start()
    assert house.keyring.ids() == before


@pytest.mark.parametrize(("kind", "method"), [(Token, GCM), (OnlyHmac, HMAC)])
def test_the_files_are_sealed_as_the_token_allows(
    tmp_path: Path, token_env: dict[str, str], kind: type[Token], method: str
) -> None:
    token = kind(str(MODULE), LABEL, PIN)
    made = FileKeyring(tmp_path, TokenVault(tmp_path, seal.make(tmp_path, *by_token(token)), token))
    made.create()

    again = FileKeyring(tmp_path, TokenVault(tmp_path, seal.open_seal(tmp_path, by_token(token)[1]), token))

    assert seal.read(tmp_path).method == method
    assert again.ids() == made.ids()
    assert made.pepper() not in (tmp_path / "pepper").read_bytes()


def test_a_seal_of_another_token_key_does_not_open(tmp_path: Path, token: Token) -> None:
    for name in ("one", "two"):
        seal.make(tmp_path / name, *by_token(token))
    one, two = (seal.read(tmp_path / name) for name in ("one", "two"))
    mixed = seal.SealFile(
        version=one.version, by="pkcs11", token=two.token, method=one.method, nonce=one.nonce, wrapped=one.wrapped
    )

    with pytest.raises(SetupError, match="silent"):
        by_token(token)[1](mixed)


def test_a_wrong_pin_is_told_and_not_tried_twice(tmp_path: Path, token_env: dict[str, str]) -> None:
    """In a process of its own: a token remembers for a whole process that somebody has logged in."""
    code = (
        "from gateway.keys.token import Token\n"
        "from gateway.errors import SetupError\n"
        f"token = Token({str(MODULE)!r}, {LABEL!r}, '0000')\n"
        "opened, count = token._open, []\n"
        "token._open = lambda: (count.append(1), opened())[1]\n"
        "try:\n    token.ask(lambda session: None)\n"
        "except SetupError as error:\n    print(error.problem, len(count))\n"
    )
    env = {**os.environ, **token_env}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"The PIN of the token {LABEL} is wrong. 1\n"


def test_a_token_that_is_gone_stops_the_start_with_the_mend(tmp_path: Path, token_env: dict[str, str]) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    with pin.open() as file:
        its = Settings(data_dir=str(tmp_path / "data"), key_store=_store(file.fileno()))
        forget()
        create_keyring(its)
        gone = Settings(data_dir=str(tmp_path / "data"), key_store=_store(file.fileno(), token="unplugged"))

        with pytest.raises(SetupError, match=r"keeper is silent.*unplugged.*keys\.pkcs11_token"):
            open_keyring(gone)
    forget()


def _store(descriptor: int, token: str = LABEL) -> KeySettings:
    return KeySettings(provider="pkcs11", pkcs11_module=str(MODULE), pkcs11_token=token, passphrase_fd=descriptor)


def test_without_its_library_the_setting_is_named() -> None:
    its = Settings(key_store=KeySettings(provider="pkcs11", pkcs11_module="/nonexistent.so", pkcs11_token="t"))

    forget()
    with pytest.raises(SetupError, match=r"no PKCS #11 library /nonexistent.so.*keys\.pkcs11_module"):
        open_keyring(its)


def test_while_a_token_is_silent_nothing_new_is_taken_and_then_it_goes_on(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, silent = Token._opened, threading.Event()

    def perhaps(self: Token) -> object:
        if silent.is_set():
            raise pkcs11.exceptions.DeviceRemoved
        return opened(self)

    monkeypatch.setattr(Token, "_opened", perhaps)
    silent.set()
    with pytest.raises(AuditUnavailable) as refused:
        _write_until(house, lambda: False)
    assert refused.value.code == "audit.key_silent"
    assert not house.book.ready()

    silent.clear()
    _wait_until(house.book.ready)
    _write_until(house, lambda: bool(_gaps(house)))

    assert {gap["code"] for gap in _gaps(house)} == {"audit.key_silent"}
    house.stop()
    vkey = (house.keyring.folder / "log.vkey").read_text()
    assert verify(house.folder / "audit" / ORIGIN / "default", vkey).ok
    house.start()


def test_a_token_is_asked_once_more_by_a_new_session(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, sessions = Token._open, []

    def lost_once(self: Token) -> object:
        sessions.append(1)
        if len(sessions) == 1:
            raise pkcs11.exceptions.SessionHandleInvalid
        return opened(self)

    monkeypatch.setattr(Token, "_open", lost_once)

    assert token.ask(lambda session: "answered") == "answered"
    assert len(sessions) == 2


def _gaps(house: Installation) -> list[dict[str, object]]:
    """Return the gaps of both logs: the key was silent for whichever wanted a head signed."""
    return [gap for name in ("default", "cross-border") for gap in house.events("gap", retention_class=name)]


def _write_until(house: Installation, done: Callable[[], bool]) -> None:
    async def write() -> None:
        for _ in range(200):
            house.book.event("model.added", by="mia")
            await house.book.durable()
            if done():
                return
            await asyncio.sleep(0.05)

    house.run(write())


def _wait_until(well: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not well():
        assert time.monotonic() < deadline
        time.sleep(0.05)
