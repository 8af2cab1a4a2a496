"""Quality: every searcher over every corpus, by language."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.privacy.evaluate import Alarms, Score
from trial.corpora import CORPORA, Absent, Corpus, Text, kinds_of, texts_of
from trial.searchers import Searcher

WINDOW = 32


def measure(
    searchers: Sequence[Searcher], folder: Path, most: int, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Return one row for each corpus and language, with every searcher's figures; rows that are missing say why."""
    rows: list[dict[str, Any]] = []
    for corpus in CORPORA:
        try:
            texts = texts_of(corpus, folder, most)
        except Absent:
            tell(f"{corpus.title}: {corpus.source} is not in the folder of corpora; skipped")
            rows.append({**_head(corpus), "lang": "", "missing": "corpus absent"})
            continue
        tell(f"{corpus.title} ({corpus.source}): {len(texts)} texts")
        rows += _rows(corpus, texts, {searcher.name: _search(searcher, texts) for searcher in searchers})
    return rows


def _search(searcher: Searcher, texts: Sequence[Text]) -> tuple[list[Any], float]:
    found: list[Any] = []
    began = time.perf_counter()
    for at in range(0, len(texts), WINDOW):
        found += searcher.find([text.text for text in texts[at : at + WINDOW]])
    return found, sum(len(text.text) for text in texts) / (time.perf_counter() - began)


def _head(corpus: Corpus) -> dict[str, Any]:
    return {"title": corpus.title, "source": corpus.source, "reach": corpus.reach, "quiet": corpus.quiet}


def _rows(corpus: Corpus, texts: Sequence[Text], found: dict[str, tuple[list[Any], float]]) -> list[dict[str, Any]]:
    languages = sorted({text.lang for text in texts})
    scopes = [*languages, "all"] if len(languages) > 1 else languages
    rows = []
    for lang in scopes:
        chosen = [number for number, text in enumerate(texts) if lang in {text.lang, "all"}]
        row = {**_head(corpus), "lang": lang, "texts": len(chosen), "by": {}}
        for name, (spans, speed) in found.items():
            whole = {"chars_per_second": round(speed)} if lang == scopes[-1] else {}
            row["by"][name] = {**_figures(corpus, texts, spans, chosen), **whole}
        rows.append(row)
    return rows


def _figures(corpus: Corpus, texts: Sequence[Text], found: Sequence[Any], chosen: Sequence[int]) -> dict[str, Any]:
    if corpus.quiet:
        alarms = Alarms()
        for number in chosen:
            alarms.add(texts[number].text, found[number])
        return {"alarms": alarms.spans, "tokens": alarms.tokens, "per_1000_tokens": alarms.per_thousand}
    score = Score(kinds_of(corpus, texts))
    for number in chosen:
        score.add(texts[number].lang, texts[number].text, texts[number].spans, found[number])
    total = score.total()
    labels = {name: (figures.wanted, figures.found) for name, figures in sorted(score.by_label.items())}
    return {"wanted": total.wanted, "recall": total.recall, "precision": total.precision, "by_label": labels}
