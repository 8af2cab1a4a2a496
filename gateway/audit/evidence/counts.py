"""What was decided, counted over records: by day, rule, destination, class, tenant, model. Pure.

A decision is an ``intent`` (allowed, and on its way) or a ``denial`` that policy was asked for. Previews are counted
apart: nothing was sent. Refusals before identity come summed. Kinds of data count requests, not persons: what stands in
``input.data.entities`` are buckets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]
Reason = tuple[str, str, tuple[tuple[str, str], ...]]
"""Code, rule, and the parameters that they are said with, sorted by name."""

UNSET = ""
MOST_REASONS = 5000
"""Different reasons that are counted apart; beyond, those of one code and rule are counted together."""


class Counts:
    """Reads records in any order."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.allowed_by_day: Counter[str] = Counter()
        self.refused_by_day: Counter[str] = Counter()
        self.refused_by_code: Counter[str] = Counter()
        self.unidentified: Counter[str] = Counter()
        self.reasons: dict[str, Counter[Reason]] = {"info": Counter(), "deny": Counter()}
        self.destinations: Counter[tuple[str, bool]] = Counter()
        self.allowed_by_class: Counter[str] = Counter()
        self.refused_by_class: Counter[str] = Counter()
        self.tenants: Counter[tuple[str, str]] = Counter()
        self.refused_tenants: Counter[tuple[str, str]] = Counter()
        self.purposes: Counter[str] = Counter()
        self.models: Counter[tuple[str, str, str, str]] = Counter()  # model, digest, build, device
        self.kinds: Counter[str] = Counter()
        self.special: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.redactions: Counter[str] = Counter()
        self.guarded: Counter[str] = Counter()
        self.clocks: Counter[str] = Counter()
        self.kept = 0  # prompts and answers in the side store

    def read(self, record: Record) -> None:
        kind = record["type"]
        self.types[kind] += 1
        self.clocks[str(record.get("clock") or "unknown")] += 1
        self.kept += bool(record.get("content"))
        if kind == "intent":
            self._intent(record)
        elif kind == "outcome":
            self._outcome(record)
        elif kind == "denial":
            self._denial(record)
        elif kind == "denial.summed":
            for each in record.get("sums") or ():
                self.unidentified[str(each["code"])] += int(each["count"])

    @property
    def allowed(self) -> int:
        return self.types["intent"]

    @property
    def refused(self) -> int:
        return self.types["denial"]

    def _intent(self, record: Record) -> None:
        question, target = record["input"], record["target"]
        self.allowed_by_day[_day(record)] += 1
        self.allowed_by_class[question["data"]["class"]] += 1
        self.destinations[(target["jurisdiction"], bool(target.get("external")))] += 1
        self.tenants[_tenant(record)] += 1
        self.purposes[question["request"].get("purpose") or UNSET] += 1
        model = (target["model"], target.get("digest") or "", target.get("build") or "", target.get("device") or "")
        self.models[model] += 1
        self._asked(question)
        self._reasons(record["decision"])

    def _denial(self, record: Record) -> None:
        self.refused_by_day[_day(record)] += 1
        self.refused_by_code[record["code"]] += 1
        self.refused_tenants[_tenant(record)] += 1
        question, decision = record.get("input"), record.get("decision")
        self.refused_by_class[question["data"]["class"] if question else UNSET] += 1
        if question:
            self._asked(question)
        if decision:
            self._reasons(decision)

    def _asked(self, question: Mapping[str, Any]) -> None:
        self.kinds.update((question["data"].get("entities") or {}).keys())
        self.special.update(question["data"].get("special") or ())

    def _reasons(self, decision: Mapping[str, Any]) -> None:
        """Count each reason once a decision, however many targets it is said of."""
        for severity in ("info", "deny"):
            found = [reason for reason in decision["reasons"] if reason["severity"] == severity]
            known = self.reasons[severity]
            said = {(each["code"], each["rule"], tuple(sorted((each.get("params") or {}).items()))) for each in found}
            known.update({each if each in known or len(known) < MOST_REASONS else (*each[:2], ()) for each in said})

    def _outcome(self, record: Record) -> None:
        self.outcomes[record["status"]] += 1
        self.redactions.update(record.get("redactions") or {})
        self.guarded.update(record.get("guarded") or {})


def _day(record: Record) -> str:
    return str(record["time"])[:10]


def _tenant(record: Record) -> tuple[str, str]:
    caller = record.get("caller") or {}
    return caller.get("tenant", UNSET), caller.get("project", UNSET)
