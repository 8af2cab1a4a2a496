"""The embedding model that is served says what the published one says: vectors computed without us, kept here."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from cosines import REFERENCE, cosines, served_vectors
from encoder.sentences import SENTENCES

LEAST = 0.99999
"""Measured: 0.999997 at the least. A wrong pooling, a lost bias or another cut of one word costs more than 0.0001."""


@pytest.mark.real
@pytest.mark.slow
def test_every_sentence_has_the_published_models_vector(embedding_file: Path) -> None:
    published = np.load(REFERENCE).astype(np.float64)
    served, counts = asyncio.run(served_vectors(embedding_file))

    found = cosines(published, served)

    assert len(published) == len(SENTENCES) == 42
    assert dict(zip(SENTENCES, found >= LEAST, strict=True)) == dict.fromkeys(SENTENCES, True)
    assert all(count >= 3 for count in counts)


def test_no_two_sentences_are_mistaken_for_each_other() -> None:
    """Else the bound above would say little."""
    published = np.load(REFERENCE).astype(np.float64)
    others = published @ published.T - 2 * np.eye(len(published))

    assert others.max() < 0.999
