"""A node with the real engine behind it: loaded by a gateway's order with all checks, and freed by who hangs up."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from joined_nodes import JoinedNode, node
from pace import hang_up_bound

from gateway.domain import Capability, Prompt
from gateway.engines.client import open_session
from gateway.engines.config import Extras
from gateway.engines.node_link import NodeLink, NodeRefused
from gateway.engines.node_wire import Order
from gateway.engines.xllamacpp import ManagedWorker
from gateway.node.loading import Loading, Portrait
from gateway.node.residents import Built
from gateway.registry.manifest import Manifest
from gateway.settings import EngineSettings, Settings

pytestmark = [pytest.mark.real, pytest.mark.slow]

LONG = {"prompt": "Once upon a time", "max_tokens": 700, "temperature": 0, "ignore_eos": True}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="nd-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def settings_in(folder: Path, model_file: Path) -> Settings:
    """Return a node's settings, with the model's file in its store."""
    store = folder / "data" / "store" / "sha256"
    store.mkdir(parents=True)
    os.link(model_file.resolve(), store / model_file.name)
    return Settings(engine=EngineSettings(threads=2), data_dir=str(folder / "data"))


def order_for(manifest: Manifest, **said: object) -> Order:
    return Order("ab" * 16, {**msgspec.to_builtins(manifest), **said}, 1024, 2)


@asynccontextmanager
async def real_node(folder: Path, settings: Settings) -> AsyncIterator[tuple[JoinedNode, NodeLink]]:
    async with node(folder) as running:
        loading = Loading(settings)
        running.residents._build = loading.build
        running.counter.step = 5.0
        portrait = Portrait(loading, running.blobs, running.bundles, running.residents, [running.counter])
        running.state = portrait.state  # type: ignore[method-assign]
        link = running.link()
        yield running, link
        await link.close()


async def said(link: NodeLink, **body: object) -> str:
    prompt = Prompt(
        "r", Capability.COMPLETE, {"prompt": "1, 2, 3,", "max_tokens": 6, "temperature": 0, **body}, stream=True
    )
    async with aclosing(link.answer("ab" * 16, prompt, 10_000)) as chunks:
        return "".join([choice.content or "" async for chunk in chunks for choice in chunk.choices])


async def test_an_order_is_checked_loaded_and_answered(
    folder: Path, model_file: Path, model_manifest: Manifest
) -> None:
    async with real_node(folder, settings_in(folder, model_file)) as (_, link):
        state = await link.state()
        assert state.devices[0].id == "ram"
        assert state.engine
        loaded = await link.load(order_for(model_manifest))
        assert loaded.digest == model_manifest.sha256
        assert loaded.device.startswith(("cpu:", "gpu:"))
        assert loaded.measured_mib["ram"] > 50
        assert "4" in await said(link)
        assert (await link.state()).devices[0].watts > 0  # the second look: joules since the first
        await link.prove("ab" * 16)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"sha256": "0" * 64}, "is not in the store"),
        ({"size_bytes": 5}, "is not what the manifest"),
        ({"chat_template_sha256": "1" * 64}, "chat template"),
        ({"capabilities": ["fly"]}, "capabilities"),
    ],
)
async def test_what_would_not_be_loaded_at_home_is_not_loaded_there(
    folder: Path, model_file: Path, model_manifest: Manifest, said: dict[str, object], line: str
) -> None:
    async with real_node(folder, settings_in(folder, model_file)) as (running, link):
        with pytest.raises(NodeRefused, match=line):
            await link.load(order_for(model_manifest, **said))
        assert running.residents.all() == ()


async def test_who_hangs_up_frees_the_engines_slot(folder: Path, model_file: Path) -> None:
    worker = ManagedWorker(
        EngineSettings(threads=2, context_tokens=1024, slots=1),
        weights=model_file,
        model="m",
        run_dir=folder / "run",
        extras=Extras(show_slots=True),
    )

    async def build(order: Order) -> Built:
        return Built(worker, "m", "0" * 64)

    async with node(folder) as running:
        running.residents._build = build
        link = running.link()
        await link.load(Order("ab" * 16, {"name": "m"}, 1024, 1))
        bound = await hang_up_bound(worker)
        late = [await _hang_up(link, worker) for _ in range(5)]
        await link.close()

    assert statistics.median(late) < bound, late


async def _hang_up(link: NodeLink, worker: ManagedWorker) -> float:
    """Return how long after a caller went away the slot was free."""
    prompt = Prompt("r", Capability.COMPLETE, dict(LONG), stream=True, slot=0)
    chunks = link.answer("ab" * 16, prompt, 10_000)
    await anext(chunks)
    assert await _busy(worker)
    gone_at = time.monotonic()
    await chunks.aclose()
    while await _busy(worker):  # noqa: ASYNC110 - another process's state
        await asyncio.sleep(0.005)
    return time.monotonic() - gone_at


async def _busy(worker: ManagedWorker) -> bool:
    session = open_session(worker._socket, worker._secret, 10, reuse=False)
    async with session, session.get("http://engine/slots") as response:
        return any(slot["is_processing"] for slot in await response.json())
