"""Two workers on one address: requests, logs, limits, decisions, metrics, changes; really."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from crews import BODY, EngineThread, ask, install_crew, verified
from redis_server import RedisServer
from running import Running, command_line, descendants, sekisho

from gateway.cli.server import running_server
from gateway.cli.trouble import ServerRefusal

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def crew() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="sk-crew-", dir="/tmp") as name, EngineThread() as engine:
        folder = Path(name)
        redis = RedisServer(folder)
        redis.start()
        install_crew(folder / "h", engine.port, {"url": f"unix:{redis.socket}"})
        served = Running(folder / "h")
        served.engine = engine.engine  # type: ignore[attr-defined]  for a test that has it answer late
        try:
            served.start()
            await_all(served, 2)
            yield served
        finally:
            served.stop()
            redis.stop()


def await_all(crew: Running, workers: int) -> None:
    """Return once all workers tell their metrics."""
    deadline = time.monotonic() + 60
    while f"sekisho_workers {workers + 1}.0".encode() not in asyncio.run(fetched(crew.base, "", ["/metrics"]))[0][1]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


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


def test_a_limit_is_exact_across_workers(crew: Running) -> None:
    sekisho(crew.folder, "limits", "set", "tenant:bounded", "--requests-per-minute", "30")
    key = key_of(crew, "bounded", tenant="bounded")
    answers = asyncio.run(ask(crew.base, key, 300))
    statuses = [status for status, _ in answers]
    assert statuses.count(200) == 30
    assert statuses.count(429) == 270


def test_a_decision_and_its_receipt_are_found_whichever_worker_is_asked(crew: Running) -> None:
    key = key_of(crew, "asks")
    ids = asyncio.run(decision_ids(crew.base, key, 8))
    shown = asyncio.run(fetched(crew.base, key, [f"/v1/decisions/{each}" for each in ids for _ in range(6)]))
    assert {status for status, _ in shown} == {200}
    receipts = asyncio.run(fetched(crew.base, key, [f"/v1/decisions/{each}/receipt" for each in ids for _ in range(4)]))
    assert {status for status, _ in receipts} == {200}
    stranger = key_of(crew, "stranger", project="other")
    hidden = asyncio.run(fetched(crew.base, stranger, [f"/v1/decisions/{ids[0]}"] * 6))
    assert {status for status, _ in hidden} == {404}


def test_a_revoked_key_is_refused_by_every_worker_within_a_second(crew: Running) -> None:
    key = key_of(crew, "short")
    assert {status for status, _ in asyncio.run(ask(crew.base, key, 10))} == {200}
    sekisho(crew.folder, "keys", "revoke", "short")
    time.sleep(1)
    assert {status for status, _ in asyncio.run(ask(crew.base, key, 40))} == {401}


def test_metrics_of_any_worker_tell_of_all(crew: Running) -> None:
    key = key_of(crew, "counted")
    asyncio.run(ask(crew.base, key, 20))
    for _, raw in asyncio.run(fetched(crew.base, key, ["/metrics"] * 4)):
        text = raw.decode()
        assert "sekisho_workers 3.0" in text
        for worker in ("w1", "w2", "steward"):
            assert f'sekisho_ready{{room="audit",worker="{worker}"}} 1.0' in text


def test_what_would_reach_one_process_alone_is_refused(crew: Running) -> None:
    server = running_server(Path(crew.folder / ".sekisho/run"))
    assert server is not None
    with pytest.raises(ServerRefusal, match=r"server\.several_workers"):
        server.post("secrets/pepper/rotate", {})


def test_another_policy_is_in_force_at_every_worker_within_a_second(crew: Running) -> None:
    key = key_of(crew, "judged", tenant="judged")
    rules = crew.folder / "rules.csv"
    rules.write_text(rules.read_text().replace("GDPR art. 25", "GDPR art. 25(1)"))
    sekisho(crew.folder, "policy", "build")
    before = {r["decision"]["revision"] for r in verified(crew.folder) if r["type"] == "intent"}
    activated = json.loads(sekisho(crew.folder, "policy", "activate", "latest", "--json"))["revision"]
    time.sleep(1)
    assert {status for status, _ in asyncio.run(ask(crew.base, key, 40))} == {200}
    time.sleep(1.5)
    mine = [r for r in verified(crew.folder) if r["type"] == "intent" and r["caller"]["tenant"] == "judged"]
    assert {r["decision"]["revision"] for r in mine} == {activated}
    assert {r["origin"] for r in mine} == {"plant/node/w1", "plant/node/w2"}
    assert activated not in before


def test_a_worker_that_is_killed_comes_back_and_its_open_requests_are_interrupted(crew: Running) -> None:
    key, engine = key_of(crew, "killed"), crew.engine  # type: ignore[attr-defined]  the fixture's
    asked = threading.Event()

    def slow(body: dict[str, Any]) -> list[dict[str, Any]]:
        asked.set()
        time.sleep(2)
        return [{"content": "late"}]

    usual, engine.answer = engine.answer, slow
    broken = threading.Thread(target=lost_answer, args=(crew.base, key))
    broken.start()
    assert asked.wait(10)
    victims = workers_of(crew)
    for victim in victims:  # one of them has the request
        os.kill(victim, signal.SIGKILL)
    broken.join()
    engine.answer = usual
    deadline = time.monotonic() + 60
    while set(victims) & set(workers_of(crew)) or len(workers_of(crew)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answers = asyncio.run(ask(crew.base, key, 40))
    assert {status for status, _ in answers} == {200}, "what waited at their sockets was taken by their successors"
    time.sleep(1.5)
    ends = Counter(r["status"] for r in verified(crew.folder) if r["type"] == "outcome")
    assert ends["interrupted"] == 1


def test_while_a_worker_does_not_come_up_nobody_waits_for_it(crew: Running) -> None:
    key = key_of(crew, "crashing")
    victim, survivor = workers_of(crew)
    os.kill(victim, signal.SIGKILL)
    waits, end = [], time.monotonic() + 6
    while time.monotonic() < end:
        for newborn in set(workers_of(crew)) - {survivor}:
            with suppress(ProcessLookupError):
                os.kill(newborn, signal.SIGKILL)
        began = time.monotonic()
        assert [status for status, _ in asyncio.run(ask(crew.base, key, 4))] == [200] * 4
        waits.append(time.monotonic() - began)
    assert len(waits) > 5
    assert max(waits) < 3

    deadline = time.monotonic() + 60
    while len(workers_of(crew)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    await_all(crew, 2)


def test_a_batch_waits_for_what_another_worker_does(crew: Running) -> None:
    key, engine = key_of(crew, "batches"), crew.engine  # type: ignore[attr-defined]  the fixture's
    over(crew, key, batch_of(crew, key))
    runs_batches = {r["origin"] for r in verified(crew.folder) if r["type"] == "batch.line"}
    (other,) = {"w1", "w2"} - {origin.rpartition("/")[2] for origin in runs_batches}

    for _ in range(20):
        release = threading.Event()
        engine.before = until_set(release)
        asking = threading.Thread(target=asyncio.run, args=(ask(crew.base, key, 1),))
        asking.start()
        time.sleep(0.3)
        engine.before = None
        if load_of(crew, other) == [1, 0]:
            break
        release.set()
        asking.join(30)
    else:
        raise AssertionError("the other worker was never asked")
    try:
        batch = batch_of(crew, key)
        time.sleep(2)
        told = fetch_json(crew, key, f"/v1/batches/{batch}")
    finally:
        release.set()
        asking.join(30)

    assert (told["status"], told["request_counts"]["completed"]) == ("in_progress", 0)
    assert over(crew, key, batch)["request_counts"] == {"total": 1, "completed": 1, "failed": 0}


def until_set(release: threading.Event) -> Callable[[dict[str, Any]], Awaitable[None]]:
    async def wait(body: dict[str, Any]) -> None:
        while not release.is_set():  # noqa: ASYNC110  it is set in another thread
            await asyncio.sleep(0.02)

    return wait


def batch_of(crew: Running, key: str) -> str:
    """Make a batch of one line; returns its id."""
    line = {"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": BODY}

    async def make() -> str:
        form = aiohttp.FormData({"purpose": "batch"})
        form.add_field("file", json.dumps(line) + "\n", filename="a.jsonl")
        async with aiohttp.ClientSession(crew.base, headers={"authorization": f"Bearer {key}"}) as session:
            async with session.post("/v1/files", data=form) as answer:
                file = (await answer.json())["id"]
            wanted = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            async with session.post("/v1/batches", json=wanted) as answer:
                return str((await answer.json())["id"])

    return asyncio.run(make())


def over(crew: Running, key: str, batch: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (told := fetch_json(crew, key, f"/v1/batches/{batch}"))["status"] != "completed":
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told


def fetch_json(crew: Running, key: str, path: str) -> Any:
    return json.loads(asyncio.run(fetched(crew.base, key, [path]))[0][1])


def load_of(crew: Running, worker: str) -> list[int]:
    """Return what a worker tells the others of itself."""

    async def told() -> Any:
        path = str(crew.folder / ".sekisho/run" / worker / "crew.sock")
        connector = aiohttp.UnixConnector(path)
        async with aiohttp.ClientSession(connector=connector) as session, session.get("http://crew/load") as answer:
            return await answer.json()

    return list(asyncio.run(told()))


def test_replacing_all_loses_and_refuses_no_connection(crew: Running) -> None:
    key, before = key_of(crew, "replaced"), set(descendants(crew.pid))
    statuses = asyncio.run(steadily(crew, key, lambda: os.kill(crew.pid, signal.SIGHUP)))
    assert set(statuses) == {200}, Counter(statuses)
    assert len(statuses) > 100
    assert not before & set(workers_of(crew))
    time.sleep(1.5)
    records = [r for r in verified(crew.folder) if r["type"] in ("intent", "outcome")]
    assert sum(r["type"] == "intent" for r in records) == sum(r["type"] == "outcome" for r in records)


def lost_answer(base: str, key: str) -> None:
    """Ask for what will never come, since its worker is killed."""
    with contextlib.suppress(aiohttp.ClientError):
        asyncio.run(ask(base, key, 1))


def workers_of(crew: Running) -> list[int]:
    """Return the workers' process ids: all children of the supervisor but the steward, which has the admin socket."""
    children = [pid for pid in descendants(crew.pid) if "gateway.workers.child" in command_line(pid)]
    return [pid for pid in children if "/run/admin.sock" not in sockets_of(pid)]


def sockets_of(pid: int) -> str:
    """Return the paths of a process's Unix sockets, one a line."""
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
    paths = {row[6]: row[7] for row in rows if len(row) > 7}
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            links.append(str(each.readlink()))
    return "\n".join(paths.get(link.removeprefix("socket:[").rstrip("]"), "") for link in links)


async def steadily(crew: Running, key: str, disturb: Callable[[], None]) -> list[int | str]:
    """Ask on fresh connections, in eight lanes, while everything is replaced; return how each went."""
    went: list[int | str] = []
    old, done = set(workers_of(crew)), asyncio.Event()

    async def lane() -> None:
        while not done.is_set():
            try:
                went.append((await ask(crew.base, key, 1))[0][0])
            except aiohttp.ClientError as error:
                went.append(type(error).__name__)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(8):
            lanes.create_task(lane())
        await asyncio.sleep(0.5)
        disturb()
        async with asyncio.timeout(120):
            while old & set(await asyncio.to_thread(workers_of, crew)):  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        done.set()
    return went


def test_all_end_with_a_supervisor_that_is_killed(crew: Running) -> None:
    below = [pid for pid in descendants(crew.pid) if "gateway.workers.child" in command_line(pid)]
    assert len(below) == 3
    os.kill(crew.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any("gateway.workers.child" in command_line(pid) for pid in below):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.2)
    verified(crew.folder)


async def decision_ids(base: str, key: str, count: int) -> list[str]:
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}) as session:
        found = []
        for _ in range(count):
            async with session.post(
                f"{base}/v1/chat/completions", json=BODY, headers={"connection": "close"}
            ) as answer:
                await answer.read()
                found.append(answer.headers["x-sekisho-decision"])
    return found


async def fetched(base: str, key: str, paths: list[str]) -> list[tuple[int, bytes]]:
    """Get each path on a connection of its own, one after the other."""
    found = []
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, headers={"authorization": f"Bearer {key}"}) as session:
        for path in paths:
            async with session.get(base + path) as answer:
                found.append((answer.status, await answer.read()))
    return found
