"""One search for personal data: presidio's AnalyzerEngine over this gateway's recognizers and pipeline.

Importing this takes seconds (spaCy, presidio), so only the detector's own threads do. An :class:`Analysis` belongs to
one thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts

from gateway.domain import Finding
from gateway.privacy.merge import merge
from gateway.privacy.nlp import ContextWords, Names
from gateway.privacy.recognizers import ENTITIES, LANGUAGE, NAMED_ENTITIES, build

# presidio writes found values into its log (context words, an IBAN that fails its check). A filter, since configuring
# logging anew enables loggers that were disabled.
logging.getLogger("presidio-analyzer").addFilter(lambda record: False)

PROBE = "Please ask Robert Miller (robert.miller@plant-7.local) to pay DE89 3704 0044 0532 0130 00 today."
"""A sentence of ours: a name, an address at an internal host, a specimen account number."""

PROBED = {"PERSON": "Robert Miller", "EMAIL_ADDRESS": "robert.miller@plant-7.local", "IBAN_CODE": PROBE[62:89]}


class Analysis:
    """Searches texts. Not thread-safe.

    Args:
        score_threshold: findings below it are dropped, 0 to 1.
        cpu_seconds: the most processor time that one expression may take on one text.
        extra: recognizers beside the usual ones.
    """

    def __init__(self, score_threshold: float, cpu_seconds: float, extra: Sequence[EntityRecognizer] = ()) -> None:
        names = Names(LANGUAGE, NAMED_ENTITIES)
        names.load()
        recognizers = [*build(cpu_seconds), *extra]
        registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
        self._engine = AnalyzerEngine(registry, names, context_aware_enhancer=ContextWords())
        self._names = names
        self._entities = sorted({*ENTITIES, *(entity for each in extra for entity in each.supported_entities)})
        self._threshold = score_threshold

    def find(self, texts: Sequence[str], proceed: Callable[[], None]) -> list[Finding]:
        """Return the findings of all texts, sorted by (text, start), not overlapping.

        Args:
            texts: ``Finding.segment`` is an index into them.
            proceed: called between steps; raises when the search is no longer wanted.

        Raises:
            Exception: whatever a recognizer raised. Never fewer findings in place of an error.
        """
        found: list[Finding] = []
        worth = [(index, text) for index, text in enumerate(texts) if not text.isspace() and text]
        artifacts = self._names.process_batch([text for _, text in worth], LANGUAGE)
        for (index, _), (text, of_text) in zip(worth, artifacts, strict=True):
            proceed()
            found.extend(merge(text, self._search(index, text, of_text)))
        return found

    def _search(self, index: int, text: str, artifacts: NlpArtifacts) -> list[Finding]:
        results = self._engine.analyze(
            text, LANGUAGE, entities=self._entities, score_threshold=self._threshold, nlp_artifacts=artifacts
        )
        return [
            Finding(index, result.start, result.end, result.entity_type, float(result.score), _recognizer(result))
            for result in results
        ]

    def passes_self_test(self) -> bool:
        """Whether what :data:`PROBE` holds is found."""
        found = {finding.type: PROBE[finding.start : finding.end] for finding in self.find([PROBE], lambda: None)}
        return all(found.get(type) == value for type, value in PROBED.items())


def _recognizer(result: object) -> str:
    metadata = getattr(result, "recognition_metadata", None) or {}
    return str(metadata.get("recognizer_name", "presidio"))
