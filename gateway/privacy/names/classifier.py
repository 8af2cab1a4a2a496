"""The 7-language token classifier: how likely each word is part of a name or of an address, and how it sees the word.

Its labels leave out the famous, and much else that it knows of a word; so the numbers of its last layer are handed on
beside them, for the tagger to judge by.

Text goes through in windows of at most 94 pieces that overlap by 24, one window a run: nothing is cut off, nothing is
padded, and what a window gives depends on nothing but its own words. Where windows overlap, a word takes the values of
the window in which it stands further from the edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from gateway.errors import SetupError
from gateway.privacy.names.quantise import HIDDEN
from gateway.privacy.names.weights import MEND, Weights
from gateway.privacy.names.wordpiece import Word, Wordpiece
from gateway.privacy.span import Proceed

WINDOW = 94  # pieces, the two marks at its ends not counted: 5 to 8 ms
OVERLAP = 24  # pieces
GIVEN, SURNAME, STREET, HOUSE, UNIT, TOWN, STATE, POSTCODE = range(8)
# columns of the model that make up each of ours: B- and I- of its labels
_COLUMNS = ((1, 2), (3, 4), (25, 26), (23, 24), (27, 28), (29, 30), (31, 32), (33, 34))
SEEN = len(_COLUMNS)
_LABELS = 35
_CANARY = "Please call Maria Fernandez, 12 Rosewood Avenue."
Probabilities = NDArray[np.float32]


class Classifier:
    """One ONNX session, shared by threads (a run is thread-safe); the vocabulary's memory is each caller's own."""

    def __init__(self, weights: Weights) -> None:
        self._vocabulary = weights.read("rampart.txt").decode()
        self._session = session(weights.read("rampart.onnx"))
        self._places = np.arange(512)
        self._check()

    def wordpiece(self) -> Wordpiece:
        """Return a splitter for one thread."""
        return Wordpiece(self._vocabulary)

    def look(self, words: Sequence[Word], proceed: Proceed) -> Probabilities:
        """Return a row for each word: :data:`SEEN` probabilities (given name, ... postcode), then the last layer's."""
        found = np.zeros((len(words), SEEN + HIDDEN), np.float32)
        depth = np.full(len(words), -1)
        for first, last in windows(words):
            proceed()
            values = self._run(words[first:last])
            size = last - first
            here = np.minimum(np.arange(size), np.arange(size)[::-1])
            better = here > depth[first:last]
            found[first:last][better], depth[first:last][better] = values[better], here[better]
        return found

    def _run(self, words: Sequence[Word]) -> Probabilities:
        starts, ids = [], [2]
        for word in words:
            starts.append(len(ids))
            ids += word.pieces[:WINDOW]
        starts.append(len(ids))
        ids.append(3)
        feed = {"ids": np.array(ids), "positions": self._places[: len(ids)]}
        out: Probabilities = self._session.run(None, feed)[0][0]
        labels = [out[:, first] + out[:, second] for first, second in _COLUMNS]
        sums = np.add.reduceat(np.column_stack([*labels, out[:, _LABELS:]]), starts, axis=0)[:-1]
        means: Probabilities = (sums / np.diff(starts)[:, None]).astype(np.float32)
        return means

    def _check(self) -> None:
        words = self.wordpiece().words(_CANARY, 0, len(_CANARY))
        found = self.look(words, lambda: None)
        texts = [_CANARY[word.start : word.end] for word in words]
        name, street = found[texts.index("Maria"), GIVEN], found[texts.index("Rosewood"), STREET]
        if not (name > 0.5 and street > 0.5):
            raise SetupError("The name classifier does not find the names in its canary text.", MEND)


def session(model: bytes) -> Any:
    """Return an ONNX session on one thread that runs the graph as it is written.

    The optimiser would join Add and LayerNormalization into an operator that is six times slower on a processor.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def windows(words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield [first, last) of each window, together covering every word."""
    first = 0
    while first < len(words):
        last, size = first + 1, len(words[first].pieces)
        while last < len(words) and size + len(words[last].pieces) <= WINDOW:
            size += len(words[last].pieces)
            last += 1
        yield first, last
        if last == len(words):
            return
        back, size = last, 0
        while back - 1 > first and size + len(words[back - 1].pieces) <= OVERLAP:
            back -= 1
            size += len(words[back].pieces)
        first = back
