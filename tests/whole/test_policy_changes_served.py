"""Policies that change under a running server: no request fails, each is stamped, and what is malformed changes
nothing."""

from __future__ import annotations

import json
import shutil
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import LONG_SECONDS, within
from running import Running, sekisho
from small_policies import write_policies

from gateway.audit.log.reader import logs, search

pytestmark = [pytest.mark.real, pytest.mark.slow]

Asked = Callable[[], int]


@pytest.fixture
def served(installed: Callable[..., Running], tmp_path: Path) -> Iterator[Running]:
    """A demonstration that is served with small policies; it made itself the first revision."""
    policies = write_policies(tmp_path / "policies", "a")
    running = installed(policy={"directory": str(policies), "remember_seconds": 0.0})
    shutil.rmtree(running.folder / ".sekisho" / "state" / "policy", ignore_errors=True)
    yield running.start()


def _ask(running: Running, key: str) -> int:
    body = {"model": "smollm2-135m-instruct", "max_tokens": 2, "messages": [{"role": "user", "content": "Say hello"}]}
    request = urllib.request.Request(  # noqa: S310
        running.base + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  raises where it is not 200
        return int(answer.status)


def _records(running: Running) -> list[dict[str, Any]]:
    folder = next(log for log in logs(running.folder / ".sekisho" / "audit") if log.parts[-2:] == ("w0", "default"))
    return list(search(folder))


def _json(running: Running, *arguments: str) -> Any:
    return json.loads(sekisho(running.folder, "policy", *arguments, "--json"))


@pytest.mark.timeout(400)
def test_requests_go_on_while_policies_change(served: Running, tmp_path: Path) -> None:
    key = served.key()
    first = _json(served, "status")["in_force"]["revision"]
    write_policies(tmp_path / "policies", "b")
    second = _json(served, "build")["revision"]
    statuses: list[int | str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                statuses.append(_ask(served, key))
            except OSError as error:
                statuses.append(repr(error))

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    for revision in (second, first, second):
        assert _json(served, "activate", revision)["in_force"]
        asked = len(statuses) + len(asking)  # whoever comes after those under way was asked under this one
        assert within(LONG_SECONDS, lambda asked=asked: len(statuses) > asked)
    done.set()
    for thread in asking:
        thread.join()

    assert set(statuses) == {200}
    records = _records(served)
    stamped = {record["decision"]["revision"]: record["decision"] for record in records if record.get("decision")}
    marks = {revision: decision["reasons"][0]["params"]["mark"] for revision, decision in stamped.items()}
    assert marks == {first: "a", second: "b"}
    types = [record["type"] for record in records if record["type"].startswith("policy.")]
    assert types == ["policy.built", "policy.activated", "policy.in_force", "policy.built"] + ["policy.activated"] * 3


@pytest.mark.timeout(400)
def test_malformed_files_are_told_and_change_nothing(served: Running, tmp_path: Path) -> None:
    key = served.key()
    before = _json(served, "status")["in_force"]["revision"]
    for path, said in (
        (served.folder / "rules.csv", "rules.csv, line 1"),
        (tmp_path / "policies" / "plain" / "rule.rego", "rule.rego"),
        (tmp_path / "policies" / "data" / "mark.json", "mark.json"),
    ):
        sound = path.read_text()
        path.write_text("{rubbish")
        problem = json.loads(sekisho(served.folder, "policy", "build", "--json", code=2))["error"]
        assert said in problem["problem"]
        assert problem["code"] == "policy.refused"
        path.write_text(sound)
    bundle = served.folder / "elsewhere"
    bundle.mkdir()
    for name in ("bundle.tar.gz", "rules.csv", "manifest.json"):
        (bundle / name).write_text("rubbish")
    problem = json.loads(sekisho(served.folder, "policy", "activate", str(bundle), "--json", code=2))["error"]
    assert "manifest.json" in problem["problem"]

    assert _json(served, "status")["in_force"]["revision"] == before
    assert _ask(served, key) == 200
    served.stop()
    (served.folder / "rules.csv").write_text("{rubbish")
    served.start()  # what is in force is loaded, and nothing else
    assert _ask(served, key) == 200
