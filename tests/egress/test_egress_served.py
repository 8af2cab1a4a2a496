"""``sekisho doctor --egress`` on a real server: silent as it is, caught with one foreign socket; both are on record."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import SEKISHO, Running, install

from gateway.audit.log import reader

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

PLANTED = """
import os, socket, sys
if "serve" in sys.argv:
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        held.connect(("192.0.2.1", 9))  # TEST-NET-1; sends nothing
    except OSError:
        held.bind(("0.0.0.0", 0))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def look(folder: Path) -> tuple[int, dict[str, Any]]:
    command = [str(SEKISHO), "doctor", "--egress", "--seconds", "1", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def on_record(folder: Path) -> list[dict[str, object]]:
    logs = reader.events_by_log(folder / ".sekisho" / "audit", "admin.egress_looked")
    return [details for events in logs.values() for _, details in events(0)]


def test_a_silent_server_is_silent_and_that_is_on_record(folder: Path, model_file: Path) -> None:
    install(folder, model_file)
    running = Running(folder).start()
    try:
        code, said = look(folder)
    finally:
        running.stop()
    records = on_record(folder)

    assert (code, said["findings"], said["control_caught"]) == (0, [], True)
    assert said["processes"] >= 3  # server, engine, OPA
    assert [record["findings"] for record in records] == [[]]


def test_one_foreign_socket_is_caught(folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, model_file)
    (folder / "planted").mkdir()
    (folder / "planted" / "sitecustomize.py").write_text(PLANTED, encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", str(folder / "planted"))
    running = Running(folder).start()
    monkeypatch.delenv("PYTHONPATH")
    try:
        code, said = look(folder)
    finally:
        running.stop()
    records = on_record(folder)

    assert code == 1
    assert said["findings"]
    assert [record["findings"] for record in records] == [said["findings"]]
