"""What speaks for a candidate being a Japanese name, what against it, and the balance: a linear model.

Features: the rule of :mod:`gateway.privacy.names.japanese` that found it, its words' kinds, words and letters either
side, how much it looks like a name, and the groups of meaning (clusters of word vectors) of it and the words near it.
Each is a string with a weight. Weights were learnt from Japanese encyclopaedia sentences (CC BY-SA 3.0) and our own
plant sentences by ``models/detect/recipe/japanese.py``; whose data that is says ``models/detect/ATTRIBUTION.md``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.privacy.names.candidates import HAN, KATAKANA, Candidate, Part, Reading
from gateway.privacy.names.likeness import Likeness

_HERE = Path(__file__).parent
_ABOUT = re.compile(r"生まれ|出身|選手|俳優|女優|歌手|作家|政治家|監督|俳人|学者|教授|声優|棋士|軍人|実業家")
_MARKS = frozenset("・= ")
Rules = Mapping[tuple[int, int], str]


class Balance:
    """Loaded once; shared by threads."""

    def __init__(self) -> None:
        self.likeness = Likeness(_load("japanese-likeness.json.gz"))
        self._weights: dict[str, dict[str, float]] = _load("japanese-balance.json.gz")
        self._groups = clusters(_load("japanese-clusters.json.gz"))

    def choose(
        self, reading: Reading, found: Sequence[Candidate], rules: Rules, least: float
    ) -> Iterator[tuple[Candidate, float]]:
        """Yield candidates that weigh at least ``least``, heaviest first; of those that overlap the heaviest."""
        weighed = [(self._weigh(reading, one, rules), one) for one in found]
        taken = bytearray(len(reading.text))
        for weight, one in sorted((each for each in weighed if each[0] >= least), key=_heaviest):
            if not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                yield one, weight

    def _weigh(self, reading: Reading, one: Candidate, rules: Rules) -> float:
        script, said = features(reading, one, rules, self._groups)
        return sum(filter(None, map(self._weights[script].get, said)))


def _heaviest(weighed: tuple[float, Candidate]) -> tuple[float, int]:
    return -weighed[0], weighed[1].start - weighed[1].end


def _load(name: str) -> Any:
    return json.loads(gzip.decompress((_HERE / name).read_bytes()))


def clusters(table: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return each word's group, fine and coarse, from the words of each fine group."""
    groups = [(str(fine), str(coarse)) for fine, coarse in enumerate(table["coarse"])]
    return {word: group for group, words in zip(groups, table["words"], strict=True) for word in words.split(" ")}


def features(
    reading: Reading, one: Candidate, rules: Rules, groups: Mapping[str, tuple[str, str]]
) -> tuple[str, list[str]]:
    """Return a candidate's script, katakana (K) or other (H), and what can be said of it."""
    value = reading.text[one.start : one.end]
    katakana = KATAKANA.match(value) is not None or value[0].isascii()
    said = _around(reading, one, rules)
    said += _of_meaning(reading, one, groups)
    said += _of_itself(reading, one, rules, katakana)
    return "K" if katakana else "H", said


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


def _of_meaning(reading: Reading, one: Candidate, groups: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Groups of its first and last word, of the words either side, and of the nearest full words."""
    parts, words = reading.parts, reading.words
    own = [words[index].normalized_form() for index in range(one.first, one.last)]
    own = [word for word in own if word not in _MARKS] or ["・"]
    before = [index for index in range(one.first - 1, max(-1, one.first - 6), -1) if parts[index].full][:2]
    after = [index for index in range(one.last, min(len(parts), one.last + 7)) if parts[index].full][:3]
    yield from _groups("o", own[0], groups)
    yield from _groups("e", own[-1], groups)
    for place, index in zip(("a", "b", "x", "y", "z"), (*[*before, -1, -1][:2], *after), strict=False):
        if index >= 0:
            yield from _groups(place, words[index].normalized_form(), groups)
    following = words[one.last].normalized_form() if one.last < len(parts) else "$"
    group = groups.get(words[after[0]].normalized_form()) if after else None
    if group:
        yield f"nx:{following}|{group[1]}"
    if one.first:
        yield from _groups("P", words[one.first - 1].normalized_form(), groups)
    yield from _groups("N", following, groups)


def _groups(place: str, word: str, groups: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    group = groups.get(word)
    return (f"{place}1:{group[0]}", f"{place}2:{group[1]}") if group else (f"{place}1:-",)


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
