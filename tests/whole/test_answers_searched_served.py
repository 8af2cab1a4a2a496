"""A served gateway reaches by an erasure whom only an answer names: kept answers, kept responses, lines of batches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from running import Running, free_port, sekisho
from scripted import ScriptedEngine

from gateway import settings
from gateway.audit.content.store import SideStore
from gateway.audit.log.reader import logs, search
from gateway.keys.opening import open_keyring

pytestmark = [pytest.mark.real, pytest.mark.slow]

PORT = free_port()
MODEL = "scripted"
WHO = "takeshi.yamamoto@example.jp"
SAID = f"Your contact is Takeshi Yamamoto, {WHO}."
ASK = [{"role": "user", "content": "Whom do I call about the press line?"}]


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with ScriptedEngine(PORT) as engine:
        engine.answer = lambda body: [{"content": SAID}]
        yield engine


@pytest.fixture
async def running(engine: ScriptedEngine, installed: Callable[..., Running]) -> Running:
    spoken = {"kind": "openai-http", "url": f"http://127.0.0.1:{PORT}", "model": "scripted"}
    running = installed(engine=spoken, batches={"quiet_seconds": 0})
    (running.folder / "organisation.yaml").write_text("projects: {acme/default: {keep_content_days: 30}}\n")
    return await asyncio.to_thread(running.start)


def client_of(running: Running, *more: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=running.base + "/v1", api_key=running.key("app", *more), max_retries=0)


async def erase(running: Running) -> dict[str, Any]:
    given = ("audit", "erase", "--subject", WHO, "--reason", "art. 17", "--json")
    return dict(json.loads(await asyncio.to_thread(sekisho, running.folder, *given)))


def side_store(running: Running) -> SideStore:
    wanted = settings.load(str(running.folder / "sekisho.yaml"))
    return SideStore.of_installation(wanted, open_keyring(wanted).kept_tag_keys)


def kinds(running: Running) -> list[str]:
    return sorted(head.kind for _, head in side_store(running).heads())


async def outcomes(running: Running, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while True:
            found = [r for log in logs(running.folder / ".sekisho" / "audit") for r in search(log)]
            ended = [record for record in found if record["type"] == "outcome"]
            if len(ended) >= count:
                return ended
            await asyncio.sleep(0.05)


async def test_an_answer_goes_with_whom_it_names_and_its_prompt_stays(running: Running) -> None:
    async with client_of(running) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=ASK)  # type: ignore[arg-type]
    assert answer.choices[0].message.content == SAID
    (outcome,) = await outcomes(running, 1)
    assert kinds(running) == ["answer", "prompt"]

    erased = await erase(running)

    assert (erased["items"], erased["answers_unsearched"]) == ([outcome["content"]["item"]], 0)
    assert erased["keys"] >= 1
    assert kinds(running) == ["prompt"]


async def test_an_answer_under_an_end_user_is_that_persons_alone(running: Running) -> None:
    async with client_of(running, "--vouches-for-users") as client:
        await client.chat.completions.create(
            model=MODEL,
            messages=ASK,  # type: ignore[arg-type]
            safety_identifier="u-4711",
        )
    await outcomes(running, 1)

    assert side_store(running).unsearched.waiting() == []
    assert all(len(head.persons) == 1 for _, head in side_store(running).heads())


async def test_a_kept_response_is_found_no_more(running: Running) -> None:
    async with client_of(running) as client:
        made = await client.responses.create(model=MODEL, input="Whom do I call?", store=True)
        assert (await client.responses.retrieve(made.id)).output_text == SAID
        await outcomes(running, 1)

        erased = await erase(running)

        assert erased["answers_unsearched"] == 0
        assert made.id.removeprefix("resp_") in erased["items"]
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)


async def test_the_output_of_a_batch_goes_with_whom_a_line_names(running: Running) -> None:
    asked = {"model": MODEL, "messages": ASK}
    line = {"custom_id": "r-1", "method": "POST", "url": "/v1/chat/completions", "body": asked}
    async with client_of(running) as client:
        file = await client.files.create(file=("r.jsonl", json.dumps(line).encode()), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        async with asyncio.timeout(60):
            while (over := await client.batches.retrieve(batch.id)).status != "completed":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert over.output_file_id
        assert SAID in (await client.files.content(over.output_file_id)).text

        erased = await erase(running)

        assert over.output_file_id.removeprefix("file-") in erased["items"]
        with pytest.raises(openai.NotFoundError):
            await client.files.content(over.output_file_id)
        assert (await client.files.retrieve(file.id)).status == "processed"
