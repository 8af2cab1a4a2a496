"""Kept answers of several workers are searched by all processes together, also those of workers that were killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from crews import EngineThread, ask, install_crew, verified
from redis_server import RedisServer
from running import Running, descendants, sekisho

from gateway import settings
from gateway.audit.content.store import SideStore
from gateway.keys.opening import open_keyring

pytestmark = [pytest.mark.real, pytest.mark.slow]

WHO = "takeshi.yamamoto@example.jp"
COUNT, ROUNDS = 150, 15


@pytest.fixture
def crew() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="sk-crew-", dir="/tmp") as name, EngineThread() as engine:
        folder = Path(name)
        redis = RedisServer(folder)
        redis.start()
        install_crew(folder / "h", engine.port, {"url": f"unix:{redis.socket}"})
        said = "projects: {acme/default: {keep_content_days: 30}}\n"
        (folder / "h" / "organisation.yaml").write_text(said, encoding="utf-8")
        engine.engine.answer = lambda body: [{"content": f"Write to {WHO}. " + "All is well. " * 4000}]
        served = Running(folder / "h")
        try:
            yield served.start()
        finally:
            served.stop()
            redis.stop()


def side_store(running: Running) -> SideStore:
    wanted = settings.load(str(running.folder / "sekisho.yaml"))
    return SideStore.of_installation(wanted, open_keyring(wanted).kept_tag_keys)


def test_killed_with_answers_unsearched_the_next_start_searches_them_and_an_erasure_reaches_all(crew: Running) -> None:
    key = crew.key("app")
    time.sleep(1)  # until every worker knows it
    for left in reversed(range(ROUNDS)):
        with ExitStack() as stack:
            if not left:
                stack.enter_context(side_store(crew).unsearched.erasing())  # nothing of the last round is searched
            assert {status for status, _ in asyncio.run(ask(crew.base, key, COUNT // ROUNDS))} == {200}
            for pid in () if left else (crew.pid, *descendants(crew.pid)):
                os.kill(pid, signal.SIGKILL)
    crew.stop()
    assert COUNT // ROUNDS <= len(side_store(crew).unsearched.waiting()) <= COUNT

    crew.start()
    given = ("audit", "erase", "--subject", WHO, "--reason", "art. 17", "--json")
    erased = json.loads(sekisho(crew.folder, *given))

    side = side_store(crew)
    kept = Counter(head.kind for _, head in side.heads())
    assert erased["answers_unsearched"] == 0
    assert (kept["answer"], kept["prompt"], erased["items_in_all"]) == (0, COUNT, COUNT)
    assert {path.name for path in side.unsearched.folder.iterdir()} <= {"lock"}
    crew.stop()
    verified(crew.folder)
