"""The engine with a real embedding model: vectors for texts, in a child that is locked in like any other."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.domain import Capability, Chunk, Prompt
from gateway.engines.config import Extras
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import BadRequest
from gateway.settings import EngineSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

Collect = Callable[[ManagedWorker, Prompt], Awaitable[list[Chunk]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(
    embedding_file: Path, worker_on: Callable[..., AbstractAsyncContextManager[ManagedWorker]]
) -> AsyncIterator[ManagedWorker]:
    settings = EngineSettings(threads=2, context_tokens=512, slots=2)
    async with worker_on(embedding_file, settings, extras=Extras(mode="embed")) as running:
        yield running


async def vectors(worker: ManagedWorker, collect: Collect, texts: str | Sequence[str]) -> tuple[list[Any], int]:
    (chunk,) = await collect(worker, Prompt("r", Capability.EMBED, {"input": texts}, stream=False))
    assert chunk.usage is not None
    return [struct.unpack(f"<{len(raw) // 4}f", raw) for raw in chunk.vectors], chunk.usage.prompt_tokens


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


async def test_what_is_near_in_meaning_is_near_in_direction(worker: ManagedWorker, collect: Collect) -> None:
    texts = ["The press is broken.", "The stamping machine has failed.", "We had soup for lunch."]
    (press, machine, soup), _ = await vectors(worker, collect, texts)

    assert len(press) == 384
    assert math.hypot(*press) == pytest.approx(1, abs=1e-3)
    assert cosine(press, machine) > cosine(press, soup) + 0.2


async def test_a_text_has_one_vector_alone_and_among_others(worker: ManagedWorker, collect: Collect) -> None:
    (alone,), few = await vectors(worker, collect, "The press is broken.")
    many, all_tokens = await vectors(worker, collect, [f"number {n}" for n in range(40)] + ["The press is broken."])

    assert cosine(alone, many[-1]) > 0.9999
    assert (few, len(many)) == (7, 41)
    assert all_tokens == 40 * 4 + 7


async def test_an_input_longer_than_the_model_reads_is_the_callers_mistake(
    worker: ManagedWorker, collect: Collect
) -> None:
    with pytest.raises(BadRequest) as refusal:
        await vectors(worker, collect, ["short", "word " * 600])

    assert refusal.value.code == "context_length_exceeded"
    assert worker.ready()
    assert await vectors(worker, collect, "still there")


async def test_the_longest_input_is_read_whole(worker: ManagedWorker, collect: Collect) -> None:
    _, tokens = await vectors(worker, collect, "word " * 510)

    assert tokens == 512
