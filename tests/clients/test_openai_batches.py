"""openai-python leaves files, has them run as batches, fetches what came of them; nobody else sees either."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import openai
import pytest
from running import Running

pytestmark = [pytest.mark.real, pytest.mark.slow]

ENDED = ("completed", "failed", "expired", "cancelled")


def client_of(running: Running, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=running.base + "/v1", api_key=key, max_retries=0, timeout=60)


def line(number: int, model: str, **body: Any) -> dict[str, Any]:
    asked = {"model": model, "messages": [{"role": "user", "content": f"Say {number}."}], "max_tokens": 4, **body}
    return {"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions", "body": asked}


def left(client: openai.OpenAI, lines: list[dict[str, Any]]) -> str:
    raw = "\n".join(json.dumps(each) for each in lines).encode()
    return client.files.create(file=("requests.jsonl", io.BytesIO(raw)), purpose="batch").id


def made(client: openai.OpenAI, lines: list[dict[str, Any]], **more: Any) -> Any:
    file = left(client, lines)
    return client.batches.create(input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h", **more)


def ended(client: openai.OpenAI, batch_id: str, seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while (batch := client.batches.retrieve(batch_id)).status not in ENDED:
        assert time.monotonic() < until, batch
        time.sleep(0.2)
    return batch


def results(client: openai.OpenAI, file_id: str) -> dict[str, Any]:
    lines = [json.loads(each) for each in client.files.content(file_id).text.splitlines()]
    assert len({each["custom_id"] for each in lines}) == len(lines)
    return {each["custom_id"]: each for each in lines}


def test_a_batch_runs_and_its_results_are_fetched(client: openai.OpenAI, model_name: str) -> None:
    lines = [line(1, model_name), line(2, model_name), line(3, model_name, no_such_parameter=1)]

    batch = ended(client, made(client, lines, metadata={"night": "1"}).id)

    assert (batch.status, batch.metadata, batch.model) == ("completed", {"night": "1"}, model_name)
    assert batch.request_counts.to_dict() == {"total": 3, "completed": 2, "failed": 1}
    good, bad = results(client, batch.output_file_id), results(client, batch.error_file_id)
    assert set(good) == {"r-1", "r-2"}
    assert good["r-1"]["response"]["status_code"] == 200
    assert good["r-1"]["response"]["body"]["choices"][0]["message"]["content"]
    assert bad["r-3"]["response"]["body"]["error"]["param"] == "no_such_parameter"
    assert next(each.id for each in client.batches.list(limit=1)) == batch.id


def test_what_is_wrong_with_a_file_is_named_by_line(client: openai.OpenAI, model_name: str) -> None:
    lines = [line(1, model_name), line(1, model_name), {**line(2, model_name), "url": "/v1/embeddings"}]

    batch = ended(client, made(client, [*lines, line(3, "another")]).id)

    assert batch.status == "failed"
    said = [(fault.code, fault.line, fault.param) for fault in batch.errors.data]
    assert said == [
        ("duplicate_custom_id", 2, "custom_id"),
        ("invalid_url", 3, "url"),
        ("mismatched_model", 4, "body.model"),
    ]


def test_files_are_listed_read_and_deleted(client: openai.OpenAI, model_name: str) -> None:
    file = left(client, [line(1, model_name)])

    assert client.files.retrieve(file).filename == "requests.jsonl"
    assert json.loads(client.files.content(file).text)["custom_id"] == "r-1"
    assert file in [each.id for each in client.files.list(purpose="batch")]
    assert client.files.delete(file).deleted is True
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file)
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune")
    assert refused.value.param == "purpose"


def test_nobody_else_sees_them(gateway: Running, client: openai.OpenAI, model_name: str) -> None:
    batch = made(client, [line(1, model_name)])
    other = client_of(gateway, gateway.key("batch-colleague"))

    for look in (other.files.retrieve, other.files.content, other.files.delete):
        with pytest.raises(openai.NotFoundError):
            look(batch.input_file_id)
    for see in (other.batches.retrieve, other.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            see(batch.id)
    assert list(other.files.list()) == list(other.batches.list()) == []
    with pytest.raises(openai.BadRequestError):
        other.batches.create(
            input_file_id=batch.input_file_id, endpoint="/v1/chat/completions", completion_window="24h"
        )
    assert ended(client, batch.id).status == "completed"


def test_a_cancelled_batch_has_a_line_for_each_request(client: openai.OpenAI, model_name: str) -> None:
    batch = made(client, [line(number, model_name, max_tokens=64, min_p=0) for number in range(40)])

    assert client.batches.cancel(batch.id).status == "cancelling"

    over = ended(client, batch.id)
    good = results(client, over.output_file_id) if over.output_file_id else {}
    bad = results(client, over.error_file_id) if over.error_file_id else {}
    if over.errors is None and over.status == "cancelled" and over.request_counts.total:
        assert len(good) + len(bad) == 40
        assert bad["r-39"]["error"]["code"] == "batch_cancelled"
