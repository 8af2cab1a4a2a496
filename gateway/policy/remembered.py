"""Decisions remembered for at most a second, where the policy says that they may be.

Rules:

1. A decision is found again by the whole input but ``request.id`` and ``env.time``; whatever else differs is another
   question.
2. It is used only while the facts that it was made under are in force, before its own ``remember_until``, and for
   :data:`LONGEST_SECONDS` at most since it was *asked*, whether OPA is well or not. So no prompt leaves on a decision
   older than that, however OPA failed meanwhile.
3. A decision without ``remember_until`` is never remembered.
4. At most :data:`MOST` are kept, the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import datetime
from time import monotonic
from typing import NamedTuple

import msgspec

from gateway.domain import PolicyInput
from gateway.policy.answer import Answer

LONGEST_SECONDS = 1.0
MOST = 4096

_encode = msgspec.json.Encoder(order="deterministic").encode


class Known(NamedTuple):
    """A decision, and the id it was given when OPA made it."""

    answer: Answer
    decision_id: str


class Remembered:
    """What OPA said within the last second.

    Args:
        seconds: how long, at most; 0 remembers nothing.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: float = LONGEST_SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = min(seconds, LONGEST_SECONDS)
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Known]] = OrderedDict()

    def key(self, question: PolicyInput) -> bytes:
        """Return what a question has in common with others that have the same answer."""
        request, env = question.request, question.env
        return _encode(
            (
                (request.endpoint, request.capability, request.model, request.stream, request.tools),
                (request.purpose, request.declared_class, request.modalities),
                (question.caller, question.data, question.candidates, question.counters),
                (env.site, env.node, env.attempt, env.clock),
            )
        )

    def get(self, key: bytes, facts: Collection[str]) -> Known | None:
        """Return the answer if it may still be used.

        Args:
            facts: the revisions of facts that are in force.
        """
        until, known = self._known.get(key, (0.0, None))
        if known is None or self._clock() >= until or known.answer.facts not in facts:
            return None
        return known

    def put(self, key: bytes, known: Known, asked_at: float, question: PolicyInput) -> None:
        """Remember an answer.

        Args:
            asked_at: the clock's time before it was asked.
        """
        seconds = min(self._seconds, _seconds_between(question.env.time, known.answer.remember_until))
        if seconds <= 0:
            return
        self._known[key] = (asked_at + seconds, known)
        self._known.move_to_end(key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def clear(self) -> None:
        self._known.clear()


def _seconds_between(now: str, until: str) -> float:
    """Return the seconds from one RFC 3339 time to another, 0 where there is no other."""
    if not until:
        return 0.0
    return (datetime.fromisoformat(until) - datetime.fromisoformat(now)).total_seconds()
