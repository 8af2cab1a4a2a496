"""Speed: the pattern tier, the cascade on cold text, prompts of known passages, long chats, texts made to be slow.

Every figure is the median over rounds; each round searches texts that nobody has seen before, unless the row is about
known ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from invented import templates_dev
from invented.documents import documents
from invented.prose import prose

from gateway.domain import Caller, Segment
from gateway.settings import Settings
from trial.searchers import Searcher

Tell = Callable[[str], None]

CALLER = Caller(
    key_id="bench",
    tenant="bench",
    project="bench",
    roles=(),
    purpose="",
    site="site",
    jurisdiction="",
    collected_in="",
    access_from="",
)

HOSTILE: dict[str, str] = {
    "dots": "." * 1_000_000,
    "a@a@": "a@" * 500_000,
    "nested JSON": '{"a":[' * 166_000,
    "one kanji": "田" * 1_000_000,
    "digits": "1234567890" * 100_000,
    "brackets": "(" * 1_000_000,
    "a.a.a.": "a." * 500_000,
    "spaced digits": "1 " * 500_000,
    "one mark in kanji": "機密 " * 333_333,
    "one mark": "TLP:RED " * 125_000,
    "pairs of digits": "01 " * 333_333,
    "one address": "a@b.de " * 142_857,
    "short cells": "a;1\n" * 250_000,
}
"""A million characters each."""


Make = Callable[[int, int], str]
"""``make(chars, seed)`` returns so many characters; another seed, another text."""


def dense(chars: int, seed: int) -> str:
    """Return plant documents: a value or a near miss in every line."""
    parts: list[str] = []
    length = 0
    for document in documents(templates_dev.SPLIT, seed, 10_000_000):
        parts.append(document.text)
        length += len(document.text) + 1
        if length >= chars:
            break
    return "\n".join(parts)[:chars]


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def throughput(searcher: Searcher, chars: int, rounds: int, seed: int, make: Make = prose) -> float:
    """Return characters a second over pieces of 8,000 characters, all new."""
    found = []
    for number in range(rounds):
        text = make(chars, seed + number)
        pieces = [text[at : at + 8_000] for at in range(0, chars, 8_000)]
        found.append(chars / _seconds(lambda pieces=pieces: searcher.find(pieces)))
    return median(found)


def latency(searcher: Searcher, chars: int, calls: int, percent: float, seed: int) -> float:
    """Return the percentile of the milliseconds that one new text of so many characters takes."""
    text = prose(chars * calls, seed)
    pieces = [text[at : at + chars] for at in range(0, chars * calls, chars)]
    return percentile([1000 * _seconds(lambda piece=piece: searcher.find([piece])) for piece in pieces], percent)


def hostile(searcher: Searcher) -> tuple[dict[str, float], float]:
    """Return the milliseconds of each hostile text when it is new, and the growth of a second round, in MiB.

    In the second round another number stands in front of each, so that none is remembered; what the first one keeps for
    good is no growth.
    """
    times = {name: 1000 * _seconds(lambda text=text: searcher.find([text])) for name, text in HOSTILE.items()}
    before = resident_mib()
    for number, text in enumerate(HOSTILE.values()):
        searcher.find([f"{number} {text}"])
    return times, resident_mib() - before


def prompts(rounds: int, seed: int) -> dict[str, float]:
    """Return milliseconds of whole requests, as the server searches them."""
    return asyncio.run(_prompts(rounds, seed))


async def _prompts(rounds: int, seed: int) -> dict[str, float]:
    detector = _detector()
    await detector.start()
    try:
        found: list[dict[str, float]] = [await _round(detector, seed + 1000 * number) for number in range(rounds)]
    finally:
        await detector.stop()
    return {name: median(one[name] for one in found) for name in found[0]}


async def _round(detector: Any, seed: int) -> dict[str, float]:
    r = Random(seed)
    text = prose(65_536, seed)
    passages = [text[at : at + 1_024] for at in range(0, 65_536, 1_024)]
    cold = await _detect(detector, ["Answer from these passages.\n\n" + "\n\n".join(passages)])
    r.shuffle(passages)
    known = await _detect(detector, ["Answer from these passages.\n\n" + "\n\n".join(passages)])
    turns = [prose(600, seed + 1 + turn) for turn in range(20)]
    for turn in range(1, 20):
        await _detect(detector, turns[:turn])
    last = await _detect(detector, turns)
    alone = await _detect(detector, [prose(600, seed + 50)])
    return {"64 KB cold": cold, "64 KB of known passages": known, "20th turn, without its message": last - alone}


async def _detect(detector: Any, texts: Sequence[str]) -> float:
    segments = [Segment(("messages", number, "content"), text) for number, text in enumerate(texts)]
    began = time.perf_counter()
    await detector.detect(segments, CALLER)
    return 1000 * (time.perf_counter() - began)


def _detector() -> Any:
    from gateway.privacy.detector import CascadeDetector

    return CascadeDetector(Settings().privacy)


def resident_mib() -> float:
    """Return how much memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1024 / 1024


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
