"""Vectors on the wire: OpenAI's shapes, and nothing that was not searched reaches an engine. The house is in memory."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import numpy as np
import orjson
import pytest
from house import House
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import Capability, Chunk, Detection, Finding, Usage
from gateway.errors import BadRequest, ModelNotFound
from gateway.http import api, embeddings
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

PATH = "/v1/embeddings"
WORDS = ["[CLS]", "hello", "SECRET", "plant"]


class Models:
    """One model, ``m``: it embeds, its vectors have 4 numbers or 2, and it has a vocabulary of four words."""

    async def sizes(self, model: str) -> Sequence[int]:
        return (2, 4)

    def serves(self, model: str, capability: Capability) -> bool:
        return model == "m" and capability is Capability.EMBED

    async def text(self, model: str, tokens: Sequence[int]) -> str:
        if model != "m":
            raise LookupError(model)
        if any(token not in range(len(WORDS)) for token in tokens):
            raise ValueError("id")
        return " ".join(WORDS[token] for token in tokens if token)


class Served:
    def __init__(self, house: House, base: str, session: aiohttp.ClientSession) -> None:
        self.house, self.base, self.session = house, base, session

    async def post(self, input: Any, path: str = PATH, **fields: Any) -> tuple[int, Any, dict[str, str]]:
        body = {"model": "m", "input": input, **fields}
        headers = {"authorization": "Bearer key"}
        async with self.session.post(self.base + path, data=orjson.dumps(body), headers=headers) as answer:
            content = orjson.loads(await answer.read())
            return answer.status, content, {name.lower(): value for name, value in answer.headers.items()}

    def answers(self, *vectors: Sequence[float], tokens: int = 7) -> None:
        raw = tuple(np.array(vector, "<f4").tobytes() for vector in vectors)
        for engine in self.house.engines.values():
            engine.script = [Chunk((), Usage(tokens, 0), vectors=raw)]

    @property
    def told(self) -> list[dict[str, Any]]:
        """The bodies that engines got."""
        return [prompt.body for engine in self.house.engines.values() for prompt in engine.prompts]


@pytest.fixture
async def served(free_port: int) -> AsyncIterator[Served]:
    house, gate = House(), Gate()
    checkpoint = house.checkpoint()
    settings = ServerSettings(listen=f"127.0.0.1:{free_port}")
    inquiry = Inquiry(checkpoint.rooms, 0)
    listener = Listener.on_address(api.build(checkpoint, inquiry, gate, settings, Models()), settings)
    serving = asyncio.ensure_future(listener.run_sockets())
    await listener.began()
    async with aiohttp.ClientSession() as session:
        yield Served(house, f"http://127.0.0.1:{free_port}", session)
    listener.should_exit = True
    await serving


async def test_one_text_becomes_one_vector_in_openais_shape(served: Served) -> None:
    served.answers([0.6, 0.8, 0, 0])

    status, answer, headers = await served.post("hello")

    assert status == 200
    assert answer["object"] == "list"
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8, 0.0, 0.0]}]
    assert (answer["model"], answer["usage"]) == ("m", {"prompt_tokens": 7, "total_tokens": 7})
    assert headers["x-sekisho-decision"] == "D1"


async def test_many_texts_keep_their_order(served: Served) -> None:
    served.answers([1, 0, 0, 0], [0, 1, 0, 0])

    _, answer, _ = await served.post(["one", "two"])

    assert [(item["index"], item["embedding"].index(1)) for item in answer["data"]] == [(0, 0), (1, 1)]
    assert served.told == [{"input": ["one", "two"]}]


async def test_base64_holds_the_floats_that_the_engine_made(served: Served) -> None:
    served.answers([0.1, -2.5, 1e-30, 3])

    _, answer, _ = await served.post("hello", encoding_format="base64")

    raw = base64.b64decode(answer["data"][0]["embedding"])
    assert raw == np.array([0.1, -2.5, 1e-30, 3], "<f4").tobytes()


async def test_what_is_found_in_a_text_is_replaced_before_the_engine(served: Served) -> None:
    served.answers([1, 0, 0, 0])

    await served.post(["hello SECRET"])

    assert served.told == [{"input": ["hello <TAG>"]}]
    assert served.house.outcomes[0].usage == Usage(7, 0)
    assert served.house.questions[0].request.capability is Capability.EMBED


@pytest.mark.parametrize("tokens", [[0, 1, 2], [[0, 1, 2]]])
async def test_token_ids_are_searched_as_the_text_that_they_spell(served: Served, tokens: list[Any]) -> None:
    served.answers([1, 0, 0, 0])

    status, _, _ = await served.post(tokens)

    assert status == 200
    assert served.told == [{"input": ["hello <TAG>"]}]


async def test_a_vector_is_shortened_and_its_length_made_one(served: Served) -> None:
    served.answers([3, 4, 12, 0])

    _, answer, _ = await served.post("hello", dimensions=2)

    vector = answer["data"][0]["embedding"]
    assert vector == pytest.approx([0.6, 0.8])
    assert math.hypot(*vector) == pytest.approx(1)
    assert served.told == [{"input": "hello"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": [1, "a"]}, "input"),
        ({"input": [True]}, "input[0]"),
        ({"input": [[1], "a"]}, "input[1]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [99]}, "input"),
        ({"input": [[1], [-1]]}, "input[1]"),
        ({"input": [0]}, "input"),  # a mark alone: it spells nothing
        ({"input": {"text": "a"}}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": [[1]] * 2049}, "input"),
        ({"input": [[1] * 65_536] * 5}, "input"),  # more than 300,000 in all
        ({"input": [1] * 65_537}, "input"),
        ({"input": "a", "dimensions": 3}, "dimensions"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "stream": True}, "stream"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field(
    served: Served, fields: dict[str, Any], param: str
) -> None:
    status, answer, _ = await served.post(**fields)

    assert status == 400
    assert answer["error"]["param"] == param
    assert served.told == []


async def test_2048_inputs_are_taken(served: Served) -> None:
    served.answers(*[[1, 0]] * 2048)

    status, answer, _ = await served.post(["a"] * 2048)

    assert (status, len(answer["data"]), len(served.told[0]["input"])) == (200, 2048, 2048)


async def test_token_ids_of_a_model_without_vocabulary_are_refused(served: Served) -> None:
    status, answer, _ = await served.post([1, 2], model="other")

    assert (status, answer["error"]["code"]) == (400, "unsupported_parameter")
    assert served.told == []


@pytest.mark.parametrize(
    "vectors", [[], [[1.0, 0.0], [0.0, 1.0]], [[float("nan"), 1.0]], [[float("inf"), 1.0]]], ids=str
)
async def test_an_answer_that_is_not_one_finite_vector_each_is_the_engines_failure(
    served: Served, vectors: list[list[float]]
) -> None:
    served.answers(*vectors)

    status, answer, _ = await served.post("hello")

    assert (status, answer["error"]["code"]) == (503, "engine.interrupted")
    assert served.house.outcomes[-1].status == "failed"


async def test_a_preview_of_token_ids_names_what_was_found(served: Served) -> None:
    wish = {"endpoint": PATH, "body": {"model": "m", "input": [[1], [1, 2]]}}
    headers = {"authorization": "Bearer key"}
    path = served.base + "/v1/decisions/preview"
    served.house.detect = _in_the_second  # type: ignore[method-assign]

    async with served.session.post(path, data=orjson.dumps(wish), headers=headers) as answer:
        shown = orjson.loads(await answer.read())

    assert shown["findings"][0]["path"] == "input[1]"


async def _in_the_second(segments: Any, caller: Any) -> Detection:
    return Detection((Finding(1, 6, 12, "PERSON", 1.0, "test"),), "test/1")


SCALARS = st.none() | st.booleans() | st.integers(-2, 5) | st.text(max_size=3)


@given(given_input=st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_whatever_the_input_only_texts_pass(given_input: Any) -> None:
    tree = {"model": "m", "input": given_input}
    prepare = embeddings.api(Models()).prepare
    assert prepare is not None
    try:
        request = asyncio.run(_parsed(prepare, tree))
    except BadRequest as refusal:
        assert (refusal.param or "").startswith("input")
        return
    inputs = [request.input] if isinstance(request.input, str) else request.input
    assert all(isinstance(each, str) and each for each in inputs)
    assert tree["input"] == request.input


async def _parsed(prepare: Any, tree: dict[str, Any]) -> embeddings.EmbeddingRequest:
    await prepare(tree, lambda model, capability: None)
    return embeddings.parse(tree)


async def test_tokens_are_reserved_for_every_input(served: Served) -> None:
    served.answers([1, 0], [1, 0])

    await served.post(["a" * 600, "b" * 600])  # the context of the house's engines is 1,000 tokens

    assert "tokens 1208" in served.house.diary


@pytest.mark.parametrize(
    "fields",
    [{"input": [1]}, {"input": [[99]]}, {"input": "a", "dimensions": 3}, {"input": [1], "dimensions": 3}],
    ids=str,
)
async def test_a_key_without_the_model_is_told_that_alone(served: Served, fields: dict[str, Any]) -> None:
    served.house.faults["candidates"] = ModelNotFound(param="model")

    answers = [await served.post(**fields, model=model) for model in ("m", "none")]  # type: ignore[arg-type]

    assert [(status, answer["error"]["code"]) for status, answer, _ in answers] == [(404, "model_not_found")] * 2
