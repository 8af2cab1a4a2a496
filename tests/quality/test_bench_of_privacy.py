"""What the benchmark of detection is made of: chosen texts, counted kinds, the table. Speeds are judged nowhere."""

import json
from pathlib import Path

import pytest
from trial import report, speed
from trial.corpora import CORPORA, Absent, Corpus, kinds_of, texts_of
from trial.quality import measure

from gateway.privacy.span import Span


class Nines:
    """Finds every 9."""

    name = "sekisho"

    def find(self, texts):
        return [[Span(at, at + 1, "ID", 1.0, "x") for at, sign in enumerate(text) if sign == "9"] for text in texts]


def write(folder: Path, name: str, *rows: dict) -> None:
    lines = [json.dumps({"id": str(number), "lang": "de", **row}) for number, row in enumerate(rows)]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_corpus_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Absent):
        texts_of(Corpus("t", "nowhere", (1, 1)), tmp_path, 5)
    told: list[str] = []
    rows = measure([Nines()], tmp_path, 3, told.append)
    absent = [row for row in rows if "missing" in row]
    assert len(absent) == sum(corpus.choose is None for corpus in CORPORA) == len([t for t in told if "skipped" in t])


def test_few_of_many_texts_are_always_the_same(tmp_path: Path) -> None:
    write(tmp_path, "many", *({"text": str(number), "spans": []} for number in range(50)))
    corpus = Corpus("t", "many", (1, 1))
    first = texts_of(corpus, tmp_path, 5)
    assert len(first) == 5
    assert first == texts_of(corpus, tmp_path, 5)
    assert [text.text for text in texts_of(corpus, tmp_path, 50)] == [str(number) for number in range(50)]


def test_only_what_a_corpus_labels_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "one", {"text": "Anna 9", "spans": [[0, 4, "PERSON"], [5, 6, "DATE_TIME"]]})
    texts = texts_of(Corpus("t", "one", (1, 1)), tmp_path, 5)
    assert kinds_of(Corpus("t", "one", (1, 1)), texts) == {"PERSON"}


def test_every_generated_corpus_has_texts_of_its_own() -> None:
    for corpus in CORPORA:
        if corpus.choose is not None:
            texts = texts_of(corpus, Path(), 12)
            assert texts, corpus.title
            assert corpus.quiet is not any(text.spans for text in texts)


def test_the_table_tells_recall_precision_alarms_and_speed() -> None:
    head = {"title": "ids", "source": "generator", "lang": "ja", "reach": (0.98, 0.97), "quiet": False}
    quiet = {**head, "title": "code", "quiet": True, "reach": (0.5, 0), "by": {"sekisho": {"per_1000_tokens": 0.25}}}
    rows = report.lines(
        [{**head, "by": {"Presidio": {"recall": 0.5, "precision": None}}}, {**head, "missing": "corpus absent"}, quiet],
        [{"title": "tier", "unit": "ms", "reach": "under 1", "ours": 0.5, "peer": None}],
    )
    assert rows[0] == ["ids", "generator", "ja", "0.50 / -", "-", "0.98 / 0.97", ""]
    assert rows[1][4] == "corpus absent"
    assert rows[2][4:6] == ["0.25", "at most 0.5"]
    assert rows[3] == ["tier", "ms", "", "-", "0.50", "under 1", ""]
    table = report.markdown(rows).splitlines()
    assert len({line.count("|") for line in table}) == 1


@pytest.mark.parametrize("make", [speed.dense, speed.prose])
def test_running_text_is_new_for_every_seed_and_as_long_as_asked(make) -> None:
    one, other = make(3_000, 1), make(3_000, 2)
    assert (len(one), len(other), one != other) == (3_000, 3_000, True)
    assert one == make(3_000, 1)


@pytest.mark.parametrize(("percent", "value"), [(50, 51), (95, 96), (99, 100), (100, 100)])
def test_percentiles_by_nearest_rank(percent: float, value: float) -> None:
    assert speed.percentile(list(range(1, 101)), percent) == value


def test_hostile_texts_are_a_million_characters() -> None:
    assert all(990_000 <= len(text) <= 1_000_000 for text in speed.HOSTILE.values())


def test_kinds_are_told_worst_first() -> None:
    both = {
        "Presidio": {"by_label": {"vin": (4, 0), "imei": (2, 1)}},
        "sekisho": {"by_label": {"vin": (4, 4), "imei": (2, 1)}},
    }
    row = {"source": "generator", "lang": "all", "quiet": False, "by": both}
    assert report.kind_lines([row]) == [["imei", "2", "0.50", "0.50"], ["vin", "4", "0.00", "1.00"]]
