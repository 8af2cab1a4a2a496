"""Searching on the admin API, over a real Unix socket."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from many_records import Logs

from gateway.audit.index.asking import Asking
from gateway.audit.index.office import SearchOffice
from gateway.audit.index.query import Query
from gateway.errors import AuditUnavailable
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_audit import audit_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.settings import SiteSettings


class Book:
    """Remembers what was put on record, until it is ``full``, or its disk is ``broken``."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.full = self.broken = False

    def event(self, type: str, **details: Any) -> None:
        if self.full:
            raise AuditUnavailable
        self.events.append((type, details))

    async def durable(self) -> None:
        if self.broken:
            raise AuditUnavailable


class Connection(HTTPConnection):
    """HTTP over a Unix socket, with a query as it is."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def ask(self, query: str, method: str = "GET", body: Any = None, route: str = "audit") -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        self.request(method, f"/admin/v1/{route}?{query}", content, {"x-sekisho-by": "ana"})
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    made = Logs(tmp_path)
    made.write(300, "node1/w0/default", "node1/w1/default")
    made.update()
    return made


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def server(short_dir: Path, book: Book, logs: Logs) -> Iterator[Connection]:
    register = KeyRegister(short_dir / "keys.json", b"p" * 32, SiteSettings())
    routes = audit_routes(SearchOffice(book, Asking(logs.audit, logs.index)))
    app = admin_app(register, book, lambda: {}, None, routes)  # type: ignore[arg-type]  no models here
    listener = Listener.on_socket(app, admin_socket(short_dir))
    thread = threading.Thread(target=asyncio.run, args=(listener.run_sockets(),))
    thread.start()
    while not listener.started:
        thread.join(0.01)
    connection = Connection(short_dir / "admin.sock")
    yield connection
    connection.close()
    listener.should_exit = True
    thread.join()


def test_pages_lead_to_all_that_match_while_the_log_grows(server: Connection, logs: Logs) -> None:
    query = Query({"type": ("intent", "denial"), "class": ("strict",)})
    expected = [json.loads(data) for data in logs.expected(query)]
    asked = "type=intent&type=denial&class=strict&limit=20"

    status, page = server.ask(asked)
    found = page["data"]
    while page["next"]:
        logs.write(3, "node1/w0/default")
        _, page = server.ask(f"{asked}&after={page['next']}")
        found += page["data"]

    assert (status, page["by"]) == (200, "index")
    assert found == expected


def test_the_first_page_is_on_record_and_the_others_are_not(server: Connection, book: Book) -> None:
    _, page = server.ask("decision=denied&tenant=nobody&tenant=tenant-1&since=2026-01-01T00:00:00Z&limit=2")
    server.ask(f"decision=denied&tenant=nobody&tenant=tenant-1&since=2026-01-01T00:00:00Z&limit=2&after={page['next']}")

    filters = {"decision": ["denied"], "tenant": ["(unknown)", "tenant-1"], "since": "2026-01-01T00:00:00.000000Z"}
    details = {"way": "search", "filters": filters, "found": page["found"]}
    assert book.events == [("admin.searched", {"by": "ana", "details": details})]


@pytest.mark.parametrize("trouble", ["full", "broken"])
def test_nothing_is_shown_that_cannot_be_put_on_record(server: Connection, book: Book, trouble: str) -> None:
    setattr(book, trouble, True)

    status, answer = server.ask("decision=denied")

    assert status == 503
    assert "data" not in answer


def test_a_search_beside_the_server_is_put_on_record(server: Connection, book: Book) -> None:
    said = {"way": "count", "filters": {"tenant": ["tenant-1"]}, "found": 7}

    status, _ = server.ask("", "POST", said, "audit/searches")

    assert (status, book.events) == (201, [("admin.searched", {"by": "ana", "details": said})])
    assert server.ask("", "POST", {"way": "peek"}, "audit/searches")[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        *("tennant=acme", "limit=0", "limit=1001", "limit=x", "limit=%C2%B2", "order=up", "since=yesterday"),
        *(
            "since=2026-01-01T00:00:00",
            "after=x",
            "text=a&text=b",
            "tenant=",
            f"tenant={'x' * 600}",
            f"text={'x' * 600}",
        ),
    ],
)
def test_what_is_no_search_is_refused(server: Connection, book: Book, query: str) -> None:
    status, answer = server.ask(query)

    assert (status, answer["error"]["code"]) == (400, "admin.refused")
    assert book.events == []


def test_a_log_that_cannot_be_read_is_said(server: Connection, logs: Logs) -> None:
    bundle = logs.audit / "berlin/node1/w0/default/tile/entries/000"
    bundle.unlink()
    bundle.mkdir()

    assert server.ask("")[0] == 503
