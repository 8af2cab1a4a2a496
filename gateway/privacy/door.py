"""WHAT a request carries: the door of ``privacy``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.domain import Caller, Chunk, Detection, Finding, Grant, Segment


class Restorer(Protocol):
    """Turns tags back into values in one answer. Stateful: it holds back what may be the beginning of a tag."""

    def feed(self, chunk: Chunk) -> Chunk | None:
        """Return the chunk with its text restored, as far as it is certain; ``None`` when all of it is held back.

        Text is held per choice and channel (content, reasoning, each tool call's arguments) and comes out with a later
        chunk, at the latest with the one that carries the choice's ``finish_reason``. The result MUST NOT depend on
        how the answer was cut into chunks.
        """

    def flush(self) -> Chunk | None:
        """Return what is still held when the stream ended without a ``finish_reason``."""

    @property
    def restored(self) -> int:
        """How many tags became values so far."""


class Guard(Protocol):
    """Searches one answer for personal data that the caller did not send, before it is restored. Stateful."""

    async def feed(self, chunk: Chunk) -> Chunk | None:
        """Return what of the answer was searched and may go on; ``None`` when all of it is held back.

        Text is held until a sentence ends, or 512 code points, as for :class:`Restorer`; nothing goes on unsearched.

        Raises:
            OutputBlocked: something was found, and the grant says ``block``.
            DetectorUnavailable: the search failed or took too long.
        """

    async def flush(self) -> Chunk | None:
        """Return what is still held when the stream ended without a ``finish_reason``, searched. Raises as feed."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many values were masked so far, by type, or ended the answer; also after :class:`OutputBlocked`."""


class Redacted(Protocol):
    """Redacted texts of one request for one target, and the only way back."""

    @property
    def texts(self) -> Sequence[str]:
        """One text per segment, in order."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many values were replaced, by type."""

    def guard(self) -> Guard | None:
        """Return a fresh guard for one answer; ``None`` where the grant does not ask for one."""

    def restorer(self) -> Restorer:
        """Return a fresh restorer for one answer."""


class Privacy(Protocol):
    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        """Search every segment. What the caller's project allows is no finding.

        Raises:
            DetectorUnavailable: an error, a timeout (``privacy.detector_timeout``), a detector that is not loaded.
                Never an empty result in place of a failure.
        """

    def redact(
        self, segments: Sequence[Segment], findings: Sequence[Finding], grant: Grant, caller: Caller, request_id: str
    ) -> Redacted:
        """Replace findings as ``grant.redact`` says, with tags under ``grant.tag_scope``. Pure, synchronous.

        Text that already looks like a tag is itself tagged and restored to itself.
        """

    def ready(self) -> bool:
        """Whether every detector is loaded and passed its self-test."""
