"""The admin API's routes for policies, over a real Unix socket, on small policies and the real OPA for building."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from policy_house import PolicyHouse

from gateway.cli.server import Server, running_server
from gateway.cli.trouble import ServerRefusal
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_policy import policy_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.policy.life.signer_change import SignerChange, approval
from gateway.settings import SiteSettings

pytestmark = pytest.mark.real


class Shelf:
    def describe(self) -> list[dict[str, object]]:
        return []

    def register(self, manifest: dict[str, object]) -> None: ...

    def set_alias(self, alias: str, model: str) -> None: ...


@pytest.fixture
def house(short_dir: Path) -> PolicyHouse:
    return PolicyHouse(short_dir, "balanced")


@pytest.fixture
def server(house: PolicyHouse, tmp_path: Path, short_dir: Path) -> Iterator[Server]:
    register = KeyRegister(tmp_path / "keys.json", b"p" * 32, SiteSettings())
    app = admin_app(register, house.book, dict, Shelf(), policy_routes(house.life()))
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


def _refused(server: Server, method: str, route: str, *body: object) -> tuple[int, str]:
    with pytest.raises(ServerRefusal) as refusal:
        getattr(server, method)(route, *body)
    return refusal.value.status, refusal.value.code


def test_a_policy_from_building_to_going_back(server: Server, house: PolicyHouse) -> None:
    first = asyncio.run(house.life().first("init")).id
    assert server.put("policy/in-force", {"revision": first})["in_force"]
    house.mark("b")
    second = server.post("policy/revisions", {})["revision"]
    assert list(server.put("policy/in-force", {"revision": second})["hindrances"]) == ["policy.not_approved"]

    for name, role in (("ana", "policy-author"), ("ben", "approver")):
        signer = house.person(name)  # known to nobody yet
        server.post("policy/signers", {"name": name, "public_key": signer.public_key, "roles": [role]})
        made = house.signature(house.life().revisions.get(second), name)
        server.post(f"policy/revisions/{second}/signatures", {"keyid": made.keyid, "sig": made.sig})

    assert server.get(f"policy/revisions/{second[:8]}")["hindrances"] == {}
    assert server.put("policy/in-force", {"revision": second})["in_force"]
    assert server.get("policy")["before"] == [first]
    assert server.post("policy/rollback", {})["revision"] == first
    assert house.switch.asked[-2:] == [f"prepare {first}", "switch"]


def test_signers_come_and_go(server: Server, house: PolicyHouse) -> None:
    signer = house.person("ana")
    server.post("policy/signers", {"name": "ana", "public_key": signer.public_key, "roles": ["approver"]})
    assert [one["name"] for one in server.get("policy/signers")["data"]] == ["ana"]

    gone = {"approvals": []}
    assert _refused(server, "delete", "policy/signers/ana", gone) == (400, "policy.refused")
    known = house.life().signers.list()
    agreed = approval(SignerChange.of("remove", known[0], known), house.keys["ana"])
    server.delete("policy/signers/ana", {"approvals": [{"keyid": agreed.keyid, "sig": agreed.sig}]})

    assert server.get("policy/signers")["data"] == []
    assert house.book.types() == ["policy.signer_added", "policy.signer_removed"]


def test_malformed_files_are_told_to_whoever_builds(server: Server, house: PolicyHouse) -> None:
    house.rules.write_text("x")

    with pytest.raises(ServerRefusal, match=r"rules\.csv, line 1") as refusal:
        server.post("policy/revisions", {})

    assert (refusal.value.status, refusal.value.code) == (400, "policy.refused")
    assert house.book.types() == []


def test_wrong_questions_are_refused(server: Server) -> None:
    assert _refused(server, "put", "policy/in-force", {"revision": "ffff"}) == (400, "policy.refused")
    assert _refused(server, "put", "policy/in-force", {}) == (400, "request.invalid")
    assert _refused(server, "post", "policy/revisions", {"form": "/x"}) == (400, "request.invalid")
    assert _refused(server, "post", "policy/revisions", {"from": "/nowhere"}) == (400, "policy.refused")
    assert _refused(server, "post", "policy/rollback", {}) == (400, "policy.refused")
    assert _refused(server, "get", "policy/revisions/ffff") == (400, "policy.refused")
    assert _refused(server, "delete", "policy/signers/nobody", {"approvals": []}) == (400, "policy.refused")
    king = {"name": "ana", "public_key": "A" * 43 + "=", "roles": ["king"]}
    assert _refused(server, "post", "policy/signers", king) == (400, "request.invalid")


def test_the_operator_is_named_in_the_record(server: Server, house: PolicyHouse) -> None:
    server.post("policy/revisions", {})

    assert house.book.last()["by"] not in ("", "unknown")
