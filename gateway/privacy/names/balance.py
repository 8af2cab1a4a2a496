"""What speaks for a candidate being a Japanese name, what against it, and the balance: a small model.

Features: the rule of :mod:`gateway.privacy.names.japanese` that found it, its words' kinds, words and letters either
side, how much it looks like a name, and the groups of meaning (clusters of word vectors) of it and the words near it.
Each is a string with a weight. To their sum a network of one hidden layer adds what the word vectors themselves say, of
its first and last word, the words either side, the nearest full words, and the mean of those around. Then
:mod:`gateway.privacy.names.rivals` weighs it again, beside the others. Weights were
learnt from Japanese encyclopaedia and news sentences (CC BY-SA 3.0, MIT) and our own plant sentences by
``models/detect/recipe/japanese.py``; whose data that is says ``models/detect/ATTRIBUTION.md``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.privacy.names.candidates import HAN, Candidate, Part, Reading, is_katakana
from gateway.privacy.names.likeness import Likeness
from gateway.privacy.names.rivals import Rivals

_HERE = Path(__file__).parent
_ABOUT = re.compile(r"生まれ|出身|選手|俳優|女優|歌手|作家|政治家|監督|俳人|学者|教授|声優|棋士|軍人|実業家")
_PLACES = "oePNabxyz"  # words read: a candidate's first and last, those beside it, two before it, three after it
_AROUND = 10  # words either side whose vectors' mean it reads
Rules = Mapping[tuple[int, int], str]
Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


class Meaning(NamedTuple):
    """Word vectors: each word's row, each row's groups, fine and coarse; the last row, of zeros, is no word's."""

    rows: Mapping[str, int]
    groups: Sequence[tuple[str, str]]
    vectors: Floats


class Balance:
    """Loaded once; shared by threads."""

    def __init__(self) -> None:
        self.likeness = Likeness(_load("japanese-likeness.json.gz"))
        self._weights: dict[str, dict[str, float]] = _load("japanese-balance.json.gz")
        self.meaning = meaning(_load("japanese-words.json.gz"), np.load(_HERE / "japanese-vectors.npz"))
        with np.load(_HERE / "japanese-network.npz") as network:
            self._inner, self._bias, self._outer = network["inner"], network["bias"], network["outer"]
        self._rivals = Rivals()
        self._of_rows = np.stack([_by_row(self._weights[script], self.meaning.groups) for script in "HK"])

    def choose(
        self, reading: Reading, found: Sequence[Candidate], rules: Rules, least: float
    ) -> Iterator[tuple[Candidate, float]]:
        """Yield candidates that weigh at least ``least``, heaviest first; of those that overlap the heaviest."""
        weights = self._rivals.weigh(reading, found, self._weigh(reading, found, rules)) if found else []
        weighed = list(zip(weights, found, strict=True))
        taken = bytearray(len(reading.text))
        for weight, one in sorted((each for each in weighed if each[0] >= least), key=_heaviest):
            if not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                yield one, weight

    def _weigh(self, reading: Reading, found: Sequence[Candidate], rules: Rules) -> list[float]:
        """Return each candidate's log odds."""
        rows, words = rows_of(reading, found, self.meaning)
        table = numbers(reading, found, rows, words, self.meaning)
        scripts = table[:, -2].astype(np.intp)
        weights = np.maximum(table @ self._inner + self._bias, 0.0) @ self._outer
        weights += self._of_rows[scripts[:, None], np.arange(len(_PLACES)), rows].sum(axis=1)
        said = (
            sum(filter(None, map(self._weights["HK"[script]].get, features(reading, one, rules, self.meaning, row))))
            for script, one, row in zip(scripts.tolist(), found, rows.tolist(), strict=True)
        )
        return [weight + more for weight, more in zip(weights.tolist(), said, strict=True)]


def _heaviest(weighed: tuple[float, Candidate]) -> tuple[float, int]:
    return -weighed[0], weighed[1].start - weighed[1].end


def _load(name: str) -> Any:
    return json.loads(gzip.decompress((_HERE / name).read_bytes()))


def meaning(table: Mapping[str, Any], vectors: Mapping[str, Any]) -> Meaning:
    """Return the word vectors of a table: ``words`` of each row, ``fine`` group of each row, ``coarse`` of each fine
    one; and their ``vectors`` as integers of ``scale``."""
    rows = {word: row for row, words in enumerate(table["words"]) for word in words.split(" ")}
    groups = [(str(fine), str(table["coarse"][fine])) for fine in table["fine"]]
    numbers = vectors["vectors"].astype(np.float32) * float(vectors["scale"])
    return Meaning(rows, groups, np.vstack([numbers, np.zeros_like(numbers[:1])]))


def _by_row(weights: Mapping[str, float], groups: Sequence[tuple[str, str]]) -> Floats:
    """Return what each place's word weighs by its row's groups: as many lines as there are places."""
    kinds = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    each = [[sum(weights.get(said, 0.0) for said in of_groups(place, kind)) for kind in kinds] for place in _PLACES]
    table = np.array(each, np.float32)[:, [kinds[group] for group in groups]]
    nobody = [[weights.get(f"{place}1:-", 0.0)] for place in _PLACES]
    return np.hstack([table, np.array(nobody, np.float32)])


def of_groups(place: str, group: tuple[str, str]) -> tuple[str, str]:
    return f"{place}1:{group[0]}", f"{place}2:{group[1]}"


def of_meaning(row: Sequence[int], meaning: Meaning) -> Iterator[str]:
    """Yield what can be said of a candidate's words and those near it, which the balance looks up by row."""
    for place, at in zip(_PLACES, row, strict=True):
        if at < len(meaning.groups):
            yield from of_groups(place, meaning.groups[at])
        else:
            yield f"{place}1:-"


def rows_of(reading: Reading, found: Sequence[Candidate], meaning: Meaning) -> tuple[Rows, Rows]:
    """Return the rows of each candidate's words and those near it; and of all words, with nobody's before and after."""
    find, nobody = meaning.rows.get, len(meaning.groups)
    words = np.array([nobody, *[find(word.normalized_form(), nobody) for word in reading.words], nobody])
    places = np.array([_places(reading.parts, one) for one in found])
    return words.take(places + 1), words


def numbers(reading: Reading, found: Sequence[Candidate], rows: Rows, words: Rows, meaning: Meaning) -> Floats:
    """Return what the network reads of each candidate: vectors of words, the mean of those around, and its script."""
    size, most = meaning.vectors.shape[1], len(words) - 2
    sums = meaning.vectors.take(words, axis=0).cumsum(axis=0)
    ends = [(max(0, one.first - _AROUND), min(most, one.last + _AROUND)) for one in found]
    low, high = np.array(ends).T
    table = np.ones((len(found), (rows.shape[1] + 1) * size + 2), np.float32)
    table[:, : -size - 2] = meaning.vectors.take(rows, axis=0).reshape(len(found), -1)
    table[:, -size - 2 : -2] = (sums.take(high, axis=0) - sums.take(low, axis=0)) * (2 / (high - low))[:, None]
    table[:, -2] = [script(reading, one) == "K" for one in found]
    return table


def _places(parts: Sequence[Part], one: Candidate) -> list[int]:
    """Return which words are read; -1 for none."""
    size = len(parts)
    before, after = [-1, -1], [-1, -1, -1]
    at = count = 0
    for at in range(one.first - 1, max(-1, one.first - 6), -1):
        if parts[at].full:
            before[count] = at
            count += 1
            if count == 2:
                break
    count = 0
    for at in range(one.last, min(size, one.last + 7)):
        if parts[at].full:
            after[count] = at
            count += 1
            if count == 3:
                break
    return [one.first, one.last - 1, one.first - 1, one.last if one.last < size else -1, *before, *after]


def features(reading: Reading, one: Candidate, rules: Rules, meaning: Meaning, row: Sequence[int]) -> list[str]:
    """Return what can be said of a candidate, but for what :func:`of_meaning` says."""
    katakana = script(reading, one) == "K"
    said = _around(reading, one, rules)
    said += _of_itself(reading, one, rules, katakana)
    after = row[-3]
    if after < len(meaning.groups):
        following = (
            reading.text[reading.parts[one.last].start : reading.parts[one.last].end]
            if one.last < len(reading.parts)
            else "$"
        )
        said.append(f"nx:{following}|{meaning.groups[after][1]}")
    return said


def script(reading: Reading, one: Candidate) -> str:
    """Return K for katakana and letters, H for others."""
    return "K" if is_katakana(reading, one) else "H"


def _around(reading: Reading, one: Candidate, rules: Rules) -> list[str]:
    """Words, kinds and letters either side."""
    text, parts = reading.text, reading.parts
    before = ["^", "^", *(text[part.start : part.end] for part in parts[max(0, one.first - 2) : one.first])]
    after = [*(text[part.start : part.end] for part in parts[one.last : one.last + 3]), "$", "$", "$"]
    p2, p1, (n1, n2, n3) = before[-2], before[-1], after[:3]
    kind_before = _kind(parts[one.first - 1]) if one.first else "^"
    kind_after = _kind(parts[one.last]) if one.last < len(parts) else "$"
    left, right = _letter(p1[-1]), _letter(n1[0])
    rule = rules.get((one.start, one.end), "-")
    return [
        "", f"r:{rule}", f"p:{p1}", f"n:{n1}", f"pp:{p2} {p1}", f"nn:{n1} {n2}", f"n3:{n1} {n2} {n3}", f"pn:{p1}|{n1}",
        f"v:{n2}", f"u:{p2}", f"pk:{kind_before}", f"nk:{kind_after}", f"cl:{left}{right}", f"clk:{left}{kind_before}",
        f"crk:{right}{kind_after}", f"pc:{p1[-1]}", f"nc:{n1[0]}", f"clr:{left}{right}|{rule}",
    ]  # fmt: skip


def _of_itself(reading: Reading, one: Candidate, rules: Rules, katakana: bool) -> Iterator[str]:
    text, run = reading.text, reading.parts[one.first : one.last]
    value, rule = text[one.start : one.end], rules.get((one.start, one.end), "-")
    named = [part for part in run if text[part.start] not in "・= "]
    shape = "+".join(_kind(part) + ("" if katakana else str(part.end - part.start)) for part in named)
    look, dots = reading.likeness.of(value, katakana), value.count("・") + value.count("=")
    yield from (
        f"k:{shape}",
        f"kr:{shape}|{rule}",
        f"l:{look}",
        f"lr:{look}|{rule}",
        f"lk:{look}|{dots}|{run[0].unknown}",
    )
    yield from (f"len:{min(len(value), 8)}", f"d:{dots}")
    if katakana and dots:
        pieces = value.replace("=", "・").split("・")
        yield f"ll:{reading.likeness.of(pieces[-1], True)}"
        yield f"lf:{reading.likeness.of(pieces[0], True)}"
        yield f"kk:{_kind(run[0])}|{_kind(run[-1])}"
    if not katakana and len(run) > 1:
        given = reading.likeness.given(text[run[1].start : run[-1].end])
        yield from (f"g:{given}|{run[0].kind}", f"gr:{given}|{rule}")
    if _ABOUT.search(text, one.end, min(len(text), one.end + 40)):
        yield f"about:{text[one.end : one.end + 1]}"
        yield "about"
    if ("・" + value) in text:
        yield "tail"
    if len(value) > 1 and text.find(value, one.end) >= 0:
        yield "again"


def _kind(part: Part) -> str:
    return (part.kind or "_") + ("?" if part.unknown else "")


def _letter(letter: str) -> str:
    if HAN.match(letter):
        return "漢"
    if "ァ" <= letter <= "ー":
        return "カ"
    if "ぁ" <= letter <= "ん":
        return "か"
    return "a" if letter.isalpha() else "0" if letter.isdigit() else letter
