"""openai-python and plain HTTP against a gateway that serves a chat model and an embedding model at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp
import openai
import pytest
from running import Running, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

EMBEDDER = "all-minilm-l6-v2"
HELLO_WORLD = [101, 7592, 2088, 102]  # by the model's vocabulary, with its marks


@pytest.fixture(scope="module")
def key(both: Running) -> str:
    return both.key()


@pytest.fixture(scope="module")
def client(both: Running, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=both.base + "/v1", api_key=key, max_retries=0, timeout=120) as client:
        yield client


def embed(client: openai.OpenAI, given: Any, **options: Any) -> list[Sequence[float]]:
    answer = client.embeddings.create(**{"model": EMBEDDER, "input": given, **options})
    assert [item.index for item in answer.data] == list(range(len(answer.data)))
    return [item.embedding for item in answer.data]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def test_a_text_becomes_a_vector_of_length_one(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model=EMBEDDER, input="hello world")

    assert (answer.object, answer.model, len(answer.data)) == ("list", EMBEDDER, 1)
    assert len(answer.data[0].embedding) == 384
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1, abs=1e-3)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (4, 4)


def test_floats_and_base64_hold_the_same(client: openai.OpenAI) -> None:
    (packed,) = embed(client, "hello world")  # the client asks for base64 by itself, and unpacks it
    (plain,) = embed(client, "hello world", encoding_format="float")

    assert plain == pytest.approx(packed, abs=1e-7)


def test_token_ids_mean_their_text(client: openai.OpenAI) -> None:
    (text,) = embed(client, "hello world")
    (ids,) = embed(client, HELLO_WORLD)
    many = embed(client, [HELLO_WORLD, HELLO_WORLD[1:3]])

    assert ids == pytest.approx(text, abs=1e-6)
    assert [cosine(each, text) for each in many] == pytest.approx([1, 1], abs=1e-4)


def test_near_in_meaning_is_near_in_direction(client: openai.OpenAI) -> None:
    texts = ["The press is broken.", "The stamping machine has failed.", "We had soup for lunch."]
    press, machine, soup = embed(client, texts)

    assert cosine(press, machine) > cosine(press, soup) + 0.2


@pytest.mark.parametrize(
    ("given", "options", "param", "code"),
    [
        ("hello", {"dimensions": 100}, "dimensions", "unsupported_parameter"),
        ("", {}, "input", "invalid_value"),
        ([1, 99_999_999], {}, "input", "request.invalid"),
        (["a"] * 2049, {}, "input", "request.invalid"),
        ("word " * 600, {}, None, "context_length_exceeded"),
    ],
    ids=["dimensions", "empty", "no such id", "too many", "too long"],
)
def test_a_wrong_request_is_bad_request(
    client: openai.OpenAI, given: Any, options: dict[str, Any], param: str | None, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        embed(client, given, **options)

    assert (refused.value.param, refused.value.code) == (param, code)


def test_both_models_are_listed_and_each_does_its_own_work(client: openai.OpenAI, model_name: str) -> None:
    assert [model.id for model in client.models.list()] == [EMBEDDER, model_name]
    with pytest.raises(openai.NotFoundError, match=EMBEDDER):
        embed(client, "hello", model=model_name)
    with pytest.raises(openai.NotFoundError, match=model_name):
        client.chat.completions.create(model=EMBEDDER, messages=[{"role": "user", "content": "hello"}])

    answer = client.chat.completions.create(
        model=model_name, messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    assert answer.choices[0].message.content


def test_it_is_on_record_what_was_embedded_where_and_never_the_text(client: openai.OpenAI, both: Running) -> None:
    embed(client, "the secret word is Gugelhupf")

    told = sekisho(both.folder, "audit", "tail", "--json")

    *_, intent, outcome = [r for r in json.loads(told)["data"] if r["type"] in ("intent", "outcome")]
    assert intent["input"]["request"]["capability"] == "embed"
    assert intent["target"]["id"].endswith(":" + EMBEDDER)
    assert (outcome["status"], outcome["usage"]["completion_tokens"]) == ("done", 0)
    assert "Gugelhupf" not in told


async def test_documents_are_ranked_by_embeddings_where_no_reranker_is_served(both: Running, key: str) -> None:
    body = {
        "model": EMBEDDER,
        "query": "What is a panda?",
        "documents": ["Soup for lunch.", "It is a bear.", {"text": "The giant panda is a bear of China."}],
        "top_n": 2,
        "return_documents": True,
    }
    headers = {"authorization": f"Bearer {key}"}

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{both.base}/v1/rerank", json=body, headers=headers) as reply,
    ):
        answer, scored_by = await reply.json(), reply.headers["x-sekisho-scored-by"]

    assert (answer["scored_by"], scored_by) == ("embeddings", "embeddings")
    assert [result["index"] for result in answer["results"]] == [2, 1]
    assert answer["results"][0]["document"] == {"text": "The giant panda is a bear of China."}
    assert 1 >= answer["results"][0]["relevance_score"] > answer["results"][1]["relevance_score"] > 0
