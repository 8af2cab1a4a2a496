"""A network of one hidden layer, trained with numpy alone: Adam, dropout, a rate that rises and falls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BATCH, RATE, WARM = 512, 1.5e-3, 200  # examples; the rate's height; steps until it
DECAY = 1e-3  # of weights, times the rate
FIRST, SECOND, TINY = 0.1, 1e-3, 1e-8  # Adam's

Batch = Callable[[NDArray[np.int64], np.random.Generator], tuple[Floats, NDArray[np.int64]]]


class Layers(NamedTuple):
    """``softmax(relu(x @ hidden + bias) @ out + last)``."""

    hidden: Floats
    bias: Floats
    out: Floats
    last: Floats


def train(batch: Batch, size: int, shape: tuple[int, int, int], epochs: int, seed: int, drop: float) -> Layers:
    """Return the network that was trained on ``size`` examples.

    Args:
        batch: gives the examples of these numbers, and their classes.
        shape: numbers of an example, units, classes.
        drop: share of the units that are left out at each step.
    """
    random = np.random.default_rng(seed)
    wide, units, classes = shape
    weights = [
        random.normal(0, np.sqrt(2 / wide), (wide, units)).astype(np.float32), np.zeros(units, np.float32),
        random.normal(0, np.sqrt(1 / units), (units, classes)).astype(np.float32), np.zeros(classes, np.float32),
    ]  # fmt: skip
    means, squares = ([np.zeros_like(each) for each in weights] for _ in range(2))
    steps, step = epochs * (size // BATCH), 0
    for _ in range(epochs):
        order = random.permutation(size)
        for start in range(0, size - BATCH + 1, BATCH):
            step += 1
            examples, labels = batch(order[start : start + BATCH], random)
            rate = RATE * min(1, step / WARM) * 0.5 * (1 + np.cos(np.pi * step / steps)) + 1e-6
            for index, slope in enumerate(_slopes(weights, examples, labels, drop, random)):
                mean, square = means[index], squares[index]
                mean += FIRST * (slope - mean)
                square += SECOND * (slope * slope - square)
                move = mean / (1 - (1 - FIRST) ** step) / (np.sqrt(square / (1 - (1 - SECOND) ** step)) + TINY)
                weights[index] -= (rate * (move + DECAY * weights[index] * (index in (0, 2)))).astype(np.float32)
    return Layers(*weights)


def _slopes(weights: list[Floats], examples: Floats, labels: Any, drop: float, random: Any) -> list[Floats]:
    """Return the slopes of the mean cross entropy by each of the weights."""
    hidden, bias, out, last = weights
    sums = examples @ hidden + bias
    kept = ((random.random(sums.shape) >= drop) / (1 - drop)).astype(np.float32)
    active = np.maximum(sums, 0) * kept
    scores = active @ out + last
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    wrong = chances / chances.sum(axis=1, keepdims=True)
    wrong[np.arange(len(labels)), labels] -= 1
    wrong /= len(labels)
    back = (wrong @ out.T) * kept * (sums > 0)
    return [examples.T @ back, back.sum(axis=0), active.T @ wrong, wrong.sum(axis=0)]
