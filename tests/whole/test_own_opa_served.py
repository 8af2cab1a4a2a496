"""A gateway that asks a customer's own OPA on a Unix socket: frozen or gone, nothing passes; back, all is as before."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from running import Running, sekisho
from your_opa import TOKEN, YourOpa

from gateway.policy.life.revisions import Revision, Revisions

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

BOUND_SECONDS = 3.0  # of a refusal; the deadline is 250 ms, and other programs share the processors
REMEMBERED_SECONDS = 1.2  # no decision that is older than a second is used while it is not well
MODEL = "smollm2-135m-instruct"


@pytest.fixture
async def yours(opa_binary: Path, short_dir: Path) -> AsyncIterator[YourOpa]:
    """An OPA that is not started."""
    made = YourOpa(opa_binary, short_dir / "yours")
    yield made
    await made.stop()


class Asking:
    """A caller that counts whom the engine was asked for."""

    def __init__(self, session: aiohttp.ClientSession, running: Running) -> None:
        self._session, self._running = session, running
        self.answered = 0

    async def ask(self, data_class: str = "internal") -> tuple[int, str]:
        """Return the status, and the code of a refusal, which comes within :data:`BOUND_SECONDS`."""
        body = {"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "Say hello"}]}
        url, headers = f"{self._running.base}/v1/chat/completions", {"x-sekisho-class": data_class}
        began = time.monotonic()
        async with self._session.post(url, json=body, headers=headers) as answer:
            said: dict[str, Any] = await answer.json()
        self.answered += answer.status == 200
        assert answer.status == 200 or time.monotonic() - began < BOUND_SECONDS
        return answer.status, said.get("error", {}).get("code", "")

    async def until_answered(self) -> None:
        async with asyncio.timeout(60):
            while True:
                if (await self.ask())[0] == 200:
                    return
                await asyncio.sleep(0.1)


def prompts_that_left(running: Running) -> int:
    found = sekisho(running.folder, "audit", "search", "--type", "intent", "--limit", "1000", "--jsonl")
    return len(found.splitlines())


def in_force(running: Running) -> Revision:
    found = Revisions(running.folder / ".sekisho" / "state" / "policy").in_force()
    assert found
    return found


async def test_nothing_passes_while_it_is_frozen_or_gone_and_all_does_once_it_is_back(
    installed: Callable[..., Running], yours: YourOpa
) -> None:
    (yours.folder / "token").write_text(TOKEN)
    running = installed(policy={"url": yours.url, "token_file": str(yours.folder / "token")})
    revision = in_force(running)
    await yours.start(revision)
    await asyncio.to_thread(running.start)
    headers = {"authorization": f"Bearer {await asyncio.to_thread(running.key)}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        caller = Asking(session, running)
        await caller.until_answered()
        assert yours.process

        yours.process.send_signal(signal.SIGSTOP)
        frozen = await caller.ask("confidential")
        await asyncio.sleep(REMEMBERED_SECONDS)
        frozen_long = await caller.ask()
        yours.process.send_signal(signal.SIGCONT)
        await caller.until_answered()

        await yours.stop()
        gone = await caller.ask("confidential")
        await asyncio.sleep(REMEMBERED_SECONDS)
        gone_long = await caller.ask()
        await yours.start(revision)
        await caller.until_answered()

    assert frozen == (503, "policy.timeout")
    assert gone == gone_long == (503, "policy.unavailable")
    assert frozen_long in ((503, "policy.timeout"), (503, "policy.unavailable"))
    assert await asyncio.to_thread(prompts_that_left, running) == caller.answered
