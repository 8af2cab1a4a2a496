"""sekisho keys, with no server: under the lock, on record, shown once."""

import json
import re
from pathlib import Path

import pytest

from gateway import settings
from gateway.audit.log.reader import logs, search
from gateway.cli.lock import data_lock, is_locked
from gateway.errors import SetupError

CREATE = ("keys", "create", "--name", "ci", "--tenant", "bodyshop")
KEY = re.compile(r"sk-sekisho-[a-z2-7]{38}")


def records(house: Path) -> list[dict]:
    (log,) = logs(house / ".sekisho" / "audit")
    assert log.parent.name == "admin"
    return list(search(log))


def test_a_key_is_shown_once_and_alone_on_standard_output(sekisho, house: Path) -> None:
    said = sekisho(*CREATE)
    assert said.code == 0
    assert KEY.fullmatch(said.out.strip())
    assert "once" in said.err
    assert said.out.strip() not in sekisho("keys", "list", "--json").out


def test_all_that_was_asked_for_is_in_the_list(sekisho, house: Path) -> None:
    more = ("--project", "p", "--purpose", "q", "--role", "auditor", "--role", "admin", "--model", "m")
    places = ("--class-floor", "strict", "--collected-in", "JP", "--access-from", "FR", "--expires", "90d")
    assert sekisho(*CREATE, *more, *places).code == 0
    (view,) = sekisho("keys", "list", "--json").json["data"]
    assert (view["project"], view["purpose"], view["roles"]) == ("p", "q", ["auditor", "admin"])
    assert (view["class_floor"], view["collected_in"], view["access_from"]) == ("strict", "JP", "FR")
    assert view["expires"] is not None
    assert view["state"] == "live"


def test_a_revoked_key_stays_in_the_list_but_not_in_the_list_of_live_ones(sekisho, house: Path) -> None:
    sekisho(*CREATE)
    assert sekisho("keys", "revoke", "ci").code == 0
    assert sekisho("keys", "list", "--json").json["data"][0]["state"] == "revoked"
    assert sekisho("keys", "list", "--live", "--json").json["data"] == []


def test_making_and_revoking_are_on_record_without_the_key(sekisho, house: Path) -> None:
    key = sekisho(*CREATE).out.strip()
    sekisho("keys", "revoke", "ci")
    written = records(house)
    assert [record["type"] for record in written] == ["key.created", "key.revoked"]
    seal = json.loads((house / ".sekisho/state/keys.json").read_text())["keys"][0]["seal"]
    assert not {key, key[11:], seal} & set(re.findall(r"[\w-]+", json.dumps(written)))


@pytest.mark.parametrize(
    "flags",
    [
        ("--tenant", "Not Valid"),
        ("--class-floor", "secret"),
        ("--role", "king"),
        ("--collected-in", "Germany"),
        ("--expires", "tomorrow"),
        ("--expires", "2020-01-01"),
        ("--name", "a b"),
    ],
)
def test_a_wrong_wish_is_2_and_leaves_nothing(sekisho, house: Path, flags: tuple[str, str]) -> None:
    assert sekisho(*CREATE, *flags).code == 2
    assert sekisho("keys", "list", "--json").json["data"] == []


def test_a_key_can_be_checked_without_showing_it(sekisho, house: Path) -> None:
    key = sekisho(*CREATE).out.strip()
    assert sekisho("keys", "check", given=f"{key}\n").out.startswith("live: ci ")
    assert sekisho("keys", "check", given=key[:-1]).out == "mistyped\n"
    sekisho("keys", "revoke", "ci")
    said = sekisho("keys", "check", "--json", given=key)
    assert (said.code, said.json["state"]) == (1, "revoked")


def test_without_an_installation_it_says_so(sekisho, short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(short_dir)
    said = sekisho("keys", "list")
    assert said.code == 3
    assert "sekisho init" in said.err


def test_a_locked_data_folder_is_left_alone(sekisho, house: Path) -> None:
    with data_lock(settings.load("sekisho.yaml").state):
        said = sekisho(*CREATE)
    assert said.code == 3
    assert "pid" in said.err
    assert sekisho(*CREATE).code == 0


def test_the_lock_is_for_one(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with data_lock(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(SetupError, match=r"pid \d+"), data_lock(tmp_path):
            pass
    assert not is_locked(tmp_path)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--name", "=cmd|calc!A1"), ("--tenant", "Müller"), ("--purpose", "日本"), ("--collected-in", "germany")],
)
def test_what_cannot_be_used_is_named_as_it_was_given(sekisho, house: Path, option: str, value: str) -> None:
    given = {"--name": "ci", "--tenant": "bodyshop"} | {option: value}

    said = sekisho("keys", "create", *[word for pair in given.items() for word in pair])

    assert (said.code, f"{option} {value!r} cannot be used." in said.err) == (2, True), said.err
    assert "regex" not in said.err
