"""Words of a text and their pieces, as a lower-cased BERT vocabulary wants them; with offsets, which is why it is ours.

The same pieces as the reference tokenizer gives (lower case, accents stripped, every punctuation mark a word of its
own, then greedily the longest piece), for text that is already normalised (:mod:`gateway.privacy.normal`); but
Japanese and Chinese characters are left out: they are other detectors' work.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

EASTERN = "\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002fa1f"  # CJK, kana, hangul, their marks
WORD = re.compile(rf"[^\W_{EASTERN}]+|[^\s\w{EASTERN}]|_")
MAX_WORD = 100  # characters; the reference gives up on longer words too
MAX_REMEMBERED = 50_000  # words


class Word(NamedTuple):
    """One word of a text: ``text[start:end]`` and its pieces."""

    start: int
    end: int
    pieces: tuple[int, ...]


_made = tuple.__new__  # a third of the time that the class itself takes


class Wordpiece:
    """Splits words into pieces and remembers the answer. Not for two threads at once."""

    def __init__(self, vocabulary: str) -> None:
        lines = vocabulary.split("\n")
        self._ids = {piece: number for number, piece in enumerate(lines)}
        self._unknown = self._ids["[UNK]"]
        self._remembered: dict[str, tuple[int, ...]] = {}

    def words(self, text: str, start: int, end: int) -> list[Word]:
        """Return the words of ``text[start:end]``, in order."""
        return [Word(m.start(), m.end(), self.pieces(m.group())) for m in WORD.finditer(text, start, end)]

    def blocks(self, text: str, size: int, overlap: int) -> Iterator[list[Word]]:
        """Yield a text's words in lists of at most ``size``; each begins with the last ``overlap`` of the last.

        They have no pieces yet: few words are read by the classifier (:meth:`split`).
        """
        found = WORD.finditer(text)
        block: list[Word] = []
        while True:
            more = [_made(Word, (*m.span(), ())) for m in islice(found, size - len(block))]
            if not more:
                return
            block += more
            yield block
            block = block[-overlap:]

    def split(self, text: str, words: Sequence[Word]) -> list[Word]:
        """Return the words with their pieces."""
        return [Word(word.start, word.end, self.pieces(text[word.start : word.end])) for word in words]

    def pieces(self, word: str) -> tuple[int, ...]:
        found = self._remembered.get(word)
        if found is None:
            if len(word) > MAX_WORD:
                return (self._unknown,)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[word] = self._split(_plain(word))
        return found

    def _split(self, word: str) -> tuple[int, ...]:
        found, at = [], 0
        while at < len(word):
            for end in range(len(word), at, -1):
                piece = self._ids.get(word[at:end] if at == 0 else "##" + word[at:end])
                if piece is not None:
                    break
            else:
                return (self._unknown,)
            found.append(piece)
            at = end
        return tuple(found) or (self._unknown,)  # a lone accent leaves nothing


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(c) != "Mn")
