"""What operators order on a node, what they see of it, and what a node gives up; over real TLS, engines scripted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joined_house import Gateway, gateway_of
from joined_nodes import JoinedNode, node, until

from gateway.errors import EngineUnavailable, SetupError
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.loading import Hands
from gateway.fleet.life.office import FleetOffice
from gateway.house.node_shown import node_families
from gateway.settings import ModelSettings
from gateway.telemetry.metrics import Metrics


@pytest.fixture
async def gpu1(tmp_path: Path) -> AsyncIterator[JoinedNode]:
    async with node(tmp_path / "gpu1") as running:
        yield running


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """One that lists ``tiny`` alone; its store has ``other``, too."""
    models = ModelSettings(model="tiny"), ModelSettings(model="other")
    async with gateway_of(tmp_path / "gateway", *models, listed=1) as running:
        yield running


def office(gateway: Gateway) -> FleetOffice:
    """Return who takes orders at a gateway that has no models of its own."""

    async def never(name: str) -> None:
        raise SetupError(f"{name} does not fit here.", "")

    nothing: Any = None
    keeper = Keeper([], budget={}, hands=Hands(nothing, nothing, nothing, nothing), turn_seconds=1, health_seconds=60)
    find = gateway.store.canonical
    return FleetOffice(keeper, gateway.fleet.desks, gateway, find, never, None, gateway.joined)


async def test_a_model_is_loaded_kept_and_sent_out_on_the_node_that_is_named(
    gateway: Gateway, gpu1: JoinedNode
) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)

    loaded = await office(gateway).order("tiny", "load", "ana", "gpu1")

    assert (loaded["state"], loaded["node"]) == ("serving", "gpu1")
    ordered = next(said for type, said in gateway.events if type == "model.ordered")
    assert ordered == {"by": "ana", "details": {"model": "tiny", "action": "load", "node": "gpu1"}}
    assert (await office(gateway).order("tiny", "pin", "ana", "gpu1"))["pinned"]
    with pytest.raises(SetupError, match="is kept loaded") as refused:
        await office(gateway).order("tiny", "unload", "ana", "gpu1")
    assert refused.value.mend.endswith("pin tiny --off --on gpu1")
    await office(gateway).order("tiny", "unpin", "ana", "gpu1")
    assert (await office(gateway).order("tiny", "unload", "ana", "gpu1"))["state"] == "absent"
    assert gpu1.stopped


async def test_a_model_that_is_listed_nowhere_is_offered_on_the_node_that_loads_it(
    gateway: Gateway, gpu1: JoinedNode
) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    assert [each.model for each in gateway.fleet.targets()] == ["tiny"]

    await office(gateway).order("other", "load", "ana", "gpu1")

    assert {each.model for each in gateway.announced} == {"tiny", "other"}
    assert await gateway.ask("other") == "abc"


async def test_a_model_that_was_taken_in_is_offered_on_nodes_that_come_later(
    gateway: Gateway, gpu1: JoinedNode
) -> None:
    await gateway.joined.adopt("other")
    gateway.join(gpu1)
    await until(lambda: len(gateway.fleet.targets()) == 2)
    assert await gateway.ask("other") == "abc"


@pytest.mark.parametrize(("name", "exit_code"), [("gpu9", 2), ("gpu1", 3)])
async def test_an_order_on_a_node_that_is_not_there_is_refused(
    gateway: Gateway, gpu1: JoinedNode, name: str, exit_code: int
) -> None:
    gpu1.protocol = 0
    gateway.join(gpu1)
    await until(lambda: gateway.word() == "out")
    with pytest.raises(SetupError) as refused:
        await office(gateway).order("tiny", "load", "ana", name)
    assert refused.value.exit_code == exit_code
    assert "model.ordered" not in gateway.types()


async def test_a_node_that_lied_is_out_beyond_a_restart_until_it_is_trusted_again(
    tmp_path: Path, gateway: Gateway, gpu1: JoinedNode
) -> None:
    gpu1.digest = "f" * 64
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    with pytest.raises(EngineUnavailable):
        await gateway.ask()
    await until(lambda: gateway.roster.entries[0].distrusted)
    await gateway.joined.stop()
    gpu1.digest = ""
    async with gateway_of(tmp_path / "after", ModelSettings(model="tiny")) as after:
        after.join(gpu1, distrusted=gateway.roster.entries[0].distrusted)
        await until(lambda: after.word() == "out")
        await until(lambda: after.joined.members["gpu1"].state is not None)
        assert "loaded other bytes as tiny" in after.joined.status()[0]["problem"]
        assert not after.fleet.targets()

        after.change("gpu1", distrusted="")

        await until(after.fleet.targets)
        assert await after.ask() == "abc"


async def test_a_node_serves_again_once_it_is_trusted(gateway: Gateway, gpu1: JoinedNode) -> None:
    gpu1.digest = "f" * 64
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    with pytest.raises(EngineUnavailable):
        await gateway.ask()
    await until(lambda: gateway.word() == "out")
    gpu1.digest = ""

    gateway.change("gpu1", distrusted="")

    await until(lambda: gateway.word() == "here")
    assert (await office(gateway).order("tiny", "load", "ana", "gpu1"))["state"] == "serving"


async def test_what_no_model_has_any_more_leaves_the_node_and_is_on_record(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    (kept,) = gpu1.blobs.brought()
    gone, own = "a" * 64, "b" * 64
    for name in (gone, f".brought-{gone}", own):
        (gpu1.blobs._folder / name).write_bytes(b"GGUF")
    await until(lambda: gone in gateway.joined.members["gpu1"].state.blobs)

    await gateway.joined.tidy()

    assert gpu1.blobs.all() == (own, kept) if own < kept else (kept, own)
    assert [said for type, said in gateway.events if type == "node.file_removed"] == [{"node": "gpu1", "sha256": gone}]


async def test_what_is_left_of_a_push_of_a_removed_model_leaves_too_and_is_shown_before(
    gateway: Gateway, gpu1: JoinedNode
) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    tiny, gone = gateway.store.find("other"), "a" * 64
    assert tiny is not None
    for digest in (tiny.sha256, gone):
        (gpu1.blobs._folder / f".pushed-{digest}").write_bytes(b"GGUF")
    await until(lambda: len(gateway.joined.members["gpu1"].state.partial) == 2)
    assert [each["bytes"] for each in gateway.joined.status()[0]["partial"]] == [4, 4]

    await gateway.joined.tidy()

    assert gpu1.blobs.partial() == ((tiny.sha256, 4),)  # a push of that goes on there
    assert [said for type, said in gateway.events if type == "node.file_removed"] == [{"node": "gpu1", "sha256": gone}]


async def test_who_removes_a_model_is_told_which_nodes_have_its_file(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    brought, own, part = "a" * 64, "b" * 64, "c" * 64
    for name in (brought, f".brought-{brought}", own, f".pushed-{part}"):
        (gpu1.blobs._folder / name).write_bytes(b"GGUF")
    await until(lambda: gateway.joined.members["gpu1"].state.partial)

    said = {digest: gateway.joined.holders(digest) for digest in (brought, own, part, "d" * 64)}

    assert said == {
        brought: [{"node": "gpu1", "state": "here", "brought": True}],
        own: [{"node": "gpu1", "state": "here", "brought": False}],
        part: [{"node": "gpu1", "state": "here", "brought": True}],
        "d" * 64: [],
    }
    tiny = gateway.store.find("tiny")
    assert tiny is not None
    await gateway.ask()
    await until(lambda: tiny.sha256 in gateway.joined.members["gpu1"].state.brought)
    assert gateway.joined.holders(tiny.sha256) == []  # a model here still has it


async def test_what_a_loaded_model_needs_stays(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    (held,) = gpu1.blobs.brought()
    await until(lambda: gateway.joined.members["gpu1"].state.brought == (held,))
    tiny, other = (gateway.store.find(name) for name in ("tiny", "other"))
    assert tiny is not None
    assert other is not None
    gateway.store._path(tiny).unlink()

    await gateway.joined.tidy()
    await gateway.joined.tidy()

    assert gpu1.blobs.brought() == (held,)
    assert gateway.types().count("node.file_removed.refused") == 1


async def test_a_gateway_whose_store_is_empty_takes_nothing_away(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    await until(lambda: gateway.joined.members["gpu1"].state.brought)
    for file in (gateway.settings.store / "sha256").iterdir():
        file.unlink()
    await gateway.joined.tidy()
    assert "node.file_removed" not in gateway.types()


async def test_nodes_are_in_the_metrics_and_in_the_list(gateway: Gateway, gpu1: JoinedNode) -> None:
    metrics = Metrics(version="0", models=["tiny"])
    for family in node_families(lambda: gateway.joined.members):
        metrics.watch_family(family)
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()

    shown = metrics.render().decode()

    for line in (
        'sekisho_node_here{node="gpu1"} 1.0',
        'sekisho_node_models{node="gpu1",state="serving"} 1.0',
        'sekisho_node_slots{model="tiny",node="gpu1"} 2.0',
        'sekisho_node_requests{model="tiny",node="gpu1",what="held"} 0.0',
        'sekisho_node_loads_total{ended="serving",model="tiny",node="gpu1"} 1.0',
        'sekisho_node_memory_bytes{device="ram",kind="free",node="gpu1"} 4.294967296e+09',
        'sekisho_node_power_watts{device="ram",node="gpu1"} 7.5',
    ):
        assert line in shown, shown
    assert gateway.joined.facts("gpu1") == {"now": "here", "problem": "", "loaded": 1, "models": ["tiny"]}
    assert gateway.joined.facts("gpu9") == {}
