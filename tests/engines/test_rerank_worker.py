"""The engine with a reranker: a real encoder with a head that is made here, so that what it must say is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import gguf
import numpy as np
import pytest
import pytest_asyncio

from gateway.domain import Capability, Chunk, Prompt
from gateway.engines.config import Extras
from gateway.engines.xllamacpp import ManagedWorker
from gateway.settings import EngineSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

RANK = 4  # llama.cpp, include/llama.h, LLAMA_POOLING_TYPE_RANK
WIDTH = 384


def with_a_head(encoder: Path, file: Path) -> Path:
    """Write the encoder again as a reranker, whose score is 10 times the first number of the pair's first token."""
    reader = gguf.GGUFReader(encoder)
    writer = gguf.GGUFWriter(file, "bert")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "bert.pooling_type"):
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
    writer.add_uint32("bert.pooling_type", RANK)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    first = np.zeros((1, WIDTH), "<f4")
    first[0, 0] = 10
    writer.add_tensor("cls.output.weight", first)
    writer.add_tensor("cls.output.bias", np.zeros(1, "<f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(
    embedding_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    worker_on: Callable[..., AbstractAsyncContextManager[ManagedWorker]],
) -> AsyncIterator[ManagedWorker]:
    weights = with_a_head(embedding_file, tmp_path_factory.mktemp("reranker") / "reranker.gguf")
    settings = EngineSettings(threads=2, context_tokens=512, slots=2)
    async with worker_on(weights, settings, extras=Extras(mode="rerank")) as running:
        yield running


async def scores(
    worker: ManagedWorker,
    collect: Callable[[ManagedWorker, Prompt], Awaitable[list[Chunk]]],
    query: str,
    documents: list[str],
) -> tuple[float, ...]:
    body = {"query": query, "documents": documents}
    (chunk,) = await collect(worker, Prompt("r", Capability.RERANK, body, stream=False))
    assert chunk.usage is not None
    assert chunk.usage.prompt_tokens >= 3 * len(documents)
    return chunk.scores


async def test_each_document_has_its_own_score_in_their_order(
    worker: ManagedWorker, collect: Callable[[ManagedWorker, Prompt], Awaitable[list[Chunk]]]
) -> None:
    documents = [f"document number {n} of the plant" for n in range(30)]

    together = await scores(worker, collect, "Which plant?", documents)
    alone = [(await scores(worker, collect, "Which plant?", [documents[n]]))[0] for n in (0, 17, 29)]

    assert len(set(together)) > 25
    assert [together[n] for n in (0, 17, 29)] == pytest.approx(alone, abs=0.01)


async def test_the_query_is_read_with_each_document(
    worker: ManagedWorker, collect: Callable[[ManagedWorker, Prompt], Awaitable[list[Chunk]]]
) -> None:
    one, other = [await scores(worker, collect, query, ["The press stopped."]) for query in ("Why?", "Who ate soup?")]

    assert abs(one[0] - other[0]) > 0.01
