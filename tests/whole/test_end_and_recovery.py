"""How a gateway ends, in order and out of it, and what the book says afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from running import Running, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

LONG: dict[str, Any] = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Tell me about presses."}],
    "max_tokens": 60,
    "logit_bias": {"2": -100},
    "stream": True,
}


class Caller:
    def __init__(self, running: Running, key: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = running.base + "/v1/chat/completions", session
        self.headers = {"authorization": f"Bearer {key}"}
        self.status, self.content = 0, b""
        self.first = asyncio.Event()

    async def ask(self, body: dict[str, Any]) -> None:
        async with self.session.post(self.url, json=body, headers=self.headers) as answer:
            self.status = answer.status
            async for part in answer.content.iter_any():
                self.content += part
                self.first.set()


def records(running: Running) -> list[dict[str, Any]]:
    out = running.folder / "export.jsonl"
    sekisho(running.folder, "audit", "export", "--format", "jsonl", "--out", str(out), "--force")
    return [json.loads(line) for line in out.read_text().splitlines()]


async def test_sigterm_lets_those_inside_finish_and_refuses_the_rest(installed: Callable[..., Running]) -> None:
    running = installed().start()
    key = running.key()
    async with aiohttp.ClientSession() as session:
        inside, late = Caller(running, key, session), Caller(running, key, session)
        asking = asyncio.ensure_future(inside.ask(LONG))
        await inside.first.wait()

        os.kill(running.pid, signal.SIGTERM)
        await asyncio.sleep(0.2)
        await late.ask(LONG)
        await asking

    assert (late.status, json.loads(late.content)["error"]["code"]) == (503, "server.closing")
    assert inside.content.endswith(b"data: [DONE]\n\n")
    assert running.stop() == 0
    assert json.loads(sekisho(running.folder, "audit", "verify", "--json"))["ok"] is True


async def test_those_who_outlive_the_grace_time_are_told(installed: Callable[..., Running]) -> None:
    running = installed(server={"grace_seconds": 0.5}).start()
    async with aiohttp.ClientSession() as session:
        caller = Caller(running, running.key(), session)
        asking = asyncio.ensure_future(caller.ask({**LONG, "max_tokens": 3000}))
        await caller.first.wait()

        os.kill(running.pid, signal.SIGTERM)
        await asking

    assert b'"code":"server.closing"' in caller.content
    assert b"[DONE]" not in caller.content
    assert running.stop() == 0
    own = [record for record in records(running) if record["origin"] == "plant/node/w0"]
    assert [record["status"] for record in own if record["type"] == "outcome"] == ["interrupted"]
    assert own[-1]["type"] == "admin.stopped"
    (started,) = [record["details"] for record in own if record["type"] == "config"]
    assert len(started["settings_sha256"]) == 64
    assert started["opa"].startswith("opa/")
    assert all(started[name] for name in ("version", "detector", "engine", "model"))


async def test_a_killed_gateway_leaves_an_intent_that_is_closed_on_restart(installed: Callable[..., Running]) -> None:
    running = installed().start()
    key = running.key()
    async with aiohttp.ClientSession() as session:
        caller = Caller(running, key, session)
        asking = asyncio.ensure_future(caller.ask(LONG))
        await caller.first.wait()
        running.stop(signal.SIGKILL)
        await asyncio.gather(asking, return_exceptions=True)

    running.start()

    book = records(running)
    intents = [record for record in book if record["type"] == "intent"]
    outcomes = [record for record in book if record["type"] == "outcome"]
    assert len(intents) == len(outcomes) == 1
    assert outcomes[0]["status"] == "interrupted"
    assert json.loads(sekisho(running.folder, "audit", "verify", "--json"))["ok"] is True


def test_the_children_die_with_the_gateway(installed: Callable[..., Running]) -> None:
    running = installed().start()
    children = [running.child("gateway.engines"), running.child("opa")]

    running.stop(signal.SIGKILL)

    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in children)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_an_engine_that_is_killed_is_back_within_two_seconds(installed: Callable[..., Running]) -> None:
    running = installed().start()
    key = running.key()
    async with aiohttp.ClientSession() as session:
        took = [await _kill_and_wait(running, Caller(running, key, session), key) for _ in range(3)]

    assert min(took) < 2.0  # the best of three: other programs share this machine


async def _kill_and_wait(running: Running, caller: Caller, key: str) -> float:
    """Kill the engine during an answer; return how long until it gives a first token again."""
    asking = asyncio.ensure_future(caller.ask({**LONG, "max_tokens": 1000}))
    await caller.first.wait()
    os.kill(running.child("gateway.engines"), signal.SIGKILL)
    killed = time.monotonic()
    await asking
    assert b'"code":"engine.' in caller.content
    assert b"[DONE]" not in caller.content
    after = Caller(running, key, caller.session)
    while after.status != 200:
        after = Caller(running, key, caller.session)
        await after.ask({**LONG, "max_tokens": 1})
    return time.monotonic() - killed


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGSTOP, "policy.timeout"), (signal.SIGKILL, "policy.unavailable")]
)
async def test_without_a_decision_every_request_is_refused(
    installed: Callable[..., Running], number: signal.Signals, code: str
) -> None:
    running = installed().start()
    key, opa = running.key(), running.child("opa")

    os.kill(opa, number)
    async with aiohttp.ClientSession() as session:
        caller = Caller(running, key, session)
        await caller.ask(LONG)
    if number == signal.SIGSTOP:
        os.kill(opa, signal.SIGCONT)
    await asyncio.sleep(1.5)  # an export ends at the last checkpoint, which is at most a second old

    assert (caller.status, json.loads(caller.content)["error"]["code"]) == (503, code)
    assert [record["type"] for record in records(running) if record["type"] in ("intent", "denial")] == ["denial"]


async def test_a_log_that_is_moved_away_stops_the_gate(installed: Callable[..., Running]) -> None:
    running = installed().start()
    key = running.key()
    audit = running.folder / ".sekisho" / "audit"
    audit.rename(running.folder / "elsewhere")
    await asyncio.sleep(1.5)

    async with aiohttp.ClientSession() as session:
        caller = Caller(running, key, session)
        await caller.ask(LONG)
        async with session.get(running.base + "/health/ready") as answer:
            ready = answer.status

    assert (caller.status, ready) == (503, 503)
    assert json.loads(caller.content)["error"]["code"].startswith("audit.")
