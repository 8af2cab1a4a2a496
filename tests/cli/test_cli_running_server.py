"""Changing commands go through the running server, which alone writes then."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gguf_files import model
from model_signatures import bundle, new_key, public_pem, statement

from gateway import settings
from gateway.cli.lock import data_lock
from gateway.cli.models import shelf
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_models import model_routes
from gateway.http.listener import Listener
from gateway.identity.keys import KeyRegister
from gateway.keys.files import FileKeyring
from gateway.registry.office import ModelOffice


class Notes:
    """A book that remembers the types of events."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def event(self, type: str, **details: Any) -> None:
        self.types.append(type)

    async def durable(self) -> None:
        pass


class Running:
    """A server's admin side on a real installation: register, shelf, book, lock."""

    def __init__(self, house: Path) -> None:
        its = settings.load(str(house / "sekisho.yaml"))
        self.notes = Notes()
        self.register = KeyRegister(its.state / "keys.json", FileKeyring(its.keys).pepper(), its.site)
        self.shelf = shelf(its)
        self.served: set[str] = set()
        office = ModelOffice(self.shelf, self.notes, serves=self.served.__contains__)
        app = admin_app(self.register, self.notes, lambda: {}, self.shelf, model_routes(office))
        self.listener = Listener.on_socket(app, admin_socket(its.run))
        self.lock = data_lock(its.state)


@pytest.fixture
def running(house: Path) -> Iterator[Running]:
    server = Running(house)
    thread = threading.Thread(target=asyncio.run, args=(server.listener.run_sockets(),))
    with server.lock:
        thread.start()
        while not server.listener.started:
            thread.join(0.01)
        yield server
        server.listener.should_exit = True
        thread.join()


def test_a_key_is_made_by_the_server_and_works_there_at_once(sekisho, running: Running) -> None:
    said = sekisho("keys", "create", "--name", "ci", "--tenant", "t", "--expires", "1d")
    assert said.code == 0, said.err
    assert running.register.identify(f"Bearer {said.out.strip()}").tenant == "t"
    assert running.notes.types == ["key.created"]


def test_revoking_takes_effect_in_the_server(sekisho, running: Running, house: Path) -> None:
    sekisho("keys", "create", "--name", "ci", "--tenant", "t")
    assert sekisho("keys", "revoke", "ci").code == 0
    assert [record.revoked is None for record in running.register.records()] == [False]
    assert not (house / ".sekisho" / "audit").exists()


def test_what_the_server_refuses_is_told_in_one_line(sekisho, running: Running) -> None:
    said = sekisho("keys", "revoke", "nobody")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert sekisho("keys", "revoke", "nobody", "--json").json["error"]["code"] == "identity.key_not_found"


def test_an_alias_is_known_to_the_server_at_once(sekisho, running: Running) -> None:
    assert sekisho("models", "alias", "gpt-4o", "smollm2").code == 0
    assert running.shelf.canonical("gpt-4o") == "smollm2-135m-instruct"


def test_an_alias_that_takes_a_models_own_name_is_refused(sekisho, running: Running) -> None:
    said = sekisho("models", "alias", "smollm2-135m-instruct", "smollm2")
    assert said.code == 2
    assert running.notes.types == ["model.alias", "model.alias.refused"]


def test_a_model_is_in_the_servers_catalogue_at_once_and_out_of_it(sekisho, running: Running, house: Path) -> None:
    (house / "new.gguf").write_bytes(model())
    assert sekisho("models", "add", "new.gguf", "--licence", "MIT").code == 0
    added = running.shelf.find("new")
    assert added is not None
    assert running.shelf.weights(added).is_file()

    running.served.add("new")
    refused = sekisho("models", "remove", "new")
    assert (refused.code, "is being served" in refused.err) == (2, True)
    running.served.clear()

    assert sekisho("models", "remove", "new").code == 0
    assert running.shelf.find("new") is None
    assert running.notes.types == ["model.added", "model.removed"]


def test_a_key_and_a_signature_reach_the_running_server(sekisho, running: Running, house: Path) -> None:
    key, known = new_key(), running.shelf.find("smollm2")
    assert known is not None
    (house / "mia.pub").write_text(public_pem(key))
    (house / "m.sig").write_text(json.dumps(bundle(key, statement(known.sha256))))

    assert sekisho("models", "sign", "smollm2", "--signature", "m.sig").code == 2
    assert sekisho("models", "keys", "add", "mia", "mia.pub").code == 0
    assert sekisho("models", "sign", "smollm2", "--signature", "m.sig").code == 0

    assert running.shelf.signatures.verdict(known).signer == "mia"
    assert sekisho("models", "keys", "remove", "nobody").code == 2
    types = [type.removeprefix("model.") for type in running.notes.types]
    assert types[:4] == ["signed", "signed.refused", "key_added", "signed"]


def test_reading_needs_no_lock(sekisho, running: Running) -> None:
    assert sekisho("keys", "list").code == 0
    assert sekisho("models", "list").code == 0


def test_a_second_server_does_not_start(sekisho, running: Running) -> None:
    said = sekisho("serve")
    assert said.code == 3
    assert "pid" in said.err
