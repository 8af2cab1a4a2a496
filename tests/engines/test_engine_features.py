"""What a real worker can do beside answering: adapters per request, a model that guesses ahead, kinds of cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest
import pytest_asyncio

from gateway.engines.config import Adapter, Extras
from gateway.engines.xllamacpp import ManagedWorker
from gateway.settings import EngineSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SMALL = EngineSettings(threads=2, context_tokens=512, slots=2)
WIDTH, RANK, LAYERS = 576, 4, 30  # of SmolLM2-135M


def write_adapter(path: Path, seed: int) -> Path:
    """Write a LoRA adapter of random numbers for the small model: each layer's output projection."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    numbers = np.random.default_rng(seed)
    for layer in range(LAYERS):
        name = f"blk.{layer}.attn_output.weight"
        writer.add_tensor(f"{name}.lora_a", numbers.normal(0, 0.3, (RANK, WIDTH)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", numbers.normal(0, 0.3, (WIDTH, RANK)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def adapted(
    worker_on: Any, model_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ManagedWorker]:
    folder = tmp_path_factory.mktemp("adapters")
    files = tuple(Adapter(name, write_adapter(folder / f"{name}.gguf", seed)) for seed, name in enumerate(("a", "b")))
    async with worker_on(model_file, SMALL, extras=Extras(adapters=files)) as worker:
        yield worker


async def test_an_adapter_acts_in_the_requests_that_name_it_and_in_no_other(
    adapted: Any, worker_on: Any, model_file: Path, chat: Any, collect: Any, text_of: Any
) -> None:
    said = {}
    for adapter in ("", "a", "b", ""):
        prompt = msgspec.structs.replace(chat("Name a colour."), adapter=adapter)
        text = text_of(await collect(adapted, prompt))
        assert said.setdefault(adapter, text) == text  # also after others were used
    async with worker_on(model_file, SMALL) as bare:
        without = text_of(await collect(bare, chat("Name a colour.")))

    assert said[""] == without
    assert len(set(said.values())) == 3


async def test_a_prompt_read_with_one_adapter_is_not_reused_with_another(adapted: Any, chat: Any, collect: Any) -> None:
    text, cached = "one two three four five six seven eight nine ten", []
    for adapter in ("a", "a", "b"):
        prompt = msgspec.structs.replace(chat(text, reuse=True), adapter=adapter)
        cached.append((await collect(adapted, prompt))[-1].usage.cached_tokens)

    assert cached[1] > 10
    assert cached[2] == 0


@pytest.mark.parametrize(
    ("changed", "drafts"),
    [({"flash_attention": "on"}, False), ({"flash_attention": "on", "kv_type": "q8_0"}, False), ({}, True)],
)
async def test_other_ways_to_compute_give_an_answer(
    worker_on: Any, model_file: Path, chat: Any, collect: Any, text_of: Any, changed: Any, drafts: bool
) -> None:
    settings = msgspec.structs.replace(SMALL, **changed)
    extras = Extras(draft=model_file) if drafts else Extras()
    async with worker_on(model_file, settings, extras=extras) as worker:
        chunks = await collect(worker, chat("Say hello."))

    assert text_of(chunks)
    assert chunks[-1].usage.completion_tokens == 8


async def test_an_engine_tells_what_it_took(adapted: Any, chat: Any, collect: Any) -> None:
    chunks = await collect(adapted, chat("Say hello."))
    timings = next(chunk.timings for chunk in chunks if chunk.timings is not None)

    assert timings.output_tokens == 8
    assert timings.prompt_tokens + timings.cached_tokens == chunks[-1].usage.prompt_tokens
    assert timings.output_seconds > 0
