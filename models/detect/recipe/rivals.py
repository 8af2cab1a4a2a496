"""How ``gateway/privacy/names/japanese-rivals.npz`` was made, after ``japanese.py``; about a minute on one core.

    python models/detect/recipe/rivals.py jamdict.db rows.jsonl iob_sents.txt

The same rows as for the balance, and Japanese documents of the generator's development split. Each fifth of them is
weighed by a balance that was trained on the other four: the network must see weights as sure or unsure as they are of
new sentences. Of our own sentences only some are read. What is held out of Stockmark's rows is in none of this.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from japanese import NAMES, ROOT, SEEDS, _truth, held_out, learn, load, news, plant, words_of

sys.path.insert(0, str(ROOT / "tests" / "quality"))

from invented import templates_dev
from invented.documents import documents
from sudachipy import SplitMode, dictionary

from gateway.privacy.names.balance import features, meaning, numbers, of_meaning, rows_of, script
from gateway.privacy.names.candidates import Candidate, Reading, candidates
from gateway.privacy.names.japanese import names_by_rule, read
from gateway.privacy.names.likeness import Likeness
from gateway.privacy.names.rivals import beside, open_questions

FOLDS, OWN, DOCUMENTS = 5, 700, 700  # of our own sentences and documents, so many are read
NETS, HIDDEN, ROUNDS, BATCH, RATE, SHRINK = 5, 24, 60, 64, 3e-3, 1.0
Network = tuple[Any, Any, Any, Any]  # inner weights, bias, outer weights, last


class Sentence(NamedTuple):
    """A text's candidates, what is said of each, its numbers, and whether it is a name."""

    reading: Reading
    found: Sequence[Candidate]
    said: list[list[str]]
    table: Any
    truth: list[int | None]
    fold: int
    read: bool


def main(base: str, labelled: str, reported: str) -> None:
    sentences = list(look(rows(base, labelled, reported)))
    table, truth = examples(sentences, weights(sentences))
    inner, bias, outer, last = fit(table, truth)
    np.savez_compressed(NAMES / "japanese-rivals.npz", inner=inner, bias=bias, outer=outer, last=last)


def rows(base: str, labelled: str, reported: str) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield rows, and whether this network reads them, not the balance alone."""
    for row in map(json.loads, Path(labelled).read_text("utf-8").splitlines()):
        if not held_out(row):
            yield row, True
    yield from ((row, True) for row in news(reported))
    yield from ((row, at < OWN) for at, row in enumerate(plant(words_of(base), 2_500)))
    own = [document for document in documents(templates_dev.SPLIT, 11, 6_000) if document.lang == "ja"]
    for document in own[:DOCUMENTS]:
        yield {"text": document.text, "spans": document.spans}, True


def look(rows: Iterable[tuple[dict[str, Any], bool]]) -> Iterator[Sentence]:
    said_of = meaning(load("words"), np.load(NAMES / "japanese-vectors.npz"))
    likeness, kinds = Likeness(load("likeness")), {}
    tokenizer = dictionary.Dictionary().tokenizer(mode=SplitMode.C)
    for row, is_read in rows:
        text = row["text"][:2_000]
        reading = read(text, tokenizer.tokenize(text), likeness, kinds)
        by_rule = list(names_by_rule(text, reading.parts))
        found = list(dict.fromkeys((*candidates(reading), *(one for one, _ in by_rule))))
        if not found:
            continue
        rules, places = {(one.start, one.end): rule for one, rule in by_rule}, {(one.start, one.end) for one in found}
        near, words = rows_of(reading, found, said_of)
        said = [
            [
                script(reading, one) + each
                for each in (*features(reading, one, rules, said_of, of), *of_meaning(of, said_of))
            ]
            for one, of in zip(found, near.tolist(), strict=True)
        ]
        truth = [_truth(one.start, one.end, row["spans"], places) for one in found]
        fold = zlib.crc32(("f" + row.get("id", text)).encode()) % FOLDS
        yield Sentence(reading, found, said, numbers(reading, found, near, words, said_of), truth, fold, is_read)


def weights(sentences: Sequence[Sentence]) -> list[list[float]]:
    """Return each candidate's weight by a balance that was not trained on its sentence."""
    out: list[list[float]] = [[] for _ in sentences]
    for fold in range(FOLDS):
        others = [each for each in sentences if each.fold != fold]
        seen = [
            example
            for each in others
            for example in zip(each.said, each.table, each.truth, strict=True)
            if example[2] is not None
        ]
        nets = [learn(seen, seed) for seed in SEEDS]  # type: ignore[arg-type]
        for at, each in enumerate(sentences):
            if each.fold == fold:
                out[at] = np.mean([_weigh(each, *net) for net in nets], axis=0).tolist()
    return out


def _weigh(each: Sentence, weights: dict[str, float], layers: tuple[Any, Any, Any]) -> Any:
    inner, bias, outer = layers
    sums = [sum(weights.get(feature, 0.0) for feature in said) for said in each.said]
    return np.maximum(each.table @ inner + bias, 0) @ outer + np.array(sums)


def examples(sentences: Sequence[Sentence], weights: Sequence[list[float]]) -> tuple[Any, Any]:
    """Return what the network reads of each candidate that it is asked of, and whether that is a name."""
    table, truth = [], []
    for each, weighed in zip(sentences, weights, strict=True):
        if not each.read:
            continue
        chosen = [at for at in open_questions(weighed) if each.truth[at] is not None]
        table += beside(each.reading, each.found, weighed, chosen)
        truth += [each.truth[at] for at in chosen]
    return np.array(table, np.float32), np.array(truth, np.float32)


def fit(table: Any, truth: Any) -> Network:
    """Return several networks as one; numbers are brought to one scale, and back."""
    mean, spread = table.mean(axis=0), table.std(axis=0)
    spread[spread < 1e-6] = 1.0
    nets = [_train((table - mean) / spread, truth, seed) for seed in range(NETS)]
    inner, bias, outer = (np.concatenate([net[at] for net in nets], axis=-1) for at in range(3))
    bias -= (mean / spread) @ inner
    last = sum(float(net[3][0]) for net in nets) / NETS
    return ((inner / spread[:, None]).astype(np.float32), bias.astype(np.float32), (outer / NETS).astype(np.float32),
            np.float32(last))  # fmt: skip


def _train(table: Any, truth: Any, seed: int) -> Network:
    """One hidden layer, Adam, weights drawn to nought by their squares."""
    random, size = np.random.default_rng(seed), table.shape[1]
    net = [
        random.uniform(-1, 1, (size, HIDDEN)) * math.sqrt(6 / (size + HIDDEN)),
        np.zeros(HIDDEN),
        random.uniform(-1, 1, HIDDEN) * math.sqrt(6 / (1 + HIDDEN)),
        np.zeros(1),
    ]
    first, second, done = [np.zeros_like(each) for each in net], [np.zeros_like(each) for each in net], 0
    for _ in range(ROUNDS):
        order = random.permutation(len(table))
        for start in range(0, len(table), BATCH):
            chosen, done = order[start : start + BATCH], done + 1
            for at, slope in enumerate(_slopes(net, table[chosen], truth[chosen])):
                first[at] = 0.9 * first[at] + 0.1 * slope
                second[at] = 0.999 * second[at] + 0.001 * slope * slope
                net[at] -= RATE * (first[at] / (1 - 0.9**done)) / (np.sqrt(second[at] / (1 - 0.999**done)) + 1e-8)
    return net[0], net[1], net[2], net[3]


def _slopes(net: list[Any], table: Any, truth: Any) -> list[Any]:
    inner, bias, outer, last = net
    hidden = np.maximum(table @ inner + bias, 0)
    wrong = (1 / (1 + np.exp(-(hidden @ outer + last))) - truth) / len(truth)
    back = np.outer(wrong, outer) * (hidden > 0)
    shrink = SHRINK / len(truth)
    return [table.T @ back + shrink * inner, back.sum(0), hidden.T @ wrong + shrink * outer, wrong.sum(keepdims=True)]


if __name__ == "__main__":
    main(*sys.argv[1:4])
