"""A text's tokens and what tokens spell: through the whole gate, on both addresses; llama.cpp's shapes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import orjson
import pytest
from house import House

from gateway.domain import Capability, Choice, Chunk, Usage
from gateway.engines.spelling import decode_content, decode_tokens, tokenizing
from gateway.errors import EngineUnavailable, PolicyUnavailable
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

WORDS = ("find ", "SECRET", " here", "")
NOTHING = Usage(0, 0)


class Models:
    """One model, whose vocabulary is ``WORDS``; ``wordless`` has none that can be read."""

    def serves(self, model: str, capability: Capability) -> bool:
        return model in ("m", "wordless")

    async def sizes(self, model: str) -> Sequence[int]:
        return ()

    async def text(self, model: str, tokens: Sequence[int]) -> str:
        if model != "m":
            raise LookupError(model)
        if any(token >= len(WORDS) for token in tokens):
            raise ValueError("id")
        return "".join(WORDS[token] for token in tokens)


class Served:
    def __init__(self, house: House, base: str, session: aiohttp.ClientSession) -> None:
        self.house, self.base, self.session = house, base, session

    async def post(self, path: str, **fields: Any) -> tuple[int, Any]:
        headers = {"authorization": "Bearer key"}
        body = orjson.dumps({"model": "m", **fields})
        async with self.session.post(self.base + path, data=body, headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read())

    def answers(self, chunk: Chunk) -> None:
        for engine in self.house.engines.values():
            engine.script = [chunk]

    @property
    def told(self) -> list[tuple[Capability, dict[str, Any]]]:
        prompts = [prompt for engine in self.house.engines.values() for prompt in engine.prompts]
        return [(prompt.capability, prompt.body) for prompt in prompts]


@pytest.fixture
async def served(free_port: int) -> AsyncIterator[Served]:
    house, gate = House(), Gate()
    checkpoint = house.checkpoint()
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}")
    listener = Listener.on_address(
        api.build(checkpoint, Inquiry(checkpoint.rooms, 0), gate, settings, Models()), settings
    )
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession() as session:
        yield Served(house, f"http://127.0.0.1:{free_port}", session)
    listener.should_exit = True
    await serving


@pytest.mark.parametrize("path", ["/tokenize", "/v1/tokenize"])
async def test_a_text_is_searched_and_redacted_before_an_engine_cuts_it(served: Served, path: str) -> None:
    served.answers(Chunk((), NOTHING, tokens=(5, 6)))

    status, answer = await served.post(path, content="find SECRET", add_special=True)

    assert (status, answer) == (200, {"tokens": [5, 6]})
    ((capability, body),) = served.told
    assert capability is Capability.TOKENIZE
    assert body == {"content": "find <TAG>", "add_special": True, "parse_special": True, "with_pieces": False}


async def test_pieces_are_texts_or_bytes_where_they_are_no_text(served: Served) -> None:
    served.answers(Chunk((), NOTHING, tokens=(5, 6), pieces=(b"Hi", b"\xe9")))

    _, answer = await served.post("/tokenize", content="Hi\u90fd", with_pieces=True)

    assert answer == {"tokens": [{"id": 5, "piece": "Hi"}, {"id": 6, "piece": [0xE9]}]}


@pytest.mark.parametrize("path", ["/detokenize", "/v1/detokenize"])
async def test_ids_go_to_an_engine_where_what_they_spell_may(served: Served, path: str) -> None:
    served.answers(Chunk((Choice(0, content="find  here", finish_reason="stop"),), NOTHING))

    assert await served.post(path, tokens=[0, 2]) == (200, {"content": "find  here"})
    assert served.told == [(Capability.TOKENIZE, {"spell": True, "content": "find  here", "tokens": [0, 2]})]


async def test_ids_of_a_value_never_reach_an_engine(served: Served) -> None:
    served.answers(Chunk((Choice(0, content="find <TAG>", finish_reason="stop"),), NOTHING))

    assert await served.post("/detokenize", tokens=[0, 1]) == (200, {"content": "find SECRET"})
    assert served.told == [(Capability.TOKENIZE, {"spell": True, "content": "find <TAG>"})]


async def test_nothing_spells_nothing(served: Served) -> None:
    served.answers(Chunk((Choice(0, content="", finish_reason="stop"),), NOTHING))

    assert await served.post("/detokenize", tokens=[]) == (200, {"content": ""})
    assert (await served.post("/detokenize", tokens=[3]))[0] == 200


async def test_no_text_is_cut_where_policy_has_no_answer(served: Served) -> None:
    served.house.faults["policy"] = PolicyUnavailable()

    assert [(await served.post("/tokenize", content="x"))[0], (await served.post("/detokenize", tokens=[0]))[0]] == [
        503,
        503,
    ]
    assert served.told == []


@pytest.mark.parametrize(
    ("path", "fields", "code", "param"),
    [
        ("/tokenize", {}, "missing_required_parameter", "content"),
        ("/tokenize", {"content": ["x"]}, "invalid_type", "content"),
        ("/tokenize", {"content": "x", "add_special": 1}, "invalid_type", "add_special"),
        ("/tokenize", {"content": "x", "truncate": True}, "unknown_parameter", "truncate"),
        ("/detokenize", {}, "missing_required_parameter", "tokens"),
        ("/detokenize", {"tokens": "x"}, "invalid_type", "tokens"),
        ("/detokenize", {"tokens": ["x"]}, "invalid_type", "tokens[0]"),
        ("/detokenize", {"tokens": [-1]}, "invalid_value", "tokens[0]"),
        ("/detokenize", {"tokens": [4]}, "invalid_value", "tokens"),
        ("/detokenize", {"tokens": [0], "content": "x"}, "unknown_parameter", "content"),
        ("/detokenize", {"tokens": [0], "model": "wordless"}, "unsupported_parameter", "tokens"),
    ],
)
async def test_what_is_wrong_is_named(served: Served, path: str, fields: Any, code: str, param: str) -> None:
    status, answer = await served.post(path, **fields)

    assert (status, answer["error"]["code"]) == (400, code), answer
    assert answer["error"]["param"].replace("[...]", "[0]") == param
    assert served.told == []


async def test_an_answer_that_is_none_is_the_engines_fault(served: Served) -> None:
    served.answers(Chunk((), NOTHING, tokens=(5, 6), pieces=(b"Hi",)))

    assert (await served.post("/tokenize", content="x", with_pieces=True))[0] == 503
    assert (await served.post("/tokenize", content="x"))[0] == 503
    assert (await served.post("/detokenize", tokens=[0]))[0] == 503


def test_llama_cpps_answers_are_read() -> None:
    plain = decode_tokens(b'{"tokens": [1, 2]}')
    pieces = decode_tokens(b'{"tokens": [{"id": 1, "piece": "a"}, {"id": 2, "piece": [195]}]}')

    assert (plain.tokens, plain.pieces) == ((1, 2), ())
    assert (pieces.tokens, pieces.pieces) == ((1, 2), (b"a", b"\xc3"))
    assert decode_content(b'{"content": "ab"}').choices == (Choice(0, content="ab", finish_reason="stop"),)


@pytest.mark.parametrize("data", [b"{}", b"no", b'{"tokens": ["x"]}', b'{"tokens": [{"id": 1, "piece": [256]}]}'])
def test_anything_else_is_the_engines_fault(data: bytes) -> None:
    with pytest.raises(EngineUnavailable):
        decode_tokens(data)


def test_a_text_to_be_spelled_again_has_no_marks() -> None:
    asked = tokenizing({"spell": True, "content": "<s>"})

    assert asked == {"content": "<s>", "add_special": False, "parse_special": False}
