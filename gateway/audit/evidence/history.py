"""What was changed, and by whom: policies, keys, models, settings, grants, erasures, searches by person. Pure.

Events are kept whole up to a bound, since a report is read by people; all of them stand in the records of the pack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.audit.evidence.continuity import NEWS

MOST_KEPT = 2000
_KEPT = frozenset({"kept.stored", "kept.read", "kept.deleted"})
_BATCHES = frozenset({"batch.made", "batch.line", "batch.ended", "batch.cancelled"})
QUIET = frozenset({"heartbeat", "policy.subjects", "policy.shadow", *_KEPT, *_BATCHES, *NEWS})
"""Events that another chapter tells of, or that are no change."""

CHAPTERS = {
    "policy.break_glass": "break_glass",
    "policy": "policy",
    "key": "keys",
    "issuer": "keys",
    "model": "models",
    "engine": "models",
    "config": "settings",
    "erasure": "erasures",
    "admin.person": "erasures",
    "admin.content": "erasures",
    "admin": "office",
    "organisation": "policy",
    "limits": "office",
    "node": "office",
    "target": "office",
    "tls": "office",
    "identity": "office",
    "update": "office",
}
"""First parts of an event's type, the longest first, and the chapter that tells of it."""


@dataclass(frozen=True)
class Event:
    log: str
    sequence: int
    time: str
    type: str
    details: Mapping[str, Any]

    @property
    def by(self) -> str:
        return str(self.details.get("by") or "")


@dataclass
class Used:
    """How often something was used, and when first and last."""

    count: int = 0
    first: str = ""
    last: str = ""

    def at(self, time: str) -> None:
        self.count += 1
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


@dataclass
class History:
    """Reads records in any order; :attr:`log` says whose."""

    log: str = ""
    events: dict[str, list[Event]] = field(default_factory=lambda: {name: [] for name in CHAPTERS.values()})
    beyond: Counter[str] = field(default_factory=Counter)  # events by chapter that were not kept
    revisions: dict[str, Used] = field(default_factory=dict)
    bundles: dict[str, set[str]] = field(default_factory=dict)  # digests of bundles, by revision
    grants_used: dict[str, Used] = field(default_factory=dict)
    waived: dict[str, set[str]] = field(default_factory=dict)  # codes that a grant waived, by grant

    def read(self, record: Mapping[str, Any]) -> None:
        if record.get("decision"):
            self._decision(record["decision"], str(record["time"]))
        if "details" in record:
            kind = str(record["type"])
            chapter = chapter_of(kind)
            if chapter and kind not in QUIET:
                self._event(chapter, record)

    def _event(self, chapter: str, record: Mapping[str, Any]) -> None:
        revision = record["details"].get("revision")
        if chapter == "policy" and isinstance(revision, str) and revision:
            self.revisions.setdefault(revision, Used())
        if len(self.events[chapter]) >= MOST_KEPT:
            self.beyond[chapter] += 1
            return
        event = Event(self.log, record["sequence"], record["time"], record["type"], record["details"])
        self.events[chapter].append(event)

    def _decision(self, decision: Mapping[str, Any], time: str) -> None:
        revision = str(decision["revision"])
        self.revisions.setdefault(revision, Used()).at(time)
        self.bundles.setdefault(revision, set()).add(str(decision["bundle_digest"]))
        grants = {
            str(reason["params"]["grant"]): str(reason["params"].get("waives", ""))
            for reason in decision["reasons"]
            if reason["code"] == "policy.break_glass" and reason.get("params", {}).get("grant")
        }
        for grant, waives in grants.items():
            self.grants_used.setdefault(grant, Used()).at(time)
            self.waived.setdefault(grant, set()).add(waives)


def chapter_of(kind: str) -> str:
    """Return the chapter that tells of an event, ``""`` where none does."""
    for first, chapter in CHAPTERS.items():
        if kind == first or kind.startswith((f"{first}.", f"{first}_")):
            return chapter
    return ""
