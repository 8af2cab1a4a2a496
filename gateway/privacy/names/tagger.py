"""Our own small networks over words: is this one part of a person's name, or of an address?

Two words either side count. The first looks at the words alone, in microseconds, and says which sentences are worth
the classifier's milliseconds; the second judges those that the classifier has read, by what it said of a word and by
how it saw it. Recipe and card: ``models/detect/recipe/``, ``docs/privacy/names.md``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from gateway.privacy.names.classifier import session
from gateway.privacy.names.features import OWN, PLACED, Floats
from gateway.privacy.names.proto import FLOAT, Graph, Node, write

AROUND = 2  # words either side
NONE, PERSON, PLACE = range(3)
_TENSORS = ("hidden", "bias", "out", "last")


class Tagger:
    """Two ONNX sessions on one thread (numpy's own products would take every core). Threads may share it."""

    def __init__(self, data: bytes) -> None:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            self._first, self._second = (_network(file, name) for name in ("first", "second"))

    def tag(self, rows: Floats) -> Floats:
        """Return for each word how likely it is none, part of a name, part of an address, by its looks."""
        chances: Floats = self._first.run(None, {"rows": around(rows[:, : OWN + PLACED])})[0]
        return chances

    def judge(self, rows: Floats, seen: Floats) -> Floats:
        """Return the same for words with what the classifier says of them, and how it sees them (its last layer)."""
        wide = np.concatenate([around(rows), seen], axis=1)
        chances: Floats = self._second.run(None, {"rows": wide})[0]
        return chances


def _network(file: Mapping[str, Any], name: str) -> Any:
    tensors = {part: file[f"{name}.{part}"].astype(np.float32) for part in _TENSORS}
    tensors["hidden"] *= file[f"{name}.scales"][None, :]
    nodes = [
        Node("Gemm", ("rows", "hidden", "bias"), ("wide",)),
        Node("Relu", ("wide",), ("active",)),
        Node("Gemm", ("active", "out", "last"), ("scores",)),
        Node("Softmax", ("scores",), ("chances",), {"axis": -1}),
    ]
    return session(write(Graph(nodes, dict(tensors)), ("rows",), "chances", FLOAT))


def around(rows: Floats) -> Floats:
    """Return each row with the rows of the words either side before and after it; nought beyond the ends."""
    edge = np.zeros((AROUND, rows.shape[1]), np.float32)
    padded = np.concatenate([edge, rows, edge])
    return np.concatenate([padded[place : place + len(rows)] for place in range(2 * AROUND + 1)], axis=1)
