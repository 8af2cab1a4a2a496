"""What a fleet may know of a request when it chooses: how it would be redacted for each target, made when looked at.

Two targets whose grants differ in nothing but their ids share one redaction, and the one that is chosen needs no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from gateway.domain import Caller, Capability, Detection, Grant, Segment
from gateway.ports import Call, Rooms
from gateway.privacy.door import Redacted

_FIRST = frozenset(("tools", "functions", "chat_template_kwargs"))
_RULES = frozenset(("system", "instructions"))
_THEN = frozenset(("messages", "prompt", "suffix", "input", "query", "documents"))
"""Fields of a body that become part of a prompt. Chat templates put the first ones before all messages, and rules
before what is asked, wherever a client's body has them."""

_GENERATES = frozenset((Capability.CHAT, Capability.COMPLETE, Capability.VISION))


class Visited(Protocol):
    """What this needs of a request: see :class:`gateway.attempt.Visit`."""

    request_id: str
    caller: Caller
    call: Call
    detection: Detection
    parts: dict[str, float]


class Asking:
    """One attempt's request. Implements :class:`gateway.fleet.door.Asked`."""

    def __init__(self, rooms: Rooms, visit: Visited) -> None:
        self._rooms = rooms
        self._visit = visit
        self._redacted: dict[object, Redacted] = {}

    @property
    def generates(self) -> bool:
        return self._visit.call.capability in _GENERATES

    @property
    def max_tokens(self) -> int | None:
        return self._visit.call.output_bound

    def profile(self, grant: Grant) -> str:
        """Return what is done to texts under a grant, in words: equal for grants that make equal texts."""
        done = ",".join(f"{type_}={operator}" for type_, operator in sorted(grant.redact.items()))
        return f"{grant.tag_scope}:{done}"

    def turns(self, grant: Grant) -> Iterator[tuple[str, str]]:
        """Yield role and redacted text of all that becomes part of the prompt, in the order in which it is read."""
        texts, segments = self.redacted(grant).texts, self._visit.call.segments
        yield from _of(_FIRST, segments, texts)
        yield from _of(_RULES, segments, texts)
        yield from _of(_THEN, segments, texts)

    def redacted(self, grant: Grant) -> Redacted:
        """Return the request as it is redacted under a grant; made once."""
        rooms, visit = self._rooms, self._visit
        key = (self.profile(grant), grant.restore, grant.output_guard, grant.obligations)
        made = self._redacted.get(key)
        if made is None:
            with rooms.telemetry.stage("redact", visit.parts):
                made = self._redacted[key] = rooms.privacy.redact(
                    visit.call.segments, visit.detection.findings, grant, visit.caller, visit.request_id
                )
        return made


def _of(fields: frozenset[str], segments: Sequence[Segment], texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for segment, text in zip(segments, texts, strict=True):
        if segment.path and segment.path[0] in fields:
            yield segment.role, text
