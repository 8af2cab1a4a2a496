"""Names and addresses in text of Latin letters: what the classifier says, put together with capital letters and cues."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.privacy.names.classifier import GIVEN, SURNAME, Classifier, Probabilities
from gateway.privacy.names.cues import cued
from gateway.privacy.names.wordpiece import Word
from gateway.privacy.span import Proceed, Span

# A sentence ends at a mark and a space, or at a line's end; not after an initial or a short title.
_BREAK = re.compile(
    r"\n+|(?<=[.!?;])[ \t]+(?<!\b\w\. )(?<!\b(?:Dr|Mr|Ms|Hr|Fr|St|Sr|No|Nr)\. )(?<!\b(?:Mrs|Sra|Sig|Ing|Str)\. )"
)
_MAYBE = re.compile(r"[^\W\d_][^\W\d_]|\d")
_NAME, _PLACE = 0.3, 0.4
_LOWER_NAME, _LOWER_PLACE = 0.75, 0.75


class Sentence(NamedTuple):
    start: int
    end: int


class Western:
    """Finds names and addresses in one text. Belongs to one thread."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._wordpiece = classifier.wordpiece()

    def find(self, text: str, proceed: Proceed) -> list[Span]:
        """Return the spans of a text, in order of their start."""
        found = list(cued(text))
        for start, end in _runs(text):
            words = self._wordpiece.words(text, start, end)
            found += _spans(text, words, self._classifier.look(words, proceed))
        return sorted(found, key=lambda span: (span.start, span.end))


def _runs(text: str) -> Iterator[Sentence]:
    """Yield the stretches to read: neighbouring sentences that could hold a name, joined."""
    first = last = -1
    for start, end in _sentences(text):
        if _could_hold(text, start, end):
            first, last = (start if first < 0 else first), end
        elif first >= 0:
            yield Sentence(first, last)
            first = -1
    if first >= 0:
        yield Sentence(first, last)


def _sentences(text: str) -> Iterator[Sentence]:
    start = 0
    for match in _BREAK.finditer(text):
        yield Sentence(start, match.end())
        start = match.end()
    yield Sentence(start, len(text))


def _could_hold(text: str, start: int, end: int) -> bool:
    part = text[start:end]
    return _MAYBE.search(part) is not None and not part.islower()


def _spans(text: str, words: Sequence[Word], seen: Probabilities) -> Iterator[Span]:
    """Yield stretches of neighbouring words of one type."""
    kinds = [_kind(text[word.start : word.end], row) for word, row in zip(words, seen.tolist(), strict=True)]
    index = 0
    while index < len(words):
        kind, first = kinds[index], index
        index += 1
        if not kind:
            continue
        while index < len(words) and _joins(text, words, kinds, index, kind):
            index += 1
        while kinds[index - 1] != kind:
            index -= 1
        score = 0.85 if float(seen[first:index].sum(axis=1).max()) > 0.8 else 0.6
        yield Span(words[first].start, words[index - 1].end, kind, score, "name:rampart")


def _kind(word: str, row: Sequence[float]) -> str:
    name, place = row[GIVEN] + row[SURNAME], sum(row[2:])
    lower = word.islower()
    if not word[0].isalnum():
        return ""
    if name >= place and name > (_LOWER_NAME if lower else _NAME):
        return "" if word.isdigit() else "PERSON"
    return "LOCATION" if place > name and place > (_LOWER_PLACE if lower else _PLACE) else ""


def _joins(text: str, words: Sequence[Word], kinds: Sequence[str], index: int, kind: str) -> bool:
    between = text[words[index - 1].end : words[index].start]
    if kinds[index] == kind:
        return len(between) <= 2 and "\n" not in between or kind == "LOCATION" and len(between) <= 2
    if not (len(between) <= 1 and index + 1 < len(words) and kinds[index + 1] == kind):
        return False
    word = text[words[index].start : words[index].end]
    return word in "-'’." or kind == "LOCATION" and word in ",/" or word.lower() in _PARTICLES


_PARTICLES = frozenset(
    "de del della di da dos das do du des la le van von zu zum zur der den ter ten bin ibn al el y e af av".split()
)
