"""Who asks and from where, through a proxy, on a served gateway: end users in headers, networks of the house."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from running import Running

from gateway.audit.log.reader import logs, search

pytestmark = [pytest.mark.real, pytest.mark.slow]

NETWORKS = """networks:
  10.1.0.0/16: {site: plant}
  10.8.0.0/16: {jurisdiction: FR}
  10.9.0.0/16: {jurisdiction: US}
"""
PLANT, FRANCE, STATES, NOWHERE = "10.1.0.7", "10.8.0.7", "10.9.0.7", "192.0.2.7"


@pytest.fixture
def running(installed: Callable[..., Running]) -> Running:
    behind = {"trusted_proxies": ["127.0.0.1"], "end_user_headers": ["x-openwebui-user-id"]}
    made = installed(server=behind)
    (made.folder / "organisation.yaml").write_text(NETWORKS, encoding="utf-8")
    return made.start()


def ask(running: Running, key: str, source: str, **headers: str) -> httpx.Response:
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 2}
    said = {"authorization": f"Bearer {key}", **({"x-forwarded-for": source} if source else {}), **headers}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.post(f"{running.base}/v1/chat/completions", json=body, headers=said)


def records(running: Running) -> list[dict[str, Any]]:
    return [record for log in logs(running.folder / ".sekisho" / "audit") for record in search(log)]


def test_the_network_counts_beside_the_key_and_the_log_has_it(running: Running) -> None:
    here, paris = running.key("here"), running.key("paris", access_from="FR")
    assert [ask(running, here, source).status_code for source in (PLANT, FRANCE)] == [200, 200]
    assert [ask(running, paris, source).status_code for source in (PLANT, FRANCE)] == [200, 200]
    refused = [
        ask(running, key, source) for key, source in ((here, STATES), (here, NOWHERE), (here, ""), (paris, STATES))
    ]

    assert [answer.status_code for answer in refused] == [403] * 4
    assert {answer.json()["error"]["code"] for answer in refused} == {"policy.residency_access"}
    intents = [record for record in records(running) if record["type"] == "intent"]
    assert [intent["input"]["caller"]["access_from"] for intent in intents] == ["DE", "FR", "FR", "FR"]


def test_an_end_user_in_a_header_is_a_pseudonym_of_keys_that_vouch_and_nobody_of_others(running: Running) -> None:
    vouching, other = running.key("webui", "--vouches-for-users"), running.key("app")
    for key, user in ((vouching, "u-4711"), (vouching, "u-4711"), (vouching, "u-4712"), (other, "u-4711")):
        assert ask(running, key, PLANT, **{"x-openwebui-user-id": user}).status_code == 200
    too_long = ask(running, vouching, PLANT, **{"x-openwebui-user-id": "u" * 513})

    assert (too_long.status_code, too_long.json()["error"]["param"]) == (400, "x-openwebui-user-id")
    written = records(running)
    one, again, another, unmarked = (
        record["caller"].get("person", "") for record in written if record["type"] == "intent"
    )
    assert one and one == again
    assert another not in ("", one)
    assert unmarked == ""
    assert "u-471" not in json.dumps(written) + running.stderr()


def call(running: Running, key: str, source: str, method: str, path: str, **more: Any) -> httpx.Response:
    said = {"authorization": f"Bearer {key}", "x-forwarded-for": source}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.request(method, running.base + path, headers=said, **more)


def batch_of(running: Running, key: str, source: str) -> dict[str, Any]:
    """Make a batch of one line from there, and return it once it is over."""
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 2}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = {"file": ("lines.jsonl", json.dumps(line))}
    left = call(running, key, source, "POST", "/v1/files", data={"purpose": "batch"}, files=file).json()
    wish = {"input_file_id": left["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made = call(running, key, source, "POST", "/v1/batches", json=wish).json()
    until = time.monotonic() + 120
    while made["status"] not in ("completed", "failed", "expired") and time.monotonic() < until:
        time.sleep(0.3)
        made = call(running, key, source, "GET", f"/v1/batches/{made['id']}").json()
    return made


def test_what_was_kept_is_seen_where_it_was_judged_and_at_home(running: Running) -> None:
    key = running.key("here")
    wish = {"model": "smollm2-135m-instruct", "input": "Say hello.", "max_output_tokens": 2, "store": True}
    kept = call(running, key, FRANCE, "POST", "/v1/responses", json=wish).json()
    batch = batch_of(running, key, FRANCE)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 1), batch

    for path in (
        f"/v1/responses/{kept['id']}",
        f"/v1/responses/{kept['id']}/input_items",
        f"/v1/files/{batch['output_file_id']}/content",
        f"/v1/files/{batch['input_file_id']}/content",
    ):
        seen = [call(running, key, source, "GET", path) for source in (FRANCE, PLANT, STATES, NOWHERE)]
        assert [answer.status_code for answer in seen] == [200, 200, 403, 403], path
        assert {answer.json()["error"]["code"] for answer in seen[2:]} == {"kept.shown_elsewhere"}

    written = records(running)
    assert [r["input"]["caller"]["access_from"] for r in written if r["type"] == "intent"] == ["FR", "FR"]
    assert [r["code"] for r in written if r["type"] == "denial"] == ["kept.shown_elsewhere"] * 8
