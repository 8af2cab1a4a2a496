"""Our own small network over what words look like: is this word part of a person's name, or of an address?

Two words either side count. It runs twice: first alone, in microseconds, to say which sentences are worth the
classifier's milliseconds; then again with what the classifier said of them. It was trained for both (a third of its
examples had the classifier's columns blanked). Recipe and card: ``models/detect/recipe/``, ``docs/privacy/names.md``.
"""

from __future__ import annotations

import io

import numpy as np

from gateway.privacy.names.features import WIDTH, Floats

AROUND = 2  # words either side
NONE, PERSON, PLACE = range(3)


class Tagger:
    """The weights: input ``[5 * WIDTH, hidden]``, output ``[hidden, 3]``. Never changes: threads may share it."""

    def __init__(self, data: bytes) -> None:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            scales = file["scales"].astype(np.float32)
            wide = file["hidden"].astype(np.float32) * scales[None, :]
            self._bias, self._out, self._last = (file[name].astype(np.float32) for name in ("bias", "out", "last"))
        # side by side, so that one product serves all five places
        parts = wide.reshape(2 * AROUND + 1, WIDTH, -1)
        self._hidden = np.ascontiguousarray(np.concatenate(list(parts), axis=1))

    def tag(self, rows: Floats) -> Floats:
        """Return for each word how likely it is none, part of a name, part of an address."""
        size, width = len(rows), len(self._bias)
        each = rows @ self._hidden
        total = np.tile(self._bias, (size, 1))
        for place in range(2 * AROUND + 1):
            shift = place - AROUND
            part = each[:, place * width : (place + 1) * width]
            if shift < 0:
                total[-shift:] += part[:shift]
            elif shift:
                total[:-shift] += part[shift:]
            else:
                total += part
        scores = np.maximum(total, 0) @ self._out + self._last
        scores -= scores.max(axis=1, keepdims=True)
        raised = np.exp(scores)
        chances: Floats = raised / raised.sum(axis=1, keepdims=True)
        return chances
