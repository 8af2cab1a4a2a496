"""What a node says is read within bounds, and never shown: lies, babble and broken ends are errors of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from joined_nodes import PROMPT, bound_socket, papers

from gateway.domain import Choice, Chunk, Energy, Timings, Usage
from gateway.engines import node_wire as wire
from gateway.engines.node_link import NodeAway, NodeLink
from gateway.errors import EngineUnavailable, SekishoError
from gateway.fleet.nodes.contexts import client_context, server_context

WORD = wire.line_of(wire.Said(Chunk((Choice(0, content="a"),))))
OVER = wire.line_of(wire.Over())

chunks = st.builds(
    Chunk,
    st.lists(st.builds(Choice, st.integers(0, 9), content=st.none() | st.text()), max_size=3).map(tuple),
    usage=st.none() | st.builds(Usage, st.integers(0, 99), st.integers(0, 99)),
    vectors=st.lists(st.binary(max_size=9), max_size=3).map(tuple),
    timings=st.none() | st.just(Timings(1, 0.5, 2, 0.25)),
)


def read(*parts: bytes, most: int = 100) -> list[Chunk]:
    reading = wire.Parts(most)
    return [chunk for part in parts for chunk in reading.feed(part)]


@given(st.lists(chunks, max_size=5), st.lists(st.integers(1, 40), max_size=9))
def test_an_answer_is_the_same_however_it_is_cut(said: list[Chunk], cuts: list[int]) -> None:
    data = b"".join(wire.line_of(wire.Said(chunk)) for chunk in said) + OVER
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    assert read(*pieces, data) == said


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b'{"is":"chunk"}\n',
        b'{"is":"else"}\n',
        b'{"is":"chunk","chunk":{"choices":[{"index":"x"}]}}\n',
        OVER + WORD,
        WORD * 101,
    ],
)
def test_what_was_not_agreed_breaks_the_answer_off(line: bytes) -> None:
    with pytest.raises(EngineUnavailable) as told:
        read(line)
    assert told.value.code == "engine.interrupted"


def test_an_answers_energy_comes_with_its_end() -> None:
    energy = Energy(own_mj=700, target_mj=1400, seconds=2.0, beside_mj=30)

    assert read(WORD, wire.line_of(wire.Over(energy)))[1:] == [Chunk((), energy=energy)]


@pytest.mark.parametrize(
    "energy",
    [
        Energy(-1, 10, 1.0),
        Energy(11, 5, 1.0),  # a part that is more than the whole
        Energy(1, 10, 0.0),
        Energy(1, 10, -1.0),
        Energy(1, 10, 1e300),
        Energy(2**60, 2**60, 1.0),  # no number of JSON
        Energy(1, 10, 1.0, beside_mj=-1),
        Energy(1, 10, 1.0, beside_mj=2**60),
    ],
)
def test_an_energy_that_cannot_be_is_none_and_breaks_nothing_off(energy: Energy) -> None:
    assert len(read(WORD, wire.line_of(wire.Over(energy)))) == 1


def test_an_energy_before_the_end_breaks_the_answer_off() -> None:
    with pytest.raises(EngineUnavailable):
        read(wire.line_of(wire.Said(Chunk((Choice(0, content="a"),), energy=Energy(1, 1, 1.0)))))


def test_releases_that_know_no_energy_are_understood_and_understand() -> None:
    class Over(msgspec.Struct, frozen=True, tag="over", tag_field="is"):
        """As it was before."""

    assert read(WORD, msgspec.json.encode(Over()) + b"\n")[0].energy is None
    assert msgspec.json.decode(wire.line_of(wire.Over(Energy(1, 1, 1.0))), type=Over) == Over()


def test_a_line_without_end_is_bounded() -> None:
    with pytest.raises(EngineUnavailable):
        read(b"x" * (wire.MAX_LINE_BYTES // 2), b"x" * (wire.MAX_LINE_BYTES // 2), b"x")


@given(st.sampled_from(["request", "engine"]), st.text(), st.text(min_size=20))
def test_a_nodes_own_words_are_never_shown(fault: str, code: str, line: str) -> None:
    error = wire.error_of(wire.Failed("request" if fault == "request" else "engine", code, line))
    assert isinstance(error, SekishoError)
    assert line not in error.message


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Liar = Callable[[Handler], Awaitable[NodeLink]]


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[Liar]:
    """Runs a node whose every answer a test dictates, and returns a link to it."""
    its = papers(tmp_path)
    ends: list[Callable[[], Awaitable[None]]] = []

    async def start(handler: Handler) -> NodeLink:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{rest:.*}", handler)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        bound = bound_socket()
        await web.SockSite(runner, bound, ssl_context=server_context(its.folder)).start()
        context = client_context(its.own, [its.pem])
        link = NodeLink("gpu1", f"127.0.0.1:{bound.getsockname()[1]}", lambda: context)
        link.open()
        ends.extend([runner.cleanup, link.close])
        return link

    yield start
    for end in reversed(ends):
        await end()


def says(body: bytes, status: int = 200) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=body, status=status)

    return handle


STATES = [b"", b"no", b"{}", b'{"protocol":"1"}', b'{"protocol":1,"blobs":["x"]}', b'{"protocol":1,"devices":[{}]}']


@pytest.mark.parametrize("body", STATES)
async def test_a_state_that_cannot_be_read_is_none(liar: Liar, body: bytes) -> None:
    link = await liar(says(body))
    with pytest.raises(NodeAway, match="no form"):
        await link.state()


async def test_a_state_of_a_later_protocol_can_be_read_as_far_as_it_must(liar: Liar) -> None:
    link = await liar(says(b'{"protocol":9,"sekisho":"7.0","boot":"x","new":[1]}'))
    state = await link.state()
    assert (state.protocol, state.sekisho) == (9, "7.0")


async def test_an_endless_state_is_bounded(liar: Liar) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    link = await liar(handle)
    with pytest.raises(NodeAway):
        await link.state()


@pytest.mark.parametrize("body", [b"", WORD, WORD + b'{"is":', b"nonsense"])
async def test_an_answer_that_does_not_end_in_order_is_an_error(liar: Liar, body: bytes) -> None:
    link = await liar(says(body))
    with pytest.raises(EngineUnavailable):
        async with aclosing(link.answer("ab" * 16, PROMPT, 10)) as answer:
            [chunk async for chunk in answer]


async def test_an_answer_without_end_is_bounded(liar: Liar) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():  # a write to nobody does not wait
            await response.write(WORD * 64)
            await asyncio.sleep(0)
        return response

    link = await liar(handle)
    seen = 0
    with pytest.raises(EngineUnavailable):
        async with aclosing(link.answer("ab" * 16, PROMPT, 1000)) as answer:
            async for _ in answer:
                seen += 1
    assert seen == 1000


async def test_a_refusal_in_any_words_is_one(liar: Liar) -> None:
    for body in (b"", b"<html>", msgspec.json.encode(wire.Refusal("x", "a prompt, quoted"))):
        link = await liar(says(body, 500))
        with pytest.raises(EngineUnavailable) as told:
            async with aclosing(link.answer("ab" * 16, PROMPT, 10)) as answer:
                [chunk async for chunk in answer]
        assert "quoted" not in str(told.value)


@pytest.mark.parametrize("told", ["", "-1", "x", "1" * 30])
async def test_nonsense_about_a_file_is_no_size(liar: Liar, told: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"X-Held": told})

    link = await liar(handle)
    with pytest.raises(NodeAway):
        await link.held("0" * 64)
