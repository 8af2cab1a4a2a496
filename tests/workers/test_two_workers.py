"""Two workers on one address: requests, logs, limits, decisions, metrics, changes; really."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from crews import EngineThread, ask, install_crew, verified
from redis_server import RedisServer
from running import Running

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def crew() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="sk-crew-", dir="/tmp") as name, EngineThread() as engine:
        folder = Path(name)
        redis = RedisServer(folder)
        redis.start()
        install_crew(folder / "h", engine.port, {"url": f"unix:{redis.socket}"})
        served = Running(folder / "h")
        try:
            yield served.start()
        finally:
            served.stop()
            redis.stop()


def key_of(crew: Running, name: str, **options: str) -> str:
    """Make a key, and give every worker the second that it may take to know it."""
    key = crew.key(name, **options)
    time.sleep(1)
    return key


def test_both_workers_answer_and_every_log_verifies(crew: Running) -> None:
    key = key_of(crew, "both")
    answers = asyncio.run(ask(crew.base, key, 40))
    assert {status for status, _ in answers} == {200}
    time.sleep(1.5)  # a head covers the last of them
    intents = [r for r in verified(crew.folder) if r["type"] == "intent"]
    assert {r["origin"] for r in intents} == {"plant/node/w1", "plant/node/w2"}
    assert len({r["request"] for r in intents}) == 40
