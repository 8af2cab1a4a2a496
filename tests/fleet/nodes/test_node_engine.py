"""A node's models through the whole of the gateway's side: pushed, loaded when wanted, watched, compared, sent out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joined_house import Gateway, gateway_of
from joined_nodes import JoinedNode, node, papers, until

from gateway.engines.node_wire import Order
from gateway.errors import EngineUnavailable
from gateway.settings import ModelSettings


@pytest.fixture
async def gpu1(tmp_path: Path) -> AsyncIterator[JoinedNode]:
    async with node(tmp_path / "gpu1") as running:
        yield running


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_of(tmp_path / "gateway", ModelSettings(model="tiny"), ModelSettings(model="other")) as running:
        yield running


async def test_a_model_is_pushed_loaded_and_answers_when_it_is_wanted(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    (target, _) = sorted(gateway.announced, key=lambda each: each.model, reverse=True)
    assert (target.id, target.site, target.jurisdiction) == ("annex/gpu1/engine:tiny", "annex", "AT")
    assert not target.same_node
    assert not gpu1.engines

    assert await asyncio.gather(gateway.ask(), gateway.ask()) == ["abc", "abc"]

    assert len(gpu1.engines) == 1  # one load for both
    assert gpu1.blobs.all() == (target.digest,)
    assert gateway.types() == ["node.reached", "model.loaded"]
    assert gateway.events[-1][1]["node"] == "gpu1"


async def test_what_a_node_measures_is_learned_here(gateway: Gateway, gpu1: JoinedNode) -> None:
    gpu1.counter.step = 3.0
    gateway.join(gpu1)
    await until(gateway.fleet.targets)

    for _ in range(3):
        assert await gateway.ask() == "abc"

    (power,) = (desk.power for desk in gateway.fleet.desks() if desk.home.target.model == "tiny")
    assert power.answers == 3
    assert power._joules == pytest.approx(9.0)


async def test_a_pinned_model_is_loaded_at_once(tmp_path: Path, gpu1: JoinedNode) -> None:
    async with gateway_of(tmp_path / "gateway", ModelSettings(model="tiny", pin=True)) as gateway:
        gateway.join(gpu1)
        await until(gateway.is_open)


async def test_what_nobody_remembers_is_sent_out(gateway: Gateway, gpu1: JoinedNode) -> None:
    await gpu1.residents.load(Order("cd" * 16, {"name": "old", "sha256": "0" * 64}, 256, 1))
    gateway.join(gpu1)
    await until(lambda: gpu1.stopped == ["cd" * 16])
    await until(gateway.fleet.targets)


async def test_a_node_that_lies_is_out_and_on_record(gateway: Gateway, gpu1: JoinedNode) -> None:
    gpu1.digest = "f" * 64
    gateway.join(gpu1)
    await until(gateway.fleet.targets)

    with pytest.raises(EngineUnavailable):
        await gateway.ask()

    assert gateway.word() == "out"
    (said,) = [said for type, said in gateway.events if type == "node.distrusted"]
    assert (said["model"], said["said"]) == ("tiny", "f" * 64)
    with pytest.raises(EngineUnavailable):  # nor any other model
        await gateway.ask("other")
    assert len(gpu1.engines) == 1


async def test_a_node_that_swaps_a_loaded_model_is_out(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    (resident,) = gpu1.residents._loaded.values()
    object.__setattr__(resident.built, "digest", "e" * 64)
    await until(lambda: gateway.word() == "out")
    with pytest.raises(EngineUnavailable):
        await gateway.ask()


async def test_another_protocol_gets_no_prompt_until_it_was_updated(gateway: Gateway, gpu1: JoinedNode) -> None:
    gpu1.protocol = 0
    gateway.join(gpu1)
    await until(lambda: gateway.word() == "out")
    (status,) = gateway.joined.status()
    assert status["problem"] == "The node gpu1 runs Sekisho 0.9, whose protocol is 0, not 1. Update it."
    assert not gateway.fleet.targets()

    gpu1.protocol = 1
    await until(gateway.fleet.targets)
    assert await gateway.ask() == "abc"


async def test_a_node_that_started_anew_is_loaded_anew(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()

    await gpu1.residents.close()
    gpu1.boot = "b2"

    await until(lambda: not gateway.is_open())
    assert await gateway.ask() == "abc"
    assert len(gpu1.engines) == 2


async def test_a_removed_node_gets_nothing_any_more(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    gateway.remove("gpu1")
    await until(lambda: not gateway.fleet.targets())
    await until(lambda: gpu1.stopped)


async def test_a_drained_node_finishes_and_lets_nobody_in(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    gpu1.engines[0].hold_after = 1
    inside = asyncio.ensure_future(gateway.ask())
    await until(lambda: not gpu1.engines[0].pace.is_set())

    gateway.change("gpu1", drained=datetime.now(UTC))
    await until(lambda: gateway.word() == "drained")
    with pytest.raises(EngineUnavailable):
        await gateway.ask()
    assert not gpu1.stopped
    gpu1.engines[0].pace.set()
    assert await inside == "abc"
    await until(lambda: gpu1.stopped)

    gateway.change("gpu1", drained=None)
    await until(lambda: gateway.word() == "here")
    assert await gateway.ask() == "abc"


async def test_a_caller_who_goes_away_frees_the_nodes_slot(gateway: Gateway, gpu1: JoinedNode) -> None:
    gateway.join(gpu1)
    await until(gateway.fleet.targets)
    await gateway.ask()
    (engine,) = gpu1.engines
    engine.hold_after = 1
    caller = asyncio.ensure_future(gateway.ask())
    await until(lambda: not engine.pace.is_set())

    caller.cancel()

    await until(lambda: engine.inside == 0)


async def test_another_node_answers_what_a_dead_one_had_not_begun(tmp_path: Path, gateway: Gateway) -> None:
    async with node(tmp_path / "b", papers(tmp_path / "b", "gpu2")) as second:
        async with node(tmp_path / "a") as first:
            gateway.join(first)
            await until(gateway.fleet.targets)
            await gateway.ask()
            gateway.join(second, "gpu2")
            await until(lambda: len(gateway.fleet.targets()) == 4)
        await until(lambda: gateway.word() == "away")

        assert await gateway.ask() == "abc"
        assert len(second.engines) == 1
    lost = [said["node"] for type, said in gateway.events if type == "node.lost"]
    assert lost == ["gpu1"]
    away = f"The node gpu1 is away. Nobody listens at {first.address}. On that machine: sekisho node serve"
    assert gateway.joined.status()[0]["problem"] == away
