"""Predicted and measured memory of seven shapes, one to two gigabytes each: the table of docs/explanation/what-fits.md.

One at a time, each file removed after its load; a few minutes. Ends with 1 where a prediction is off by more than
max(100 MiB, 5 %). ::

    python tests/soak/fits.py
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fakes")]

from made_models import RECIPES, smaller, write  # noqa: E402
from measured_load import MIB, load  # noqa: E402

from gateway.fleet.fit.memory import Wish  # noqa: E402

_WIDE = {"width": 1024, "heads": 16, "kv_heads": 16, "inner": 4096}
LOADS = {
    "grouped heads, Q8_0": (smaller(RECIPES["dense"], layers=32, width=1536, heads=24, inner=6144), Wish(8192, 4)),
    "as many heads for keys, Q4_0": (smaller(RECIPES["many-heads"], layers=16), Wish(4096, 4)),
    "32 experts, Q4_K": (smaller(RECIPES["experts"], layers=16, experts=32), Wish(8192, 4)),
    "windows of 512, F16": (smaller(RECIPES["windows"], layers=24, vocabulary=128000), Wish(16384, 4)),
    "embedding (BERT), F16": (smaller(RECIPES["embedding"], layers=24, **_WIDE), Wish(512, 4, mode="embed")),
    "recurrent (Mamba), F16": (smaller(RECIPES["state"], layers=48), Wish(4096, 16)),
    "latent attention, Q8_0": (RECIPES["latent"], Wish(16384, 4)),
}


def main() -> int:
    print("| shape | file | context x slots | predicted | measured | off by |\n| --- | --- | --- | --- | --- | --- |")
    all_within = True
    for name, (recipe, wish) in LOADS.items():
        with tempfile.TemporaryDirectory(prefix="fits-") as folder:
            file = write(recipe, Path(folder) / "m.gguf")
            found = asyncio.run(load(file, wish))
            size = file.stat().st_size // MIB
        all_within &= found.is_within
        amounts = f"{found.price.resident / MIB:,.0f} | {found.shown / MIB:,.0f} | {found.error / MIB:+.0f}"
        print(f"| {name} | {size:,} | {wish.context_tokens:,} x {wish.slots} | {amounts} |", flush=True)
    return 0 if all_within else 1


if __name__ == "__main__":
    sys.exit(main())
