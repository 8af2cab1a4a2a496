"""THE BOOK: the door of ``audit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from gateway.domain import Caller, Choosing, Decision, Kept, Outcome, PolicyInput, Target


class Case(msgspec.Struct, frozen=True):
    """One decision as the log has it. Records are plain JSON objects, ``sekisho.record/1``."""

    record: dict[str, Any]  # intent, denial or preview
    same_request: tuple[dict[str, Any], ...]  # all of this request that were found, oldest first, outcomes too


class Spot(msgspec.Struct, frozen=True):
    """Where a record stands: in the log of which retention class, and its sequence there."""

    retention_class: str
    sequence: int


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
        self,
        caller: Caller,
        question: PolicyInput,
        decision: Decision,
        target: Target,
        redactions: Mapping[str, int],
        content: Kept | None = None,
        choice: Choosing | None = None,
    ) -> Entry:
        """Write an intent record. MUST be called before one prompt byte leaves the process. Synchronous.

        Args:
            content: the prompt in the side store, where it must be kept.
            choice: how the target was chosen, where there were several.

        Raises:
            AuditUnavailable: the log is not writable, was moved or shrank.
        """

    def denial(  # noqa: PLR0913  all that may be known of a refusal, each by its name
        self,
        *,
        code: str,
        status: int,
        caller: Caller | None = None,
        question: PolicyInput | None = None,
        decision: Decision | None = None,
        decision_id: str = "",
        request_id: str = "",
        source: str = "",
    ) -> None:
        """Write one denial record. Without a caller it is counted, and summed per second, ``source`` and ``code``.

        ``decision_id`` is told to the caller also where no valid decision came. Synchronous; never raises.
        """

    def preview(self, caller: Caller, question: PolicyInput, decision: Decision) -> None:
        """Write what would become of a request that is not sent. Synchronous.

        Raises:
            AuditUnavailable: as :meth:`intent`.
        """

    def locate(self, decision_id: str) -> Spot | None:
        """Return where a decision's record stands if it is among the recent ones. Synchronous, no I/O."""

    async def search(self, decision_id: str) -> Spot | None:
        """Look for a decision's record in the log: near the time its id tells, and among the newest records.

        Bounded; reads files, in a thread. ``None``: not there, as far as was looked.
        """

    async def case(self, spot: Spot) -> Case:
        """Return the record there with what the logs hold near it of the same request. Reads files.

        Raises:
            AuditUnavailable: the record cannot be read.
        """

    async def receipt(self, spot: Spot) -> bytes:
        """Return a signed receipt of the intent there, once it is on stable storage.

        Raises:
            AuditUnavailable: the record cannot be read, or is not durable.
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
