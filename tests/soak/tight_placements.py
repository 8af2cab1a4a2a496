"""Two hundred loads, each in a control group as large as its price: nine shapes, any context, slots and cache.

Takes half an hour on two cores. Ends with 1 where the kernel ended an engine, a load failed, a price was off by more
than max(100 MiB, 5 %), or an engine took the room of its own weights. ``--json FILE`` keeps every load. ::

    python tests/soak/tight_placements.py --count 50 --seed 3
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fakes")]

from measured_load import MIB  # noqa: E402
from tight_placements import Tight, tight  # noqa: E402


def data(one: Tight) -> dict[str, Any]:
    return {
        "shape": one.shape,
        "wish": asdict(one.wish),
        "price_mib": round(one.price.total() / MIB, 1),
        "shown_mib": round(one.shown / MIB, 1),
        "error_mib": round(one.error / MIB, 1),
        "room_mib": round((one.price.total() - one.price.mapped - one.private) / MIB, 1),
        "killed": one.killed,
        "failed": one.failed,
        "within": one.is_within,
        "keeps_its_weights": one.keeps_its_weights,
    }


def is_good(one: Tight) -> bool:
    return not one.killed and not one.failed and one.is_within and one.keeps_its_weights


def table(found: Sequence[Tight]) -> str:
    """Return a row for each shape: how many, the least and most that prices were above what was taken."""
    lines = ["| shape | loads | price, MiB | above what was taken, MiB | good |", "| --- | ---: | --- | --- | ---: |"]
    shapes: dict[str, list[Tight]] = defaultdict(list)
    for one in found:
        shapes[one.shape].append(one)
    for name, loads in shapes.items():
        prices = [one.price.total() / MIB for one in loads]
        errors = [one.error / MIB for one in loads]
        row = f"{min(prices):.0f} to {max(prices):.0f} | {min(errors):+.0f} to {max(errors):+.0f}"
        lines.append(f"| {name} | {len(loads)} | {row} | {sum(map(is_good, loads))} |")
    return "\n".join(lines)


async def place(given: argparse.Namespace) -> list[Tight]:
    found: list[Tight] = []
    with tempfile.TemporaryDirectory(prefix="tight-") as folder:
        loads = tight(given.count, seed=given.seed, folder=Path(folder), most_bytes=given.mib * MIB)
        async for one in loads:
            found.append(one)
            print(f"{len(found):4}  {'good' if is_good(one) else 'BAD '}  {json.dumps(data(one))}", flush=True)
            if given.json:
                given.json.write_text(json.dumps([data(each) for each in found], indent=1) + "\n", encoding="utf-8")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mib", type=int, default=700, help="the highest price")
    parser.add_argument("--json", type=Path, metavar="FILE")
    found = asyncio.run(place(parser.parse_args()))
    print(table(found))
    if not all(one.held for one in found):
        print("No control group could be made: the kernel held nobody to a size, so nothing is proved.")
        return 1
    return 0 if all(map(is_good, found)) else 1


if __name__ == "__main__":
    sys.exit(main())
