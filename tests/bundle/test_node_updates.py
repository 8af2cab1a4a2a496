"""A gateway updates a node: over the node's real door, judged by real trust, installed by whom the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from joined_nodes import JoinedNode

from gateway.bundle import ordered
from gateway.engines.node_link import NodeAway, NodeLink, NodeRefused
from gateway.errors import BadRequest, RouteNotFound, SetupError
from gateway.fleet.nodes import updating as rules
from gateway.fleet.nodes.updating import Update, Updating
from gateway.house.node_update import CarriedNode, _digest_of
from tests.bundle.test_node_bundles import installed_anew, left_in, packed, serves, site  # noqa: F401 - a fixture


@dataclass
class Member:
    """What an update sees of the fleet: one model, ``held`` by so many requests."""

    is_drained: bool = False
    held: int = 0

    @property
    def resident(self) -> Member:
        return self

    def homes(self) -> list[Member]:
        return [self]


@dataclass
class Plant:
    """A gateway's side: its book, its roster, and the update office."""

    node: JoinedNode
    link: NodeLink
    folder: Path
    member: Member = field(default_factory=Member)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    drains: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        carried = CarriedNode(self.member, self.link)  # type: ignore[arg-type]
        self.mark = self.folder / "node-update.json"
        self.office = Updating(
            self,
            lambda name: carried if name == "gpu1" else None,
            self.drain,
            _digest_of,
            self.mark,
            (NodeAway, NodeRefused),
        )

    def event(self, type: str, **details: Any) -> None:
        self.events.append((type, details))

    async def durable(self) -> None: ...

    async def drain(self, name: str, by: str, back: bool) -> None:
        self.member.is_drained = not back
        self.drains.append(not back)

    async def ended(self) -> Update:
        async with asyncio.timeout(20):
            while (known := self.office.shown("gpu1")).step not in ("done", "failed"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            while self.member.is_drained:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return known

    async def root(self, how: str, code: str = "", boot: str = "b2") -> None:
        """Be root of that machine: take the order, install, and let the node start anew."""
        bundles, prefix = self.folder / "node" / "bundles", self.folder / "node" / "prefix"
        async with asyncio.timeout(20):
            while ordered.waits(bundles) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with ordered.taken(bundles, prefix) as (order, copy):
            assert copy.exists()
            await asyncio.sleep(0.1)
            self.node.boot = boot
            ordered.tell(prefix, ordered.Ended(order.id, order.sha256, how, code, "It was tried."))  # type: ignore[arg-type]


@pytest.fixture
async def plant(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plant]:  # noqa: F811
    node, link, _ = site
    monkeypatch.setattr(rules, "_LOOK_SECONDS", 0.02)
    made = Plant(node, link, tmp_path)
    yield made
    await made.office.stop()


def types(plant: Plant) -> list[str]:
    return [type for type, _ in plant.events]


async def test_a_node_installs_what_it_believes_and_gets_prompts_again(plant: Plant, maker, tmp_path: Path) -> None:
    file = packed(maker, tmp_path / "2.tar")
    plant.member.held = 1
    begun = await plant.office.begin("gpu1", file, "ana")
    assert (begun.step, begun.all_bytes) == ("bring", file.stat().st_size)
    async with asyncio.timeout(20):
        while not plant.drains:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert plant.office.shown("gpu1").step == "drain", "somebody is inside"
    plant.member.held = 0
    await plant.root("kept")

    ended = await plant.ended()

    assert (ended.step, ended.release, ended.before, ended.by) == ("done", "2", "0.9", "ana")
    assert types(plant) == ["node.update_ordered", "node.updated"]
    assert all(details["sha256"] == ended.sha256 for _, details in plant.events)
    assert plant.drains == [True, False]
    assert left_in(tmp_path) == [], "what is installed does not lie there a second time"
    assert await serves(plant.link)


@pytest.mark.parametrize(("how", "code"), [("back", ""), ("refused", "bundle.disk_full")])
async def test_a_node_that_went_back_says_why(plant: Plant, maker, tmp_path: Path, how: str, code: str) -> None:
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    await plant.root(how, code, boot="b1")

    ended = await plant.ended()

    assert (ended.step, ended.code, ended.why) == ("failed", code or "bundle.unhealthy", "It was tried.")
    assert types(plant) == ["node.update_ordered", "node.update_failed"]
    assert plant.events[1][1]["step"] == "return"
    assert plant.drains == [True, False]
    assert await serves(plant.link)


async def test_what_a_node_does_not_believe_changes_nothing_there(plant: Plant, maker, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = type(maker)(tmp_path / "other")
    stranger.at = maker.at
    await plant.office.begin("gpu1", packed(stranger, tmp_path / "2.tar"), "ana")

    ended = await plant.ended()

    assert (ended.step, ended.code) == ("failed", "bundle.signature")
    assert plant.events[1][1] == {
        "node": "gpu1", "by": "ana", "sha256": ended.sha256, "step": "judge", "code": "bundle.signature",
    }  # fmt: skip
    assert plant.drains == []
    assert left_in(tmp_path) == []


async def test_one_that_has_it_already_is_left_alone(plant: Plant, maker, tmp_path: Path) -> None:
    installed_anew(maker, tmp_path)
    await plant.office.begin("gpu1", tmp_path / "3.tar", "ana")
    ended = await plant.ended()
    assert (ended.step, ended.code, plant.drains) == ("failed", "node.up_to_date", [])


async def test_where_nobody_takes_the_order_it_is_said(
    plant: Plant, maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "TAKEN_SECONDS", 0.3)
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    ended = await plant.ended()
    assert (ended.step, ended.code) == ("failed", "node.order_not_taken")
    assert "bundle update --ordered" in ended.why
    assert plant.drains == [True, False]


async def test_a_node_that_does_not_come_back_is_given_up(
    plant: Plant, maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "INSTALLED_SECONDS", 1.0)
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    (plant.folder / "node" / "prefix" / "state" / "update.json").write_text("{}")  # the update has begun
    await plant.root("taken")
    assert (await plant.ended()).code == "node.update_lost"


async def test_one_that_was_killed_before_its_update_began_is_not_waited_for(
    plant: Plant, maker, tmp_path: Path
) -> None:
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    await plant.root("taken")
    assert (await plant.ended()).code == "bundle.busy"


async def test_an_earlier_order_of_the_same_bundle_is_not_taken_for_this_one(
    plant: Plant, maker, tmp_path: Path
) -> None:
    file = packed(maker, tmp_path / "2.tar")
    await plant.office.begin("gpu1", file, "ana")
    await plant.root("back", boot="b1")
    await plant.ended()

    await plant.office.begin("gpu1", file, "ana")
    await plant.root("kept", boot="b3")

    assert (await plant.ended()).step == "done"


async def test_one_at_a_time_and_only_nodes_and_files_that_there_are(plant: Plant, maker, tmp_path: Path) -> None:
    file = packed(maker, tmp_path / "2.tar")
    with pytest.raises(RouteNotFound):
        await plant.office.begin("gpu9", file, "ana")
    with pytest.raises(SetupError, match="cannot read"):
        await plant.office.begin("gpu1", tmp_path / "none.tar", "ana")
    with pytest.raises(RouteNotFound):
        plant.office.shown("gpu1")
    assert plant.events == []

    plant.member.held = 1
    await plant.office.begin("gpu1", file, "ana")
    with pytest.raises(BadRequest) as refused:
        await plant.office.begin("gpu1", file, "ana")
    assert refused.value.code == "node.update_under_way"


async def test_a_gateway_that_is_stopped_meanwhile_says_so_and_gives_the_node_prompts_again(
    plant: Plant, maker, tmp_path: Path
) -> None:
    plant.member.held = 1
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    async with asyncio.timeout(20):
        while not plant.drains:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    await plant.office.stop()

    assert plant.office.shown("gpu1").code == "server.closing"
    assert types(plant) == ["node.update_ordered", "node.update_failed"]
    assert plant.drains == [True, False]


async def test_a_gateway_that_was_killed_meanwhile_takes_it_back_when_it_starts(
    plant: Plant, maker, tmp_path: Path
) -> None:
    plant.member.held = 1
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    async with asyncio.timeout(20):
        while not plant.drains:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    left = plant.mark.read_bytes()
    await plant.office.stop()
    assert not plant.mark.exists()

    plant.mark.write_bytes(left)  # as a kill leaves it
    again = Plant(plant.node, plant.link, tmp_path, Member(is_drained=True))
    again.office.recover()

    assert (await again.ended()).code == "server.closing"
    await asyncio.sleep(0.05)
    assert types(again) == ["node.update_failed"]
    assert again.events[0][1]["by"] == "ana"
    assert (again.drains, plant.mark.exists()) == ([False], False)
    again.office.recover()
    assert again.drains == [False]


async def test_a_node_that_was_drained_before_stays_so(plant: Plant, maker, tmp_path: Path) -> None:
    plant.member.is_drained = True
    await plant.office.begin("gpu1", packed(maker, tmp_path / "2.tar"), "ana")
    await plant.root("kept")
    async with asyncio.timeout(20):
        while plant.office.shown("gpu1").step != "done":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert plant.member.is_drained


async def test_a_node_that_is_away_ends_it_and_it_can_be_given_again(plant: Plant, maker, tmp_path: Path) -> None:
    file = packed(maker, tmp_path / "2.tar")
    await plant.link.close()
    await plant.office.begin("gpu1", file, "ana")
    assert (await plant.ended()).code == "fleet.node_away"

    plant.link.open()
    await plant.office.begin("gpu1", file, "ana")
    await plant.root("kept")
    assert (await plant.ended()).step == "done"
