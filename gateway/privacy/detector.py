"""Detectors: the cascade in threads of its own, or none at all for measurements.

A detector answers only when everything went well. Each way of failing is a refusal with its own code, and none is an
empty result:

=============================  =====================================================================================
``privacy.detector_not_ready``  not loaded, its self-test failed, or its threads are lost in searches that never ended
``privacy.detector_busy``       too many searches wait
``privacy.detector_timeout``    the search took longer than ``privacy.timeout_seconds``, waiting included
``privacy.detector_error``      a step of the search raised
=============================  =====================================================================================
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gateway.domain import Caller, Detection, Finding, Segment, highest_class
from gateway.errors import DetectorUnavailable, SetupError
from gateway.privacy.allow import AllowList, allow_lists
from gateway.privacy.merge import merge
from gateway.privacy.objects import Reading, readings
from gateway.privacy.span import Proceed, Span
from gateway.privacy.worker import Busy, NotReady, Pool
from gateway.settings import PrivacySettings

if TYPE_CHECKING:
    from gateway.privacy.cascade import Found, Parts

THREADS = 2
"""Two, so that a short message need not wait behind a long document; one that has nothing to do helps with it."""


class Detector(Protocol):
    version: str  # as findings carry it; empty before it was started

    async def start(self) -> None:
        """Load; returns when it is ready. Raises SetupError."""

    async def stop(self) -> None: ...

    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        """As :meth:`gateway.privacy.door.Privacy.detect`."""

    def ready(self) -> bool: ...


class Search(Protocol):
    """One thread's search: :class:`gateway.privacy.cascade.Cascade`."""

    @property
    def version(self) -> str: ...

    def search(self, texts: Sequence[str], proceed: Proceed, tenant: str = "") -> Sequence[Found]: ...


class NoDetection:
    """``privacy.detection: off``. Finds nothing, says so in every record; for measurements."""

    version = "off"

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        return Detection((), self.version)

    def ready(self) -> bool:
        return True


class CascadeDetector:
    """The cascade behind threads and a deadline. Reaches no network, now or ever.

    Args:
        settings: what to search for, the deadline, the score threshold, allow-lists.
        folder: what relative paths of the settings start from.
        kept: where compiled rules are kept for the next start.
        load: makes a thread's search, in that thread; it raises when there is none.
    """

    def __init__(
        self,
        settings: PrivacySettings,
        folder: Path = Path(),
        kept: Path | None = None,
        load: Callable[[], Search] | None = None,
    ) -> None:
        self.version = ""
        self._settings = settings
        self._folder = folder
        self._kept = kept
        self._parts: Parts | None = None
        self._parts_lock = threading.Lock()
        self._allow: Mapping[str, AllowList] = {}
        self._pool = Pool(load or self._load, THREADS)

    def _load(self) -> Search:
        """Make one thread's cascade; the first thread loads what all share. A self-test that fails is an error."""
        from gateway.privacy.cascade import Cascade, Parts  # noqa: PLC0415 - rules and models take a second to load

        with self._parts_lock:
            if self._parts is None:
                self._parts = Parts.load(self._settings, self._folder, self._kept)
        cascade = Cascade(self._parts, self._pool.lend)
        cascade.self_test()
        self.version = cascade.version
        return cascade

    async def start(self) -> None:
        """Load rules and models, and test them; seconds.

        Raises:
            SetupError: they can't be loaded, or the self-test failed.
        """
        await self._pool.start()
        if not self._pool.ready():
            if isinstance(self._pool.failure, SetupError):
                raise self._pool.failure
            raise SetupError("The detector of personal data does not start.", "Run: sekisho doctor")
        rules = self._parts.plan.rules if self._parts else ()
        self._allow = allow_lists(self._settings.allow, rules)

    async def stop(self) -> None:
        """Let its threads end."""
        self._pool.stop()

    def ready(self) -> bool:
        """Whether a thread is loaded and passed its self-test."""
        return self._pool.ready()

    async def detect(self, segments: Sequence[Segment], caller: Caller) -> Detection:
        """Search every segment; see the module's table for what is raised."""
        texts = [segment.text for segment in segments]
        objects = readings(segments)
        wanted = [*texts, *(reading.text for reading in objects)]
        try:
            name, found = await self._pool.run(
                lambda search, proceed: (search.version, search.search(wanted, proceed, caller.tenant)),
                self._settings.timeout_seconds,
            )
        except NotReady as error:
            raise DetectorUnavailable(code="privacy.detector_not_ready", retry_after_seconds=5) from error
        except Busy as error:
            raise DetectorUnavailable(code="privacy.detector_busy", retry_after_seconds=1) from error
        except TimeoutError as error:
            raise DetectorUnavailable(code="privacy.detector_timeout", retry_after_seconds=1) from error
        except Exception:  # outermost edge: what a step raises is not ours to know, and may quote the text
            raise DetectorUnavailable(code="privacy.detector_error", retry_after_seconds=1) from None
        return _detection(texts, objects, found, name, self._allow.get(caller.project))


def _detection(
    texts: Sequence[str], objects: Sequence[Reading], found: Sequence[Found], name: str, allow: AllowList | None
) -> Detection:
    """Return what was found in the texts, and behind them in the objects that they are parts of."""
    findings = []
    told = _told(objects, found[len(texts) :])
    for index, (text, of_text) in enumerate(zip(texts, found, strict=False)):
        spans: Sequence[Span] = merge(text, [*of_text.spans, *told[index]]) if index in told else of_text.spans
        spans = allow.without_allowed(text, spans) if allow else spans
        findings += [_finding(index, span) for span in spans]
    return Detection(
        tuple(findings),
        name,
        jurisdictions=_all(each.jurisdictions for each in found),
        special=_all(each.classes for each in found),
        languages=_all(each.languages for each in found),
        mark=highest_class(*(mark for each in found for mark in each.marks)),
    )


def _told(objects: Sequence[Reading], found: Sequence[Found]) -> dict[int, list[Span]]:
    """Return by segment what its object says of it."""
    told: dict[int, list[Span]] = {}
    for reading, of_text in zip(objects, found, strict=True):
        for segment, span in reading.spans(of_text.spans):
            told.setdefault(segment, []).append(span)
    return told


def _finding(index: int, span: Span) -> Finding:
    return Finding(index, span.start, span.end, span.type, span.score, span.source)


def _all(values: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted({value for of_text in values for value in of_text}))
