"""Three models on a node where one fits at a time, through the whole house: nobody fails, nobody is cut off.

Short form: 45 requests. Long form, by ``make soak``: 1,000, in four parts of 250, each with chances of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml
from running import Running, sekisho

from gateway.registry.manifest import Manifest

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(3600)]

NAMES = ("one", "two", "three")
IS_LONG = os.environ.get("SEKISHO_TEST_PROFILE") == "soak"
PARTS, REQUESTS = (range(1, 5), 250) if IS_LONG else (range(1, 2), 45)
CALLERS = 6
ANSWER_TOKENS = 12


def three_models(running: Running, manifest: Manifest) -> None:
    """Give the demonstration model two more names of its own: three models for the fleet, one file in the store."""
    folder = running.folder / ".sekisho" / "state" / "models"
    folder.mkdir(parents=True)
    for name in NAMES:
        said = msgspec.to_builtins(msgspec.structs.replace(manifest, name=name, aliases=()))
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(said))


FLEET: dict[str, Any] = {
    "models": [{"model": name, "context_tokens": 512, "slots": 2} for name in NAMES],
    "memory_mib": 250,
    "turn_seconds": 2.0,
    "wait_seconds": 3000.0,  # who is patient is answered, on a machine with other work, too
}


async def one(session: aiohttp.ClientSession, base: str, model: str, stream: bool) -> str:
    """Ask once; returns how the answer ended, ``stop`` or ``length`` when it is whole."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Count from one to twenty."}],
        "max_tokens": ANSWER_TOKENS,
        "stream": stream,
    }
    async with session.post(f"{base}/v1/chat/completions", json=body) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        if not stream:
            return str(json.loads(text)["choices"][0]["finish_reason"])
        events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]", text
        ends = [choice["finish_reason"] for event in events[:-1] for choice in json.loads(event)["choices"]]
        return str(next(end for end in reversed(ends) if end))


async def storm(running: Running, key: str, seed: int) -> list[str]:
    """Let several callers ask for the models in no order, each in bursts of one model; returns how answers ended."""
    chance, ends, left = random.Random(seed), [], iter(range(REQUESTS))

    async def caller(session: aiohttp.ClientSession) -> None:
        model = chance.choice(NAMES)
        for _ in left:
            if chance.random() < 0.2:
                model = chance.choice(NAMES)
            ends.append(await one(session, running.base, model, chance.random() < 0.5))

    timeout, headers = aiohttp.ClientTimeout(total=3000), {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session, asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(caller(session))
    return ends


@pytest.mark.parametrize("part", PARTS, ids="part{}".format)
async def test_no_request_fails_and_no_answer_is_cut_while_models_make_room_for_each_other(
    installed: Callable[..., Running], model_manifest: Manifest, part: int
) -> None:
    running = installed(fleet=FLEET)
    three_models(running, model_manifest)
    running.start()
    key = running.key()

    ends = await storm(running, key, seed=6 + part)

    assert len(ends) == REQUESTS
    assert set(ends) <= {"stop", "length"}
    said = json.loads(sekisho(running.folder, "fleet", "status", "--json"))
    assert said["failures"] == 0
    assert said["evictions"] >= 2
    assert all((each["held"], each["waiting"]) == (0, 0) for each in said["models"])
    assert sum(each["state"] == "serving" for each in said["models"]) == 1
    price, budget = said["models"][0]["price_mib"]["ram"], FLEET["memory_mib"]
    assert price <= said["memory"]["ram"]["taken_mib"] <= budget < 2 * price  # one at a time
    assert on_record(running.folder) >= {"model.loaded", "model.unloaded"}


async def test_a_model_whose_file_is_damaged_is_refused_and_the_others_serve(
    installed: Callable[..., Running], model_manifest: Manifest
) -> None:
    running = installed(fleet={**FLEET, "models": [{"model": "one", "context_tokens": 512}, {"model": "two"}]})
    three_models(running, model_manifest)
    damaged = running.folder / ".sekisho" / "state" / "models" / "two.yaml"
    said = yaml.safe_load(damaged.read_text()) | {"sha256": "0" * 64}
    damaged.write_text(yaml.safe_dump(said))
    running.start()
    headers = {"authorization": f"Bearer {running.key()}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        body = {"model": "two", "messages": [{"role": "user", "content": "hello"}]}
        async with session.post(f"{running.base}/v1/chat/completions", json=body) as answer:
            refused = await answer.json()

        assert (answer.status, refused["error"]["code"]) == (503, "fleet.model_unfit")
        assert int(answer.headers["retry-after"]) >= 1
        assert await one(session, running.base, "one", stream=True) in ("stop", "length")
    assert "is not in the store" in sekisho(running.folder, "fleet", "status")
    assert "model.failed" in on_record(running.folder)


def on_record(folder: Path) -> set[str]:
    """Return the types of the log's administrative records."""
    found = sekisho(folder, "audit", "search", "--type", "model", "--limit", "1000", "--jsonl")
    return {json.loads(line)["type"] for line in found.splitlines()}
