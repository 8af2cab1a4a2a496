"""The page on exports: its commands run as they stand, and what it says of spreadsheets and OCSF is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

FENCE = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \|$", re.MULTILINE)


def run(house: Path, language: str, source: str) -> str:
    program = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else [sys.executable, "-c"]
    done = subprocess.run(
        [*program, source], cwd=house, env=os.environ, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, f"{source}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def installed(sekisho, house: Path) -> Path:
    (house / ".venv").symlink_to(Path(sys.executable).parent.parent)
    assert sekisho("keys", "create", "--name", "one", "--tenant", "t").code == 0
    return house


def test_the_page_runs(installed: Path, repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "export-the-log.md").read_text(encoding="utf-8")
    said = [run(installed, language, source) for language, source in FENCE.findall(page)]
    assert "records.jsonl.manifest.json" in said[0]
    assert "admin.exported" in said[-1]
    assert {"records.parquet", "denials.csv", "events.json", "events.cef", "events.log"} <= set(os.listdir(installed))


def test_the_way_back_from_a_csv_is_as_the_reference_says(installed: Path, repository: Path) -> None:
    page = (repository / "docs" / "reference" / "exports.md").read_text(encoding="utf-8")
    ((language, source),) = FENCE.findall(page)
    run(installed, language, source)


def test_every_attribute_of_the_mapping_is_in_some_event(repository: Path, tmp_path: Path) -> None:
    page = (
        (repository / "docs" / "reference" / "exports.md").read_text(encoding="utf-8").partition("<!-- by hand -->")[2]
    )
    named = {name for cell, _ in ROW.findall(page) for name in re.findall(r"`([a-z_.]+)`", cell)}
    present: set[str] = set()
    for event in _events():
        present |= set(_paths(event, ""))
    assert len(named) > 40
    assert named <= present


def _events() -> list[dict[str, Any]]:
    """Events of an intent, an outcome, a refusal and a change, two of the same log."""
    from zoneinfo import ZoneInfo

    from gateway.audit.export import ocsf
    from gateway.audit.export.columns import Row

    head = {"origin": "a/b/c", "time": "2026-01-01T00:00:00Z", "version": "sekisho.record/1"}
    caller = {"key_id": "k", "tenant": "t", "project": "p"}
    decided = {"id": "d", "allow": True, "revision": "r1", "reasons": [{"code": "x", "rule": "y"}]}
    target = {"id": "s/n/w:m", "site": "s", "jurisdiction": "DE", "digest": "0" * 64, "external": False}
    asked = {"request": {"model": "m", "endpoint": "/v1/chat/completions"}, "data": {"class": "internal"}}
    records = [
        {"type": "intent", "request": "q", "caller": caller, "decision": decided, "target": target, "input": asked},
        {"type": "outcome", "request": "q", "status": "failed", "code": "e", "total_us": 9,
         "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        {"type": "denial", "status": 403, "code": "e", "source": "::1", "caller": caller, "request": "q"},
        {"type": "key.created", "details": {"by": "mia"}},
    ]  # fmt: skip
    found: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for index, record in enumerate(records):
        data = json.dumps({**head, **record}).encode()
        event = ocsf.event_of(Row(index, b"\0" * 32, data, "default", ZoneInfo("Asia/Tokyo")), "p")
        last = ocsf.attest(event, last)
        found.append(event)
    return found


def _paths(value: Any, prefix: str) -> list[str]:
    if isinstance(value, list):
        return [path for each in value for path in _paths(each, prefix)]
    if not isinstance(value, dict):
        return []
    return [p for name, each in value.items() for p in (f"{prefix}{name}", *_paths(each, f"{prefix}{name}."))]
