"""A served gateway brings its heads to a file, a collector and a witness, and is not held up when they are gone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from running import SEKISHO, Running, free_port, sekisho

from tests.audit.anchor_parts import Authority, Collector, wait_for

pytestmark = [pytest.mark.real, pytest.mark.slow]


class Places:
    """A medium, a collector and a witness, outside of the installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.medium = Path("/dev/shm") / f"sekisho-{os.getpid()}.heads"
        self.authority = Authority(folder / "ca")
        self.collector = Collector(self.authority)
        self.port = free_port()
        key = ["--key", str(folder / "witness.key")]
        self.witness_key = sekisho(folder, "audit", "witness", "create", "--name", "w1.example", *key).strip()
        self.witness: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> list[dict[str, Any]]:
        return [
            {"kind": "file", "path": str(self.medium), "every_seconds": 1.0},
            {"kind": "syslog", "address": self.collector.address, "ca": str(self.authority.ca)},
            {"kind": "node", "url": f"http://127.0.0.1:{self.port}", "key": self.witness_key},
        ]

    def serve_witness(self, vkey: Path) -> None:
        where = ["--state", "memory", "--log", str(vkey), "--listen", f"127.0.0.1:{self.port}"]
        command = [str(SEKISHO), "audit", "witness", "serve", "--key", "witness.key", *where]
        self.witness = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end_witness(self) -> None:
        if self.witness:
            self.witness.terminate()
            self.witness.wait(10)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(tmp_path)
    yield made
    made.end_witness()
    made.collector.stop()
    made.medium.unlink(missing_ok=True)


def status(running: Running) -> dict[str, Any]:
    return dict(json.loads(sekisho(running.folder, "audit", "status", "--json")))


def states(running: Running) -> dict[str, str]:
    return {anchor["kind"]: anchor["state"] for anchor in status(running)["anchors"]}


def unwitnessed_seconds(running: Running) -> float | None:
    connection = HTTPConnection(running.listen, timeout=5)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    found = [line.split()[1] for line in lines if line.startswith("sekisho_audit_unwitnessed_seconds ")]
    return float(found[0]) if found else None


def own_log(running: Running) -> dict[str, Any]:
    return next(log for log in status(running)["logs"] if log["log"] == "plant/node/w0/default")


def test_heads_go_to_all_places_and_an_outage_holds_nothing_up(
    installed: Callable[..., Running], places: Places
) -> None:
    running = installed(audit={"anchors": places.settings})
    places.serve_witness(running.folder / ".sekisho/keys/log.vkey")
    running.start()
    wait_for(lambda: states(running) == {"file": "ok", "syslog": "ok", "node": "ok"}, 30)
    wait_for(lambda: unwitnessed_seconds(running) is not None, 30)

    places.end_witness()
    places.collector.stop()
    running.key()  # made while two of three are gone
    wait_for(lambda: set(states(running).values()) == {"ok", "fails"}, 30)
    assert states(running)["file"] == "ok"

    places.serve_witness(running.folder / ".sekisho/keys/log.vkey")
    places.collector.start()
    wait_for(lambda: set(states(running).values()) == {"ok"}, 60)
    assert running.stop() == 0

    log = own_log(running)
    seen = {(by["kind"], by["size"]) for by in log["witnessed"]["ranges"][-1]["by"]}
    assert seen == {(kind, log["records"]) for kind in ("file", "syslog", "node")}
    assert json.loads(sekisho(running.folder, "audit", "verify", "--json"))["not_checked"] == []
    sent = [json.loads(text.partition(b" head - ")[2]) for text in places.collector.messages]
    sizes = [int(each["checkpoint"].split("\n")[1]) for each in sent if each["log"] == log["log"]]
    assert max(sizes) == log["records"]
