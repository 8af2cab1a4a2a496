"""sekisho policy break-glass, with and without a server: asked for, signed by two, listed, ended, on record."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.audit.log.reader import logs, search
from gateway.cli import checks_site
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_break_glass import break_glass_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.files import FileKeyring
from gateway.policy.glass.office import BreakGlassOffice
from gateway.policy.life.signers import Signer, Signers, create_private

pytestmark = pytest.mark.real  # `house` builds its first policy with the real OPA

GLASS = ("policy", "break-glass")
REQUEST = (*GLASS, "request", "--project", "acme/recall", "--waive", "policy.residency", "--reason", "recall 2026-11")


@pytest.fixture
def persons(house: Path) -> Path:
    """Ana and Ben are approvers, Cem is an author; their keys lie in the folder. Ben's has a passphrase."""
    signers = Signers(settings.load(str(house / "sekisho.yaml")).keys)
    for name, role in (("ana", "approver"), ("ben", "approver"), ("cem", "policy-author")):
        public = create_private(house / f"{name}.pem", "correct horse" if name == "ben" else "")
        signers.add(Signer(name=name, public_key=public, roles=(role,)))
    return house


def requested(sekisho) -> str:
    said = sekisho(*REQUEST)
    assert said.code == 0, said.err
    return str(said.out.strip())


def test_two_approvers_make_a_grant_count_and_one_person_ends_it(sekisho, persons: Path) -> None:
    id_ = requested(sekisho)
    assert re.fullmatch(r"[0-9A-Z]{26}", id_)
    first = sekisho(*GLASS, "sign", id_, "--key", "ana.pem")
    assert first.out == f"{id_} is signed by ana: waits.\n"
    second = sekisho(*GLASS, "sign", id_[-8:], "--key", "ben.pem", given="correct horse\n")
    assert second.out == f"{id_} is signed by ana and ben: in force.\n"
    (view,) = sekisho(*GLASS, "list", "--json").json["data"]
    assert (view["state"], view["waives"], view["signed_by"]) == ("in force", ["policy.residency"], ["ana", "ben"])
    assert sekisho(*GLASS, "end", id_).code == 0
    assert sekisho(*GLASS, "list", "--json").json["data"][0]["state"] == "ended"


def test_who_signs_sees_what_before(sekisho, persons: Path) -> None:
    said = sekisho(*GLASS, "sign", requested(sekisho), "--key", "ana.pem")
    assert "for project acme/recall" in said.err
    assert "policy.residency" in said.err
    assert "recall 2026-11" in said.err


def test_each_step_is_on_record(sekisho, persons: Path) -> None:
    id_ = requested(sekisho)
    sekisho(*GLASS, "sign", id_, "--key", "ana.pem")
    sekisho(*GLASS, "end", id_)
    (log,) = logs(persons / ".sekisho" / "audit")
    steps = [record for record in search(log) if record["type"].startswith("policy.break_glass")]
    assert [step["type"].rpartition("_")[2] for step in steps] == ["requested", "signed", "ended"]
    assert "recall 2026-11" in json.dumps(steps[0])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--project", "recall"),
        ("--waive", "residency"),
        ("--waive", "policy.secrets"),
        ("--hours", "25"),
        ("--reason", ""),
        ("--since", "2020-01-01T00:00:00Z"),
        ("--since", "soon"),
    ],
    ids=" ".join,
)
def test_what_may_not_be_asked_for_is_2_and_leaves_nothing(sekisho, persons: Path, arguments: tuple[str, str]) -> None:
    said = sekisho(*REQUEST, *arguments)
    assert said.code == 2
    assert sekisho(*GLASS, "list", "--json").json["data"] == []


@pytest.mark.parametrize(
    ("option", "value", "form"),
    [
        ("--project", "recall", "TENANT/PROJECT"),
        ("--waive", "residency", "codes such as policy.residency"),
        ("--reason", "two\nlines", "one line of at most 200 characters"),
    ],
)
def test_the_option_that_is_wrong_is_named_with_its_form(
    sekisho, persons: Path, option: str, value: str, form: str
) -> None:
    said = sekisho(*REQUEST, option, value).err
    assert f"{option} is not as it must be. Give {form}" in said
    assert "regex" not in said


def test_keys_that_do_not_count_are_refused(sekisho, persons: Path) -> None:
    id_ = requested(sekisho)
    create_private(persons / "eve.pem", "")
    for key in ("cem.pem", "eve.pem", "nowhere.pem"):
        assert sekisho(*GLASS, "sign", id_, "--key", key).code == 2
    assert sekisho(*GLASS, "sign", id_, "--key", "ben.pem", given="wrong\n").code == 2
    assert sekisho(*GLASS, "sign", id_, "--key", "ana.pem").code == 0
    assert sekisho(*GLASS, "sign", id_, "--key", "ana.pem").code == 2
    assert sekisho(*GLASS, "list", "--json").json["data"][0]["signed_by"] == ["ana"]


def test_a_damaged_grant_is_listed_with_what_is_wrong(sekisho, persons: Path) -> None:
    id_ = requested(sekisho)
    (persons / ".sekisho/state/policy/break-glass" / f"{id_}.json").write_text("{}")
    assert "not a DSSE envelope" in sekisho(*GLASS, "list").out.replace("\n", " ")
    assert sekisho(*GLASS, "sign", id_, "--key", "ana.pem").code == 3


# --- with a server


class Notes:
    """A book that remembers the types of events."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.types.append(type)

    async def durable(self) -> None:
        pass


class Running:
    """A server's admin side on a real installation; it counts how often OPA would have been given the facts."""

    def __init__(self, house: Path) -> None:
        its = settings.load(str(house / "sekisho.yaml"))
        self.notes = Notes()
        self.pushed = 0
        register = KeyRegister(its.state / "keys.json", FileKeyring(its.keys).pepper(), its.site)
        routes = break_glass_routes(BreakGlassOffice.of(its, self.notes, self._push))
        app = admin_app(register, self.notes, lambda: {}, shelf(its), routes)
        self.listener = Listener.on_socket(app, admin_socket(its.run))
        self.lock = data_lock(its.state)

    async def _push(self) -> None:
        self.pushed += 1


@pytest.fixture
def running(persons: Path) -> Iterator[Running]:
    server = Running(persons)
    thread = threading.Thread(target=asyncio.run, args=(server.listener.run_sockets(),))
    with server.lock:
        thread.start()
        while not server.listener.started:
            thread.join(0.01)
        yield server
        server.listener.should_exit = True
        thread.join()


def test_a_running_server_makes_the_changes_and_has_pushed_them(sekisho, running: Running) -> None:
    id_ = requested(sekisho)
    assert sekisho(*GLASS, "sign", id_, "--key", "ana.pem").code == 0
    assert sekisho(*GLASS, "sign", id_, "--key", "ben.pem", given="correct horse\n").out.endswith("in force.\n")
    assert running.pushed == 3
    assert sekisho(*GLASS, "end", id_).code == 0
    assert running.pushed == 4
    assert running.notes.types == [
        "policy.break_glass_requested",
        "policy.break_glass_signed",
        "policy.break_glass_signed",
        "policy.break_glass_ended",
    ]


def test_a_running_server_refuses_as_the_command_line_does(sekisho, running: Running) -> None:
    assert sekisho(*REQUEST, "--waive", "policy.secrets").code == 2
    assert sekisho(*GLASS, "end", "nobody").code == 2
    id_ = requested(sekisho)
    assert sekisho(*GLASS, "sign", id_, "--key", "cem.pem").code == 2
    assert running.pushed == 1


def test_doctor_tells_of_a_grant_that_holds_and_of_a_damaged_one(sekisho, persons: Path) -> None:
    settings_of = settings.load(str(persons / "sekisho.yaml"))
    assert checks_site.grants(settings_of).state == "ok"
    id_ = requested(sekisho)
    assert checks_site.grants(settings_of).state == "ok"  # it waits, and opens nothing
    for name, given in (("ana", ""), ("ben", "correct horse\n")):
        assert sekisho(*GLASS, "sign", id_, "--key", f"{name}.pem", given=given).code == 0

    found = checks_site.grants(settings_of)
    assert (found.state, "acme/recall until" in found.said, "break-glass list" in found.mend) == ("warning", True, True)
    (settings_of.state / "policy" / "break-glass" / f"{id_}.json").write_text("{}")
    assert "opens nothing" in checks_site.grants(settings_of).said
