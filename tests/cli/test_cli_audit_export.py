"""sekisho audit export: forms, filters, time zones, with and without a server; on record before it is signed."""

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.audit.export import run, sending
from gateway.audit.export.manifest import opened
from gateway.audit.export.office import ExportOffice, checked
from gateway.audit.log.note import parse_verifier_key
from gateway.audit.log.reader import logs, search
from gateway.cli.changes import admin_book
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_exports import export_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.opening import open_keyring
from tests.audit.anchor_parts import Authority, Collector

pytestmark = pytest.mark.real  # `house` builds its first policy with the real OPA

EXPORT = ("audit", "export", "--out")


@pytest.fixture
def written(sekisho, house: Path) -> Path:
    """An installation with three records."""
    for name in ("one", "two"):
        assert sekisho("keys", "create", "--name", name, "--tenant", "t").code == 0
    assert sekisho("keys", "revoke", "one").code == 0
    return house


def manifest(out: Path) -> dict[str, Any]:
    """Return what a manifest says, its signature by the key beside it."""
    found = opened(Path(f"{out}.manifest.json").read_bytes())
    assert parse_verifier_key(Path(f"{out}.vkey").read_text()).signed(found.signature, found.signed_bytes)
    return dict(found.said)


def exported(house: Path) -> list[dict[str, Any]]:
    """Return what the log says of exports."""
    return [r["details"] for log in logs(house / ".sekisho" / "audit") for r in search(log) if "exported" in r["type"]]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "ocsf", "cef", "syslog"])
def test_every_form_comes_with_its_manifest(sekisho, written: Path, form: str) -> None:
    said = sekisho(*EXPORT, f"out.{form}", "--format", form, "--json")
    assert (said.code, said.json["records"]) == (0, 3)
    told = manifest(written / f"out.{form}")
    assert (told["format"], told["rows"], told["file"]["sha256"]) == (form, 3, said.json["sha256"])
    assert told["logs"][0]["origin"] == "plant/node/admin"


def test_a_filter_says_what_it_left_out(sekisho, written: Path) -> None:
    said = sekisho(*EXPORT, "out.csv", "--format", "csv", "--filter", "type=key.created", "--since", "1d")
    assert said.code == 0
    assert "2 of 3 records, the others as hashes" in said.out
    assert manifest(written / "out.csv")["filter"]["type"] == "key.created"
    assert manifest(written / "out.csv")["filter"]["since"].endswith("Z")


def test_a_csv_is_as_the_reader_s_spreadsheet_wants_it(sekisho, written: Path) -> None:
    assert sekisho(*EXPORT, "de.csv", "--format", "csv", "--locale", "de").code == 0
    text = (written / "de.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    assert [row["type"] for row in rows] == ["key.created", "key.created", "key.revoked"]


def test_times_are_the_site_s(sekisho, written: Path) -> None:
    config = written / "sekisho.yaml"
    config.write_text(config.read_text().replace("site:", "site:\n  timezone: Asia/Tokyo", 1))
    assert sekisho(*EXPORT, "out.csv", "--format", "csv", "--since", "2026-01-01T09:00:00").code == 0
    assert manifest(written / "out.csv")["time_zone"] == "Asia/Tokyo"
    assert manifest(written / "out.csv")["filter"]["since"] == "2026-01-01T00:00:00.000000Z"
    assert "+09:00" in (written / "out.csv").read_text(encoding="utf-8-sig")


def test_a_time_zone_that_there_is_not_is_2(sekisho, written: Path) -> None:
    config = written / "sekisho.yaml"
    config.write_text(config.read_text().replace("site:", "site:\n  timezone: ../../etc/passwd", 1))
    said = sekisho(*EXPORT, "out.csv")
    assert (said.code, "no time zone" in said.err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "xml"),
        ("--filter", "colour=red"),
        ("--filter", "type"),
        ("--filter", "type=a", "--filter", "type=b"),
        ("--filter", "decision=maybe"),
        ("--since", "soon"),
        ("--origin", "plant/x"),
        ("--to", "tcp://siem:514", "--format", "syslog"),
        ("--to", "tls://siem:6514"),
        ("--to", "tls://siem:99999", "--format", "syslog"),
        ("--to", "tls://siem:6514", "--format", "syslog", "--ca", "nowhere.pem"),
    ],
    ids=" ".join,
)
def test_what_is_used_wrongly_is_2_and_leaves_nothing(sekisho, written: Path, arguments: tuple[str, ...]) -> None:
    said = sekisho(*EXPORT, "out", *arguments)
    assert said.code == 2, said.err
    assert not list(written.glob("out*"))


def test_an_export_is_on_record(sekisho, written: Path) -> None:
    sekisho(*EXPORT, "out.jsonl", "--filter", "type=key")
    (details,) = exported(written)
    assert details["details"]["filter"] == {"type": "key"}
    assert details["details"]["file"]["sha256"] == manifest(written / "out.jsonl")["file"]["sha256"]


def test_without_a_record_there_is_no_signature_and_it_goes_on_later(sekisho, written: Path) -> None:
    with data_lock(written / ".sekisho" / "state"):
        said = sekisho(*EXPORT, "out.jsonl")
    assert (said.code, (written / "out.jsonl").exists()) == (3, False)
    said = sekisho(*EXPORT, "out.jsonl", "--json")
    assert (said.code, said.json["records"], said.json["resumed_after"]) == (0, 3, 3)


@pytest.fixture
def server(written: Path) -> Iterator[Path]:
    """A server's admin socket, on the installation's own book."""
    house = settings.load(str(written / "sekisho.yaml"))
    with data_lock(house.state), admin_book(house) as book:
        keyring = open_keyring(house)
        register = KeyRegister(house.state / "keys.json", keyring.peppers(), house.site)
        app = admin_app(register, book, dict, shelf(house), export_routes(ExportOffice(book, keyring.log_keys)))
        listener = Listener.on_socket(app, admin_socket(house.run))
        thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
        thread.start()
        while not listener.started:
            thread.join(0.01)
        yield written
        listener.should_exit = True
        thread.join()


def test_a_running_server_signs_and_has_it_on_record(sekisho, server: Path) -> None:
    said = sekisho(*EXPORT, "out.jsonl", "--json")
    assert said.code == 0, said.err
    assert manifest(server / "out.jsonl")["rows"] == said.json["records"]
    assert len(exported(server)) == 1


def test_a_server_signs_nothing_else(sekisho, server: Path) -> None:
    import base64

    from gateway.cli.server import running_server
    from gateway.cli.trouble import ServerRefusal

    sekisho(*EXPORT, "out.jsonl")
    payload = opened((server / "out.jsonl.manifest.json").read_bytes()).payload
    at = running_server(settings.load(str(server / "sekisho.yaml")).run)
    assert at is not None
    head = str(manifest(server / "out.jsonl")["logs"][0]["checkpoint"])
    for wrong in (
        b"sekisho.export/1",
        b"{}",
        payload.replace(b"sekisho.export/1", b"sekisho.export/2"),
        payload.replace(head.split("\n")[2].encode(), b"A" * 43 + b"="),
        payload.replace(b'"origin":"plant/node/admin"', b'"origin":"plant/node/other"'),
    ):
        with pytest.raises(ServerRefusal) as refusal:
            at.post("audit/exports", {"manifest": base64.b64encode(wrong).decode()})
        assert refusal.value.code == "admin.refused"
    assert len(exported(server)) == 1


def test_an_export_is_sent_to_a_receiver(sekisho, written: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sending, "_FIRST_PAUSE_SECONDS", 0.01)
    authority = Authority(tmp_path / "ca")
    collector = Collector(authority)
    send = (*EXPORT, "out.log", "--format", "syslog", "--to", f"tls://{collector.address}", "--ca", str(authority.ca))
    collector.stop()
    assert sekisho(*send).code == 3
    collector.start()
    said = sekisho(*send, "--json")
    collector.stop()
    assert (said.code, said.json["messages"], said.json["unconfirmed"]) == (0, 3, 0)
    assert [json.loads(each.partition(b"\xef\xbb\xbf")[2])["leaf_index"] for each in collector.messages] == [0, 1, 2]


def test_a_file_that_is_not_its_manifest_s_is_not_sent(sekisho, written: Path) -> None:
    assert sekisho(*EXPORT, "out.log", "--format", "syslog").code == 0
    (written / "out.log").write_bytes((written / "out.log").read_bytes()[:-1])
    said = sekisho(*EXPORT, "out.log", "--format", "syslog", "--to", "tls://127.0.0.1:1")
    assert (said.code, "not what its manifest says" in said.err) == (3, True)


def test_a_killed_export_goes_on(sekisho, written: Path) -> None:
    """The real command in a process of its own, killed as soon as it has settled once."""
    for number in range(20):
        sekisho("keys", "create", "--name", f"k{number}", "--tenant", "t")
    code = (
        "import os, signal, sys\n"
        "from gateway.audit.export import run\n"
        "from gateway.audit.export.work import Work\n"
        "run.SETTLE_RECORDS = run._STEP = 8\n"
        "saved = Work.save\n"
        "def save(self, state):\n"
        "    saved(self, state)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Work.save = save\n"
        "from gateway.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    arguments = [*EXPORT, "out.csv", "--format", "csv"]
    killed = subprocess.run([sys.executable, "-c", code, *arguments], cwd=written, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (written / "out.csv").exists()
    said = sekisho(*arguments, "--json")
    assert (said.json["records"], said.json["resumed_after"]) == (23, 8)
    assert (
        checked(opened((written / "out.csv.manifest.json").read_bytes()).payload).file.sha256
        == run.digest(written / "out.csv")[1]
    )


@pytest.mark.parametrize(
    ("origins", "found"),
    [
        ((), ["w0/cross-border", "w0/default"]),
        (("plant/node/w0",), ["w0/cross-border", "w0/default"]),
        (("plant/node/admin",), ["admin/default"]),
        (("plant/node/admin", "plant/node/w0"), ["admin/default", "w0/cross-border", "w0/default"]),
        (("all",), ["admin/default", "w0/cross-border", "w0/default"]),
    ],
)
def test_all_classes_of_an_origin_are_exported_together(
    tmp_path: Path, origins: tuple[str, ...], found: list[str]
) -> None:
    from gateway.cli.audit_export import _logs

    (tmp_path / "sekisho.yaml").write_text("site: {name: plant, node: node}\n")
    for name in ("admin/default", "w0/cross-border", "w0/default"):
        folder = tmp_path / ".sekisho" / "audit" / "plant" / "node" / name
        (folder / "tile").mkdir(parents=True)
        (folder / "lock").touch()
    logs_found = _logs(settings.load(str(tmp_path / "sekisho.yaml")), list(origins))
    assert ["/".join(folder.parts[-2:]) for folder in logs_found] == found


def test_a_terminal_is_shown_how_far_it_is(written: Path) -> None:
    import pty

    said: list[bytes] = []

    def read(descriptor: int) -> bytes:
        said.append(os.read(descriptor, 4096))
        return said[-1]

    program = "import sys; from gateway.cli.main import main; main(sys.argv[1:])"
    assert pty.spawn([sys.executable, "-c", program, *EXPORT, "out.jsonl"], read) == 0
    assert b"Exporting 1 log " in b"".join(said)
    assert b"3/3" in b"".join(said)
