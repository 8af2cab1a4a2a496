"""Limits over the admin socket: shown, set, taken back; on record first; in force when the answer comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from house import CALLER

from gateway.cli.server import Server, running_server
from gateway.cli.trouble import ServerRefusal
from gateway.errors import RateExceeded
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_limits import limit_routes
from gateway.http.listener import Listener
from gateway.identity.bounds import Rules
from gateway.identity.keys import KeyRegister
from gateway.identity.ledger import Calendar, Ledger
from gateway.identity.limits import OwnLimits
from gateway.identity.limits_office import LimitsOffice
from gateway.settings import LimitSettings, SiteSettings


class Desk:
    """A server's limits, and a book that notes what was in force when a change was written into it."""

    def __init__(self, folder: Path) -> None:
        said = LimitSettings()
        self.limits = OwnLimits(Rules(said), Ledger(folder / "usage", Calendar(UTC)))
        self.office = LimitsOffice(folder / "limits.json", lambda changes: Rules(said, changes), self.limits, self)
        self.notes: list[tuple[str, Any, int]] = []

    def event(self, type: str, **details: Any) -> None:
        self.notes.append((type, details, self.limits.rules.of("tenant:acme").requests_per_minute))

    async def durable(self) -> None:
        pass


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def server(desk: Desk, tmp_path: Path, short_dir: Path) -> Iterator[Server]:
    register = KeyRegister(tmp_path / "keys.json", b"p" * 32, SiteSettings())
    app = admin_app(register, desk, dict, None, limit_routes(desk.office))  # type: ignore[arg-type]  # no models asked
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


def test_a_bound_is_on_record_first_and_holds_when_the_answer_comes(server: Server, desk: Desk) -> None:
    view = server.put("limits/tenant:acme", {"requests_per_minute": 1})
    assert view["bounds"]["requests_per_minute"] == 1
    ((type_, details, in_force),) = desk.notes
    assert (type_, details["details"]["account"], in_force) == ("limits.changed", "tenant:acme", 0)
    asyncio.run(desk.limits.reserve(CALLER)).settle(None)
    with pytest.raises(RateExceeded):
        asyncio.run(desk.limits.reserve(CALLER))


def test_what_was_set_is_shown_and_can_be_taken_back(server: Server) -> None:
    assert server.get("limits") == {"data": []}
    server.put("limits/project:acme/press-shop", {"tokens_per_day": 5})
    server.put("limits/project:acme/press-shop", {"money_per_day": 7})
    one = server.get("limits/project:acme/press-shop")
    assert (one["bounds"]["tokens_per_day"], one["bounds"]["money_per_day"]) == (5, 7)
    assert [view["account"] for view in server.get("limits")["data"]] == ["project:acme/press-shop"]
    assert server.delete("limits/project:acme/press-shop")["bounds"]["tokens_per_day"] == 0
    assert server.get("limits") == {"data": []}


@pytest.mark.parametrize(
    ("account", "body"),
    [
        ("acme", {"tokens_per_day": 5}),
        ("tenant:../x y", {"tokens_per_day": 5}),
        ("tenant:acme", {"tokens_per_day": -1}),
        ("tenant:acme", {"tokens_per_day": "many"}),
        ("tenant:acme", {"tokens_per_year": 5}),
    ],
)
def test_what_is_no_account_or_no_bound_changes_nothing(
    server: Server, desk: Desk, account: str, body: dict[str, Any]
) -> None:
    with pytest.raises(ServerRefusal) as refusal:
        server.put(f"limits/{account.replace(' ', '%20')}", body)
    assert refusal.value.status == 400
    assert (desk.notes, server.get("limits")) == ([], {"data": []})
