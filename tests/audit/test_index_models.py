"""What is changed about a model is found by the model's name, and shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.audit.index.words import glean
from gateway.cli.audit_search import row_of

RECORDS: list[tuple[str, dict[str, Any]]] = [
    ("model.loaded", {"model": "tiny", "digest": "00"}),
    ("model.failed", {"model": "tiny", "code": "fleet.no_room", "problem": "it needs more"}),
    ("model.ordered", {"by": "ops", "details": {"model": "tiny", "action": "load"}}),
    ("model.removed", {"by": "ops", "details": {"name": "tiny", "sha256": "00"}}),
    ("model.added", {"by": "ops", "details": {"name": "tiny", "lineage": {"base": ""}}}),
]


def record(type: str, details: dict[str, Any]) -> dict[str, Any]:
    return {"type": type, "time": "2026-06-01T00:00:00Z", "sequence": 1, "origin": "s/n/w", "details": details}


@pytest.mark.parametrize(("type", "details"), RECORDS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_change_of_a_model_tells_which(type: str, details: dict[str, Any]) -> None:
    seen = glean(json.dumps(record(type, details)).encode())

    assert seen is not None
    assert seen.has("model") == ["tiny"]
    assert "tiny" in row_of(record(type, details))


@pytest.mark.parametrize(
    ("type", "details"),
    [
        ("model.key_added", {"by": "ops", "details": {"name": "mia"}}),
        ("key.created", {"by": "ops", "key": {"name": "tiny"}}),
        ("model.loaded", {"model": 5}),
    ],
)
def test_what_is_about_no_model_names_none(type: str, details: dict[str, Any]) -> None:
    seen = glean(json.dumps(record(type, details)).encode())

    assert seen is not None
    assert seen.has("model") == []
