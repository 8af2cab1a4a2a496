"""Our own small network over what words look like: is this word part of a person's name, or of an address?

Two words either side count. It runs twice: first alone, in microseconds, to say which sentences are worth the
classifier's milliseconds; then again with what the classifier said of them. It was trained for both (a third of its
examples had the classifier's columns blanked). Recipe and card: ``models/detect/recipe/``, ``docs/privacy/names.md``.
"""

from __future__ import annotations

import io

import numpy as np

from gateway.privacy.names.classifier import session
from gateway.privacy.names.features import Floats
from gateway.privacy.names.proto import FLOAT, Graph, Node, write

AROUND = 2  # words either side
NONE, PERSON, PLACE = range(3)


class Tagger:
    """One ONNX session on one thread (numpy's own products would take every core). Threads may share it."""

    def __init__(self, data: bytes) -> None:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            tensors = {name: file[name].astype(np.float32) for name in ("scales", "hidden", "bias", "out", "last")}
        tensors["hidden"] *= tensors.pop("scales")[None, :]
        nodes = [
            Node("Gemm", ("rows", "hidden", "bias"), ("wide",)),
            Node("Relu", ("wide",), ("active",)),
            Node("Gemm", ("active", "out", "last"), ("scores",)),
            Node("Softmax", ("scores",), ("chances",), {"axis": -1}),
        ]
        self._session = session(write(Graph(nodes, dict(tensors)), ("rows",), "chances", FLOAT))

    def tag(self, rows: Floats) -> Floats:
        """Return for each word how likely it is none, part of a name, part of an address."""
        chances: Floats = self._session.run(None, {"rows": around(rows)})[0]
        return chances


def around(rows: Floats) -> Floats:
    """Return each row with the rows of the words either side before and after it; nought beyond the ends."""
    edge = np.zeros((AROUND, rows.shape[1]), np.float32)
    padded = np.concatenate([edge, rows, edge])
    return np.concatenate([padded[place : place + len(rows)] for place in range(2 * AROUND + 1)], axis=1)
