"""How vectors and scores are asked for in parts, and put together again."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Capability, Prompt, Usage
from gateway.engines.vectors import Pace, decode_part, inputs_of, joined, parts
from gateway.errors import EngineUnavailable


def embed(given: Any) -> Prompt:
    return Prompt("r", Capability.EMBED, {"input": given}, stream=False)


def rerank(query: str, documents: list[str]) -> Prompt:
    return Prompt("r", Capability.RERANK, {"query": query, "documents": documents, "top_n": 1}, stream=False)


def packed(*values: float) -> str:
    return b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def vectors_of(*embeddings: Any, **changed: Any) -> bytes:
    data = [{"embedding": each, "index": number} for number, each in enumerate(embeddings)]
    return json.dumps({"data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}} | changed).encode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_token_ids_are_one_input(given: Any, expected: Any) -> None:
    assert inputs_of({"input": given}) == expected


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30), st.floats(0.001, 10))
def test_parts_hold_every_input_once_and_in_order(texts: list[str], seconds: float) -> None:
    pace = Pace()
    seen = []
    for body, count, weight in parts(embed(texts), pace):
        assert len(body["input"]) == count >= 1
        pace.observe(weight, seconds)
        seen += body["input"]

    assert seen == texts


def test_parts_grow_while_the_engine_is_soon_done_and_shrink_when_it_is_not() -> None:
    pace = Pace()
    pace.observe(512, 0.01)
    grown = pace.weight
    pace.observe(512, 1.0)

    assert grown == 2048
    assert pace.weight == pytest.approx(51.2)


def test_the_query_weighs_with_each_document() -> None:
    pace = Pace()
    pace.weight = 20

    sent = [body["documents"] for body, *_ in parts(rerank("q" * 9, ["a", "b", "c"]), pace)]

    assert sent == [["a", "b"], ["c"]]


def test_all_documents_of_a_part_are_scored_whatever_top_n_says() -> None:
    ((body, *_),) = parts(rerank("q", ["a", "b"]), None)

    assert body["top_n"] == 2


def test_vectors_come_as_float32_whichever_way_they_were_sent() -> None:
    as_text, as_list = vectors_of(packed(1.0, -0.5)), vectors_of([1.0, -0.5])

    assert decode_part(Capability.EMBED, as_text, 1).vectors == decode_part(Capability.EMBED, as_list, 1).vectors
    assert decode_part(Capability.EMBED, as_text, 1).vectors == (struct.pack("<2f", 1.0, -0.5),)


def test_answers_are_put_in_the_order_of_the_inputs() -> None:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": -2.0}]

    chunk = decode_part(Capability.RERANK, json.dumps({"results": results}).encode(), 2)

    assert chunk.scores == (-2.0, 0.9)


BROKEN = [
    b"{}",
    b"nonsense",
    vectors_of(),
    vectors_of(packed(1.0), packed(1.0)),  # one too many
    vectors_of(packed(1.0), data=[{"embedding": packed(1.0), "index": 7}]),
    vectors_of("not base64!"),
    vectors_of("YQ=="),  # a byte is no float
    vectors_of([]),
]


@pytest.mark.parametrize("data", BROKEN)
def test_an_answer_of_another_shape_is_an_engine_that_broke_off(data: bytes) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        decode_part(Capability.EMBED, data, 1)

    assert caught.value.code == "engine.interrupted"


def test_vectors_of_two_lengths_are_refused() -> None:
    answers = [decode_part(Capability.EMBED, vectors_of([0.5] * length), 1) for length in (2, 3)]

    with pytest.raises(EngineUnavailable):
        joined(answers)


async def test_an_engine_elsewhere_is_asked_once_for_all(served: Any) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, await request.json()))
        return web.Response(body=vectors_of(packed(1.0), packed(2.0)))

    engine = await served(answer)
    (chunk,) = [chunk async for chunk in engine.answer(embed(["a" * 5000, "b"]))]

    assert asked == [("/v1/embeddings", {"input": ["a" * 5000, "b"], "encoding_format": "base64", "model": "m"})]
    assert (chunk.vectors, chunk.usage) == ((struct.pack("<f", 1.0), struct.pack("<f", 2.0)), Usage(3, 0))
