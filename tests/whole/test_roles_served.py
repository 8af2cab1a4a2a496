"""Every route of the admin API and every verb of the command line, with a key of every role, on a running server."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from left_behind import files_of
from running import SEKISHO, Running, sekisho

from gateway.domain import Role
from gateway.identity.roles import BY_ROUTE, BY_VERB, may

pytestmark = [pytest.mark.real, pytest.mark.slow]


def ask(served: Running, method: str, path: str, key: str) -> tuple[int, str, str]:
    """Return status, code and message of a call of the admin API at the server's own address."""
    connection = http.client.HTTPConnection(served.listen, timeout=60)
    said = {"authorization": f"Bearer {key}"} if key else {}
    connection.request(method, re.sub(r"\{[^}]*\}", "nothing", path), "[]", said)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    error = json.loads(raw).get("error", {}) if answer.status >= 400 else {}
    return answer.status, error.get("code", ""), error.get("message", "")


def judged(served: Running, verb: str, key: str) -> int:
    """Return the status with which the socket answers to whether a key may run a verb."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(served.folder / ".sekisho" / "run" / "admin.sock"))
    said = {"authorization": f"Bearer {key}"}
    connection.request("POST", "/admin/v1/roles/verbs", json.dumps({"verb": verb}), said)
    status = connection.getresponse().status
    connection.close()
    return status


def records(folder: Path) -> bytes:
    return b"".join(files_of(folder / ".sekisho" / "audit").values())


@pytest.mark.timeout(400)
def test_each_cell_over_the_real_doors(installed: Callable[..., Running]) -> None:
    served = installed(server={"admin_api": True}).start()
    keys = {role: served.key(f"k-{role}", role=role) for role in Role}
    refused = 0
    for (method, path), action in BY_ROUTE.items():
        assert ask(served, method, path, "")[0] == 401, (method, path)
        for role, key in keys.items():
            status, code, message = ask(served, method, path, key)
            if may((role,), action):
                assert status not in (401, 403), (method, path, role)
            else:
                assert (status, code) == (403, "identity.role"), (method, path, role)
                assert role in message
                refused += 1
    for verb, action in BY_VERB.items():
        for role, key in keys.items():
            allowed = may((role,), action)
            assert judged(served, verb, key) == (200 if allowed else 403), (verb, role)
            refused += not allowed
    assert records(served.folder).count(b'"admin.forbidden"') == refused


@pytest.mark.timeout(400)
def test_the_command_line_is_held_to_a_key(installed: Callable[..., Running]) -> None:
    served = installed().start()
    (served.folder / "key.txt").write_text(served.key("looks", role="auditor"))
    assert "looks" in shell(served, "keys list", 0)
    assert "needs admin" in shell(served, "keys create --name new --tenant t", 2)
    assert "own user" in shell(served, "keys protect", 2)
    assert ask(served, "GET", "/admin/v1/keys", "")[0] == 404  # server.admin_api is off
    served.stop()
    assert "No server runs" in shell(served, "keys list", 3)
    sekisho(served.folder, "keys", "list")


def shell(served: Running, verb: str, code: int) -> str:
    """Run a command with that key; return what it said."""
    line = f"exec {SEKISHO} --key-fd 3 {verb} 3< key.txt"
    done = subprocess.run(["/bin/sh", "-c", line], cwd=served.folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr
