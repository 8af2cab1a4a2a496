"""WHO calls, and how much they may: the door of ``identity``."""

from __future__ import annotations

from typing import Protocol

from gateway.domain import Caller, Usage


class Reservation(Protocol):
    """A place that one request holds in its key's limits."""

    def reserve_tokens(self, upper_bound: int) -> None:
        """Reserve ``upper_bound`` tokens (prompt and answer together).

        Raises:
            LimitExceeded: the key's tokens per minute would be exceeded.
        """

    def settle(self, usage: Usage | None) -> None:
        """Give the place back and replace the bound by the engine's own count. Synchronous; safe to call twice.

        ``None`` means that nothing was generated: the bound is given back whole.
        """


class Identity(Protocol):
    def identify(self, authorization: str | None) -> Caller:
        """Return the caller behind an ``Authorization`` header. Synchronous, no I/O: this is on the hot path.

        Raises:
            Unauthenticated: no key, a wrong key, a revoked or expired key. One message for all of them.
        """


class Limits(Protocol):
    def reserve(self, caller: Caller) -> Reservation:
        """Take one request and one place of concurrency. Synchronous.

        Raises:
            LimitExceeded: with ``retry_after_seconds``.
        """
