"""A served gateway under a break-glass grant: closed, opened by two, closed again, and all of it in the book."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from running import Running, sekisho

from gateway.policy.life.signers import create_private

pytestmark = [pytest.mark.real, pytest.mark.slow]

GLASS = ("policy", "break-glass")
ASKED = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 2}


async def ask(running: Running, key: str) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(running.base + "/v1/chat/completions", json=ASKED) as answer,
    ):
        return answer.status, await answer.text()


def approvers(running: Running) -> None:
    agreed: tuple[str, ...] = ()
    for name in ("ana", "ben"):
        key = running.folder / f"{name}.pem"
        public = create_private(key, "")
        sekisho(running.folder, "policy", "signer", "add", name, "--public-key", public, "--role", "approver", *agreed)
        agreed = ("--approve-with", str(key))  # the first approver agrees to the second


def records(running: Running) -> list[dict[str, Any]]:
    out = running.folder / "export.jsonl"
    sekisho(running.folder, "audit", "export", "--format", "jsonl", "--out", str(out), "--force")
    return [json.loads(line) for line in out.read_text().splitlines()]


async def test_a_grant_opens_while_it_holds_and_its_use_is_on_record(installed: Callable[..., Running]) -> None:
    running = installed().start()
    approvers(running)
    key = running.key("shanghai", project="recall", access_from="CN")
    other = running.key("elsewhere", project="other", access_from="CN")
    assert (await ask(running, key))[0] == 403

    wish = ("--project", "acme/recall", "--waive", "policy.residency_access", "--hours", "1", "--reason", "recall")
    grant = sekisho(running.folder, *GLASS, "request", *wish).strip()
    sekisho(running.folder, *GLASS, "sign", grant, "--key", "ana.pem")
    assert (await ask(running, key))[0] == 403
    sekisho(running.folder, *GLASS, "sign", grant, "--key", "ben.pem")
    assert (await ask(running, key))[0] == 200
    assert (await ask(running, other))[0] == 403

    sekisho(running.folder, *GLASS, "end", grant)
    assert (await ask(running, key))[0] == 403

    running.stop()  # an export ends with the last signed head, which is up to a second old while it runs
    book = records(running)
    used = [record for record in book if record["type"] == "intent" and "policy.break_glass" in json.dumps(record)]
    assert len(used) == 1
    assert grant in json.dumps(used[0])
    assert [record["type"] for record in book if record["type"].startswith("policy.break_glass")] == [
        "policy.break_glass_requested",
        "policy.break_glass_signed",
        "policy.break_glass_signed",
        "policy.break_glass_ended",
    ]
