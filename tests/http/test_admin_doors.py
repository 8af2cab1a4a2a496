"""The admin API's doors: by the socket, by keys on the socket, by keys at the server's own address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from gateway.domain import Caller, Role
from gateway.errors import AuditUnavailable
from gateway.http.admin import admin_app
from gateway.http.admin_doors import OnSocket
from gateway.identity.keys import KeyRegister
from gateway.identity.record import NewKey
from gateway.settings import SiteSettings


class Book:
    """A book that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.full = False

    def event(self, type: str, **details: Any) -> None:
        self.calls.append((type, details))

    async def durable(self) -> None:
        if self.full:
            raise AuditUnavailable
        self.calls.append(("durable", None))

    def denial(self, *, code: str, status: int, source: str = "", caller: Caller | None = None) -> None:
        self.calls.append(("denial", (code, status, caller)))


@pytest.fixture
def register(tmp_path: Path) -> KeyRegister:
    return KeyRegister(tmp_path / "keys.json", b"p" * 32, SiteSettings())


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def app(register: KeyRegister, book: Book) -> OnSocket:
    return admin_app(register, book, lambda: {"status": "ready"}, None, identity=register)  # type: ignore[arg-type]


def key_of(register: KeyRegister, *roles: Role) -> tuple[str, dict[str, str]]:
    record, key = register.create(NewKey(name=f"n{len(register.records())}", tenant="t", roles=roles))
    return record.id, {"authorization": f"Bearer {key}"}


def test_the_machines_own_user_may_everything_on_the_socket(app: OnSocket) -> None:
    assert TestClient(app).post("/admin/v1/keys", json={"name": "ci", "tenant": "t"}).status_code == 201


def test_elsewhere_nothing_opens_without_a_key(app: OnSocket, book: Book) -> None:
    answer = TestClient(app.keyed).get("/admin/v1/keys")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert book.calls == [("denial", ("invalid_api_key", 401, None))]


@pytest.mark.parametrize("way", ["socket", "address"])
def test_a_key_is_held_to_its_roles_on_both_ways(app: OnSocket, register: KeyRegister, book: Book, way: str) -> None:
    number, shown = key_of(register, Role.AUDITOR)
    client = TestClient(app if way == "socket" else app.keyed)
    assert client.get("/admin/v1/keys", headers=shown).status_code == 200
    refused = client.post("/admin/v1/keys", headers=shown, json={"name": "ci", "tenant": "t"})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "identity.role"
    assert "that needs admin" in refused.json()["error"]["message"]
    assert refused.headers["x-should-retry"] == "false"
    said = {"action": "keys:change", "roles": ["auditor"], "tenant": "t"}
    assert book.calls == [("admin.forbidden", {"by": number, "details": said}), ("durable", None)]
    assert len(register.records()) == 1


@pytest.mark.parametrize("shown", ["Bearer sk-sekisho-wrong", "Basic x", "Bearer"])
def test_a_wrong_key_opens_nothing_on_the_socket_either(app: OnSocket, shown: str) -> None:
    assert TestClient(app).get("/admin/v1/keys", headers={"authorization": shown}).status_code == 401


def test_a_refusal_that_cannot_be_recorded_is_still_none_that_lets_in(
    app: OnSocket, register: KeyRegister, book: Book
) -> None:
    book.full = True
    shown = key_of(register, Role.APP)[1]
    assert TestClient(app.keyed).get("/admin/v1/keys", headers=shown).status_code == 503


def test_the_record_of_a_change_names_the_key_and_no_header(app: OnSocket, register: KeyRegister, book: Book) -> None:
    number, shown = key_of(register, Role.ADMIN)
    wish = {"name": "ci", "tenant": "t"}
    TestClient(app.keyed).post("/admin/v1/keys", headers={**shown, "x-sekisho-by": "root"}, json=wish)
    assert (book.calls[0][0], book.calls[0][1]["by"]) == ("key.created", number)


def test_a_route_without_a_row_is_not_served(register: KeyRegister, book: Book) -> None:
    async def nothing(request: Request) -> Response:
        return PlainTextResponse("")

    with pytest.raises(KeyError):
        admin_app(register, book, dict, None, [Route("/admin/v1/new", nothing)])  # type: ignore[arg-type]


def test_the_table_and_ones_own_roles_are_told(app: OnSocket, register: KeyRegister) -> None:
    shown = key_of(register, Role.APP, Role.APPROVER)[1]
    told = TestClient(app.keyed).get("/admin/v1/roles", headers=shown).json()
    assert told["roles"] == ["app", "approver"]
    assert TestClient(app).get("/admin/v1/roles").json()["roles"] is None
    assert [row["name"] for row in told["data"]][:2] == ["models:ask", "roles:show"]


@pytest.mark.parametrize(("verb", "status"), [("keys list", 200), ("keys create", 403), ("keys none", 400)])
def test_verbs_are_asked_for_by_name(app: OnSocket, register: KeyRegister, verb: str, status: int) -> None:
    shown = key_of(register, Role.AUDITOR)[1]
    assert TestClient(app).post("/admin/v1/roles/verbs", headers=shown, json={"verb": verb}).status_code == status
