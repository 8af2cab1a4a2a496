"""The routes for secrets on the admin API, over a real Unix socket, on real keys and a real log."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.server import Server, running_server
from gateway.cli.trouble import ServerRefusal
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_secrets import secret_routes
from gateway.http.listener import Listener
from tests.keys.installation import Installation


@pytest.fixture
def house(short_dir: Path) -> Iterator[Installation]:
    made = Installation(short_dir)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def server(house: Installation) -> Iterator[Server]:
    app = admin_app(house.register, house.book, lambda: {}, None, secret_routes(house.office))  # type: ignore[arg-type]
    listener = Listener.on_socket(app, admin_socket(house.folder))
    thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
    thread.start()
    while not listener.started:
        thread.join(0.01)
    found = running_server(house.folder)
    assert found
    yield found
    listener.should_exit = True
    thread.join()


def test_a_rotation_takes_effect_at_once_and_is_on_record(server: Server, house: Installation) -> None:
    key, before = house.new_api_key("ci"), house.keyring.ids()

    view = server.post("secrets/pepper/rotate", {"overlap_seconds": 3600})

    assert view["id"] == house.keyring.ids()["pepper"] != before["pepper"]
    assert house.register.identify(f"Bearer {key}").tenant == "t"
    assert [said["purpose"] for said in house.events("key.rotated")] == ["pepper"]
    assert view in server.get("secrets")["data"]
    assert server.delete("secrets/pepper/overlap")["beside"] == []


def test_no_secret_comes_out(server: Server, house: Installation) -> None:
    server.post("secrets/tenants/rotate", {})

    said = str(server.get("secrets"))

    secrets = [
        house.keyring.pepper(),
        *(house.keyring.vault.read(each.file) for each in house.keyring.generations.tenants),
    ]
    assert not any(secret.hex() in said for secret in secrets)


@pytest.mark.parametrize("body", [{"overlap_seconds": -1}, {"overlap_seconds": 10**9}, {"overlap": 1}, []])
def test_a_wish_that_is_none_is_refused(server: Server, house: Installation, body: object) -> None:
    with pytest.raises(ServerRefusal) as refusal:
        server.post("secrets/log/rotate", body)

    assert refusal.value.status == 400
    assert house.events("key.rotated") == []


def test_what_cannot_be_is_refused_in_words(server: Server) -> None:
    with pytest.raises(ServerRefusal, match="A purpose is one of log, pepper, tenants"):
        server.post("secrets/everything/rotate", {})
    with pytest.raises(ServerRefusal, match="There is no overlap of log"):
        server.delete("secrets/log/overlap")
