"""The admin API over a real Unix socket, asked as the command line asks it."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.server import Server, running_server
from gateway.cli.trouble import ServerRefusal
from gateway.errors import SetupError, Unauthenticated
from gateway.http.admin import MAX_BODY_BYTES, admin_app, admin_socket
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.settings import SiteSettings

WISH = {"name": "ci", "tenant": "bodyshop"}


class Memory:
    """A book and a shelf that remember in which order they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def event(self, type: str, **details: Any) -> None:
        self.calls.append((type, details))

    async def durable(self) -> None:
        self.calls.append(("durable", None))

    def describe(self) -> list[dict[str, object]]:
        return [{"name": "small"}]

    def register(self, manifest: dict[str, object]) -> None:
        self.calls.append(("register", manifest))

    def set_alias(self, alias: str, model: str) -> None:
        if model != "small":
            raise SetupError("There is no such model.", "Models: small.")
        self.calls.append(("set_alias", (alias, model)))


@pytest.fixture
def register(tmp_path: Path) -> KeyRegister:
    return KeyRegister(tmp_path / "keys.json", b"p" * 32, SiteSettings())


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def server(register: KeyRegister, memory: Memory, short_dir: Path) -> Iterator[Server]:
    app = admin_app(register, memory, lambda: {"status": "ready"}, memory)
    listener = Listener.on_socket(app, admin_socket(short_dir))
    thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
    thread.start()
    while not listener.started:
        thread.join(0.01)
    found = running_server(short_dir)
    assert found is not None
    yield found
    listener.should_exit = True
    thread.join()


def test_a_key_made_here_works_at_once(server: Server, register: KeyRegister) -> None:
    made = server.post("keys", WISH)
    assert register.identify(f"Bearer {made['key']}").tenant == "bodyshop"


def test_a_key_revoked_here_is_worthless_at_once(server: Server, register: KeyRegister) -> None:
    key = server.post("keys", WISH)["key"]
    assert server.delete("keys/ci")["state"] == "revoked"
    with pytest.raises(Unauthenticated):
        register.identify(f"Bearer {key}")


def test_the_list_shows_keys_without_their_text(server: Server) -> None:
    key = server.post("keys", WISH)["key"]
    listed = server.get("keys")
    assert listed["data"][0]["name"] == "ci"
    assert key not in json.dumps(listed)


def test_every_change_is_durable_on_record_first(server: Server, memory: Memory) -> None:
    server.put("aliases/gpt-4o", {"model": "small"})
    server.post("models", {"name": "large"})
    names = [name for name, _ in memory.calls]
    assert names == ["model.alias", "durable", "set_alias", "model.added", "durable", "register"]


def test_the_operator_is_named_in_the_record(server: Server, memory: Memory) -> None:
    server.post("keys", WISH)
    assert memory.calls[0][1]["by"] not in {"", "unknown"}


def test_a_refused_change_is_told_and_on_record(server: Server, memory: Memory) -> None:
    with pytest.raises(ServerRefusal) as refusal:
        server.put("aliases/x", {"model": "nothing"})
    assert (refusal.value.status, refusal.value.code) == (400, "admin.refused")
    assert memory.calls[-1][0] == "model.alias.refused"


@pytest.mark.parametrize(
    ("method", "route", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "status", {}, 405),
        ("POST", "keys", {"name": "x"}, 400),
        ("POST", "keys", {**WISH, "surprise": 1}, 400),
        ("POST", "keys", "x" * MAX_BODY_BYTES, 413),
        ("DELETE", "keys/nobody", None, 404),
    ],
)
def test_errors_have_one_shape(server: Server, method: str, route: str, body: Any, status: int) -> None:
    with pytest.raises(ServerRefusal) as refusal:
        server._call(method, route, body)
    assert refusal.value.status == status
    assert "." in refusal.value.code


def test_status_and_models_are_passed_on(server: Server) -> None:
    assert server.get("status") == {"status": "ready"}
    assert server.get("models") == {"data": [{"name": "small"}]}


def test_only_its_own_user_can_open_the_socket(short_dir: Path) -> None:
    before = os.umask(0)
    try:
        admin_socket(short_dir / "run").close()
    finally:
        os.umask(before)
    assert (short_dir / "run" / "admin.sock").stat().st_mode & 0o777 == 0o600
    assert (short_dir / "run").stat().st_mode & 0o777 == 0o700


def test_a_socket_left_by_a_dead_server_is_replaced(short_dir: Path) -> None:
    admin_socket(short_dir).close()
    assert running_server(short_dir) is None
    again = admin_socket(short_dir)
    assert isinstance(again, socket.socket)
    again.close()


def test_a_path_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="too long"):
        admin_socket(tmp_path / ("x" * 100))
