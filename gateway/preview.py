"""What would become of a request, without running it: the same steps as a real one, up to the decision.

Nothing is sent, no slot and no tokens are taken; it counts as a request for the limits, and is on record as
``preview``, durably, before the answer is shown. The answer names types and paths of what was found, never a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from gateway.attempt import decide
from gateway.domain import Decision, Grant, Target
from gateway.pipeline import Passage
from gateway.ports import Rooms
from gateway.privacy.redact import operator

MOST_PLACES = 256  # distinct pairs of path and type that are listed


class FoundAt(msgspec.Struct, frozen=True):
    """Findings of one type at one place; ``operators`` is what would be done to them, at one target or another."""

    path: str
    type: str
    count: int
    operators: tuple[str, ...]


class Open(msgspec.Struct, frozen=True):
    """A target that the request may go to. ``redact`` says what is done to each type that was found."""

    id: str
    site: str
    jurisdiction: str
    redact: dict[str, str]


class Preview(msgspec.Struct, frozen=True):
    decision: Decision
    data_class: str
    targets: tuple[Open, ...]
    findings: tuple[FoundAt, ...]
    findings_left_out: int
    special: tuple[str, ...]  # special categories the texts speak of


async def preview(rooms: Rooms, passage: Passage) -> Preview:
    """Return what would become of the request.

    Raises:
        SekishoError: as :meth:`gateway.pipeline.Passage.admit`, but a decision that says no is an answer here.
    """
    visit = await passage.examine()
    visit.attempts = 1
    asked, decision = await decide(rooms, visit)
    rooms.book.preview(visit.caller, asked, decision)
    await rooms.book.durable()
    passage.complete = True
    targets = {target.id: target for target in rooms.fleet.targets()}
    places = Counter(visit.found())
    shown = list(places.items())[:MOST_PLACES]
    return Preview(
        decision=decision,
        data_class=asked.data.data_class,
        targets=tuple(_open(grant, targets.get(grant.id), asked.data.entities) for grant in decision.targets),
        findings=tuple(FoundAt(*place, count, _operators(place[1], decision.targets)) for place, count in shown),
        findings_left_out=len(places) - len(shown),
        special=asked.data.special,
    )


def _open(grant: Grant, target: Target | None, types: Iterable[str]) -> Open:
    """A target's id begins with its site; it may have gone while policy answered."""
    redact: dict[str, str] = {type_: operator(grant.redact, type_) for type_ in types}
    site, _, _ = grant.id.partition("/")
    return Open(grant.id, target.site if target else site, target.jurisdiction if target else "", redact)


def _operators(type_: str, grants: Iterable[Grant]) -> tuple[str, ...]:
    return tuple(sorted({operator(grant.redact, type_) for grant in grants}))
