"""Ten thousand requests of several processes race for what is left, and Redis gives exactly that."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisServer
from ulid import ULID

from gateway.house.redis_client import client
from gateway.identity.bounds import Rules
from gateway.identity.limits import OwnLimits
from gateway.identity.shared import SharedLimits
from gateway.settings import LimitSettings, RedisSettings, Settings

pytestmark = pytest.mark.real

RACING = Path(__file__).resolve().parents[1] / "fakes" / "racing.py"
REQUESTS, PROCESSES, TOKENS = 10_000, 4, 3
ACCOUNTS = ["key:k1", "project:t/p", "tenant:t", "model:m"]


@pytest.fixture
def redis(short_dir: Path) -> Iterator[RedisServer]:
    server = RedisServer(short_dir)
    server.start()
    yield server
    server.stop()


def race(redis: RedisServer, prefix: str, said: dict[str, Any]) -> Counter[str]:
    """Return how many of all requests got what; the processes begin when all of them are ready."""
    command = [sys.executable, str(RACING), str(redis.socket), prefix, str(REQUESTS // PROCESSES), json.dumps(said)]
    with ExitStack() as running:
        racers = [
            running.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(PROCESSES)
        ]
        assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * PROCESSES
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("go\n")
            racer.stdin.flush()
        told = [json.loads(racer.communicate(timeout=120)[0]) for racer in racers]
    return sum((Counter(each) for each in told), Counter())


async def left_of(redis: RedisServer, prefix: str) -> tuple[list[list[int]], list[int]]:
    """Return what each account has used, and how many leases each holds still."""
    settings = Settings(limits=LimitSettings(redis=RedisSettings(url=f"unix:{redis.socket}", timeout_seconds=60)))
    limits = SharedLimits(client(settings), prefix, OwnLimits(Rules(settings.limits)))
    await limits.start()
    try:
        used = await limits.used(ACCOUNTS)
        return used, [await limits._redis.zcard(f"{prefix}:o:{name}") for name in ACCOUNTS]
    finally:
        await limits.stop()


@pytest.mark.parametrize(
    ("said", "taken", "code"),
    [
        ({"tenants": {"t": {"tokens_per_day": 21_001}}}, 7000, "limits.tokens_per_day"),
        ({"requests_per_minute": 9_000, "prices": {"m": {"input": 0, "output": 1_000_000}}}, 9000, "limits.requests"),
    ],
    ids=["a budget of the tenant", "requests of the key"],
)
def test_ten_thousand_racing_requests_take_what_there_is_and_not_one_more(
    redis: RedisServer, said: dict[str, Any], taken: int, code: str
) -> None:
    prefix = f"{{{ULID()}}}"
    told = race(redis, prefix, {"concurrent_requests": 100_000, **said})
    used, held = asyncio.run(left_of(redis, prefix))

    assert told == Counter({"ok": taken, code: REQUESTS - taken})
    money = taken if "prices" in said else 0  # one token of each answer, at a micro-unit
    assert used == [[taken * TOKENS, money, taken * TOKENS, money]] * len(ACCOUNTS)
    assert held == [0] * len(ACCOUNTS)
