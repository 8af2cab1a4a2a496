"""A served gateway that keeps what policy says: digests in the records, sealed in the side store until it is erased."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from running import Running, sekisho

from gateway import settings
from gateway.audit.content.store import SideStore
from gateway.audit.log.reader import logs, search
from gateway.keys.opening import open_keyring
from gateway.policy.life.signers import create_private

pytestmark = [pytest.mark.real, pytest.mark.slow]

MODEL = "smollm2-135m-instruct"
PROMPT = "My name is Anna Lindqvist. Say hello."


@pytest.fixture
def keeping(installed: Callable[..., Running]) -> Running:
    running = installed()
    said = "projects: {acme/default: {keep_content_days: 30}}\n"
    (running.folder / "organisation.yaml").write_text(said, encoding="utf-8")
    return running.start()


async def ask(running: Running, key: str, **more: Any) -> tuple[int, str]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 4, **more}
    headers = {"authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(running.base + "/v1/chat/completions", json=body) as answer,
    ):
        return answer.status, await answer.text()


def records(running: Running, type: str) -> list[dict[str, Any]]:
    found = [record for log in logs(running.folder / ".sekisho" / "audit") for record in search(log)]
    return [record for record in found if record["type"] == type]


async def outcomes_of(running: Running, count: int) -> list[dict[str, Any]]:
    """Return the outcomes once there are that many: the last one is written after its answer was sent."""
    async with asyncio.timeout(20):
        while len(found := records(running, "outcome")) < count:  # noqa: ASYNC110 - another process writes them
            await asyncio.sleep(0.05)
    return found


def side_store(running: Running) -> SideStore:
    wanted = settings.load(str(running.folder / "sekisho.yaml"))
    return SideStore.of_installation(wanted, open_keyring(wanted).kept_tag_keys)


def opened(running: Running, kept: dict[str, str]) -> Any:
    """Return an item's content, which must be what the record's digest is of."""
    side = side_store(running)
    path = side.find(kept["item"])
    assert path
    _, content, digest = side.open(path)
    assert digest == kept["sha256"]
    return json.loads(content)


def officers(running: Running) -> None:
    for name, role in (("ada", "auditor"), ("dan", "privacy-officer")):
        public = create_private(running.folder / f"{name}.pem", "")
        sekisho(running.folder, "policy", "signer", "add", name, "--public-key", public, "--role", role)


def streamed(text: str) -> str:
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"])


async def test_prompt_and_answer_are_kept_as_the_caller_has_them(keeping: Running) -> None:
    key = keeping.key()
    status, plain = await ask(keeping, key)
    streaming_status, stream = await ask(keeping, key, stream=True)
    assert (status, streaming_status) == (200, 200)

    intents, outcomes = records(keeping, "intent"), await outcomes_of(keeping, 2)
    prompt = opened(keeping, intents[0]["content"])
    assert prompt["asked"]["messages"][0]["content"] == PROMPT
    assert "Lindqvist" not in json.dumps(prompt["sent"])
    shown = [json.loads(plain)["choices"][0]["message"]["content"], streamed(stream)]
    kept = [opened(keeping, outcome["content"])["choices"][0].get("content", "") for outcome in outcomes]
    assert kept == shown


async def test_after_kill_9_the_prompt_of_what_was_sent_is_there(keeping: Running) -> None:
    key = keeping.key()
    assert (await ask(keeping, key))[0] == 200
    keeping.stop(signal.SIGKILL)

    (intent,) = records(keeping, "intent")
    assert opened(keeping, intent["content"])["asked"]["messages"][0]["content"] == PROMPT


async def test_a_person_is_shown_and_erased_while_it_runs_and_the_log_verifies(keeping: Running) -> None:
    key = keeping.key("portal", "--vouches-for-users")
    officers(keeping)
    for user in ("u-4711", "u-4712"):
        assert (await ask(keeping, key, safety_identifier=user))[0] == 200
    named = ("--subject", "u-4711")
    subject = ("audit", "subject")

    id_ = sekisho(keeping.folder, *subject, "request", *named, "--reason", "art. 15").strip()
    for name in ("ada", "dan"):
        sekisho(keeping.folder, *subject, "sign", id_, "--key", f"{name}.pem")
    held = json.loads(sekisho(keeping.folder, *subject, "show", id_, *named, "--key", "dan.pem", "--json"))
    assert len(held["decisions"]) == 1
    assert [item["kind"] for item in held["content"]] == ["prompt", "answer"]
    assert PROMPT in held["content"][0]["value"]

    sekisho(keeping.folder, "audit", "erase", *named, "--reason", "art. 17")
    after = json.loads(sekisho(keeping.folder, *subject, "show", id_, *named, "--json"))
    assert (after["decisions"], after["content"]) == ([], [])
    assert len(list(side_store(keeping).heads())) == 2
    assert (await ask(keeping, key, safety_identifier="u-4711"))[0] == 200
    keeping.stop()
    sekisho(keeping.folder, "audit", "verify")
    intents = records(keeping, "intent")
    assert len({intent["caller"]["person"] for intent in intents}) == 3
    assert "u-471" not in json.dumps(intents)


def put_in_the_way(path: Path) -> None:
    path.write_text("not a folder")


async def test_what_cannot_be_kept_is_refused_and_not_sent(keeping: Running) -> None:
    key = keeping.key()
    put_in_the_way(keeping.folder / ".sekisho" / "content")

    status, said = await ask(keeping, key)

    assert status == 503
    assert json.loads(said)["error"]["code"] == "audit.content_unavailable"
    assert records(keeping, "intent") == []
    assert [record["code"] for record in records(keeping, "denial")] == ["audit.content_unavailable"]
