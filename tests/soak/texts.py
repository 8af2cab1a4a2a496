"""A million short texts, all different, through the detector: its memory grows by at most 5 %.

Part of ``make soak``. Memory is compared with what the process held after the first tenth: by then all that is kept for
good is there, models and remembered findings up to their bound. What ended well is not done again on the same commit.
Examples::

    python tests/soak/texts.py                    # a million, in one process
    python tests/soak/texts.py --texts 20000 --parts 1
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "quality"), str(ROOT / "tests" / "soak")]

from long_forms import commit  # noqa: E402

from gateway.engines.sandbox import die_with  # noqa: E402

DONE = ROOT / ".cache" / "soak" / "texts.json"
MOST_GROWTH = 0.05
WINDOW = 64


def main() -> int:
    options = _options()
    name = f"{commit()} {options.texts} in {options.parts}"
    parts = [] if options.again else finished(name)
    for number in range(len(parts), options.parts):
        print(f"texts, part {number + 1} of {options.parts}, began {time.strftime('%H:%M')}", flush=True)
        with own_process() as process:
            part = process.apply(grow, (options.texts // options.parts, number))
        print(json.dumps(part), flush=True)
        if part["growth"] > MOST_GROWTH:
            print(f"memory grew by {part['growth']:.1%}; at most {MOST_GROWTH:.0%} is allowed", file=sys.stderr)
            return 1
        parts.append(part)
        DONE.parent.mkdir(parents=True, exist_ok=True)
        DONE.write_text(json.dumps({"name": name, "parts": parts}, indent=1))
    return 0


def own_process() -> Pool:
    """Return a process that ends when this one does, however that ends: it would go on for hours."""
    return multiprocessing.get_context("spawn").Pool(1, die_with, (os.getpid(),))


def finished(name: str) -> list[dict[str, Any]]:
    """Return the parts that ended well on this very commit and with these very options."""
    state = json.loads(DONE.read_text()) if DONE.exists() else {"name": ""}
    return list(state["parts"]) if state["name"] == name else []


def grow(count: int, seed: int) -> dict[str, Any]:
    """Search so many different texts in this process; return how much it held, in MiB, and by which share it grew."""
    from trial.searchers import Cascade
    from trial.speed import resident_mib

    searcher = Cascade()
    marks: list[float] = []
    began = time.perf_counter()
    for number, window in enumerate(_windows(count, seed), 1):
        searcher.find(window)
        if number * WINDOW >= count / 10 * (len(marks) + 1):
            marks.append(resident_mib())
            seconds = time.perf_counter() - began
            print(f"  {number * WINDOW:,} texts, {marks[-1]:,.0f} MiB, {seconds:,.0f} s", flush=True)
    seconds = time.perf_counter() - began
    settled, highest = marks[0], max(marks)
    shares = {"after_a_tenth_mib": round(settled), "highest_mib": round(highest), "growth": highest / settled - 1}
    return {"texts": count, "seconds": round(seconds), **shares}


def _windows(count: int, seed: int) -> Iterator[list[str]]:
    """Yield windows of short texts; no two are equal."""
    from invented import templates_dev
    from invented.documents import documents

    r = Random(seed)
    made = documents(templates_dev.SPLIT, 1_000 + seed, count * 2)
    short = (document.text[:120] for document in made)
    for first in range(0, count, WINDOW):
        yield [f"{first + n}-{r.getrandbits(40):x} {next(short)}" for n in range(min(WINDOW, count - first))]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Different texts, and memory that must not grow.")
    parser.add_argument("--texts", type=int, default=1_000_000, help="how many in all")
    parser.add_argument("--parts", type=int, default=1, help="processes one after the other, each with its share")
    parser.add_argument("--again", action="store_true", help="forget the parts that were done")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
