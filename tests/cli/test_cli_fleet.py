"""Operators and the models of a running server: what they see and order, through the real admin socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from life_house import Node

from gateway import settings
from gateway.errors import SetupError
from gateway.fleet.life.office import FleetOffice
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_fleet import fleet_routes
from gateway.http.listener import Listener


class Book:
    """Remembers what was written, and when it was durable."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def event(self, type: str, **said: Any) -> None:
        self.lines.append(f"{type} {said['details']['action']} {said['details']['model']}")

    async def durable(self) -> None:
        self.lines.append("durable")


class Nothing:
    """Stands for rooms that these commands never ask."""

    def describe(self) -> list[Any]:
        return []


class Running:
    """The admin side of a server with two models, of which one fits beside the other's half."""

    def __init__(self, house: Path) -> None:
        self.house = house
        self.book = Book()
        self.began = threading.Event()
        self.listener: Listener

    async def live(self) -> None:
        self.node = Node({"a": 60, "b": 60}, b={"ttl_seconds": 5.0})
        await self.node.keeper.start()
        names = {"a": "a", "b": "b", "alias": "b", "new": "new"}
        office = FleetOffice(self.node.keeper, self.node.fleet.desks, self.book, names.get, self.node.adopt)
        nothing: Any = Nothing()
        app = admin_app(nothing, self.book, dict, nothing, fleet_routes(office))
        self.listener = Listener.on_socket(app, admin_socket(settings.load(str(self.house / "sekisho.yaml")).run))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.listener.run_sockets())
            await self.listener.began()
            self.began.set()
        await self.node.keeper.stop()


@pytest.fixture
def running(house: Path) -> Iterator[Running]:
    server = Running(house)
    thread = threading.Thread(target=asyncio.run, args=(server.live(),))
    thread.start()
    assert server.began.wait(30)
    yield server
    server.listener.should_exit = True
    thread.join()


def test_what_is_loaded_is_shown(sekisho, running: Running) -> None:
    said = sekisho("fleet", "status")

    assert (said.code, said.err) == (0, "")
    assert "a" in said.out
    assert "serving" in said.out
    assert "ram: 60 of 100 MiB taken." in said.out
    first, second = sekisho("fleet", "status", "--json").json["models"]
    assert (first["state"], first["price_mib"], first["device"]) == ("serving", {"ram": 60}, "cpu: scripted")
    assert (second["state"], second["ttl_seconds"]) == ("absent", 5.0)


def test_a_model_is_loaded_by_its_alias_and_another_one_leaves(sekisho, running: Running) -> None:
    said = sekisho("models", "load", "alias")

    assert (said.code, said.out) == (0, "b is loaded, with 60 MiB of ram.\n")
    assert running.book.lines == ["model.ordered load b", "durable"]
    assert (running.node.state("a"), running.node.state("b")) == ("absent", "serving")
    assert sekisho("fleet", "status", "--json").json["evictions"] == 1


def test_a_model_is_sent_out(sekisho, running: Running) -> None:
    assert sekisho("models", "unload", "a").out == "a is out of memory.\n"
    assert running.node.state("a") == "absent"


def test_a_kept_model_is_not_sent_out_until_it_is_let_go(sekisho, running: Running) -> None:
    assert sekisho("models", "pin", "a").out == "a is kept.\n"

    refused = sekisho("models", "unload", "a")

    assert refused.code == 2
    assert "sekisho models pin a --off" in refused.err
    assert sekisho("models", "pin", "a", "--off").code == 0
    assert sekisho("models", "unload", "a").code == 0


def test_what_there_is_no_room_for_is_refused_with_the_way_out(sekisho, running: Running) -> None:
    sekisho("models", "pin", "a")

    said = sekisho("models", "load", "b")

    assert said.code == 3
    assert "room" in said.err
    assert "less what is pinned (a)" in sekisho("fleet", "status").out


def test_a_model_that_was_added_meanwhile_is_served_from_its_first_load_on(sekisho, running: Running) -> None:
    assert sekisho("models", "unload", "new").code == 2

    assert sekisho("models", "load", "new").code == 0

    shown = {each["model"]: each["state"] for each in sekisho("fleet", "status", "--json").json["models"]}
    assert shown == {"a": "serving", "b": "absent", "new": "serving"}
    assert running.book.lines == ["model.ordered load new", "durable"]


def test_a_model_whose_file_is_damaged_could_not_be_loaded_and_that_is_no_wrong_use(sekisho, running: Running) -> None:
    running.node.faults["b"] = SetupError(
        "The file of b is not what its manifest says.", "Run: sekisho models add FILE"
    )

    said = sekisho("models", "load", "b")

    assert said.code == 3
    assert said.err.endswith("sekisho: The file of b is not what its manifest says. Run: sekisho models add FILE\n")
    assert (running.node.state("a"), running.node.state("b")) == ("absent", "failed")


def test_a_model_of_another_house_is_refused_with_the_names_of_this_ones(sekisho, running: Running) -> None:
    said = sekisho("models", "load", "nobody")

    assert said.code != 0
    assert "a, b" in said.err
    assert running.book.lines == []


@pytest.mark.parametrize("command", [("fleet", "status"), ("models", "load", "a"), ("models", "pin", "a")])
def test_without_a_server_there_is_nothing_to_see(sekisho, house: Path, command: tuple[str, ...]) -> None:
    said = sekisho(*command)

    assert (said.code, said.err) == (
        3,
        "sekisho: No server is running, so no model is loaded. Start it: sekisho serve\n",
    )


async def test_what_cannot_be_put_on_record_is_not_ordered() -> None:
    class Full(Book):
        async def durable(self) -> None:
            raise SetupError("The log is full.", "")

    node = Node({"a": 60})
    office = FleetOffice(node.keeper, node.fleet.desks, Full(), lambda name: name, node.adopt)

    with pytest.raises(SetupError):
        await office.order("a", "load", "me")

    assert node.diary == []
