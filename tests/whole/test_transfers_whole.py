"""Chinese data at a German plant: refused without a way, counted and written with one, remembered over a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest
from running import Running, sekisho

pytestmark = [pytest.mark.real, pytest.mark.slow]

ARRANGED = """\
tenants:
  acme: {entity: Beispiel AG}
transfers:
  - {from: CN, to: DE, route: pipl-standard-contract, until: 2099-12-31, reference: CAC 1}
"""


def ask(running: Running, key: str, text: str) -> tuple[int, dict[str, Any]]:
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": text}], "max_tokens": 4}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection = HTTPConnection(running.listen, timeout=60)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


def records(running: Running, type_: str) -> list[dict[str, Any]]:
    out = running.folder / "export.jsonl"
    sekisho(running.folder, "audit", "export", "--format", "jsonl", "--out", str(out), "--force")
    return [record for line in out.read_text().splitlines() if (record := json.loads(line))["type"] == type_]


def test_without_an_arrangement_it_is_refused_and_nobody_is_counted(installed: Callable[..., Running]) -> None:
    running = installed().start()
    key = running.key(collected_in="CN")

    status, told = ask(running, key, "Call Frau Anna Beispiel, anna@example.com.")

    assert (status, told["error"]["code"]) == (403, "policy.residency_access")
    running.stop()
    assert records(running, "policy.subjects") == []


def test_with_one_each_person_is_written_once_and_known_after_a_restart(installed: Callable[..., Running]) -> None:
    running = installed()
    (running.folder / "organisation.yaml").write_text(ARRANGED)
    key = running.start().key(collected_in="CN")
    assert ask(running, key, "Write to anna@example.com.")[0] == 200
    assert ask(running, key, "Write to anna@example.com again.")[0] == 200
    running.stop()
    (first,) = records(running, "policy.subjects")
    assert (first["details"]["entity"], first["details"]["destination"]) == ("Beispiel AG", "DE")

    running.start()
    assert ask(running, key, "Write to anna@example.com and to ben@example.com.")[0] == 200
    running.stop()

    assert len(records(running, "policy.subjects")) == 2
    numbers = [record["input"]["counters"]["all"] for record in records(running, "intent")]
    assert numbers == [1, 1, 2]
    assert "anna@example.com" not in (running.folder / "export.jsonl").read_text()
