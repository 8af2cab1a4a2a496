"""A node's service over real mutual TLS: what it says, takes, loads and answers, and whom it answers."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest
from joined_nodes import PROMPT, JoinedNode, node, papers, until

from gateway.domain import Energy
from gateway.engines.node_link import NodeAway, NodeLink, NodeRefused
from gateway.engines.node_wire import Order
from gateway.errors import BadRequest, EngineUnavailable
from gateway.fleet.nodes.contexts import client_context

RAW = b"GGUF" + bytes(range(256)) * 64
DIGEST = hashlib.sha256(RAW).hexdigest()
ORDER = Order("ab" * 16, {"name": "tiny", "sha256": DIGEST}, 512, 2)


@pytest.fixture
async def gpu1(tmp_path: Path) -> AsyncIterator[JoinedNode]:
    async with node(tmp_path) as running:
        yield running


@pytest.fixture
async def link(gpu1: JoinedNode) -> AsyncIterator[NodeLink]:
    link = gpu1.link()
    yield link
    await link.close()


async def text(link: NodeLink, most: int = 100) -> str:
    async with aclosing(link.answer(ORDER.id, PROMPT, most)) as chunks:
        return "".join([choice.content or "" async for chunk in chunks for choice in chunk.choices])


async def test_it_says_what_it_has(gpu1: JoinedNode, link: NodeLink) -> None:
    before = time.monotonic()
    state = await link.state()

    assert (state.protocol, state.devices[0].id, state.residents) == (1, "ram", ())
    assert link.heard_at >= before


async def test_a_file_comes_in_ranges_and_counts_when_it_is_whole(gpu1: JoinedNode, link: NodeLink) -> None:
    assert await link.held(DIGEST) == (0, False)
    assert not (await link.put(DIGEST, 0, len(RAW), RAW[:1000])).whole
    assert await link.held(DIGEST) == (1000, False)
    assert gpu1.blobs.all() == ()

    assert (await link.put(DIGEST, 1000, len(RAW), RAW[1000:])).whole
    assert gpu1.blobs.all() == (DIGEST,)
    assert await link.held(DIGEST) == (len(RAW), True)


async def test_a_file_of_another_hash_is_taken_away(gpu1: JoinedNode, link: NodeLink) -> None:
    other = "0" * 64
    with pytest.raises(NodeRefused, match="announced"):
        await link.put(other, 0, len(RAW), RAW)
    assert await link.held(other) == (0, False)


async def test_what_is_no_gguf_is_taken_away(gpu1: JoinedNode, link: NodeLink) -> None:
    raw = b"PK" * 100
    with pytest.raises(NodeRefused, match="GGUF"):
        await link.put(hashlib.sha256(raw).hexdigest(), 0, len(raw), raw)
    assert gpu1.blobs.all() == ()


@pytest.mark.parametrize(("first", "total", "status"), [(5, 100, 409), (0, 3, 400)])
async def test_a_range_out_of_order_or_beyond_the_end_is_refused(
    link: NodeLink, first: int, total: int, status: int
) -> None:
    with pytest.raises(NodeRefused) as refused:
        await link.put(DIGEST, first, total, b"GGUF")
    assert refused.value.status == status


async def test_a_full_disk_is_said_before_the_first_byte(gpu1: JoinedNode, link: NodeLink) -> None:
    gpu1.blobs._free_bytes = lambda folder: 100 * 1024 * 1024
    with pytest.raises(NodeRefused, match="its disk has") as refused:
        await link.put(DIGEST, 0, 10**12, RAW)
    assert refused.value.code == "node.disk_full"
    assert await link.held(DIGEST) == (0, False)


async def test_a_range_that_is_longer_or_shorter_than_it_said_is_refused(gpu1: JoinedNode) -> None:
    async def parts(*given: bytes) -> AsyncIterator[bytes]:
        for each in given:
            yield each

    for given in ((RAW[:50],), (RAW[:60], RAW[:90])):
        with pytest.raises(Exception, match="said 100 bytes"):
            await gpu1.blobs.take(DIGEST, gpu1.blobs.held(DIGEST)[0], 100, len(RAW), parts(*given))
    assert gpu1.blobs.held(DIGEST) == (50, False)  # what came of the short one is right as far as it goes


async def test_a_model_is_loaded_answers_and_leaves(gpu1: JoinedNode, link: NodeLink) -> None:
    loaded = await link.load(ORDER)
    assert (loaded.id, loaded.digest, loaded.device) == (ORDER.id, DIGEST, "cpu: scripted")
    await link.prove(ORDER.id)
    assert await text(link) == "abc"
    (resident,) = (await link.state()).residents
    assert (resident.model, resident.ready, resident.held) == ("tiny", True, 0)

    await link.unload(ORDER.id)
    assert gpu1.stopped == [ORDER.id]
    with pytest.raises(EngineUnavailable):
        await text(link)


async def energies(link: NodeLink) -> list[Energy | None]:
    async with aclosing(link.answer(ORDER.id, PROMPT, 100)) as chunks:
        return [chunk.energy async for chunk in chunks]


async def test_it_says_what_an_answer_used_where_it_measures_that(gpu1: JoinedNode, link: NodeLink) -> None:
    gpu1.counter.step = 0.5
    await link.load(ORDER)

    *words, energy = await energies(link)

    assert len(words) == 4
    assert not any(words)
    assert energy is not None
    assert (energy.own_mj, energy.target_mj, energy.beside_mj) == (500, 500, None)


async def test_where_it_does_not_measure_it_says_nothing(gpu1: JoinedNode, link: NodeLink) -> None:
    await link.load(ORDER)

    assert await energies(link) == [None] * 4


async def test_a_load_that_nobody_waits_for_any_more_is_taken_back(gpu1: JoinedNode, link: NodeLink) -> None:
    gpu1.gate = asyncio.Event()
    load = asyncio.ensure_future(link.load(ORDER))
    await until(lambda: gpu1.engines)
    load.cancel()

    await until(lambda: gpu1.stopped == [ORDER.id])
    assert (await link.state()).residents == ()


async def test_a_load_that_fails_says_which_way(gpu1: JoinedNode, link: NodeLink) -> None:
    gpu1.fault = EngineUnavailable("no", code="engine.sandbox")
    with pytest.raises(NodeRefused) as refused:
        await link.load(ORDER)
    assert refused.value.code == "engine.sandbox"
    assert gpu1.stopped == [ORDER.id]


async def test_who_hangs_up_frees_the_slot(gpu1: JoinedNode, link: NodeLink) -> None:
    await link.load(ORDER)
    (engine,) = gpu1.engines
    engine.hold_after = 1
    chunks = link.answer(ORDER.id, PROMPT, 100)
    await anext(chunks)
    await until(lambda: not engine.pace.is_set())
    assert engine.inside == 1

    await chunks.aclose()

    await until(lambda: engine.inside == 0)
    assert (await link.state()).residents[0].held == 0


async def test_who_hangs_up_before_the_first_word_frees_the_slot(gpu1: JoinedNode, link: NodeLink) -> None:
    await link.load(ORDER)
    (engine,) = gpu1.engines
    engine.pace.clear()
    waiting = asyncio.ensure_future(text(link))
    await until(lambda: engine.inside == 1)

    waiting.cancel()

    await until(lambda: engine.inside == 0)


async def test_who_drains_lets_those_inside_finish_and_nobody_in(gpu1: JoinedNode, link: NodeLink) -> None:
    await link.load(ORDER)
    (engine,) = gpu1.engines
    engine.pace.clear()
    inside = asyncio.ensure_future(text(link))
    await until(lambda: engine.inside == 1)
    leaving = asyncio.ensure_future(link.unload(ORDER.id, drain=True))
    await until(lambda: not gpu1.residents.all()[0].ready)
    with pytest.raises(EngineUnavailable):
        await text(link)

    engine.pace.set()

    assert await inside == "abc"
    await leaving
    assert gpu1.stopped == [ORDER.id]


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (BadRequest("quotes a prompt", code="context_length_exceeded"), BadRequest, "context_length_exceeded"),
        (BadRequest("quotes a prompt", code="made.up"), BadRequest, "engine.rejected"),
        (EngineUnavailable("quotes a prompt", code="engine.crashed"), EngineUnavailable, "engine.crashed"),
        (EngineUnavailable("quotes a prompt", code="made.up"), EngineUnavailable, "engine.unavailable"),
    ],
)
@pytest.mark.parametrize("words", [[], ["a"]])
async def test_an_engines_error_is_told_in_our_own_words(
    gpu1: JoinedNode, link: NodeLink, words: list[str], failure: Exception, kind: type[Exception], code: str
) -> None:
    await link.load(ORDER)
    gpu1.engines[0].words, gpu1.engines[0].failure = words, failure

    with pytest.raises(kind) as told:
        await text(link)
    assert getattr(told.value, "code", "") == code
    assert "quotes" not in str(told.value)


async def test_a_cut_ends_what_waits_at_once(gpu1: JoinedNode, link: NodeLink) -> None:
    await link.load(ORDER)
    gpu1.engines[0].pace.clear()
    waiting = asyncio.ensure_future(text(link))
    await until(lambda: gpu1.engines[0].inside == 1)

    await link.cut()

    with pytest.raises(EngineUnavailable) as told:
        await waiting
    assert told.value.code == "fleet.node_away"
    await until(lambda: gpu1.engines[0].inside == 0)
    assert (await link.state()).residents  # and it is spoken to again


async def test_nobody_but_the_gateway_is_answered(gpu1: JoinedNode, tmp_path: Path) -> None:
    own = papers(tmp_path, "gpu2")  # another node, with a certificate by the same authority
    (tmp_path / "both.pem").write_bytes((own.folder / "key.pem").read_bytes() + (own.folder / "cert.pem").read_bytes())
    as_node = client_context(tmp_path / "both.pem", [gpu1.papers.pem])
    link = NodeLink("gpu1", gpu1.address, lambda: as_node)
    link.open()
    with pytest.raises(NodeRefused) as refused:
        await link.load(ORDER)
    await link.close()
    assert (refused.value.status, refused.value.code) == (403, "node.not_gateway")
    assert not gpu1.engines


async def test_nobody_is_answered_without_a_certificate(gpu1: JoinedNode) -> None:
    bare = ssl.create_default_context(cadata=gpu1.papers.authority.pem)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"https://{gpu1.address}/node/state", ssl=bare)
        await asyncio.sleep(0)


async def test_a_node_that_shows_another_certificate_is_told_nothing(gpu1: JoinedNode, tmp_path: Path) -> None:
    other = papers(tmp_path, "gpu2")
    context = client_context(gpu1.papers.own, [other.pem])
    link = NodeLink("gpu1", gpu1.address, lambda: context)
    link.open()
    with pytest.raises(NodeAway, match="certificate"):
        await link.state()
    await link.close()
