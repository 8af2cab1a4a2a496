"""What another policy would have done otherwise, target by target, and sums of that. Pure.

Kinds of difference, from the one to look at first: ``opened`` (a target that was refused is allowed), ``weaker`` (it
stays allowed, and something of the prompt or its answer is protected less), ``closed``, ``stronger``. Where one thing
is weaker and another stronger it is weaker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from gateway.domain import Grant, Reason
from gateway.policy.table.row import OPERATORS

Kind = Literal["opened", "weaker", "closed", "stronger"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXAMPLES = 3
MOST_LINES = 10_000
_GUARDS = ("off", "redact", "block")
_SCOPES = ("project", "request")
_ARROW = "->"


class Difference(msgspec.Struct, frozen=True):
    """``what`` says how the terms of a grant changed, such as ``PERSON mask->keep``; empty where it is open or shut."""

    target: str
    kind: Kind
    what: str = ""


class Line(msgspec.Struct, frozen=True):
    """What differences are summed by. ``reason`` are the codes that closed it, then or now, or what has changed."""

    kind: Kind
    tenant: str
    rule: str
    reason: str
    destination: str


class Sum(msgspec.Struct):
    """How often, and the first few decisions by their ids."""

    count: int = 0
    decisions: list[str] = []


def differences(candidates: Sequence[str], then: Iterable[Grant], now: Iterable[Grant]) -> list[Difference]:
    """Return one for each candidate that is not treated the same, in the candidates' order."""
    old, new = ({grant.id: grant for grant in grants} for grants in (then, now))
    return [found for id_ in candidates if (found := _difference(id_, old.get(id_), new.get(id_)))]


def _difference(target: str, then: Grant | None, now: Grant | None) -> Difference | None:
    if then is None or now is None:
        kind: Kind = "closed" if then else "opened"
        return Difference(target, kind) if then or now else None
    changes = list(_changes(then, now))
    if not changes:
        return None
    weaker = any(is_weaker for is_weaker, _ in changes)
    first = min(changes, key=lambda change: (change[0] != weaker, change[1]))
    return Difference(target, "weaker" if weaker else "stronger", first[1])


def _changes(then: Grant, now: Grant) -> Iterator[tuple[bool, str]]:
    """Yield whether it is weaker, and what changed, for each term that did."""
    for item in sorted({*then.redact, *now.redact}):
        old, new = (grant.redact.get(item, grant.redact["*"]) for grant in (then, now))
        if old != new:
            yield OPERATORS.index(new) < OPERATORS.index(old), f"{item} {old}{_ARROW}{new}"
    for name, ranks in (("output_guard", _GUARDS), ("tag_scope", _SCOPES)):
        old, new = getattr(then, name), getattr(now, name)
        if old != new:
            yield ranks.index(new) < ranks.index(old), f"{name} {old}{_ARROW}{new}"
    for name, gained_is_weaker in (("restore", True), ("obligations", False)):
        before, after = set(getattr(then, name)), set(getattr(now, name))
        if before != after:
            gained, lost = after - before, before - after
            words = [*(f"+{word}" for word in sorted(gained)), *(f"-{word}" for word in sorted(lost))]
            yield bool(gained if gained_is_weaker else lost), f"{name} {' '.join(words)}"


def why_not(reasons: Iterable[Reason], jurisdiction: str) -> tuple[str, str]:
    """Return the rules and the codes that refuse a target there; reasons that name another destination do not.

    A decision says each reason once for all its targets: of one that names no destination it is not known for which.
    """
    deny = [
        reason
        for reason in reasons
        if reason.severity == "deny" and reason.params.get("destination", jurisdiction) == jurisdiction
    ]
    rules, codes = ({getattr(reason, name) for reason in deny} for name in ("rule", "code"))
    return " ".join(sorted(rules)) or "-", " ".join(sorted(codes)) or "-"


def where(target: str, facts: Mapping[str, Any]) -> str:
    """Return the place of a target, as in ``external/US``."""
    return str(facts.get("targets", {}).get(target, {}).get("place", "unknown"))


def jurisdiction_of(target: str, facts: Mapping[str, Any]) -> str:
    """Return the jurisdiction of a target's place; empty where nothing is known of it."""
    place = facts.get("places", {}).get(where(target, facts), {})
    return str(place.get("jurisdiction", ""))


class Sums:
    """Differences by kind, tenant, rule, reason and destination. Bounded: from then on the rest is one line a kind."""

    def __init__(self, most: int = MOST_LINES, examples: int = EXAMPLES) -> None:
        self._most = most
        self._examples = examples
        self._sums: dict[Line, Sum] = {}

    def add(self, line: Line, decision: str) -> None:
        if line not in self._sums and len(self._sums) >= self._most:
            line = Line(line.kind, "(others)", "-", "-", "-")
        found = self._sums.setdefault(line, Sum(0, []))
        found.count += 1
        if len(found.decisions) < self._examples:
            found.decisions.append(decision)

    def count(self, kind: Kind) -> int:
        return sum(found.count for line, found in self._sums.items() if line.kind == kind)

    def counts(self) -> dict[str, int]:
        return {kind: self.count(kind) for kind in KINDS}

    def lines(self) -> list[dict[str, Any]]:
        """Return plain objects, by kind, then the most frequent first."""
        ordered = sorted(
            self._sums.items(),
            key=lambda item: (KINDS.index(item[0].kind), -item[1].count, msgspec.structs.astuple(item[0])),
        )
        return [{**msgspec.structs.asdict(line), **msgspec.to_builtins(found)} for line, found in ordered]
