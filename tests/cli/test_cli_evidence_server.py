"""A running server signs packs: on record first, only what is one, only of its own logs."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import settings
from gateway.audit.evidence.office import EvidenceOffice
from gateway.audit.export.manifest import to_bytes
from gateway.audit.export.office import ExportOffice
from gateway.audit.log.reader import Filter, logs, search
from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf
from gateway.cli.server import running_server
from gateway.cli.trouble import ServerRefusal
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_evidence import evidence_routes
from gateway.http.admin_exports import export_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.opening import open_keyring

EXPORT = ("audit", "export", "--format", "evidence", "--no-pdf", "--out", "pack.zip")


@pytest.fixture
def server(house: Path) -> Iterator[Path]:
    """A server's admin socket, on the installation's own book."""
    here = settings.load(str(house / "sekisho.yaml"))
    with data_lock(here.state), admin_book(here) as book:
        book.event("key.created", by="mia", key={"name": "ci"})
        keyring = open_keyring(here)
        register = KeyRegister(here.state / "keys.json", keyring.peppers(), here.site)
        routes = [
            *export_routes(ExportOffice(book, keyring.log_keys)),
            *evidence_routes(EvidenceOffice(book, keyring.log_keys)),
        ]
        listener = Listener.on_socket(admin_app(register, book, dict, shelf(here), routes), admin_socket(here.run))
        thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
        thread.start()
        while not listener.started:
            thread.join(0.01)
        yield house
        listener.should_exit = True
        thread.join()


def packed(house: Path) -> list[dict]:
    """Return the records of packs."""
    (log,) = logs(house / ".sekisho" / "audit")
    found = [record["details"] for record in search(log, Filter(type="admin.exported"))]
    return [details for details in found if details["details"]["format"] == "evidence"]


def payload_of(pack: Path) -> bytes:
    with zipfile.ZipFile(pack) as archive:
        return to_bytes(json.loads(archive.read("manifest.json"))["payload"])


def test_a_running_server_signs_a_pack_and_has_it_on_record(sekisho, server: Path) -> None:
    made = sekisho(*EXPORT, "--json")

    assert made.code == 0, made.err
    (told,) = packed(server)
    assert (told["details"]["rows"], told["details"]["files"]) == (made.json["records"], made.json["files"] - 1)
    verified = sekisho("audit", "verify", "pack.zip")
    assert verified.code == 0, verified.out


def test_a_server_signs_nothing_else(sekisho, server: Path) -> None:
    sekisho(*EXPORT)
    payload = payload_of(server / "pack.zip")
    at = running_server(settings.load(str(server / "sekisho.yaml")).run)
    assert at is not None
    root = json.loads(payload)["logs"][0]["root"].encode()

    for wrong in (
        b"{}",
        b"sekisho.evidence/1",
        payload.replace(b"sekisho.evidence/1", b"sekisho.evidence/2"),
        payload.replace(root, b"0" * 64),
        payload.replace(b'"origin":"plant/node/admin"', b'"origin":"plant/node/other"'),
        payload[:-1] + b',"more":1}',
    ):
        with pytest.raises(ServerRefusal) as refusal:
            at.post("audit/evidence", {"manifest": base64.b64encode(wrong).decode()})
        assert refusal.value.code == "admin.refused"
    with pytest.raises(ServerRefusal):
        at.post("audit/evidence", {"manifest": "no base64"})
    assert len(packed(server)) == 1
