"""``make soak``: the storm for hours, in parts that can be resumed.

Each part is a gateway of its own, a seed of its own and at most an hour. A part that ended well is noted in
``.cache/soak/parts.json`` and not done again; one that was interrupted is. Examples::

    python tests/soak/run.py                         # the next part, 50 minutes
    python tests/soak/run.py --parts 4 --minutes 55  # up to part 4
    python tests/soak/run.py --again                 # forget what was done
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fakes"))

import msgspec  # noqa: E402
from running import Running, install  # noqa: E402
from storm import MODEL, blow  # noqa: E402

from gateway.registry.manifest import Manifest  # noqa: E402

DONE = ROOT / ".cache" / "soak" / "parts.json"
LONGEST_MINUTES = 60


def main() -> int:
    options = _options()
    parts: list[dict[str, Any]] = [] if options.again or not DONE.exists() else json.loads(DONE.read_text())
    goal = options.parts or len(parts) + 1
    for number in range(len(parts) + 1, goal + 1):
        print(f"part {number}: {options.minutes} minutes, began {time.strftime('%H:%M')}", flush=True)
        parts.append(_part(number, options.minutes * 60))
        DONE.parent.mkdir(parents=True, exist_ok=True)
        DONE.write_text(json.dumps(parts, indent=1))
        print(json.dumps(parts[-1]), flush=True)
    print(f"{len(parts)} passed, 0 failed")
    return 0


def _part(number: int, seconds: float) -> dict[str, Any]:
    manifest = msgspec.yaml.decode((ROOT / "models" / f"{MODEL}.yaml").read_bytes(), type=Manifest)
    weights = ROOT / ".sekisho" / "store" / "sha256" / manifest.sha256
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    install(folder, weights)
    running = Running(folder)
    try:
        return asyncio.run(blow(running.start(), number, seconds)).summary()
    finally:
        running.stop()
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The storm, in resumable parts of at most an hour.")
    parser.add_argument("--parts", type=int, default=0, help="go on until so many parts are done; default: one more")
    parser.add_argument("--minutes", type=float, default=50, help="length of a part, at most 60")
    parser.add_argument("--again", action="store_true", help="forget the parts that were done")
    options = parser.parse_args()
    if not 0 < options.minutes <= LONGEST_MINUTES:
        parser.error(f"a part takes at most {LONGEST_MINUTES} minutes")
    return options


if __name__ == "__main__":
    sys.exit(main())
