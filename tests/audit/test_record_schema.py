"""Every record that can be written is what the published schema says; and no type of record is unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway.audit.events import EVENTS, is_event
from gateway.audit.log.reader import search
from gateway.audit.record import Intent
from gateway.audit.schema import record_schema
from gateway.audit.verify import verify
from gateway.domain import Caller, Choosing, Considered, Outcome, Role, Usage

CALLER = Caller("k1", "acme", "support", (Role.APP,), "help", "berlin", "DE", "DE", "DE")
CHECK = jsonschema.Draft202012Validator(record_schema())
WRITTEN = re.compile(
    r"""(?:event|_record|_on_record)\(\s*"([a-z]+(?:\.[a-z_]+)*)"|type="((?:gap|recovered|heartbeat)[a-z.]*)\""""
)


def records_of(log: Any) -> list[dict[str, Any]]:
    log.book.close()
    return list(search(log.folder))


def test_each_kind_of_record_is_as_published(log: Any, new_intent: Callable[..., Intent]) -> None:
    asked = new_intent("m", {})
    done = Outcome("done", "", Usage(3, 4), "stop", 0.1, 0.2, {"PERSON": 1}, 1, {"PERSON": 2}, {"decide": 0.01}, 1200)
    log.intent(1).close(done)
    log.intent(2).close(Outcome("failed", "engine.unavailable"))
    log.book.denial(code="policy.denied", status=403, caller=CALLER, question=asked.input, decision=asked.decision)
    log.book.denial(code="identity.no_key", status=401, source="127.0.0.1")
    log.book.preview(CALLER, asked.input, asked.decision)
    log.book.event("key.created", by="ana", key={"id": "k1"})

    found = records_of(log)

    assert {"intent", "outcome", "denial", "denial.summed", "preview", "key.created"} <= {r["type"] for r in found}
    for record in found:
        CHECK.validate(record)


def test_how_a_target_was_chosen_is_on_record_where_there_were_several(log: Any, new_intent: Any) -> None:
    asked = new_intent("m", {})
    scores = tuple(Considered(f"s/n/w{i}:m", 10 + i, 90 + i, cached_tokens=i) for i in range(8))
    choice = Choosing("soonest", 900, 120, 9, scores)
    log.book.intent(CALLER, asked.input, asked.decision, asked.target, {}, None, choice)
    log.book.intent(CALLER, asked.input, asked.decision, asked.target, {})

    several, only = (record for record in records_of(log) if record["type"] == "intent")

    CHECK.validate(several)
    CHECK.validate(only)
    assert msgspec.convert(several["choice"], Choosing) == choice
    assert "choice" not in only
    assert not CHECK.is_valid({**several, "choice": {**several["choice"], "why": "because"}})
    assert verify(log.folder, log.vkey).ok


@pytest.mark.parametrize(
    "change",
    [
        {"type": "prompt"},
        {"prompt": "text"},
        {"version": "sekisho.record/2"},
        {"clock": "right"},
        {"sequence": "1"},
        {"redactions": {"PERSON": "Ana"}},
    ],
)
def test_what_no_record_may_be_is_refused(log: Any, change: dict[str, Any]) -> None:
    log.intent(1)
    intent = next(record for record in records_of(log) if record["type"] == "intent")

    CHECK.validate(intent)
    assert not CHECK.is_valid({**intent, **change})
    assert not CHECK.is_valid({name: value for name, value in intent.items() if name != "origin"})


def test_every_type_that_the_program_writes_has_a_meaning(repository: Path) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (repository / "gateway").rglob("*.py"))
    written = {a or b for text in sources for a, b in WRITTEN.findall(text)}

    assert len(written) > 15
    assert [type for type in sorted(written) if not is_event(type)] == []


def test_a_type_that_nobody_explained_is_not_written(log: Any) -> None:
    with pytest.raises(ValueError, match="no type of an administrative record"):
        log.book.event("key.invented")
    with pytest.raises(ValueError, match="no type of an administrative record"):
        log.book.event("intent")


def test_meanings_are_short_and_of_types_that_are_well_formed() -> None:
    for type, said in EVENTS.items():
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+)*", type)
        assert 10 < len(said) < 100
    assert json.dumps(record_schema())
