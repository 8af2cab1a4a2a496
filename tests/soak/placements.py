"""``make soak``: two hundred placements on a machine of 900 MiB. Takes half an hour on two cores.

Ends with 1 where the kernel ended an engine, or a load that was planned failed. ``--count 50 --seed 3`` for others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fakes")]

from measured_load import MIB  # noqa: E402
from placements import place  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mib", type=int, default=900)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placements-") as folder:
        found = asyncio.run(place(given.count, seed=given.seed, folder=Path(folder), machine_bytes=given.mib * MIB))
    print(json.dumps(asdict(found), indent=2))
    return 1 if found.killed or found.failed or found.most_used > given.mib * MIB else 0


if __name__ == "__main__":
    sys.exit(main())
