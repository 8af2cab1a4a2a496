"""THE BOOK: the door of ``audit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.domain import Caller, Decision, Outcome, PolicyInput, Target


class Entry(Protocol):
    """One intent, written. It is in the kernel's hands already; a killed process loses nothing."""

    async def durable(self) -> None:
        """Return once the record is on stable storage.

        Raises:
            AuditUnavailable: it could not be made durable; nothing of the answer may reach the caller.
        """

    def close(self, outcome: Outcome) -> None:
        """Write the one outcome record of this intent. Synchronous, so no cancellation can come between.

        Never raises: when the log is broken it is already refusing every new request, and recovery writes
        ``interrupted``. A second call is ignored.
        """


class Book(Protocol):
    def intent(
        self, caller: Caller, question: PolicyInput, decision: Decision, target: Target, redactions: Mapping[str, int]
    ) -> Entry:
        """Write an intent record. MUST be called before one prompt byte leaves the process. Synchronous.

        Raises:
            AuditUnavailable: the log is not writable, was moved or shrank.
        """

    def denial(
        self,
        *,
        code: str,
        status: int,
        caller: Caller | None = None,
        question: PolicyInput | None = None,
        decision: Decision | None = None,
        request_id: str = "",
        source: str = "",
    ) -> None:
        """Write one denial record. Without a caller it is counted, and summed per second, ``source`` and ``code``.

        Synchronous; never raises.
        """

    def event(self, type: str, **details: Any) -> None:
        """Write an administrative record (``key.created``, ``config``, ...). Synchronous.

        Raises:
            AuditUnavailable: as :meth:`intent`.
        """

    async def durable(self) -> None:
        """Return once everything written so far is on stable storage. Raises AuditUnavailable."""

    def ready(self) -> bool:
        """Whether new records would be accepted."""
