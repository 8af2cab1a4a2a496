"""One past decision as its caller may see it: read out of the log's records into types. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.audit.door import Case
from gateway.domain import Decision, PolicyInput, Target

Kind = Literal["attempt", "refusal", "preview"]

_KINDS: Mapping[str, Kind] = {"intent": "attempt", "denial": "refusal", "preview": "preview"}


class Tried(msgspec.Struct, frozen=True):
    """One attempt at a request, or its refusal. ``status`` is ``open`` while no outcome is known."""

    kind: Kind
    decision: str
    time: str
    target: str = ""  # where the prompt went
    site: str = ""
    status: str = ""
    code: str = ""


class Judged(msgspec.Struct, frozen=True):
    """A decision, what it was asked, and what came of it."""

    id: str
    kind: Kind
    time: str
    request: str
    question: PolicyInput | None  # None: refused before there was one
    decision: Decision | None  # None: there was no valid answer
    code: str = ""  # of a refusal
    target: Target | None = None  # where the prompt went
    redactions: Mapping[str, int] = {}  # tags made for it, by type
    attempts: tuple[Tried, ...] = ()  # of the same request, oldest first, as far as the log was looked through


def judged(case: Case) -> Judged:
    """Return what the log says of a decision.

    Raises:
        msgspec.ValidationError: it was not written by a release that this one can read.
    """
    record = case.record
    return Judged(
        id=_id(record),
        kind=_KINDS[record["type"]],
        time=record["time"],
        request=record["request"],
        question=msgspec.convert(record["input"], PolicyInput | None),
        decision=msgspec.convert(record["decision"], Decision | None),
        code=record.get("code", ""),
        target=msgspec.convert(record.get("target"), Target | None),
        redactions=record.get("redactions", {}),
        attempts=_attempts(case),
    )


def belongs_to(case: Case, tenant: str, project: str) -> bool:
    """Whether a decision was made for this tenant's project."""
    caller = case.record.get("caller") or {}
    return case.record["type"] in _KINDS and (caller.get("tenant"), caller.get("project")) == (tenant, project)


def _attempts(case: Case) -> tuple[Tried, ...]:
    outcomes = {record["intent"]: record for record in case.same_request if record["type"] == "outcome"}
    return tuple(_tried(each, outcomes) for each in case.same_request if each["type"] in _KINDS)


def _tried(record: Mapping[str, Any], outcomes: Mapping[int, Mapping[str, Any]]) -> Tried:
    kind, target = _KINDS[record["type"]], record.get("target") or {}
    outcome = outcomes.get(record["sequence"], {"status": "open"}) if kind == "attempt" else {}
    code = outcome.get("code") or record.get("code", "")
    place = (target.get("id", ""), target.get("site", ""))
    return Tried(kind, _id(record), record["time"], *place, outcome.get("status", ""), code)


def _id(record: Mapping[str, Any]) -> str:
    return str((record.get("decision") or {}).get("id") or record.get("decision_id", ""))
