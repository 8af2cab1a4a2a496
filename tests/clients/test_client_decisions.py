"""Decisions as callers meet them: openai-python against a running gateway with a real model, real policy, real log."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from running import Running, install, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

MODEL = "smollm2-135m-instruct"
SSN = "536-90-4399"
HELLO: list[Any] = [{"role": "user", "content": "Say hello to anna.schmidt@example.com."}]
SECRET_TURNS: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": f"Her social security number (SSN) is {SSN}."},
]
RULE = 'US_SSN,*,*,*,*,deny,,"our own rule 7",2027-11-30,privacy officer,enforce,'


@pytest.fixture(scope="module")
def gateway(model_file: Path) -> Iterator[Running]:
    """A gateway whose rule table lets no US social security number go anywhere."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(folder, model_file, audit={"checkpoint_seconds": 1.0})
    table = folder / "rules.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, RULE, *rows]) + "\n")
    built = json.loads(sekisho(folder, "policy", "build", "--json"))
    sekisho(folder, "policy", "activate", built["revision"])
    running = Running(folder)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def key(gateway: Running) -> str:
    return gateway.key()


@pytest.fixture(scope="module")
def client(gateway: Running, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base + "/v1", api_key=key, max_retries=0, timeout=60) as client:
        yield client


def ask(client: openai.OpenAI, messages: list[Any] = HELLO, **options: Any) -> Any:
    return client.chat.completions.with_raw_response.create(
        model=MODEL, messages=messages, max_tokens=4, seed=1, **options
    )


def look(client: openai.OpenAI, path: str, **headers: str) -> httpx.Response:
    return client.get(f"/decisions/{path}", cast_to=httpx.Response, options={"headers": headers})


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_names_the_decision_that_its_caller_may_look_up(client: openai.OpenAI, stream: bool) -> None:
    answer = ask(client, stream=stream)
    decision = answer.headers["x-sekisho-decision"]
    answer.parse().close() if stream else answer.parse()

    shown = look(client, decision, **{"accept-language": "de"}).json()

    assert (shown["id"], shown["allow"], shown["model"]) == (decision, True, MODEL)
    assert (shown["targets"][0]["site"], shown["redactions"]) == ("plant", {"EMAIL_ADDRESS": 1})
    assert shown["words"][0].startswith("Erlaubt")
    assert "anna" not in json.dumps(shown)


def test_a_403_keeps_its_reasons_and_places_in_openais_exception(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(client, SECRET_TURNS)

    error: Any = refused.value.body
    assert (error["code"], error["param"]) == ("policy.table_denied", "messages[1].content")
    assert refused.value.param == "messages[1].content"
    assert "data of type US_SSN (messages[1].content)" in error["message"]
    assert error["sekisho"]["findings"] == [{"path": "messages[1].content", "type": "US_SSN"}]
    assert error["sekisho"]["reasons"][0]["legal"] == "our own rule 7"
    assert error["decision_id"] == refused.value.response.headers["x-sekisho-decision"]
    assert SSN not in refused.value.response.text
    shown = look(client, error["decision_id"]).json()
    assert (shown["allow"], shown["kind"]) == (False, "refusal")


def test_another_projects_key_does_not_see_it(gateway: Running, client: openai.OpenAI) -> None:
    decision = ask(client).headers["x-sekisho-decision"]
    other = gateway.key("other", project="paint-shop")

    with openai.OpenAI(base_url=gateway.base + "/v1", api_key=other, max_retries=0) as stranger:
        for path in (decision, f"{decision}/receipt"):
            with pytest.raises(openai.NotFoundError) as refused:
                look(stranger, path)
            assert refused.value.code == "policy.decision_not_found"


def test_a_preview_says_what_the_request_would_meet(client: openai.OpenAI, gateway: Running) -> None:
    def preview(messages: list[Any]) -> Any:
        wish = {"endpoint": "/v1/chat/completions", "body": {"model": MODEL, "messages": messages}}
        return client.post("/decisions/preview", cast_to=httpx.Response, body=wish).json()

    allowed, refused = preview(HELLO), preview(SECRET_TURNS)

    assert (allowed["allow"], refused["allow"]) == (True, False)
    assert allowed["findings"] == [
        {"path": "messages[0].content", "type": "EMAIL_ADDRESS", "count": 1, "operators": ["pseudonymise"]}
    ]
    assert [reason["code"] for reason in refused["reasons"] if reason["severity"] == "deny"] == ["policy.table_denied"]
    assert refused["findings"][0]["type"] == "US_SSN"
    found = json.loads(sekisho(gateway.folder, "audit", "search", "--type", "preview", "--json"))["data"]
    assert len(found) == 2
    assert SSN not in json.dumps(found)


def _receipt(client: openai.OpenAI, decision: str, folder: Path) -> Path:
    """Fetch the receipt until a signed head covers its record."""
    for _ in range(100):
        raw = look(client, f"{decision}/receipt").content
        if json.loads(raw)["inclusion"]["status"] == "included":
            break
        time.sleep(0.2)
    path = folder / "receipt.json"
    path.write_bytes(raw)
    return path


def test_a_receipt_is_verified_on_another_machine(
    client: openai.OpenAI, gateway: Running, model_manifest: Any, tmp_path: Path
) -> None:
    decision = ask(client).headers["x-sekisho-decision"]
    receipt = _receipt(client, decision, tmp_path)
    vkey = str(shutil.copyfile(gateway.folder / ".sekisho/keys/log.vkey", tmp_path / "log.vkey"))
    sekisho(gateway.folder, "audit", "export", "--out", str(tmp_path / "log.jsonl"))

    arguments = ("audit", "verify", "log.jsonl", "--receipt", "receipt.json", "--vkey", vkey, "--json")
    told = json.loads(sekisho(tmp_path, *arguments))

    said = told["statement"]
    assert (told["ok"], told["status"]) == (True, "included")
    assert (said["decision"], said["site"], said["jurisdiction"]) == (decision, "plant", "DE")
    assert (said["model"], said["model_digest"]) == (MODEL, model_manifest.sha256)
    assert said["device"].startswith(("cpu: ", "gpu: "))
    changed = receipt.read_bytes().replace(b"payload", b"payloae", 1)
    receipt.write_bytes(changed)
    sekisho(tmp_path, *arguments, code=1)
