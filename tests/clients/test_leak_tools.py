"""Others' leak tests against the whole gateway, its answers guarded: ``pii-leak-benchmark`` and ``canarywire``.

Both play the engine and the client, and see what crosses in between: nothing of a caller's may reach the engine, all of
it must come back, and what the engine invents must not come out, however its stream was cut.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from running import Running, free_port, install

pytestmark = [pytest.mark.real, pytest.mark.slow]

MODEL = "canarywire-test"  # canarywire asks for no other
PLACES = ("same-node", "same-site", "same-jurisdiction", "elsewhere", "external")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def port() -> int:
    """Where the tools play the engine."""
    return free_port()


@pytest.fixture(scope="module")
def guarded(model_file: Path, repository: Path, port: int) -> Iterator[tuple[Running, str]]:
    """A gateway that masks what answers may not hold, and a key."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    policies = Path(shutil.copytree(repository / "policies", folder / "policies"))
    (policies / "data" / "output_guard.json").write_text(json.dumps(dict.fromkeys(PLACES, "redact")))
    engine = {"kind": "openai-http", "url": f"http://127.0.0.1:{port}", "model": MODEL}
    never = {"failures": 0}  # the tools' engine breaks off every other answer
    install(folder, model_file, engine=engine, policy={"directory": str(policies)}, fleet=never)
    running = Running(folder)
    try:
        yield running.start(), running.key()
    finally:
        running.stop()
        shutil.rmtree(folder)


def run(folder: Path, name: str, *arguments: str, **environment: str) -> str:
    """Run a tool; it must say that all is well. Returns what it printed."""
    command = [str(BIN / name), *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_no_split_leaks_and_all_comes_back(guarded: tuple[Running, str], port: int, tmp_path: Path) -> None:
    running, key = guarded
    url, out = running.base + "/v1/chat/completions", tmp_path / "out"

    said = run(
        tmp_path, "pii-leak-benchmark-v2", "--out", str(out), "--json-out", str(out / "s.json"), "--only", "sekisho",
        "--gateway-url", url, "--upstream-port", str(port), "--model", MODEL, "--seed", "a1b2c3d4e5f60001",
        "--exhaustive-splits", "--partial-emission", CONFORMANCE_TARGET_API_KEY=key,
    )  # fmt: skip

    row = json.loads((out / "s.json").read_text())["rows"][0]
    assert (row["fidelity_rate"], row["leak_single_chunk"], row["leak_adversarial"]) == (1.0, 0.0, 0.0)
    assert (row["outcome"], row["request_path_leak"]) == ("pass", [])
    assert (row["cases_attempted"], row["inconclusive"]) == (32, 8)  # those put a value under a key we refuse: 400
    assert "partial-emission=0.0" in said


@pytest.fixture
async def relay(guarded: tuple[Running, str]) -> AsyncIterator[str]:
    """The gateway's address with the key put in, for a client that has none."""
    running, key = guarded

    async def pass_on(request: web.Request) -> web.StreamResponse:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        async with ClientSession() as session:
            body = await request.read()
            async with session.post(running.base + request.path, data=body, headers=headers) as answer:
                kind = {"content-type": answer.headers["content-type"]}
                response = web.StreamResponse(status=answer.status, headers=kind)
                await response.prepare(request)
                async for part in answer.content.iter_any():
                    await response.write(part)
                return response

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{path:.*}", pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
def capture(port: int, tmp_path: Path) -> Iterator[str]:
    """Canarywire's engine."""
    command = [str(BIN / "canarywire"), "serve", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


async def test_every_canary_stays_inside_and_comes_back(relay: str, capture: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        f"target:\n  base_url: {relay}\n  routes:\n    - {{protocol: openai-chat, path: /v1/chat/completions}}\n"
    )
    arguments = ["run", "--config", "c.yaml", "--capture", capture, "--seed", "7", "--out", "out"]

    await asyncio.to_thread(run, tmp_path, "canarywire", *arguments, "--generators", "baseline,fragmentation")

    report: dict[str, Any] = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["outcome"] == "pass"
    assert report["capture"]["requests"] >= 30
    assert report["negative_control"]["caught"]
