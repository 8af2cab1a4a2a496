"""Trains ``gateway/privacy/names/tagger.npz``: ``python train.py FOLDER CORPORA OUT``.

FOLDER holds the unpacked wheels (see ``lexicon.py``), CORPORA the files ``presidio_generated_large_en.jsonl`` and
``meddocan_train_es.jsonl``; rows are ``{"text", "spans": [[start, end, kind]]}``. Needs what the gateway needs, the
prepared models, and ``tests/quality`` on the path: plant documents and quiet ones of the generator's development split
are among the examples (those of test are not). Seven minutes on one core, most of them the classifier's. Figures are in
``docs/privacy/names.md``.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from encyclopaedia import Encyclopaedia
from generate import Generator
from invented import templates_dev
from invented.documents import documents
from network import Layers, train

from gateway.privacy.names.classifier import SEEN, Classifier
from gateway.privacy.names.features import LEXICAL, OWN, PLACED, WIDTH, Features, Lexicon, with_seen
from gateway.privacy.names.tagger import AROUND
from gateway.privacy.names.weights import Weights, default_folder

HERE = Path(__file__).parent
EACH, ENCYCLOPAEDIC = 1_600, 1_300  # generated rows a language
GENERATED, CASES = 1_700, 150  # rows of the corpora
PLANT = {"documents": 450, "quiet": 200}  # generated documents, Western languages
EASY, UNKNOWN = 0.3, 0.05  # share of the small words that are kept; of the examples, without the lexicon's columns
KINDS = {"PERSON": 1, "ADDRESS": 2, "LOCATION": 2}
FIRST = {"units": 96, "epochs": 8, "drop": 0.15, "seeds": (0,)}
SECOND = {"units": 64, "epochs": 6, "drop": 0.3, "seeds": (0, 1)}


class Examples(NamedTuple):
    """One row for each word: looks, the classifier's last layer, class, number of its text, whether of a document."""

    rows: Any
    hidden: Any
    labels: Any
    texts: Any
    common: Any


def main(folder: Path, corpora: Path, out: Path) -> None:
    rows = list(Generator(folder, HERE / "templates.txt", seed=7).rows(EACH))
    rows += _read(corpora / "presidio_generated_large_en.jsonl", GENERATED)
    rows += [row | {"common": True} for row in _read(corpora / "meddocan_train_es.jsonl", CASES)]
    rows += [row | {"common": True} for row in _own()]
    rows += Encyclopaedia(folder, HERE / "encyclopaedia.txt", seed=21).rows(ENCYCLOPAEDIC)
    examples = look(rows)
    write(out, first(examples), second(examples))


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


def look(rows: list[dict[str, Any]]) -> Examples:
    """Return the words of all rows, as the features and the classifier see them."""
    classifier = Classifier(Weights(default_folder()))
    splitter = classifier.wordpiece()
    features = Features(Lexicon((HERE.parents[2] / "gateway/privacy/names/lexicon.bin").read_bytes()))
    parts: list[tuple[Any, ...]] = []
    for number, row in enumerate(rows):
        words = splitter.words(row["text"], 0, len(row["text"]))
        if words:
            read = classifier.look(words, lambda: None)
            looks = with_seen(features.of(row["text"], words), read[:, :SEEN])
            kinds = np.zeros(len(row["text"]), np.int64)
            for start, end, kind in row["spans"]:
                kinds[start:end] = KINDS.get(kind, 0)
            labels = kinds[[word.start for word in words]]
            common = np.full(len(words), row.get("common", False))
            parts.append((looks, read[:, SEEN:].astype(np.float16), labels, np.full(len(words), number), common))
    return Examples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def first(examples: Examples) -> list[Layers]:
    """Return the networks that see the words alone."""
    around, chosen = _around(examples)[:, :, : OWN + PLACED], _chosen(examples, often=3)

    def batch(numbers: Any, random: Any) -> tuple[Any, Any]:
        return _blanked(around[chosen[numbers]], random), examples.labels[chosen[numbers]]

    return _train(batch, len(chosen), around.shape[1] * around.shape[2], **FIRST)


def second(examples: Examples) -> list[Layers]:
    """Return the networks that judge what the classifier has read; its numbers are brought to one scale, and back."""
    around, chosen = _around(examples), _chosen(examples, often=2)
    sample = examples.hidden[chosen].astype(np.float32)
    mean, spread = sample.mean(axis=0), sample.std(axis=0) + 1e-3
    del sample

    def batch(numbers: Any, random: Any) -> tuple[Any, Any]:
        at = chosen[numbers]
        hidden = (examples.hidden[at].astype(np.float32) - mean) / spread
        return np.concatenate([_blanked(around[at], random), hidden], axis=1), examples.labels[at]

    wide = around.shape[1] * around.shape[2]
    networks = _train(batch, len(chosen), wide + len(mean), **SECOND)
    return [_rescaled(network, wide, mean, spread) for network in networks]


def _train(batch: Any, size: int, wide: int, units: int, epochs: int, drop: float, seeds: Any) -> list[Layers]:
    return [train(batch, size, (wide, units, 3), epochs, seed, drop) for seed in seeds]


def _rescaled(network: Layers, wide: int, mean: Any, spread: Any) -> Layers:
    hidden, bias = network.hidden.copy(), network.bias - (mean / spread) @ network.hidden[wide:]
    hidden[wide:] /= spread[:, None]
    return network._replace(hidden=hidden, bias=bias)


def _around(examples: Examples) -> Any:
    """Return [words, places, numbers]: each word with those either side of it in its text."""
    count = len(examples.rows)
    out = np.zeros((count, 2 * AROUND + 1, WIDTH), np.float32)
    for place in range(2 * AROUND + 1):
        source = np.arange(count) + place - AROUND
        inside = (source >= 0) & (source < count)
        inside[inside] &= examples.texts[source[inside]] == examples.texts[inside]
        out[inside, place] = examples.rows[source[inside]]
    return out


def _chosen(examples: Examples, often: int) -> Any:
    """Return the numbers of the words that are trained on.

    Of those without a capital that are no name, only some; those of documents, which are few, ``often``.
    """
    easy = (examples.labels == 0) & (examples.rows[:, 0] + examples.rows[:, 1] == 0)
    chosen = np.flatnonzero(~easy | (np.random.default_rng(1).random(len(easy)) < EASY))
    return np.repeat(chosen, np.where(examples.common[chosen], often, 1))


def _blanked(around: Any, random: Any) -> Any:
    """Return the examples as rows; from a few the lexicon's columns of the word itself are taken away."""
    around = around.copy()
    around[random.random(len(around)) < UNKNOWN, AROUND, OWN - LEXICAL : OWN] = 0
    return around.reshape(len(around), -1)


def write(path: Path, first: list[Layers], second: list[Layers]) -> None:
    """Write an .npz whose bytes depend on its arrays alone."""
    arrays = {
        f"{name}.{part}": array
        for name, networks in (("first", first), ("second", second))
        for part, array in _joined(networks).items()
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), data.getvalue(), zipfile.ZIP_DEFLATED
            )


def _joined(networks: list[Layers]) -> dict[str, Any]:
    """Return several networks as one, whose scores are their mean; 16 bits for the many weights."""
    hidden = np.concatenate([network.hidden for network in networks], axis=1)
    scales = np.abs(hidden).max(axis=0) / 32_767
    return {
        "hidden": np.rint(hidden / scales).astype(np.int16),
        "scales": scales.astype(np.float32),
        "bias": np.concatenate([network.bias for network in networks]).astype(np.float32),
        "out": np.concatenate([network.out for network in networks]).astype(np.float32) / len(networks),
        "last": (sum(network.last for network in networks) / len(networks)).astype(np.float32),
    }


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
