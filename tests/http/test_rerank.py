"""Documents in order: by a reranker where the model is one, else by embeddings, and the answer says which."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import numpy as np
import orjson
import pytest
from house import House

from gateway.domain import Capability, Chunk, Usage
from gateway.errors import ModelNotFound
from gateway.http import api
from gateway.http.gate import Gate
from gateway.http.listener import Listener
from gateway.inquiry import Inquiry
from gateway.settings import ServerSettings

DOCUMENTS = ["about presses", {"text": "about SECRET"}, "about paint"]


class Models:
    """Two models: ``ranker`` ranks, ``embedder`` embeds."""

    def serves(self, model: str, capability: Capability) -> bool:
        return (model, capability) in {("ranker", Capability.RERANK), ("embedder", Capability.EMBED)}

    async def sizes(self, model: str) -> Sequence[int]:
        return ()

    async def text(self, model: str, tokens: Sequence[int]) -> str:
        raise LookupError(model)


class Served:
    def __init__(self, house: House, base: str, session: aiohttp.ClientSession) -> None:
        self.house, self.base, self.session = house, base, session

    async def post(self, **fields: Any) -> tuple[int, Any, dict[str, str]]:
        body = {"model": "ranker", "query": "what of SECRET?", "documents": DOCUMENTS, **fields}
        headers = {"authorization": "Bearer key"}
        async with self.session.post(self.base + "/v1/rerank", data=orjson.dumps(body), headers=headers) as answer:
            content = orjson.loads(await answer.read())
            return answer.status, content, {name.lower(): value for name, value in answer.headers.items()}

    def answers(self, *scores: float, vectors: Sequence[Sequence[float]] = ()) -> None:
        raw = tuple(np.array(vector, "<f4").tobytes() for vector in vectors)
        for engine in self.house.engines.values():
            engine.script = [Chunk((), Usage(9, 0), vectors=raw, scores=scores)]

    @property
    def told(self) -> list[tuple[Capability, dict[str, Any]]]:
        prompts = [prompt for engine in self.house.engines.values() for prompt in engine.prompts]
        return [(prompt.capability, prompt.body) for prompt in prompts]


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


async def test_a_reranker_puts_the_best_document_first(served: Served) -> None:
    served.answers(-3.0, 5.0, 0.5)

    status, answer, headers = await served.post()

    assert status == 200
    assert [(r["index"], r["relevance_score"]) for r in answer["results"]] == [(1, 5.0), (2, 0.5), (0, -3.0)]
    assert (answer["object"], answer["model"], answer["usage"]["total_tokens"]) == ("list", "ranker", 9)
    assert (answer["scored_by"], headers["x-sekisho-scored-by"]) == ("reranker", "reranker")


async def test_an_embedding_model_ranks_by_cosine_and_says_so(served: Served) -> None:
    served.answers(vectors=[[2, 0], [0, 1], [3, 0], [1, 1]])

    status, answer, headers = await served.post(model="embedder")

    assert status == 200
    assert [r["index"] for r in answer["results"]] == [1, 2, 0]
    assert [r["relevance_score"] for r in answer["results"]] == pytest.approx([1, 0.5**0.5, 0])
    assert (answer["scored_by"], headers["x-sekisho-scored-by"]) == ("embeddings", "embeddings")


@pytest.mark.parametrize("model", ["ranker", "embedder"])
async def test_query_and_documents_are_searched_before_the_engine(served: Served, model: str) -> None:
    served.answers(1.0, 2.0, 3.0, vectors=[[1, 0]] * 4)

    await served.post(model=model, query="find SECRET")

    ((capability, body),) = served.told
    texts = body["input"] if model == "embedder" else [body["query"], *body["documents"]]
    assert texts == ["find <TAG>", "about presses", "about <TAG>", "about paint"]
    assert capability is (Capability.EMBED if model == "embedder" else Capability.RERANK)
    assert set(body) == ({"input"} if model == "embedder" else {"query", "documents"})


async def test_documents_come_back_as_the_caller_wrote_them(served: Served) -> None:
    served.answers(1.0, 3.0, 2.0)

    _, answer, _ = await served.post(top_n=2, return_documents=True)

    assert [(r["index"], r["document"]) for r in answer["results"]] == [
        (1, {"text": "about SECRET"}),
        (2, {"text": "about paint"}),
    ]


async def test_equal_scores_keep_the_documents_order(served: Served) -> None:
    served.answers(1.0, 1.0, 1.0)

    _, answer, _ = await served.post(top_n=99)

    assert [r["index"] for r in answer["results"]] == [0, 1, 2]
    assert "document" not in answer["results"][0]


async def test_a_vector_without_length_fits_nothing(served: Served) -> None:
    served.answers(vectors=[[0, 0], [1, 0], [0, 0], [0, 1]])

    _, answer, _ = await served.post(model="embedder")

    assert [r["relevance_score"] for r in answer["results"]] == [0, 0, 0]


@pytest.mark.parametrize("scores", [(), (1.0, 2.0), (1.0, float("nan"), 2.0)], ids=str)
async def test_an_answer_that_is_not_one_score_each_is_the_engines_failure(
    served: Served, scores: tuple[float, ...]
) -> None:
    served.answers(*scores)

    status, answer, _ = await served.post()

    assert (status, answer["error"]["code"]) == (503, "engine.interrupted")
    assert served.house.outcomes[-1].status == "failed"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", ""]}, "documents[1]"),
        ({"documents": [{"text": "a", "more": "b"}]}, "documents[0].more"),
        ({"documents": [{"title": "a"}]}, "documents[0].title"),
        ({"documents": ["a"] * 2048}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"rank_fields": ["text"]}, "rank_fields"),
        ({"model": 1}, "model"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field(
    served: Served, fields: dict[str, Any], param: str
) -> None:
    status, answer, _ = await served.post(**fields)

    assert status == 400
    assert answer["error"]["param"] == param
    assert served.told == []


async def test_tokens_are_reserved_for_the_query_with_each_document(served: Served) -> None:
    served.answers(1.0, 1.0)

    await served.post(query="q" * 100, documents=["a", "b"])

    assert "tokens 214" in served.house.diary  # 100 + 2, the query once more, 4 marks for each of 3


async def test_a_key_without_the_model_is_told_what_is_told_of_none(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Capability]] = []

    def refuse(model: str, capability: Capability, caller: Any) -> Any:
        asked.append((model, capability))
        raise ModelNotFound(param="model")

    monkeypatch.setattr(served.house, "candidates", refuse)
    last = []
    for model in ("embedder", "none"):
        status, answer, _ = await served.post(model=model)
        assert (status, answer["error"]["code"]) == (404, "model_not_found")
        last.append(asked[-1][1])

    assert last == [Capability.RERANK] * 2
