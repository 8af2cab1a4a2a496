"""Counts and times of what passed: the door of ``telemetry``. Numbers only; no value of a prompt ever reaches it.

The life of one request, as these calls see it::

    entered()                                  in flight + 1
    with stage("detect", parts): ...                  once for each stage it went through
    found(detection.counts())
    left(endpoint, model, outcome)             in flight - 1; times, tokens, how it ended

``refused(code)`` stands alone: something was turned away before it became a request, so nothing entered or left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from gateway.domain import Energy, Outcome

Stage = Literal["detect", "decide", "choose", "redact", "sync"]


class Share(Protocol):
    """One answer's part of the energy that this machine uses."""

    def end(self) -> Energy | None:
        """Return it; ``None`` where not all of it is measured. Call it once."""


class Telemetry(Protocol):
    """All methods are synchronous, never raise, and together cost a request less than 10 µs."""

    def entered(self) -> None:
        """A request came in. Exactly one :meth:`left` MUST follow."""

    def stage(self, name: Stage, parts: MutableMapping[str, float]) -> AbstractContextManager[None]:
        """Time what runs inside, whether it succeeds or raises, and add its seconds to ``parts[name]`` too."""

    def energy(self, target: str, devices: Sequence[str]) -> Share:
        """Begin to measure what one answer of a target on this machine takes.

        Args:
            devices: that compute it, ``cpu`` or ``gpu:0`` and so on; none: nobody knows.
        """

    def found(self, counts: Mapping[str, int]) -> None:
        """Count findings by type."""

    def left(self, endpoint: str, model: str, outcome: Outcome, *, refused: bool = False) -> None:
        """A request is over.

        Args:
            endpoint: the API's name or path; one that is not ours counts as ``other``.
            model: the model's own name, not what the caller wrote; empty when it was never known. One that is not
                ours counts as ``other``.
            outcome: how it ended, of its last attempt; ``total_seconds`` since it came in.
            refused: it never reached an engine; counts as refused, with ``outcome.code``, whatever ``status`` says.
        """

    def refused(self, code: str) -> None:
        """Something was turned away before it became a request: an unknown route, a closing server."""

    def watch_room(self, name: str, ready: Callable[[], bool]) -> None:
        """Show a room's readiness, asked at each scrape."""

    def watch_value(self, name: str, said: str, read: Callable[[], float | None]) -> None:
        """Show a gauge, asked at each scrape; no line while it is ``None``. ``said`` is its help."""

    def render(self) -> bytes:
        """Return everything in Prometheus' text format (version 0.0.4)."""
