"""sekisho audit prune, sekisho audit hold: without a server, and through one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import settings
from gateway.audit.log.reader import first_record, logs, search
from gateway.audit.retention import RetentionOffice
from gateway.audit.shelf import Shelf
from gateway.cli import checks_audit
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf as models
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_retention import retention_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.files import FileKeyring
from gateway.settings import AgeSettings, AuditSettings, RetentionSettings

pytestmark = pytest.mark.real  # `house` builds its first policy with the real OPA

NAME = "plant/node/w0/default"


@pytest.fixture
def written(house: Path) -> Path:
    """Return the log of the server, with one full bundle and a little more."""
    its = settings.load(str(house / "sekisho.yaml"))
    book = Shelf(its.data / "audit", origin=its.origin, log_key=FileKeyring(its.keys).log_key(), settings=its.audit)
    book.open()
    for number in range(300):
        book.event("model.added", name=f"m{number}")
    book.close()
    return its.data / "audit" / NAME


def test_young_records_stay_whatever_is_asked(sekisho, written: Path) -> None:
    said = sekisho("audit", "prune", "--before", "1m", "--json")

    assert said.code == 0
    assert {view["state"] for view in said.json["data"]} == {"nothing is due"}
    assert first_record(written) == 0


def test_a_time_that_is_none_is_refused(sekisho, written: Path) -> None:
    said = sekisho("audit", "prune", "--before", "yesterday")

    assert said.code == 2
    assert "is no time" in said.err


def test_a_hold_is_set_listed_and_cleared_on_record(sekisho, written: Path) -> None:
    assert sekisho("audit", "hold", "list").out == "No log is held.\n"
    assert sekisho("audit", "hold", "set", "--log", NAME, "--reason", "case 7").code == 0
    (held,) = sekisho("audit", "hold", "list", "--json").json["data"]
    assert (held["log"], held["reason"]) == (NAME, "case 7")
    assert {v["log"]: v["state"] for v in sekisho("audit", "prune", "--json").json["data"]}[NAME] == "held"

    assert sekisho("audit", "hold", "clear", "--reason", "closed").code == 0

    assert sekisho("audit", "hold", "list", "--json").json == {"data": []}
    records = [(record["type"], record["details"].get("reason")) for record in search(written)][-2:]
    assert records == [("admin.hold_set", "case 7"), ("admin.hold_cleared", "closed")]


def test_a_log_that_there_is_not_is_named(sekisho, written: Path) -> None:
    said = sekisho("audit", "hold", "set", "--log", "plant/node/w9/default", "--reason", "x")

    assert said.code == 2
    assert "There is no log plant/node/w9/default." in said.err


# --- with a server


class Running:
    """A server's admin side with its book open."""

    def __init__(self, house: Path) -> None:
        its = settings.load(str(house / "sekisho.yaml"))
        keyring = FileKeyring(its.keys)
        self.book = Shelf(its.data / "audit", origin=its.origin, log_key=keyring.log_keys(), settings=its.audit)
        register = KeyRegister(its.state / "keys.json", keyring.pepper(), its.site)
        office = RetentionOffice(its.data / "audit", self.book.books, keyring.log_keys, its.audit)
        app: Any = admin_app(register, self.book, lambda: {}, models(its), retention_routes(office))
        self.listener = Listener.on_socket(app, admin_socket(its.run))
        self.lock = data_lock(its.state)


@pytest.fixture
def running(written: Path, house: Path) -> Iterator[Running]:
    server = Running(house)
    thread = threading.Thread(target=asyncio.run, args=(server.listener.run_sockets(),))
    server.book.open()
    with server.lock:
        thread.start()
        while not server.listener.started:
            thread.join(0.01)
        yield server
        server.listener.should_exit = True
        thread.join()
    server.book.close()


def test_a_running_server_holds_and_prunes(sekisho, running: Running, written: Path) -> None:
    assert sekisho("audit", "hold", "set", "--reason", "case 7", "--json").code == 0
    held = {held["log"] for held in sekisho("audit", "hold", "list", "--json").json["data"]}
    assert held == {log.relative_to(written.parents[3]).as_posix() for log in logs(written.parents[3])}
    assert {v["state"] for v in sekisho("audit", "prune", "--json").json["data"]} == {"held"}
    assert sekisho("audit", "hold", "clear", "--reason", "closed").code == 0
    assert {v["state"] for v in sekisho("audit", "prune", "--json").json["data"]} == {"nothing is due"}
    assert sekisho("audit", "hold", "set", "--log", "nowhere", "--reason", "x").code == 2


# --- doctor


def test_doctor_says_when_pruning_is_due_and_what_is_held(
    sekisho, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checked(sekisho)["said"] == "no record is beyond its longest age"
    late = lambda folder, settings: folder == written  # noqa: E731
    with monkeypatch.context() as later:
        later.setattr(checks_audit, "_is_late", late)
        assert checked(sekisho)["said"] == f"records beyond their longest age in {NAME}"

    sekisho("audit", "hold", "set", "--log", NAME, "--reason", "case 7")

    assert checked(sekisho)["said"].endswith(f"under legal hold: {NAME}")


def checked(sekisho) -> dict[str, Any]:
    return next(check for check in sekisho("doctor", "--json").json["checks"] if check["name"] == "retention")


def test_a_log_is_late_when_its_first_bundle_is(written: Path, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class InTwoDays(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=2)

    its = settings.load(str(house / "sekisho.yaml"))
    day = AuditSettings(retention=RetentionSettings(default=AgeSettings(1, 1)))
    monkeypatch.setattr(checks_audit, "datetime", InTwoDays)

    assert not checks_audit._is_late(written, its)
    assert checks_audit._is_late(written, msgspec.structs.replace(its, audit=day))
