"""The best path through a Chinese clause's tags is Viterbi's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.privacy.names.lac import Path

TAGS = 12


def viterbi(scores: NDArray[np.float32], transitions: NDArray[np.float32]) -> list[int]:
    total, back = scores[0], []
    for row in scores[1:]:
        paths = total[:, None] + transitions
        back.append(paths.argmax(axis=0))
        total = paths.max(axis=0) + row
    path = [int(total.argmax())]
    for came in reversed(back):
        path.append(int(came[path[-1]]))
    return path[::-1]


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0, 5.0])
def test_the_path_is_that_of_viterbi(spread: float) -> None:
    random = np.random.default_rng(7)
    transitions = random.uniform(-0.2, 0.2, (TAGS, TAGS)).astype(np.float32)
    path = Path(transitions)
    for length in (*range(1, 40), 128):
        scores = (random.normal(size=(length, TAGS)) * spread).astype(np.float32)
        assert path.best(scores) == viterbi(scores, transitions)


def test_transitions_that_weigh_much_are_heeded() -> None:
    transitions = np.zeros((TAGS, TAGS), np.float32)
    transitions[5, 3] = -100.0
    scores = np.zeros((2, TAGS), np.float32)
    scores[0, 5], scores[1, 3], scores[1, 4] = 9.0, 5.0, 4.0
    assert Path(transitions).best(scores)[1] == 4
