"""One running gateway for all client tests, and a narrow one that is easily full."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from running import Running, free_port, install
from scripted import ScriptedEngine

MODEL = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"


@pytest.fixture(scope="session")
def model_name() -> str:
    return MODEL


@pytest.fixture(scope="session")
def gateway(model_file: Path) -> Iterator[Running]:
    """A gateway as ``sekisho init`` makes it, with its defaults."""
    yield from _run(model_file)


@pytest.fixture(scope="session")
def narrow(model_file: Path) -> Iterator[Running]:
    """One slot, a queue of one, small bodies."""
    yield from _run(
        model_file, engine={"slots": 1, "queue": 1, "context_tokens": 2048}, server={"max_body_bytes": 20_000}
    )


@pytest.fixture(scope="module")
def short_of_words(model_file: Path) -> Iterator[Running]:
    """A gateway whose answers end soon, where a caller sets no end: the model often finds none."""
    yield from _run(model_file, engine={"context_tokens": 1536})


@pytest.fixture(scope="session")
def both(model_file: Path, embedding_file: Path) -> Iterator[Running]:
    """A gateway that serves a chat model and an embedding model."""
    yield from _run(model_file, embedding_file, fleet={"models": [{"model": MODEL}, {"model": EMBEDDER}]})


def _run(*weights: Path, **change: dict[str, Any]) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(folder, weights[0], **change)
    for file in weights[1:]:
        shutil.copyfile(file, folder / ".sekisho" / "store" / "sha256" / file.name)
    running = Running(folder)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(folder)


def _client(running: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=running.base + "/v1", api_key=running.key(), max_retries=0, timeout=60)


@pytest.fixture(scope="session")
def client(gateway: Running) -> Iterator[openai.OpenAI]:
    with _client(gateway) as client:
        yield client


@pytest.fixture(scope="session")
def narrow_client(narrow: Running) -> Iterator[openai.OpenAI]:
    with _client(narrow) as client:
        yield client


@pytest.fixture(scope="session")
def engine_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def before(model_file: Path, engine_port: int) -> Iterator[tuple[Running, str]]:
    """A gateway whose engine is scripted, and a key."""
    engine = {"kind": "openai-http", "url": f"http://127.0.0.1:{engine_port}", "model": "scripted"}
    for running in _run(model_file, engine=engine):
        yield running, running.key()


@pytest.fixture
async def engine(engine_port: int) -> AsyncIterator[ScriptedEngine]:
    async with ScriptedEngine(engine_port) as engine:
        yield engine
