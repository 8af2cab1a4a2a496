"""A canary on a served gateway: who tries it, what the record says of that, and what becomes of them when it fails.

The canary is a second worker of llama.cpp's, as somebody else would run it: the gateway knows its address and key only.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from running import Running, sekisho

from gateway.cli.server import SOCKET_NAME, Server
from gateway.domain import Caller
from gateway.engines.xllamacpp import ManagedWorker
from gateway.fleet.choose.cohort import is_in_cohort
from gateway.settings import EngineSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

MODEL = "smollm2-135m-instruct"
KEYS = 40
SHARE = 0.5
AT_ONCE = 2
LEFT_ALONE_AFTER = 5  # failures in a row, as the settings have it
NEW, OLD = f"plant/new/remote:{MODEL}", f"plant/node/w0:{MODEL}"

Views = list[dict[str, Any]]


@pytest.fixture
async def canary(model_file: Path, short_dir: Path) -> AsyncIterator[ManagedWorker]:
    """An engine that is not started."""
    settings = EngineSettings(threads=1, context_tokens=512, slots=2)
    worker = ManagedWorker(settings, weights=model_file, model=MODEL, run_dir=short_dir)
    yield worker
    await worker.stop()


@pytest.fixture
async def gateway(installed: Callable[..., Running], canary: ManagedWorker, short_dir: Path) -> Running:
    """A gateway that serves a model itself, with the canary beside it for a part of its callers."""
    (short_dir / "key").write_text(canary._secret)
    entry = {"name": "new", "model": MODEL, "url": f"unix:{canary._socket}", "api_key_file": str(short_dir / "key")}
    await canary.start()
    running = installed(
        engine={"threads": 1, "context_tokens": 512, "slots": 2},
        fleet={"engines": [{**entry, "external": False, "context_tokens": 512, "canary": SHARE}]},
    )
    return await asyncio.to_thread(running.start)


def make_keys(running: Running) -> Views:
    server = Server(running.folder / ".sekisho" / "run" / SOCKET_NAME)
    return [server.post("keys", {"name": f"caller-{number}", "tenant": "acme"}) for number in range(KEYS)]


def tries(key: dict[str, Any]) -> bool:
    caller: Any = SimpleNamespace(tenant="acme", key_id=key["id"])
    named: Caller = caller
    return is_in_cohort(NEW, named, SHARE)


async def ask_all(running: Running, keys: Views) -> Counter[int]:
    """Ask once with each key, :data:`AT_ONCE` at a time; returns the statuses."""
    statuses: Counter[int] = Counter()
    left = iter(keys)

    async def caller(session: aiohttp.ClientSession) -> None:
        for key in left:
            body = {"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "Say hello"}]}
            headers = {"authorization": f"Bearer {key['key']}"}
            async with session.post(f"{running.base}/v1/chat/completions", json=body, headers=headers) as answer:
                await answer.read()
                statuses[answer.status] += 1

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as callers:
        for _ in range(AT_ONCE):
            callers.create_task(caller(session))
    return statuses


def attempts(running: Running, seen: set[int]) -> Views:
    """Return the records of attempts that were not seen before."""
    found = sekisho(running.folder, "audit", "search", "--type", "intent", "--limit", "1000", "--jsonl")
    new = [each for each in map(json.loads, found.splitlines()) if each["sequence"] not in seen]
    seen.update(each["sequence"] for each in new)
    return new


def keys_at(records: Views, target: str) -> Counter[str]:
    return Counter(each["caller"]["key_id"] for each in records if each["target"]["id"] == target)


async def until_it_is_tried(running: Running) -> None:
    """Wait until it is known to serve again, and the pause after its failures is over."""
    server = Server(running.folder / ".sekisho" / "run" / SOCKET_NAME)
    async with asyncio.timeout(60):
        while True:
            shown = (await asyncio.to_thread(server.get, "fleet"))["models"]
            new = next(each for each in shown if each["target"] == NEW)
            if new["state"] == "serving" and not new["breaker"]["again_in_seconds"]:
                return
            await asyncio.sleep(0.1)


async def test_a_part_of_all_callers_tries_it_and_is_served_by_the_others_while_it_fails(
    gateway: Running, canary: ManagedWorker
) -> None:
    keys, seen = await asyncio.to_thread(make_keys, gateway), set[int]()
    everybody, inside = Counter(key["id"] for key in keys), Counter(key["id"] for key in keys if tries(key))
    assert 0.2 * KEYS < inside.total() < 0.8 * KEYS

    answered = await ask_all(gateway, keys)
    tried = attempts(gateway, seen)
    await canary.stop()
    answered_without = await ask_all(gateway, keys)
    reverted = attempts(gateway, seen)
    await canary.start()
    await until_it_is_tried(gateway)
    first = await ask_all(gateway, [next(key for key in keys if tries(key))])  # one finds it well, and all may come
    assert keys_at(attempts(gateway, seen), NEW).total() == first[200] == 1
    answered_again = await ask_all(gateway, keys)
    again = attempts(gateway, seen)

    assert answered == answered_without == answered_again == {200: KEYS}
    for records in (tried, again):
        assert keys_at(records, NEW) == inside
        assert keys_at(records, OLD) == everybody - inside
        assert all(each["choice"]["canary"] for each in records if each["target"]["id"] == NEW)
        assert not any(each["choice"]["canary"] for each in records if each["target"]["id"] == OLD if "choice" in each)
    assert keys_at(reverted, OLD) == everybody  # nobody was lost
    assert keys_at(reverted, NEW).total() <= LEFT_ALONE_AFTER + AT_ONCE  # those who found it gone: also asked elsewhere
