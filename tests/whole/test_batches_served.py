"""A served gateway's batches over a kill, an erasure and a revoked key; and that no text of them lies open."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from left_behind import files_of
from running import Running, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

MODEL = "smollm2-135m-instruct"
CANARY = "heliotrope-canary-4711"
ENDED = ("completed", "failed", "expired", "cancelled")
PARALLEL = 2


_clients: list[openai.OpenAI] = []


def client_of(running: Running, key: str) -> openai.OpenAI:
    _clients.append(openai.OpenAI(base_url=running.base + "/v1", api_key=key, max_retries=0, timeout=60))
    return _clients[-1]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _clients:
        _clients.pop().close()


def begun(client: openai.OpenAI, count: int, **body: Any) -> Any:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": f"{CANARY} is the word."}], "max_tokens": 16}
    lines = [
        {"custom_id": f"r-{n}", "method": "POST", "url": "/v1/chat/completions", "body": {**asked, **body}}
        for n in range(1, count + 1)
    ]
    file = client.files.create(file=("r.jsonl", "\n".join(map(json.dumps, lines)).encode()), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def until(client: openai.OpenAI, batch_id: str, is_so: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 150
    while not is_so(batch := client.batches.retrieve(batch_id)):
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)
    return batch


def is_over(batch: Any) -> bool:
    return batch.status in ENDED


def lines_sent(running: Running) -> Counter[int]:
    """Return how often each line of a batch was sent, as the log has it."""
    out = running.folder / "export.jsonl"
    sekisho(running.folder, "audit", "export", "--format", "jsonl", "--out", str(out), "--force")
    found = [json.loads(line) for line in out.read_text().splitlines()]
    return Counter(record["details"]["batch"]["line"] for record in found if record["type"] == "batch.line")


@pytest.fixture
def fresh(installed: Callable[..., Running]) -> Running:
    return installed(batches={"quiet_seconds": 0, "parallel": PARALLEL}).start()


def test_a_batch_goes_on_after_a_kill(fresh: Running) -> None:
    client = client_of(fresh, fresh.key())
    batch = begun(client, 30)
    before = until(client, batch.id, lambda now: now.request_counts.completed >= 5)
    fresh.stop(signal.SIGKILL)
    assert before.status == "in_progress"
    assert [path for path, data in files_of(fresh.folder).items() if CANARY.encode() in data] == []

    fresh.start()

    seen = json.loads(sekisho(fresh.folder, "batches", "list", "--unfinished", "--json"))["data"]
    assert [view["id"] for view in seen] == [batch.id]
    assert CANARY not in sekisho(fresh.folder, "batches", "show", batch.id)
    over = until(client, batch.id, is_over)
    assert over.status == "completed"
    assert over.request_counts.to_dict() == {"total": 30, "completed": 30, "failed": 0}
    lines = [json.loads(line) for line in client.files.content(over.output_file_id).text.splitlines()]
    assert sorted(line["custom_id"] for line in lines) == sorted(f"r-{n}" for n in range(1, 31))
    fresh.stop()  # in order: a head covers its last records, too, and an export reads what one covers
    sent = lines_sent(fresh)
    assert set(sent) == set(range(1, 31))
    assert sum(sent.values()) - 30 <= PARALLEL


def test_an_erased_person_ends_what_was_made_of_it(fresh: Running) -> None:
    client = client_of(fresh, fresh.key("portal", "--vouches-for-users"))
    theirs, others = (begun(client, 1, safety_identifier=user) for user in ("u-1", "u-2"))
    ended = [until(client, batch.id, is_over).output_file_id for batch in (theirs, others)]

    sekisho(fresh.folder, "audit", "erase", "--subject", "u-1", "--reason", "art. 17", "--json")

    with pytest.raises(openai.NotFoundError):
        client.files.content(ended[0])
    assert client.files.content(ended[1]).text


def test_an_operator_ends_a_batch_and_its_caller_fetches_what_was_done(fresh: Running) -> None:
    client = client_of(fresh, fresh.key())
    batch = begun(client, 200)
    until(client, batch.id, lambda now: now.request_counts.completed >= 2)

    said = sekisho(fresh.folder, "batches", "cancel", batch.id, "--reason", "line 4 needs the engine", "--json")

    assert json.loads(said)["status"] == "cancelling"
    over = until(client, batch.id, is_over)
    lines = client.files.content(over.output_file_id).text.splitlines()
    assert (over.status, len(lines)) == ("cancelled", over.request_counts.completed)
    assert 2 <= len(lines) < 200
    shown = sekisho(fresh.folder, "audit", "search", "--type", "batch.cancelled", "--json")
    (record,) = json.loads(shown)["data"]
    assert record["details"]["details"] == {"reason": "line 4 needs the engine"}
    assert record["details"]["by"]


def test_lines_of_a_revoked_key_are_401(fresh: Running) -> None:
    client = client_of(fresh, fresh.key("leaver"))
    batch = begun(client, 30)
    until(client, batch.id, lambda now: now.request_counts.completed >= 2)

    sekisho(fresh.folder, "keys", "revoke", "leaver")

    with pytest.raises(openai.AuthenticationError):
        client.batches.retrieve(batch.id)
    folder = next((fresh.folder / ".sekisho" / "batches").glob("*/*/*"))
    deadline = time.monotonic() + 60
    while (state := json.loads((folder / "state.json").read_text()))["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert state["completed"] + state["failed"] == 30
    assert state["failed"] >= 1
