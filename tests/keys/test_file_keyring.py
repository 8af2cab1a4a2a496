"""Secrets on disk: made once, read only when nobody else can read them."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.errors import SetupError
from gateway.keys.files import FileKeyring

SECRET_FILES = ("pepper", "tenants", "log.pem")


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    made = FileKeyring(tmp_path / "keys")
    made.create()
    return made


def test_create_makes_private_files_in_a_private_folder(keyring: FileKeyring) -> None:
    modes = {name: (keyring.folder / name).stat().st_mode & 0o777 for name in SECRET_FILES}

    assert modes == dict.fromkeys(SECRET_FILES, 0o600)
    assert keyring.folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in keyring.folder.iterdir()) == ["log.pem", "log.vkey", "pepper", "tenants"]


def test_create_again_changes_nothing(keyring: FileKeyring) -> None:
    before = {path.name: path.read_bytes() for path in keyring.folder.iterdir()}

    FileKeyring(keyring.folder).create()

    assert {path.name: path.read_bytes() for path in keyring.folder.iterdir()} == before


def test_create_makes_only_what_is_missing(keyring: FileKeyring) -> None:
    pepper = keyring.pepper()
    (keyring.folder / "tenants").unlink()

    again = FileKeyring(keyring.folder)
    again.create()

    assert again.pepper() == pepper
    assert again.tag_key("t") != keyring.tag_key("t")


def test_secrets_are_the_same_after_a_restart(keyring: FileKeyring) -> None:
    again = FileKeyring(keyring.folder)

    assert again.pepper() == keyring.pepper()
    assert again.tag_key("acme") == keyring.tag_key("acme")
    assert again.ids() == keyring.ids()


def test_tag_keys_differ_by_tenant_and_from_the_master(keyring: FileKeyring) -> None:
    keys = {keyring.tag_key(tenant) for tenant in ("", "a", "b", "a\x00", "ä")}

    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}
    assert (keyring.folder / "tenants").read_bytes() not in keys


@pytest.mark.parametrize("name", SECRET_FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_open_to_others_is_refused_with_the_mend(keyring: FileKeyring, name: str, mode: int) -> None:
    (keyring.folder / name).chmod(mode)

    with pytest.raises(SetupError, match=r"open to other users.*chmod go-rwx") as refused:
        FileKeyring(keyring.folder).check()
    assert str(keyring.folder / name) in str(refused.value)


def test_a_folder_open_to_others_is_refused(keyring: FileKeyring) -> None:
    keyring.folder.chmod(0o755)

    with pytest.raises(SetupError, match="open to other users"):
        FileKeyring(keyring.folder).check()


@pytest.mark.parametrize(
    ("name", "content"),
    [("pepper", b"x" * 31), ("tenants", b""), ("log.pem", b"x" * 32), ("log.pem", b"-----BEGIN PRIVATE KEY-----\n")],
)
def test_a_damaged_file_is_refused_by_name(keyring: FileKeyring, name: str, content: bytes) -> None:
    (keyring.folder / name).write_bytes(content)

    with pytest.raises(SetupError, match=name):
        FileKeyring(keyring.folder).check()


def test_a_missing_file_is_named(keyring: FileKeyring) -> None:
    (keyring.folder / "pepper").unlink()

    with pytest.raises(SetupError, match=r"no key file .*pepper.*sekisho init"):
        FileKeyring(keyring.folder).pepper()


def test_a_symbolic_link_is_not_followed(keyring: FileKeyring, tmp_path: Path) -> None:
    pepper = keyring.folder / "pepper"
    os.rename(pepper, tmp_path / "elsewhere")
    pepper.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SetupError, match="pepper"):
        FileKeyring(keyring.folder).pepper()


def test_the_public_key_file_verifies_what_the_log_key_signs(keyring: FileKeyring) -> None:
    name, key_id, encoded = (keyring.folder / "log.vkey").read_text().strip().split("+", 2)
    algorithm_and_key = base64.b64decode(encoded)

    expected_id = hashlib.sha256(name.encode() + b"\n" + algorithm_and_key).hexdigest()[:8]
    public = Ed25519PublicKey.from_public_bytes(algorithm_and_key[1:])

    assert (key_id, algorithm_and_key[:1]) == (expected_id, b"\x01")
    public.verify(keyring.log_key().sign(b"head"), b"head")


def test_ids_name_the_keys_without_giving_them_away(keyring: FileKeyring) -> None:
    ids = keyring.ids()

    assert sorted(ids) == ["log", "pepper", "tenants"]
    assert all(len(bytes.fromhex(key_id)) == 8 for key_id in ids.values())
    assert keyring.pepper()[:8].hex() != ids["pepper"]
