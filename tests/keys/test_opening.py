"""What opens the keys: from a descriptor, a systemd credential or the terminal; never from the environment."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import SetupError
from gateway.keys import opening, seal
from gateway.keys.opening import create_keyring, forget, open_keyring
from gateway.settings import KeySettings, Settings

WORDS = "correct horse battery"
LEAST_COST = 2**14


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _opened_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(seal.by_passphrase, "__defaults__", (LEAST_COST,))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    forget()
    yield
    forget()


@pytest.fixture
def descriptor_with() -> Iterator[Callable[[str], int]]:
    """Return a file descriptor from which a text can be read once."""
    opened = []

    def make(text: str) -> int:
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        opened.append(reading)
        return reading

    yield make
    for descriptor in opened:
        os.close(descriptor)


def settings(tmp_path: Path, **keys: object) -> Settings:
    return Settings(data_dir=str(tmp_path), key_store=replace(KeySettings(), **keys))


def test_a_descriptor_is_read_once_and_serves_the_whole_process(
    tmp_path: Path, descriptor_with: Callable[[str], int]
) -> None:
    its = settings(tmp_path, provider="passphrase", passphrase_fd=descriptor_with(f"{WORDS}\nmore\n"))

    made = create_keyring(its)

    assert open_keyring(its).ids() == made.ids()
    forget()
    again = settings(tmp_path, provider="passphrase", passphrase_fd=descriptor_with(WORDS))
    assert open_keyring(again).ids() == made.ids()


def test_another_descriptor_of_the_same_number_is_read_anew(tmp_path: Path) -> None:
    def fetch(text: str) -> str:
        reading, writing = os.pipe()
        os.dup2(reading, 50)
        os.write(writing, text.encode())
        for each in (reading, writing):
            os.close(each)
        return opening._given(50, "passphrase of the keys")

    assert [fetch("one"), fetch("two")] == ["one", "two"]
    os.close(50)


@pytest.mark.parametrize(("given", "problem"), [("", "is empty"), ("\n", "is empty"), ("short", "less than 12")])
def test_a_poor_passphrase_is_refused(
    tmp_path: Path, descriptor_with: Callable[[str], int], given: str, problem: str
) -> None:
    with pytest.raises(SetupError, match=problem):
        create_keyring(settings(tmp_path, provider="passphrase", passphrase_fd=descriptor_with(given)))
    assert not (tmp_path / "keys" / "pepper").exists()


def test_a_descriptor_that_is_not_open_is_told_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"descriptor 77 cannot be read.*77< FILE"):
        create_keyring(settings(tmp_path, provider="passphrase", passphrase_fd=77))


def test_with_nobody_to_ask_the_ways_are_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nobody to ask.*--passphrase-fd.*credential"):
        create_keyring(settings(tmp_path, provider="passphrase"))


def test_the_passphrase_may_be_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "sekisho-passphrase").write_text(f"{WORDS}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    its = settings(tmp_path, provider="passphrase")

    made = create_keyring(its)

    forget()
    assert open_keyring(its).ids() == made.ids()


def test_a_credential_of_systemd_opens_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "sekisho-keys").write_bytes(bytes(range(32)))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    its = settings(tmp_path, provider="systemd")
    made = create_keyring(its)

    forget()
    assert open_keyring(its).ids() == made.ids()

    forget()
    (tmp_path / "credentials" / "sekisho-keys").write_bytes(bytes(32))
    with pytest.raises(SetupError, match="credential does not open"):
        open_keyring(its)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    forget()
    with pytest.raises(SetupError, match=r"no systemd credential sekisho-keys.*LoadCredentialEncrypted"):
        open_keyring(its)


def test_the_environment_holds_no_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEKISHO_PASSPHRASE", "SEKISHO_KEYS_PASSPHRASE", "PASSPHRASE", "SEKISHO_PIN"):
        monkeypatch.setenv(name, WORDS)

    with pytest.raises(SetupError, match="nobody to ask"):
        create_keyring(settings(tmp_path, provider="passphrase"))


def test_plain_files_ask_for_nothing(tmp_path: Path) -> None:
    made = create_keyring(settings(tmp_path))

    assert open_keyring(settings(tmp_path)).ids() == made.ids()


def test_at_a_terminal_a_new_passphrase_is_asked_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, asked = [WORDS, WORDS], []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return typed.pop(0)

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", getpass)

    create_keyring(settings(tmp_path, provider="passphrase"))

    assert asked == ["Passphrase of the keys: ", "Once more: "]


def test_two_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = [WORDS, WORDS + "!"]
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.pop(0))

    with pytest.raises(SetupError, match="not the same"):
        create_keyring(settings(tmp_path, provider="passphrase"))
