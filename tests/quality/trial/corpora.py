"""What is measured on: the generator's documents of test, and labelled corpora where somebody has put them.

Corpora are no part of this project. Their folder is ``--data`` or ``SEKISHO_PII_DATA``; a row whose corpus is absent
says so and is skipped. Each is JSONL of ``{"id", "lang", "text", "spans"}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple
from zlib import crc32

from invented import templates_test
from invented.documents import Document, documents

from gateway.privacy.evaluate import kind_of

SEED = 417


class Text(NamedTuple):
    lang: str
    text: str
    spans: list[tuple[int, int, str]]


class Corpus(NamedTuple):
    """One row of the table for each language. ``reach`` is what the project wants: recall, precision."""

    title: str
    source: str  # "generator", or a file of the folder
    reach: tuple[float, float]
    kinds: frozenset[str] = frozenset()  # empty: those that it labels
    choose: Callable[[Document], bool] | None = None
    quiet: bool = False
    held_out: bool = False  # others of its texts were trained on: only those that were not


PERSON = frozenset({"PERSON"})
CORPORA = (
    Corpus("checksummed ids, glued and full-width", "generator", (0.98, 0.97), choose=lambda d: d.group == "ids"),
    Corpus("VIN, plates, coordinates", "generator", (0.97, 0.95), choose=lambda d: d.group == "vehicles"),
    Corpus("plant documents", "generator", (0.95, 0.95), choose=lambda d: d.group == "documents"),
    Corpus("code, logs, schemas, part lists", "generator", (0.5, 0), choose=lambda d: d.group == "quiet", quiet=True),
    Corpus("synthetic sentences", "presidio_synth_v2_en", (0.92, 0.90)),
    Corpus("Spanish clinical cases, dates aside", "meddocan_dev_es", (0.85, 0.90)),
    Corpus(
        "German clinical letters, dates aside", "generator", (0.85, 0.85), choose=lambda d: d.genre == "clinical letter"
    ),
    *(
        Corpus("person names, encyclopaedia", f"wikineural_val_{lang}", (0.90, 0.85), PERSON)
        for lang in "en de fr it es".split()
    ),
    Corpus("person names, encyclopaedia", "stockmark_a_ja", (0.90, 0.85), PERSON, held_out=True),
    Corpus(
        "person names", "generator", (0.90, 0.85), PERSON, choose=lambda d: d.lang == "zh" and d.group == "documents"
    ),
)


class Absent(Exception):
    """There is no such corpus here."""


def texts_of(corpus: Corpus, folder: Path, most: int, seed: int = SEED) -> list[Text]:
    """Return the texts of a corpus, ``most`` of them at the most, always the same ones for one seed.

    Raises:
        Absent: its file is not in the folder.
    """
    if corpus.choose is not None:
        made = (d for d in documents(templates_test.SPLIT, seed, 8 * most) if corpus.choose(d))
        return [Text(d.lang, d.text, d.spans) for d, _ in zip(made, range(most), strict=False)]
    path = folder / f"{corpus.source}.jsonl"
    if not path.is_file():
        raise Absent
    every = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    rows = [row for row in every if not corpus.held_out or is_held_out(row["id"])]
    rows = rows if len(rows) <= most else Random(seed).sample(rows, most)
    return [Text(row["lang"], row["text"], [(s, e, kind) for s, e, kind in row["spans"]]) for row in rows]


def is_held_out(id: str) -> bool:
    """Whether a text of a corpus that models were trained on was kept from them; the recipes say the same."""
    return crc32(id.encode()) % 10 in (1, 3)


def kinds_of(corpus: Corpus, texts: Sequence[Text]) -> frozenset[str]:
    """Return which kinds are counted: those the corpus is for, else those it labels."""
    labelled = {kind_of(kind) for text in texts for _, _, kind in text.spans} - {""}
    return corpus.kinds or frozenset(labelled)
