"""sekisho keys rotate, secrets and protect, with no server: under the lock, on record, one line for what is wrong."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import settings
from gateway.audit.log.reader import logs, search
from gateway.audit.verify import verify
from gateway.cli import keys_protect
from gateway.fleet.nodes.papers import write_private
from gateway.keys import folder as files
from gateway.keys import opening, seal
from tests.keys.softhsm import LABEL, MODULE, PIN, new_token

KEYS = Path(".sekisho/keys")
CREATE = ("keys", "create", "--name", "ci", "--tenant", "bodyshop")
WORDS = "correct horse battery\n"


@pytest.fixture(autouse=True)
def _opened_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(seal.by_passphrase, "__defaults__", (2**14,))
    opening.forget()
    yield
    opening.forget()


@pytest.fixture
def passphrase(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """The option that gives the passphrase: a file is open under that number."""
    (tmp_path / "passphrase").write_text(WORDS)
    with (tmp_path / "passphrase").open() as file:
        yield ("--passphrase-fd", str(file.fileno()))


def records(house: Path, type: str) -> list[dict]:
    return [r["details"] for log in logs(house / ".sekisho/audit") for r in search(log) if r["type"] == type]


def plain_secrets(house: Path) -> list[str]:
    names = ("pepper", "tenants", "log.pem")
    return [name for name in names if not (house / KEYS / name).read_bytes().startswith(seal.MAGIC)]


@pytest.mark.parametrize("purpose", ["log", "pepper", "tenants"])
def test_a_rotation_says_what_is_in_force_and_what_counts_beside_it(sekisho, house: Path, purpose: str) -> None:
    before = {view["purpose"]: view["id"] for view in sekisho("keys", "secrets", "--json").json["data"]}

    said = sekisho("keys", "rotate", purpose, "--overlap", "12h", "--json")

    assert said.code == 0, said.err
    assert said.json["id"] != before[purpose]
    assert [old["id"] for old in said.json["beside"]] == [before[purpose]]
    assert len(records(house, "key.rotated")) == 1
    assert said.json in sekisho("keys", "secrets", "--json").json["data"]


def test_an_api_key_works_after_a_rotation_of_the_pepper(sekisho, house: Path) -> None:
    key = sekisho(*CREATE).out
    assert sekisho("keys", "rotate", "pepper").code == 0
    assert sekisho("keys", "check", given=key).code == 0
    assert sekisho("keys", "list", "--live", "--json").json["data"][0]["name"] == "ci"
    assert sekisho("keys", "rotate", "pepper", "--end-overlap").code == 0
    assert sekisho("keys", "check", given=key).code == 1


def test_keys_that_end_with_an_overlap_are_named(sekisho, house: Path) -> None:
    sekisho(*CREATE)
    sekisho("keys", "rotate", "pepper")
    sekisho("keys", "create", "--name", "made-since", "--tenant", "bodyshop")

    said = sekisho("keys", "rotate", "pepper", "--end-overlap")

    assert (said.code, "these API keys are revoked: ci." in said.err) == (0, True), said.err


def test_keys_that_end_at_once_are_named_for_scripts(sekisho, house: Path) -> None:
    sekisho(*CREATE)

    assert sekisho("keys", "rotate", "pepper", "--overlap", "0", "--json").json["revoked"] == ["ci"]


@pytest.mark.parametrize("way", [("--end-overlap",), ("--overlap", "0")])
def test_a_person_is_asked_before_keys_become_worthless(sekisho, house: Path, way: tuple[str, ...]) -> None:
    key = sekisho(*CREATE).out
    if way == ("--end-overlap",):
        sekisho("keys", "rotate", "pepper")

    said = sekisho("keys", "rotate", "pepper", *way, given="n\n", terminal=True)

    assert said.code == 1
    assert "become" in said.err
    assert sekisho("keys", "check", given=key).code == 0


def test_the_log_verifies_from_the_first_key_and_from_the_last(sekisho, house: Path) -> None:
    first = (house / KEYS / "log.vkey").read_text()
    sekisho(*CREATE)
    for _ in range(2):
        assert sekisho("keys", "rotate", "log", "--overlap", "0").code == 0
    sekisho("keys", "revoke", "ci")

    for vkey in (first, (house / KEYS / "log.vkey").read_text()):
        assert all(verify(log, vkey).ok for log in logs(house / ".sekisho/audit"))


def test_a_policy_that_an_older_log_key_signed_is_still_vouched_for(sekisho, house: Path) -> None:
    assert sekisho("keys", "rotate", "log", "--overlap", "0").code == 0
    assert sekisho("policy", "status").code == 0


def test_a_second_rotation_is_refused_in_one_line_with_the_mend(sekisho, house: Path) -> None:
    sekisho("keys", "rotate", "log")
    said = sekisho("keys", "rotate", "log")
    assert (said.code, said.err.count("\n")) == (3, 2)  # the progress, and the error
    assert "sekisho keys rotate log --end-overlap" in said.err


@pytest.mark.parametrize("options", [("--overlap", "soon"), ("--overlap", "1h", "--end-overlap"), ("--overlap", "-1d")])
def test_wrong_options_are_used_wrongly(sekisho, house: Path, options: tuple[str, ...]) -> None:
    assert sekisho("keys", "rotate", "log", *options).code == 2
    assert not (house / ".sekisho/audit").exists()


# --- protect


def test_sealed_keys_open_with_the_passphrase_and_not_without(sekisho, house: Path, passphrase) -> None:
    key = sekisho(*CREATE).out
    authority = house / ".sekisho/nodes/authority-key.pem"  # as an earlier release left it
    write_private(authority, b"-----BEGIN PRIVATE KEY-----")

    said = sekisho(*passphrase, "keys", "protect", "--json")

    assert said.code == 0, said.err
    assert plain_secrets(house) == []
    assert (authority.exists(), b"PRIVATE KEY" in (house / KEYS / "node-authority").read_bytes()) == (False, False)
    assert settings.load(str(house / "sekisho.yaml")).key_store.provider == "passphrase"
    assert sekisho(*passphrase, "keys", "check", given=key).code == 0
    assert [record["provider"] for record in records(house, "key.sealed")] == ["passphrase"]
    opening.forget()
    without = sekisho("keys", "secrets")
    assert (without.code, without.err.count("\n")) == (3, 1)
    assert "--passphrase-fd" in without.err
    assert sekisho("keys", "list").code == 0  # names are no secret


def test_protect_done_again_changes_nothing(sekisho, house: Path, passphrase) -> None:
    sekisho(*passphrase, "keys", "protect")
    before = {path.name: path.read_bytes() for path in (house / KEYS).iterdir()}
    config = (house / "sekisho.yaml").read_text()

    assert sekisho(*passphrase, "keys", "protect").code == 0

    assert {path.name: path.read_bytes() for path in (house / KEYS).iterdir()} == before
    assert (house / "sekisho.yaml").read_text() == config


@pytest.mark.parametrize("after", [0, 1, 2])
def test_killed_while_sealing_it_goes_on_when_done_again(
    sekisho, house: Path, passphrase, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    key = sekisho(*CREATE).out
    child = os.fork()
    if not child:
        sealed, replace = [], files.replace

        def die(path: Path, content: bytes, mode: int = 0o600) -> None:
            if len(sealed) == after:
                os.kill(os.getpid(), signal.SIGKILL)
            sealed.append(path)
            replace(path, content, mode)

        files.replace = die
        sekisho(*passphrase, "keys", "protect")
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(plain_secrets(house)) == 3 - after

    again = sekisho(*passphrase, "keys", "protect")

    assert again.code == 0, again.err
    assert plain_secrets(house) == []
    assert sekisho(*passphrase, "keys", "check", given=key).code == 0


def test_a_new_passphrase_opens_what_the_old_one_sealed(sekisho, house: Path, passphrase, tmp_path: Path) -> None:
    sekisho(*passphrase, "keys", "protect")
    ids = sekisho(*passphrase, "keys", "secrets", "--json").json
    (tmp_path / "new").write_text("another one entirely\n")
    with (tmp_path / "new").open() as file:
        new = str(file.fileno())
        assert sekisho(*passphrase, "keys", "protect", "--new", "--new-passphrase-fd", new).code == 0
        file.seek(0)
        assert sekisho("--passphrase-fd", new, "keys", "secrets", "--json").json == ids


def test_what_is_sealed_by_one_thing_is_not_sealed_by_another(sekisho, house: Path, passphrase) -> None:
    sekisho(*passphrase, "keys", "protect")
    said = sekisho(*passphrase, "keys", "protect", "--by", "systemd")
    assert (said.code, said.err.count("\n")) == (2, 1)


def test_a_configuration_that_says_something_of_keys_is_left_to_its_owner(sekisho, house: Path, passphrase) -> None:
    config = house / "sekisho.yaml"
    config.write_text(config.read_text() + "\nkeys:\n  provider: files\n")

    said = sekisho(*passphrase, "keys", "protect")

    assert f"write into {config.resolve()}, under keys: provider: passphrase" in said.out


def test_a_token_seals_the_folder_and_keeps_the_next_log_key(
    sekisho, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: the token's library reads its configuration once."""
    for name, value in new_token(tmp_path / "hsm").items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pin").write_text(PIN)
    with (tmp_path / "pin").open() as file:
        pin = ("--passphrase-fd", str(file.fileno()))
        token = ("--pkcs11-module", str(MODULE), "--pkcs11-token", LABEL)
        child = os.fork()
        if not child:
            sekisho(*pin, "keys", "protect", "--by", "pkcs11", *token)
            sekisho(*pin, "keys", "rotate", "log", "--overlap", "0")
            done = sekisho(*pin, "keys", "secrets", "--json").code
            os._exit(done)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    (log_key,) = (house / KEYS).glob("log-*.token")
    assert log_key.read_bytes().startswith(seal.MAGIC)
    assert not (house / KEYS / "log.pem").exists()
    vkeys = (house / KEYS / "log-vkeys").read_text().splitlines()
    assert all(verify(log, vkey).ok for log in logs(house / ".sekisho/audit") for vkey in vkeys)


def test_doctor_says_what_seals_the_keys(sekisho, house: Path, passphrase) -> None:
    from gateway.cli import checks_site

    its = settings.load(str(house / "sekisho.yaml"))
    assert "not sealed" in checks_site.secrets(its).said
    sekisho(*passphrase, "keys", "protect")
    sealed = settings.with_passphrase_from(settings.load(str(house / "sekisho.yaml")), int(passphrase[1]))
    check = checks_site.secrets(sealed)
    assert (check.state, "sealed by passphrase" in check.said) == ("ok", True)


def test_every_secret_is_sealed_and_nothing_else(house: Path) -> None:
    keys = ("pepper", "tenants", "log.pem", "log.token", "subjects-2026", "pepper-" + "0" * 26, f"log-{'0' * 26}.token")
    others = ("log.vkey", "log-vkeys", "seal", "generations.json", "policy-bundle.pem", "policy-signers.json")
    assert all(keys_protect._SECRET.fullmatch(name) for name in keys)
    assert not any(keys_protect._SECRET.fullmatch(name) for name in others)
    assert json.dumps(sorted(path.name for path in (house / KEYS).iterdir())).count("pepper") == 1
