"""What an operator orders of the models of a served gateway: nobody who asks meanwhile loses an answer."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml
from running import Running, sekisho

from gateway.registry.manifest import Manifest

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

FLEET: dict[str, Any] = {"models": [{"model": name, "context_tokens": 512, "slots": 2} for name in ("one", "two")]}
ANSWER_TOKENS = 48
COULD_NOT = 3


def models(running: Running, manifest: Manifest) -> None:
    """Give the demonstration model two names of its own, and a third one to a copy that was damaged in the store."""
    folder = running.folder / ".sekisho" / "state" / "models"
    folder.mkdir(parents=True)
    plain = msgspec.to_builtins(msgspec.structs.replace(manifest, aliases=()))
    for change in ({"name": "one"}, {"name": "two"}, {"name": "damaged", "sha256": "0" * 64}):
        (folder / f"{change['name']}.yaml").write_text(yaml.safe_dump(plain | change))
    store = running.folder / ".sekisho" / "store" / "sha256"
    shutil.copyfile(store / manifest.sha256, store / ("0" * 64))


async def ask(session: aiohttp.ClientSession, base: str, began: Callable[[], None]) -> tuple[str, int]:
    """Ask for a streamed answer; returns how it ended, and its tokens."""
    body = {
        "model": "two",
        "messages": [{"role": "user", "content": "Count from one to fifty."}],
        "max_tokens": ANSWER_TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    events: list[Any] = []
    async with session.post(f"{base}/v1/chat/completions", json=body) as answer:
        assert answer.status == 200, await answer.text()
        async for line in answer.content:
            if line.startswith(b"data: {"):
                events.append(json.loads(line.removeprefix(b"data: ")))
                began()
    ends = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    return ends[-1], events[-1]["usage"]["completion_tokens"]


def state_of(running: Running, model: str) -> str:
    listed = json.loads(sekisho(running.folder, "models", "list", "--json"))["data"]
    (place,) = next(each["where"] for each in listed if each["name"] == model)
    return str(place["state"])


async def unload_amid(running: Running, key: str) -> list[tuple[str, int]]:
    """Have the model sent out while two are answered and two wait; returns how the four answers ended."""
    begun = asyncio.Event()
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as callers:
        asked = [callers.create_task(ask(session, running.base, begun.set)) for _ in range(4)]
        await begun.wait()
        await asyncio.to_thread(sekisho, running.folder, "models", "unload", "two")
    return [each.result() for each in asked]


def times_on_record(running: Running, what: str) -> int:
    found = sekisho(running.folder, "audit", "search", "--type", what, "--limit", "1000", "--jsonl")
    return sum(json.loads(line)["details"]["model"] == "two" for line in found.splitlines())


async def test_a_model_is_sent_out_after_its_last_answer_and_comes_back_for_who_asked_meanwhile(
    installed: Callable[..., Running], model_manifest: Manifest
) -> None:
    running = installed(fleet=FLEET)
    models(running, model_manifest)
    await asyncio.to_thread(running.start)
    key = await asyncio.to_thread(running.key)

    sekisho(running.folder, "models", "load", "two")
    ends = await unload_amid(running, key)
    back = state_of(running, "two")
    sekisho(running.folder, "models", "unload", "two")
    gone = state_of(running, "two")
    sekisho(running.folder, "models", "load", "damaged", code=COULD_NOT)

    assert (back, gone) == ("serving", "absent")
    assert all(end == "stop" or (end, tokens) == ("length", ANSWER_TOKENS) for end, tokens in ends)
    assert (times_on_record(running, "model.loaded"), times_on_record(running, "model.unloaded")) == (2, 2)
    assert state_of(running, "one") == "serving"
