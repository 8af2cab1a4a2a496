"""Names and addresses in text of Latin letters: cues, our tagger, and the classifier where the tagger is in doubt."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import numpy as np

from gateway.privacy.names.addresses import TOLD, TOLD_KEYS
from gateway.privacy.names.classifier import SEEN, Classifier
from gateway.privacy.names.cues import Cue, cues
from gateway.privacy.names.evidence import Evidence
from gateway.privacy.names.features import Features, Floats, Lexicon, with_seen
from gateway.privacy.names.gate import Gate
from gateway.privacy.names.known import KNOWN
from gateway.privacy.names.seams import may_cross
from gateway.privacy.names.spans import SURE, spans
from gateway.privacy.names.tagger import PERSON, PLACE, Tagger
from gateway.privacy.names.wordpiece import Word, Wordpiece
from gateway.privacy.span import Proceed, Seam, Span

DOUBT = (0.06, 0.92)  # between these chances the first network alone does not know
UNLIKELY = 0.04  # a word less likely than this is no name for being near a cue
CONTEXT = 6  # words either side of a doubtful one that the classifier reads too
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
        found, gate = cache(partial(cues, text)), Gate(text)
        for words in self._wordpiece.blocks(text, BLOCK, OVERLAP):
            proceed()
            yield from self._block(text, words, found, gate, proceed)

    def _block(
        self, text: str, words: Sequence[Word], found: Callable[[], Sequence[Cue]], gate: Gate, proceed: Proceed
    ) -> Iterator[Span]:
        rows = self._features.of(text, words)
        chances = self._tagger.tag(rows)
        evidence = Evidence(text, words, rows, gate)
        evidence.weigh(chances)
        doubtful = [*_doubtful(chances, evidence)] if _varies(text, words) else []
        if isinstance(text, Seam) and len(text) < BLOCK and not may_cross(text, words, chances, doubtful):
            return
        for first, last in doubtful:
            read = self._classifier.look(self._wordpiece.split(text, words[first:last]), proceed)
            rows[first:last] = with_seen(rows[first:last], read[:, :SEEN])
            chances[first:last] = self._tagger.judge(rows[first:last], read[:, SEEN:])
        evidence.weigh(chances)
        _know(text, words, chances, evidence)
        _recall(text, words, chances, evidence)
        if any(key in text for key in TOLD_KEYS):
            evidence.hear(TOLD.finditer(text, words[0].start, words[-1].end), chances)
        yield from spans(text, words, chances, _announce(words, found(), chances, evidence), evidence)


def _announce(words: Sequence[Word], found: Sequence[Cue], chances: Floats, evidence: Evidence) -> dict[int, Cue]:
    """Raise the chances of words that a cue announces; return which these are."""
    announced: dict[int, Cue] = {}
    starts = [word.start for word in words]
    begin, end = (bisect_left(found, place, key=_start) for place in (words[0].start, words[-1].end))
    for cue in found[begin:end]:
        first = bisect_left(starts, cue.start)
        if first == len(words) or words[first].start != cue.start:
            continue
        if not cue.strong and chances[first, PERSON] < UNLIKELY and not evidence.is_listed(first):
            continue
        announced[first] = cue
        chances[first] = (0.05, 0.95, 0.0)
        for index in range(first + 1, bisect_left(starts, cue.end)):
            if chances[index, PERSON] >= UNLIKELY or evidence.may_follow(index):
                chances[index] = (0.5, 0.5, 0.0)
    return announced


def _know(text: str, words: Sequence[Word], chances: Floats, evidence: Evidence) -> None:
    """Raise the chances of names of history (:data:`KNOWN`) in prose that are no part of a longer word."""
    for index, word in enumerate(words):
        if text[word.start : word.end] in KNOWN and not _is_tied(text, word) and evidence.is_in_prose(index):
            chances[index, PERSON] = max(chances[index, PERSON], 0.6)


def _is_tied(text: str, word: Word) -> bool:
    """Whether a hyphen joins a word to another: ``Mozart-Platz``."""
    before, after = text[max(0, word.start - 1) : word.start], text[word.end : word.end + 2]
    return before == "-" or (after[:1] == "-" and after[1:].isalpha())


def _recall(text: str, words: Sequence[Word], chances: Floats, evidence: Evidence) -> None:
    """Raise the chances of surnames that stand with a given name elsewhere in the block: alone they are names, too."""
    likely = np.flatnonzero(chances[:, PERSON] >= SURE).tolist()
    full = {text[words[at].start : words[at].end] for at in likely if at and chances[at - 1, PERSON] >= SURE}
    if not full:
        return
    for index in np.flatnonzero((chances[:, PERSON] >= UNLIKELY) & (chances[:, PERSON] < SURE)).tolist():
        if text[words[index].start : words[index].end] in full and evidence.is_worth(index):
            chances[index] = (0.4, 0.6, 0.0)


def _start(cue: Cue) -> int:
    return cue.start


def _varies(text: str, words: Sequence[Word]) -> bool:
    """Whether these words are worth reading: a long stretch that repeats a few words over and over is not."""
    return len(words) < 200 or len({text[word.start : word.end] for word in words}) > 5


def _doubtful(chances: Floats, evidence: Evidence) -> Iterator[tuple[int, int]]:
    """Yield the stretches of words that the classifier should read: those in doubt and what is around them."""
    either, most = chances[:, PERSON] + chances[:, PLACE], chances[:, [PERSON, PLACE]].max(axis=1)
    open_questions = np.flatnonzero((either > DOUBT[0]) & (most < DOUBT[1])).tolist()
    doubts = np.array([index for index in open_questions if evidence.is_worth(index)])
    if not len(doubts):
        return
    gaps = np.flatnonzero(np.diff(doubts) > 2 * CONTEXT)
    for first, last in zip([0, *(gaps + 1)], [*gaps, len(doubts) - 1], strict=True):
        yield max(0, int(doubts[first]) - CONTEXT), min(len(chances), int(doubts[last]) + CONTEXT + 1)
