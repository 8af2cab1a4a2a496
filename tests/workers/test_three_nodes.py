"""Three nodes with one Redis, over TLS and with a password; one of them is killed amid its requests."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from crews import EngineThread, ask, install_crew, verified
from redis_server import RedisServer
from running import Running, free_port

pytestmark = pytest.mark.real

BOUND = 120
PASSWORD = "behind-the-gate"
LOST = "lost"


def protected_redis(folder: Path, port: int) -> RedisServer:
    """Return a Redis that speaks TLS alone and asks for a password; its certificate is its own authority."""
    key, cert = str(folder / "k.pem"), str(folder / "c.pem")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([*make, *subject], check=True, capture_output=True)
    tls = ("--tls-port", str(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
    return RedisServer(folder, "--port", "0", *tls, "--bind", "127.0.0.1", "--requirepass", PASSWORD)


@pytest.fixture
def nodes() -> Iterator[list[Running]]:
    """Three nodes of one site, each with a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="sk-3-", dir="/tmp") as name, EngineThread() as engine:
        folder, port, found = Path(name), free_port(), list[Running]()
        redis = protected_redis(folder, port)
        redis.start()
        (folder / "password").write_text(PASSWORD + "\n")
        files = {"ca": str(folder / "c.pem"), "password_file": str(folder / "password")}
        bound = {"acme": {"requests_per_minute": BOUND}}
        try:
            for number in (1, 2, 3):
                home = folder / f"n{number}"
                said = {"url": f"rediss://127.0.0.1:{port}", "timeout_seconds": 5.0, **files}
                change = {"site": {"node": f"n{number}"}, "limits": {"tenants": bound}}
                install_crew(home, engine.port, said, workers=1, **change)
                found.append(Running(home))
            for node in found:
                node.start()
            yield found
        finally:
            for node in found:
                node.stop()
            redis.stop()


async def outcome(node: Running, key: str) -> int | str:
    try:
        return (await ask(node.base, key, 1))[0][0]
    except aiohttp.ClientError:
        return LOST


async def storm(nodes: list[Running], keys: list[str]) -> list[list[int | str]]:
    """Ask all three at once; kill the second in between; go on with the others. Returns what came, by node."""
    came: list[list[int | str]] = [[], [], []]

    async def lane(number: int, count: int) -> None:
        for _ in range(count):
            came[number].append(await outcome(nodes[number], keys[number]))

    async def kill() -> None:
        while len(came[1]) < 15:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.002)
        nodes[1].process.send_signal(signal.SIGKILL)  # type: ignore[union-attr]  it was started

    async with asyncio.TaskGroup() as asking:
        for number in (0, 1, 2):
            for _ in range(6):
                asking.create_task(lane(number, 20))
        asking.create_task(kill())
    return came


def test_a_node_that_is_killed_takes_its_own_streams_and_nothing_else(nodes: list[Running]) -> None:
    keys = [node.key("of-the-site") for node in nodes]
    began = time.monotonic()
    came = asyncio.run(storm(nodes, keys))
    assert time.monotonic() - began < 55, "all of it must fall into the minute that the bound is about"
    counts = [Counter(each) for each in came]
    assert counts[0].keys() | counts[2].keys() <= {200, 429}, counts
    assert counts[1][LOST] > 0
    answered = sum(each[200] for each in counts)
    assert answered <= BOUND <= answered + 6, counts  # six lanes: so many requests at most were open in the killed one
    nodes[1].stop()  # collects it
    nodes[1].start()
    time.sleep(1.5)
    for node in nodes:
        records = verified(node.folder)
        ends = [r for r in records if r["type"] == "outcome"]
        assert len(ends) == sum(r["type"] == "intent" for r in records)
        assert {r["status"] for r in ends} <= ({"done", "interrupted"} if node is nodes[1] else {"done"})
