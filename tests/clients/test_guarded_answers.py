"""Answers guarded by a running gateway: what the engine invents is masked, and the book counts it by type."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from running import Running, free_port, install, sekisho
from scripted import ScriptedEngine

pytestmark = [pytest.mark.real, pytest.mark.slow]

PLACES = ("same-node", "same-site", "same-jurisdiction", "elsewhere", "external")
OWN, OTHER = "anna.schmidt@example.com", "otto.kern@example.net"
TURNS: list[Any] = [{"role": "user", "content": f"Send the order to {OWN}, please."}]
TOOL: Any = {"type": "function", "function": {"name": "send_mail", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def guarded(model_file: Path, repository: Path, port: int) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    policies = Path(shutil.copytree(repository / "policies", folder / "policies"))
    (policies / "data" / "output_guard.json").write_text(json.dumps(dict.fromkeys(PLACES, "redact")))
    engine = {"kind": "openai-http", "url": f"http://127.0.0.1:{port}", "model": "scripted"}
    install(folder, model_file, engine=engine, policy={"directory": str(policies)})
    running = Running(folder)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def key(guarded: Running) -> str:
    return guarded.key()


@pytest.fixture
async def client(guarded: Running, key: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=guarded.base + "/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
async def engine(port: int) -> AsyncIterator[ScriptedEngine]:
    async with ScriptedEngine(port) as engine:
        yield engine


def counted(running: Running) -> dict[str, int]:
    """Return what the newest outcome in the book says."""
    found = json.loads(sekisho(running.folder, "audit", "search", "--type", "outcome", "--json"))
    record: dict[str, Any] = found["data"][0]
    assert "otto" not in json.dumps(record)
    return dict(record["guarded"])


async def test_a_plain_answer(guarded: Running, client: openai.AsyncOpenAI, engine: ScriptedEngine) -> None:
    engine.answer = lambda body: [{"content": f"Not to {OWN} but {OTHER}."}]

    answer = await client.chat.completions.create(model="scripted", messages=TURNS)

    assert answer.choices[0].message.content == f"Not to {OWN} but <EMAIL_ADDRESS>."
    assert counted(guarded) == {"EMAIL_ADDRESS": 1}


async def test_a_stream(guarded: Running, client: openai.AsyncOpenAI, engine: ScriptedEngine) -> None:
    engine.answer = lambda body: [{"content": letter} for letter in f"Try {OTHER}. Or, once more, {OTHER}"]

    stream = await client.chat.completions.create(model="scripted", messages=TURNS, stream=True)
    said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert said == "Try <EMAIL_ADDRESS>. Or, once more, <EMAIL_ADDRESS>"
    assert counted(guarded) == {"EMAIL_ADDRESS": 2}


async def test_a_tool_call(guarded: Running, client: openai.AsyncOpenAI, engine: ScriptedEngine) -> None:
    function = {"name": "send_mail", "arguments": json.dumps({"to": OTHER})}
    engine.answer = lambda body: [{"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": function}]}]

    stream = await client.chat.completions.create(model="scripted", messages=TURNS, tools=[TOOL], stream=True)
    parts = [call async for chunk in stream if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]

    assert json.loads("".join(part.function.arguments or "" for part in parts)) == {"to": "<EMAIL_ADDRESS>"}
    assert counted(guarded) == {"EMAIL_ADDRESS": 1}


async def test_an_answer_without_others_data(
    guarded: Running, client: openai.AsyncOpenAI, engine: ScriptedEngine
) -> None:
    engine.answer = lambda body: [{"content": f"Sent to {OWN}."}]

    await client.chat.completions.create(model="scripted", messages=TURNS)

    assert counted(guarded) == {}
