"""Names and addresses in text of Latin letters: cues, our tagger, and the classifier where the tagger is in doubt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from gateway.privacy.names.classifier import Classifier
from gateway.privacy.names.cues import cued
from gateway.privacy.names.features import Features, Floats, Lexicon, with_seen
from gateway.privacy.names.spans import spans
from gateway.privacy.names.tagger import PERSON, PLACE, Tagger
from gateway.privacy.names.wordpiece import Word, Wordpiece
from gateway.privacy.span import Proceed, Span

DOUBT = 0.03  # a word less likely than this to be part of a name or address does not call the classifier
BLOCK, OVERLAP = 2_000, 16  # words tagged at once: some milliseconds
_WORD = re.compile(r"[^\W\d_\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af]{2}")  # two letters, neither Japanese nor Chinese


class Western:
    """Finds names and addresses in one text. Belongs to one thread; what it is made of may be shared."""

    def __init__(self, classifier: Classifier, lexicon: Lexicon, tagger: Tagger) -> None:
        self._classifier = classifier
        self._wordpiece: Wordpiece = classifier.wordpiece()
        self._features = Features(lexicon)
        self._tagger = tagger

    def find(self, text: str, proceed: Proceed) -> Iterator[Span]:
        """Yield the spans of a text; those of one source in order."""
        if not _WORD.search(text):
            return
        yield from cued(text)
        words = self._wordpiece.words(text, 0, len(text))
        for first in range(0, max(1, len(words) - OVERLAP), BLOCK - OVERLAP):
            proceed()
            yield from self._block(text, words[first : first + BLOCK], proceed)

    def _block(self, text: str, words: Sequence[Word], proceed: Proceed) -> Iterator[Span]:
        rows = self._features.of(text, words)
        chances = self._tagger.tag(rows)
        for first, last in _doubtful(text, words, chances):
            seen = self._classifier.look(words[first:last], proceed)
            chances[first:last] = self._tagger.tag(with_seen(rows[first:last], seen))
        yield from spans(text, words, chances, "name:tagger")


def _doubtful(text: str, words: Sequence[Word], chances: Floats) -> Iterator[tuple[int, int]]:
    """Yield the stretches of words that the classifier should read: neighbouring sentences with a word in doubt."""
    doubts = (chances[:, PERSON] + chances[:, PLACE]) > DOUBT
    counts = np.concatenate([[0], np.cumsum(doubts)])
    begin = end = -1
    for first, last in _sentences(text, words):
        if counts[last] - counts[first]:
            begin, end = (first if begin < 0 else begin), last
        elif begin >= 0:
            yield begin, end
            begin = -1
    if begin >= 0:
        yield begin, end


def _sentences(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    first = 0
    for index in range(1, len(words)):
        between = text[words[index - 1].end : words[index].start]
        if _ends(between, text[words[index - 1].start], index - first):
            yield first, index
            first = index
    if words:
        yield first, len(words)


def _ends(between: str, mark: str, size: int) -> bool:
    """Whether a sentence of ``size`` words ends at ``mark``, with ``between`` before the next word."""
    return "\n" in between or bool(between.strip()) or (between != "" and mark in ".!?;" and size > 5)
