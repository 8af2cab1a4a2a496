"""Logs of one site with records of all sorts, drawn at random and written as bundles without heads or tiles: whoever
searches reads neither.

::

    logs = Logs(tmp_path)
    logs.write(700, "node1/w0/default", "node1/w1/default")
    logs.update()                    # the index
    logs.search.page(Query(), 10)
    logs.expected(Query())           # what a look at each record finds
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from gateway.audit import record as records
from gateway.audit.index import build, store
from gateway.audit.index.query import Query, time_of
from gateway.audit.index.search import AuditSearch
from gateway.audit.index.words import glean
from gateway.audit.log import layout
from gateway.domain import (
    CallerFacts,
    Capability,
    DataFacts,
    Decision,
    EnvFacts,
    PolicyInput,
    Reason,
    RequestFacts,
    Target,
)

SITE = "berlin"
START_US = 1_767_225_600_000_000


class Logs:
    """Logs of one site, written as bundles, without heads: the index reads neither tiles nor heads."""

    def __init__(self, base: Path) -> None:
        self.audit, self.index = base / "audit", base / "audit-index"
        self.draw = Random(7)
        self.now = START_US
        self.sizes: dict[str, int] = {}
        self.written: list[bytes] = []
        self.names: list[str] = []

    def write(self, count: int, *names: str) -> None:
        """Write records of all sorts, in turn into the logs (``node/worker/class``)."""
        for number in range(count):
            self._append(names[number % len(names)])

    def _append(self, name: str) -> None:
        folder = self.audit / SITE / name
        (folder / "tile" / "entries").mkdir(parents=True, exist_ok=True)
        (folder / "lock").touch()
        sequence = self.sizes.get(name, 0)
        self.now += self.draw.choice((0, 1, 5, 1_000_000))
        data = self._record(name, sequence)
        path = folder / layout.tile_path("entries", sequence // layout.BUNDLE_RECORDS)
        with path.open("ab") as file:
            file.write(layout.frame(data))
        self.sizes[name] = sequence + 1
        self.written.append(data)
        self.names.append(name)

    def _record(self, name: str, sequence: int) -> bytes:
        made = self.draw.choice((intent, intent, denial, outcome, event))(self.draw, sequence)
        made.origin, made.sequence = f"{SITE}/{name.rpartition('/')[0]}", sequence
        made.time = time_of(self.now)
        return records.encode(made)

    def update(self) -> build.Done:
        with store.locked(self.index, SITE) as free:
            assert free
            return build.update(self.audit, self.index, SITE)

    @property
    def search(self) -> AuditSearch:
        return AuditSearch(self.audit, self.index)

    def expected(self, query: Query) -> list[bytes]:
        """Return what a look at each record finds."""
        found = []
        for name, data in zip(self.names, self.written, strict=True):
            seen = glean(data)
            assert seen
            if query.matches(seen, data):
                found.append(((seen.time_us, name, seen.sequence), data))
        return [data for _, data in sorted(found, reverse=not query.oldest_first)]


def asked(draw: Random, sequence: int) -> PolicyInput:
    country, tenant = draw.choice(("DE", "JP", "CN")), f"tenant-{draw.randrange(4)}"
    return PolicyInput(
        RequestFacts(
            f"01J{sequence:023d}",
            "/v1/chat/completions",
            Capability.CHAT,
            f"m{draw.randrange(3)}",
            False,
            False,
            "help",
        ),
        CallerFacts(f"k{draw.randrange(30)}", tenant, "p", (), draw.choice(("berlin", "")), country, country),
        DataFacts(draw.choice(("public", "strict")), country, {"PERSON": "1"} if draw.random() < 0.5 else {}, "d"),
        (),
        EnvFacts(SITE, "node1", "2026-01-01T00:00:00Z", 1),
    )


def decision(draw: Random, sequence: int, allow: bool) -> Decision:
    reasons = tuple(
        Reason(f"policy.c{draw.randrange(5)}", f"rule{draw.randrange(3)}") for _ in range(draw.randrange(3))
    )
    return Decision(f"01K{sequence:023d}", allow, (), reasons, f"r{draw.randrange(2)}", "", "", "opa/1")


def intent(draw: Random, sequence: int) -> records.Record:
    question = asked(draw, sequence)
    who = records.CallerRef(question.caller.key_id, question.caller.tenant, "p")
    country = draw.choice(("DE", "US"))
    target = Target(f"t-{country}", "m", (), "s", "n", country, False)
    verdict = decision(draw, sequence, True)
    return records.Intent(
        request=question.request.id, caller=who, input=question, decision=verdict, target=target, redactions={}
    )


def denial(draw: Random, sequence: int) -> records.Record:
    question = asked(draw, sequence) if draw.random() < 0.8 else None
    verdict = decision(draw, sequence, False) if question else None
    return records.Denial(
        request=f"01J{sequence:023d}", code=f"policy.c{draw.randrange(5)}", status=403, source="", input=question,
        caller=records.CallerRef("k1", "tenant-1", "p"), decision=verdict, decision_id=f"01K{sequence:023d}",
    )  # fmt: skip


def outcome(draw: Random, sequence: int) -> records.Record:
    status = draw.choice(("done", "failed"))
    return records.OutcomeRecord(request=f"01J{sequence - 1:023d}", intent=0, status=status)  # type: ignore[arg-type]


def event(draw: Random, sequence: int) -> records.Record:
    return records.Event(type=draw.choice(("key.created", "key.revoked", "policy.activated")), details={"n": sequence})
