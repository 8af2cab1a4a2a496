"""WHO calls, and how much they may: the door of ``identity``."""

from __future__ import annotations

from typing import Protocol

from gateway.domain import Caller, Usage, Value


class Standing(Value, frozen=True, gc=False):
    """How far a caller is from its next refusal, in the words of OpenAI's headers; a limit of 0: there is none.

    Where several accounts bound the same, it is the one with the least left. ``reset`` is when all of it will be free
    again, in seconds.
    """

    limit_requests: int = 0
    remaining_requests: int = 0
    reset_requests: float = 0.0
    limit_tokens: int = 0
    remaining_tokens: int = 0
    reset_tokens: float = 0.0


class Reservation(Protocol):
    """A place that one request holds in all limits that bound it."""

    async def reserve_tokens(self, upper_bound: int, model: str) -> None:
        """Reserve ``upper_bound`` tokens (prompt and answer together) of a model; a second call replaces the first.

        Raises:
            LimitExceeded: tokens, money or the model's own limits would be exceeded. Nothing was taken.
            BadRequest: the bound alone is over a minute's tokens (``limits.request_too_large``).
            Unavailable: what was used cannot be known.
        """

    def settle(self, usage: Usage | None) -> None:
        """Give the place back and replace the bound by the engine's own count. Synchronous; safe to call twice.

        ``None`` means that nothing was generated: the bound is given back whole.
        """

    def standing(self) -> Standing:
        """Return how far the caller is from its next refusal, now."""


class Identity(Protocol):
    def identify(self, authorization: str | None) -> Caller:
        """Return the caller behind an ``Authorization`` header. Synchronous, no I/O: this is on the hot path.

        Raises:
            Unauthenticated: no key, a wrong key, a revoked or expired key. One message for all of them.
        """


class Limits(Protocol):
    async def reserve(self, caller: Caller) -> Reservation:
        """Take one request and one place of concurrency, of key, project and tenant; all of them or none.

        Raises:
            LimitExceeded: with ``retry_after_seconds``.
            Unavailable: what was used cannot be known.
        """
