"""The room behind the door: :class:`gateway.privacy.door.Privacy` of a detector and the tenants' tag keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.domain import Caller, Detection, Finding, Grant, Segment
from gateway.privacy.detector import Detector
from gateway.privacy.door import Redacted, Restorer
from gateway.privacy.guard import Detect, Guard
from gateway.privacy.own import Own
from gateway.privacy.redact import Redaction, redact
from gateway.privacy.restore import Untouched, WayBack
from gateway.privacy.tags import scope_key


class RedactedRequest:
    """See :class:`gateway.privacy.door.Redacted`."""

    def __init__(self, redaction: Redaction, grant: Grant, sent: Sequence[str], detect: Detect) -> None:
        self._redaction = redaction
        self._grant = grant
        self._sent = sent
        self._detect = detect
        self._way_back: WayBack | None = None

    @property
    def texts(self) -> Sequence[str]:
        return self._redaction.texts

    @property
    def counts(self) -> Mapping[str, int]:
        """By finding type; ``TAG`` is text that looked like a tag."""
        return self._redaction.counts

    def guard(self) -> Guard | None:
        mode = self._grant.output_guard
        return None if mode == "off" else Guard(self._detect, mode, self._redaction.book, Own(self._sent))

    def restorer(self) -> Restorer:
        if not self._redaction.book.values:
            return Untouched()
        if self._way_back is None:
            self._way_back = WayBack(self._redaction.book.values, self._grant.restore)
        return self._way_back.restorer()


class PrivacyRoom:
    """WHAT a request carries: finds, redacts, restores.

    Args:
        detector: finds personal data.
        tag_key: 32 secret bytes of a tenant, always the same ones.
    """

    def __init__(self, detector: Detector, tag_key: Callable[[str], bytes]) -> None:
        self._detector = detector
        self._tag_key = tag_key

    async def start(self) -> None:
        """Load the detector; seconds. Raises SetupError."""
        await self._detector.start()

    async def stop(self) -> None:
        await self._detector.stop()

    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        return await self._detector.detect(segments, caller)

    def redact(
        self, segments: Sequence[Segment], findings: Sequence[Finding], grant: Grant, caller: Caller, request_id: str
    ) -> Redacted:
        texts = [segment.text for segment in segments]
        name = caller.project if grant.tag_scope == "project" else request_id
        key = scope_key(self._tag_key(caller.tenant), grant.tag_scope, name) if findings else b""
        search = partial(self.detect, caller=caller)
        return RedactedRequest(redact(texts, findings, grant.redact, key), grant, texts, search)

    @property
    def version(self) -> str:
        """Name and version of the detector, as findings carry it."""
        return self._detector.version

    def ready(self) -> bool:
        return self._detector.ready()
