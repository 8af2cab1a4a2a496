"""The shadow's routes on the admin API, over a real Unix socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.server import Server, running_server
from gateway.cli.trouble import ServerRefusal
from gateway.domain import Decision, PolicyInput
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_shadow import shadow_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.policy.trials.shadow_office import ShadowOffice
from gateway.settings import Settings, SiteSettings


class Book:
    """Remembers what was put on record."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.types.append(type)

    async def durable(self) -> None: ...


class InForce:
    """A policy that nobody asks."""

    observer: Callable[[PolicyInput, Decision], None] | None = None


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def server(short_dir: Path, book: Book) -> Iterator[Server]:
    settings = Settings(data_dir=str(short_dir))
    office = ShadowOffice(settings, book, InForce())
    register = KeyRegister(short_dir / "keys.json", b"p" * 32, SiteSettings())
    app = admin_app(register, book, lambda: {}, None, shadow_routes(office))  # type: ignore[arg-type]  no models here
    listener = Listener.on_socket(app, admin_socket(short_dir))
    thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
    thread.start()
    while not listener.started:
        thread.join(0.01)
    found = running_server(short_dir)
    assert found
    yield found
    listener.should_exit = True
    thread.join()


def test_where_none_runs_it_says_so(server: Server) -> None:
    assert server.get("policy/shadow") == {"running": False}
    with pytest.raises(ServerRefusal, match="No shadow runs"):
        server.delete("policy/shadow")


@pytest.mark.parametrize("body", [{"bundle": 1}, {"bundel": "x"}, []])
def test_a_wish_that_is_none_is_refused(server: Server, book: Book, body: object) -> None:
    with pytest.raises(ServerRefusal) as refusal:
        server.post("policy/shadow", body)

    assert refusal.value.status == 400
    assert book.types == []


def test_a_policy_that_there_is_not_is_refused_in_words(server: Server, short_dir: Path) -> None:
    with pytest.raises(ServerRefusal, match="No revision is called"):
        server.post("policy/shadow", {"bundle": "abcdef", "rules": ""})
    with pytest.raises(ServerRefusal, match="is no OPA bundle"):
        (short_dir / "b.tar.gz").write_bytes(b"x")
        server.post("policy/shadow", {"bundle": str(short_dir / "b.tar.gz"), "rules": ""})

    assert server.get("policy/shadow") == {"running": False}
