"""Sealed key folders: the files alone open nothing, the right opener opens them, and no file passes for another."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.keys import seal
from gateway.keys.files import FileKeyring
from gateway.keys.seal import Lock, Unlock
from gateway.keys.vault import FileVault

LEAST_COST = 2**14  # a sixteenth of a second; the real one takes a second
WORDS = b"correct horse battery staple"
SECRET = bytes(range(32))
OPENERS: dict[str, Callable[[bytes], tuple[Lock, Unlock]]] = {
    "passphrase": lambda given: seal.by_passphrase(given, LEAST_COST),
    "systemd": seal.by_credential,
}
GIVEN = {"passphrase": WORDS, "systemd": SECRET}


def sealed_keyring(folder: Path, by: str, given: bytes | None = None) -> FileKeyring:
    lock, unlock = OPENERS[by](given or GIVEN[by])
    return FileKeyring(folder, FileVault(folder, seal.make(folder, lock, unlock)))


@pytest.fixture(params=list(OPENERS))
def by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def keyring(tmp_path: Path, by: str) -> FileKeyring:
    made = sealed_keyring(tmp_path / "keys", by)
    made.create()
    made.subjects_key(2026)
    return made


def test_secrets_are_the_same_after_a_restart(keyring: FileKeyring, by: str) -> None:
    again = sealed_keyring(keyring.folder, by)

    assert again.ids() == keyring.ids()
    assert again.tag_key("acme") == keyring.tag_key("acme")
    assert again.subjects_key(2026) == keyring.subjects_key(2026)


def test_no_secret_stands_in_any_file(keyring: FileKeyring) -> None:
    secrets = [keyring.pepper(), keyring.vault.read("tenants"), keyring.subjects_key(2026), b"PRIVATE KEY"]

    files = {path.name: path.read_bytes() for path in keyring.folder.iterdir()}

    assert [name for name, raw in files.items() if any(secret in raw for secret in secrets)] == []
    assert {name: len(raw) for name, raw in files.items() if name == "pepper"} == {"pepper": len(seal.MAGIC) + 12 + 48}


def test_a_wrong_opener_opens_nothing(keyring: FileKeyring, by: str) -> None:
    with pytest.raises(SetupError, match=r"wrong|does not open"):
        sealed_keyring(keyring.folder, by, b"x" * 32)


def test_another_kind_of_opener_is_told_which_one_it_must_be(keyring: FileKeyring, by: str) -> None:
    other = "systemd" if by == "passphrase" else "passphrase"

    with pytest.raises(SetupError, match=f"keys.provider: {by}"):
        sealed_keyring(keyring.folder, other)


def test_a_file_that_passes_for_another_is_refused(keyring: FileKeyring, by: str) -> None:
    os.replace(keyring.folder / "tenants", keyring.folder / "pepper")

    with pytest.raises(SetupError, match=r"pepper is damaged, or belongs to another folder"):
        sealed_keyring(keyring.folder, by).pepper()


def test_a_file_of_another_folder_is_refused(keyring: FileKeyring, by: str, tmp_path: Path) -> None:
    other = sealed_keyring(tmp_path / "other", by)
    other.create()
    os.replace(other.folder / "pepper", keyring.folder / "pepper")

    with pytest.raises(SetupError, match="belongs to another folder"):
        sealed_keyring(keyring.folder, by).pepper()


@pytest.mark.parametrize("name", ["pepper", "log.pem", "subjects-2026"])
def test_a_flipped_bit_is_refused_wherever_it_is(keyring: FileKeyring, by: str, name: str) -> None:
    path = keyring.folder / name
    whole = path.read_bytes()
    for place in (0, len(seal.MAGIC), len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SetupError, match=name):
            sealed_keyring(keyring.folder, by).vault.read(name)


def test_a_plain_file_among_sealed_ones_is_refused(keyring: FileKeyring, by: str) -> None:
    (keyring.folder / "pepper").write_bytes(b"p" * 32)

    with pytest.raises(SetupError, match=r"pepper is not sealed.*sekisho keys protect"):
        sealed_keyring(keyring.folder, by).check()


def test_a_sealed_folder_is_not_read_as_a_plain_one(keyring: FileKeyring) -> None:
    with pytest.raises(SetupError, match=r"is sealed.*keys\.provider"):
        FileKeyring(keyring.folder).check()


def test_a_new_passphrase_opens_and_the_old_one_does_not(tmp_path: Path) -> None:
    keyring = sealed_keyring(tmp_path, "passphrase")
    keyring.create()
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != seal.FILE}

    seal.change(tmp_path, seal.by_passphrase(b"another one", LEAST_COST)[0], seal.by_passphrase(WORDS)[1])

    assert sealed_keyring(tmp_path, "passphrase", b"another one").ids() == keyring.ids()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != seal.FILE} == files
    with pytest.raises(SetupError, match="passphrase of the keys is wrong"):
        sealed_keyring(tmp_path, "passphrase")


def test_a_passphrase_costs_128_mib_for_each_guess(tmp_path: Path) -> None:
    lock, unlock = seal.by_passphrase(WORDS)

    sealed = lock(SECRET)

    assert sealed.kdf is not None
    assert (sealed.kdf.n, sealed.kdf.r, sealed.kdf.p) == (2**17, 8, 1)
    assert unlock(sealed) == SECRET


@pytest.mark.parametrize("field", ["n", "salt"])
def test_a_seal_that_would_take_all_memory_or_is_damaged_is_refused(tmp_path: Path, field: str) -> None:
    sealed_keyring(tmp_path, "passphrase").create()
    content = json.loads((tmp_path / seal.FILE).read_text())
    content["kdf"][field] = {"n": 2**24, "salt": "?"}[field]
    (tmp_path / seal.FILE).write_text(json.dumps(content))

    with pytest.raises(SetupError, match="damaged"):
        sealed_keyring(tmp_path, "passphrase")


def test_a_short_credential_is_refused() -> None:
    with pytest.raises(SetupError, match=r"less than 32 bytes.*systemd-creds"):
        seal.by_credential(b"short")


def test_a_folder_without_a_seal_says_so(tmp_path: Path) -> None:
    FileKeyring(tmp_path).create()

    with pytest.raises(SetupError, match=r"not sealed.*keys protect"):
        seal.open_seal(tmp_path, seal.by_credential(SECRET)[1])
