"""Trains ``gateway/privacy/names/tagger.npz``: ``python train.py FOLDER CORPORA OUT``.

FOLDER holds the unpacked wheels (see ``lexicon.py``), CORPORA the files ``presidio_generated_large_en.jsonl`` and
``meddocan_train_es.jsonl``; rows are ``{"text", "spans": [[start, end, kind]]}``. Needs scikit-learn 1.9 beside what
the gateway needs, the prepared models, and ``tests/quality`` on the path: plant documents and quiet ones of the
generator's development split are among the examples (those of test are not). Three minutes on one core. Figures are
in ``docs/privacy/names.md``.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from generate import Generator
from invented import templates_dev
from invented.documents import documents
from sklearn.neural_network import MLPClassifier

from gateway.privacy.names.classifier import Classifier
from gateway.privacy.names.features import LEXICAL, OWN, PLACED, WIDTH, Features, Lexicon, with_seen
from gateway.privacy.names.tagger import AROUND, around
from gateway.privacy.names.weights import Weights, default_folder

HERE = Path(__file__).parent
EACH = 2_400  # generated rows a language
GENERATED, CASES = 1_700, 150  # rows of the corpora
PLANT = {"documents": 450, "quiet": 200}  # generated documents, Western languages
BLANKED, UNKNOWN = 0.35, 0.05  # of the examples, without the classifier's columns; without the lexicon's
KINDS = {"PERSON": 1, "ADDRESS": 2, "LOCATION": 2}


def main(folder: Path, corpora: Path, out: Path) -> None:
    rows = list(Generator(folder, HERE / "templates.txt", seed=7).rows(EACH))
    rows += _read(corpora / "presidio_generated_large_en.jsonl", GENERATED) + _read(
        corpora / "meddocan_train_es.jsonl", CASES
    )
    examples, labels = _examples(rows + list(_own()))
    _blank(examples)
    networks = [
        MLPClassifier((56,), alpha=3e-3, max_iter=14, batch_size=256, random_state=seed).fit(examples, labels)
        for seed in (0, 1, 2)
    ]
    hidden = np.concatenate([network.coefs_[0] for network in networks], axis=1)
    scales = np.abs(hidden).max(axis=0) / 32_767
    _write(
        out,
        hidden=np.rint(hidden / scales).astype(np.int16),
        scales=scales.astype(np.float32),
        bias=np.concatenate([network.intercepts_[0] for network in networks]).astype(np.float32),
        out=np.concatenate([network.coefs_[1] for network in networks]).astype(np.float32) / len(networks),
        last=(sum(network.intercepts_[1] for network in networks) / len(networks)).astype(np.float32),
    )


def _read(path: Path, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:count]]


def _own() -> Iterator[dict[str, Any]]:
    """Yield documents of the development split: with their names and addresses, and with nothing to be found."""
    left = dict(PLANT)
    for document in documents(templates_dev.SPLIT, 11, 6_000):
        if document.lang not in {"ja", "zh", "mixed"} and left.get(document.group, 0) > 0:
            left[document.group] -= 1
            yield {
                "text": document.text,
                "spans": [(start, end, kind.upper()) for start, end, kind in document.spans],
            }


def _examples(rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    classifier = Classifier(Weights(default_folder()))
    splitter = classifier.wordpiece()
    features = Features(Lexicon((HERE.parents[2] / "gateway/privacy/names/lexicon.bin").read_bytes()))
    examples, labels = [], []
    for row in rows:
        words = splitter.words(row["text"], 0, len(row["text"]))
        if words:
            seen = classifier.look(words, lambda: None)
            examples.append(around(with_seen(features.of(row["text"], words), seen)))
            kinds = np.zeros(len(row["text"]), np.int64)
            for start, end, kind in row["spans"]:
                kinds[start:end] = KINDS.get(kind, 0)
            labels.append(kinds[[word.start for word in words]])
    return np.concatenate(examples), np.concatenate(labels)


def _blank(examples: Any) -> None:
    """Take away the classifier's columns from some examples, and the lexicon's of the word itself from a few."""
    random = np.random.default_rng(0)
    places = examples.reshape(len(examples), 2 * AROUND + 1, WIDTH)
    places[random.random(len(places)) < BLANKED, :, OWN + PLACED :] = 0
    places[random.random(len(places)) < UNKNOWN, AROUND, OWN - LEXICAL : OWN] = 0


def _write(path: Path, /, **arrays: Any) -> None:
    """Write an .npz whose bytes depend on its arrays alone."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), data.getvalue(), zipfile.ZIP_DEFLATED
            )


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
