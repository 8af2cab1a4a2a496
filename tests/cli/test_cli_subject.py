"""sekisho audit subject, erase, content, expire: with and without a server, signed by officers, on record."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.audit.content.door import About
from gateway.audit.content.store import SideStore
from gateway.audit.log.reader import logs, search
from gateway.cli.checks_content import kept_content
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf
from gateway.domain import Kept
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_persons import persons_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.opening import open_keyring
from gateway.officers import persons_office
from gateway.policy.life.signers import Signer, Signers, create_private

pytestmark = pytest.mark.real  # `house` builds its first policy with the real OPA

SUBJECT = ("audit", "subject")
WHO = "ana@example.com"
REQUEST = (*SUBJECT, "request", "--subject", WHO, "--reason", "art. 15, no. 17")


@pytest.fixture
def officers(house: Path) -> Path:
    """Ada is an auditor, Dan a privacy officer, Ben an approver; their keys lie in the folder. Dan's is protected."""
    signers = Signers(settings.load(str(house / "sekisho.yaml")).keys)
    for name, role in (("ada", "auditor"), ("dan", "privacy-officer"), ("ben", "approver")):
        public = create_private(house / f"{name}.pem", "correct horse" if name == "dan" else "")
        signers.add(Signer(name=name, public_key=public, roles=(role,)))
    return house


def side_store(house: Path) -> SideStore:
    wanted = settings.load(str(house / "sekisho.yaml"))
    return SideStore.of_installation(wanted, open_keyring(wanted).kept_tag_keys)


def keep(house: Path, *names: str, text: str = '{"asked": "Grüße"}') -> Kept:
    side, about = side_store(house), About("01JREQUEST", "acme", "support", 30)
    sealed = side.seal("prompt", about, "plant/node/w0", side.keys_for(about, names), text.encode())
    side.put(sealed)
    return sealed.kept


def records(house: Path, *types: str) -> list[dict[str, Any]]:
    found = [record for log in logs(house / ".sekisho" / "audit") for record in search(log)]
    return [record for record in found if record["type"].startswith(types)]


def opened(sekisho: Any) -> str:
    id_ = str(sekisho(*REQUEST).out.strip())
    assert sekisho(*SUBJECT, "sign", id_, "--key", "ada.pem").code == 0
    assert sekisho(*SUBJECT, "sign", id_[-8:], "--key", "dan.pem", given="correct horse\n").code == 0
    return id_


def test_two_officers_open_a_search_and_one_sees_values(sekisho, officers: Path) -> None:
    kept = keep(officers, f"user:{WHO}")
    id_ = opened(sekisho)

    plain = sekisho(*SUBJECT, "show", id_, "--subject", WHO)
    assert plain.code == 0, plain.err
    assert kept.item in plain.out
    assert "Grüße" not in plain.out
    given = f"correct horse\n{WHO}\n"
    whole = sekisho(*SUBJECT, "show", id_, "--subject", "-", "--key", "dan.pem", "--json", given=given)
    assert whole.json["content"][0]["value"] == '{"asked": "Grüße"}'
    assert whole.json["content"][0]["sha256"] == kept.sha256
    assert len(records(officers, "admin.person_searched")) == 2


def test_one_officer_is_not_enough(sekisho, officers: Path) -> None:
    id_ = sekisho(*REQUEST).out.strip()
    signed = sekisho(*SUBJECT, "sign", id_, "--key", "ada.pem")

    said = sekisho(*SUBJECT, "show", id_, "--subject", WHO)

    assert "art. 15, no. 17" in signed.err
    assert (said.code, said.out) == (2, "")
    assert "waits for signatures" in said.err
    assert sekisho(*SUBJECT, "sign", id_, "--key", "ben.pem").code == 2
    assert sekisho(*SUBJECT, "list", "--json").json["data"][0]["signed_by"] == ["ada"]
    assert "ada" in sekisho(*SUBJECT, "list").out


def test_erasing_says_what_it_did_and_the_log_verifies(sekisho, officers: Path) -> None:
    keep(officers, f"user:{WHO}", "found:ben")
    keep(officers, "found:ben")

    said = sekisho("audit", "erase", "--subject", WHO, "--tenant", "acme", "--reason", "art. 17, no. 18")

    assert said.code == 0, said.err
    assert said.out.startswith("Destroyed: 1 keys, 1 items, 1 of them shared with other persons.")
    assert len(list(side_store(officers).heads())) == 1
    assert WHO not in json.dumps(records(officers))
    assert len(records(officers, "erasure")) == 1
    assert sekisho("audit", "verify").code == 0


def test_several_names_of_one_person_come_from_standard_input(sekisho, officers: Path) -> None:
    keep(officers, "found:ana berg")
    keep(officers, f"found:{WHO}")

    said = sekisho("audit", "erase", "--subject", "-", "--reason", "art. 17", "--json", given=f"Ana Berg\n{WHO}\n")

    assert (said.json["keys"], said.json["items_in_all"]) == (2, 2)


def test_of_somebody_unknown_the_answer_is_no(sekisho, officers: Path) -> None:
    said = sekisho("audit", "erase", "--subject", "nobody", "--reason", "art. 17")

    assert said.code == 1
    assert "Nothing is kept under that name" in said.out


def test_an_item_is_shown_to_a_privacy_officer(sekisho, officers: Path) -> None:
    kept = keep(officers, "found:ben")
    content = ("audit", "content", kept.item, "--reason", "complaint 3")

    shown = sekisho(*content, "--key", "dan.pem", given="correct horse\n")

    assert shown.code == 0, shown.err
    assert "Grüße" in shown.out
    assert kept.sha256 in shown.out
    assert sekisho(*content, "--key", "ada.pem").code == 2
    assert len(records(officers, "admin.content_read")) == 1


def test_what_has_ended_is_destroyed_by_command(sekisho, officers: Path) -> None:
    kept = keep(officers, "found:ben")
    folder = officers / ".sekisho" / "content"
    (day,) = folder.iterdir()
    day.rename(folder / "2020-01-01")

    said = sekisho("audit", "expire")

    assert said.out.startswith("1 items and")
    assert side_store(officers).find(kept.item) is None
    assert len(records(officers, "erasure.expired")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (*SUBJECT, "request", "--subject", "", "--reason", "x"),
        (*SUBJECT, "request", "--subject", "a", "--reason", ""),
        (*SUBJECT, "request", "--subject", "a", "--reason", "x", "--tenant", "No Tenant"),
        (*SUBJECT, "sign", "01JNONE", "--key", "ada.pem"),
        (*SUBJECT, "show", "01JNONE", "--subject", "a"),
        ("audit", "erase", "--subject", "a", "--reason", "two\nlines"),
        ("audit", "content", "01JNONE", "--key", "nowhere.pem", "--reason", "x"),
    ],
    ids=" ".join,
)
def test_what_is_used_wrongly_is_2_in_one_line_and_leaves_nothing(
    sekisho, officers: Path, arguments: tuple[str, ...]
) -> None:
    said = sekisho(*arguments)

    assert said.code == 2, said
    assert said.err.count("\n") == 1
    assert not (officers / ".sekisho" / "audit").exists() or records(officers) == []


# --- with a server


class Notes:
    """A book that remembers the types of events."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.types.append(type)

    async def durable(self) -> None:
        pass


@pytest.fixture
def server(officers: Path) -> Iterator[Notes]:
    """A server of the admin API, in a thread; what it put on record."""
    wanted, book = settings.load(str(officers / "sekisho.yaml")), Notes()
    keyring = open_keyring(wanted)
    office = persons_office(
        wanted, SideStore.of_installation(wanted, keyring.kept_tag_keys), book, keyring.kept_tag_keys
    )
    keys = KeyRegister(wanted.state / "keys.json", keyring.peppers(), wanted.site)
    app = admin_app(keys, book, lambda: {}, shelf(wanted), persons_routes(office))
    with data_lock(wanted.state):
        listener = Listener.on_socket(app, admin_socket(wanted.run))
        serving = threading.Thread(target=lambda: asyncio.run(listener.run_sockets()))
        serving.start()
        yield book
        listener.should_exit = True
        serving.join()


def test_a_running_server_does_all_of_it(sekisho, officers: Path, server: Notes) -> None:
    kept = keep(officers, f"user:{WHO}")
    id_ = opened(sekisho)

    given = "correct horse\n"
    held = sekisho(*SUBJECT, "show", id_, "--subject", WHO, "--key", "dan.pem", "--json", given=given).json
    shown = sekisho("audit", "content", kept.item, "--key", "dan.pem", "--reason", "x", given=given)
    erased = sekisho("audit", "erase", "--subject", WHO, "--reason", "art. 17", "--json").json
    ended = sekisho("audit", "expire", "--json").json

    assert held["content"][0]["value"] == '{"asked": "Grüße"}'
    assert "Grüße" in shown.out
    assert erased["items"] == [kept.item]
    assert ended == {"items": 0, "held": 0, "keys": 0}
    assert server.types == [
        "admin.person_search_requested",
        "admin.person_search_signed",
        "admin.person_search_signed",
        "admin.person_searched",
        "admin.content_read",
        "erasure",
    ]
    refused = sekisho(*SUBJECT, "show", id_, "--subject", "ben@example.com")
    assert (refused.code, refused.out) == (2, "")
    assert "somebody else" in refused.err


# --- doctor


def checked(house: Path) -> tuple[str, str]:
    found = kept_content(settings.load(str(house / "sekisho.yaml")))
    assert bool(found.mend) == (found.state != "ok")
    return found.state, found.said


def test_doctor_looks_at_what_is_kept(officers: Path) -> None:
    assert checked(officers) == ("ok", "none")

    keep(officers, "found:ben")
    content, persons = officers / ".sekisho" / "content", officers / ".sekisho" / "persons"
    (day,) = content.iterdir()
    assert checked(officers) == ("ok", f"items of 1 days, the last of them {day.name}")
    persons.rename(persons.with_name("away"))
    assert checked(officers)[0] == "fails"
    persons.with_name("away").rename(persons)
    persons.chmod(0o755)
    assert "open to other users" in checked(officers)[1]
    persons.chmod(0o700)
    day.rename(content / "2020-01-01")
    assert checked(officers) == ("warning", "1 items have ended and are still there")


def test_doctor_says_what_a_hold_keeps(sekisho, officers: Path) -> None:
    kept = keep(officers, "found:ben")
    hold = officers / ".sekisho" / "audit" / "plant" / "node" / "w0" / "default" / "hold"
    hold.parent.mkdir(parents=True)
    hold.write_text("{}")

    said = sekisho("audit", "erase", "--subject", "ben", "--reason", "art. 17")

    assert "1 items stay under legal hold" in said.out
    assert side_store(officers).find(kept.item) is not None
    assert checked(officers)[1].endswith("0 items and 1 keys wait for a legal hold to be lifted")
