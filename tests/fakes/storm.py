"""A storm: callers of every kind against one real gateway, while somebody kills its engine and its OPA.

What must hold, however the weather: never a 500, the process never ends by itself, it is ready again afterwards, its
log verifies, and every intent in it has exactly one outcome. :func:`blow` raises AssertionError otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from running import Running, descendants, sekisho

MODEL = "smollm2-135m-instruct"
WORDS = "press valve gauge torque shift weld paint robot axle bearing coolant fixture".split()
CALLERS = 6
READY_SECONDS = 60.0


@dataclass
class Weather:
    """What happened in one part of a storm."""

    seed: int
    seconds: float
    statuses: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    records: int = 0
    rss_kib_before: int = 0
    rss_kib_after: int = 0

    def summary(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "seconds": round(self.seconds),
            "answers": dict(sorted(self.statuses.items())),
            "kills": dict(sorted(self.kills.items())),
            "records": self.records,
            "rss_kib": [self.rss_kib_before, self.rss_kib_after],
        }


async def blow(running: Running, seed: int, seconds: float) -> Weather:
    """Send requests for ``seconds``, kill children now and then, then look whether all is well."""
    weather, key = Weather(seed, seconds), running.key(f"storm-{seed}")
    weather.rss_kib_before = rss_kib(running.pid)
    until = time.monotonic() + seconds
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session, asyncio.TaskGroup() as storm:
        for number in range(CALLERS):
            storm.create_task(_call(running, session, key, random.Random(f"{seed}-{number}"), until, weather))
        storm.create_task(_sabotage(running, random.Random(seed), until, weather))
    await _calm(running)
    weather.rss_kib_after = rss_kib(running.pid)
    weather.records = await asyncio.to_thread(_check_book, running)
    assert not weather.statuses["500"], weather.summary()
    assert weather.statuses["200"], weather.summary()
    return weather


async def _call(
    running: Running, session: aiohttp.ClientSession, key: str, dice: random.Random, until: float, weather: Weather
) -> None:
    while time.monotonic() < until:
        body, headers, patience = _request(dice, key)
        try:
            async with asyncio.timeout(patience):
                async with session.post(running.base + "/v1/chat/completions", json=body, headers=headers) as answer:
                    content = await answer.read()
            broken = b'"error"' in content and answer.status == 200
            weather.statuses["200 broken stream" if broken else str(answer.status)] += 1
        except TimeoutError:
            weather.statuses["hung up"] += 1
        await asyncio.sleep(dice.random() * 0.05)


def _request(dice: random.Random, key: str) -> tuple[dict[str, Any], dict[str, str], float]:
    """Return a body, headers, and how long the caller waits before it hangs up."""
    text = " ".join(dice.choices(WORDS, k=dice.randint(3, 40))) + f" {dice.random()} anna@example.com"
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": dice.choice((1, 4, 16, 48)),
        "stream": dice.random() < 0.6,
    }
    headers, patience = {"authorization": f"Bearer {key}"}, 100.0
    match dice.randrange(10):
        case 0:
            headers = {"authorization": "Bearer sk-sekisho-nobody"}
        case 1:
            body["messages"] = []
        case 2:
            body["model"] = "unknown"
        case 3 | 4:
            patience = dice.random()
    return body, headers, patience


async def _sabotage(running: Running, dice: random.Random, until: float, weather: Weather) -> None:
    while time.monotonic() + 5 < until:
        await asyncio.sleep(dice.uniform(3, 8))
        victims = descendants(running.pid)
        if victims and dice.random() < 0.7:
            os.kill(dice.choice(victims), signal.SIGKILL)
            weather.kills["child"] += 1


async def _calm(running: Running) -> None:
    """Wait until it is ready again."""
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(running.base + "/health/ready") as answer:
                if answer.status == 200:
                    return
            assert time.monotonic() < deadline, f"not ready {READY_SECONDS} s after the storm"
            await asyncio.sleep(0.2)


def _check_book(running: Running) -> int:
    """Return how many records there are; they verify, and intents and outcomes are one to one."""
    assert json.loads(sekisho(running.folder, "audit", "verify", "--json"))["ok"] is True
    out = running.folder / "storm.jsonl"
    sekisho(running.folder, "audit", "export", "--format", "jsonl", "--out", str(out), "--force")
    book = [json.loads(line) for line in out.read_text().splitlines()]
    intents = {record["sequence"] for record in book if record["type"] == "intent"}
    outcomes = Counter(record["intent"] for record in book if record["type"] == "outcome")
    assert intents == set(outcomes)
    assert set(outcomes.values()) <= {1}
    return len(book)


def rss_kib(pid: int) -> int:
    """Return the resident memory of one process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
