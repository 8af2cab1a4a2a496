"""Labelled documents for what no corpus has, as JSONL of the shape that ``sekisho privacy eval`` reads.

    python tests/quality/generate.py --split dev --count 1000 --seed 7 > dev.jsonl
    python tests/quality/generate.py --split test --group quiet > quiet.jsonl

Rules are tuned on ``dev`` only; ``test`` is for measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from invented import templates_dev, templates_test
from invented.documents import documents
from invented.template import Split

SPLITS: dict[str, Split] = {"dev": templates_dev.SPLIT, "test": templates_test.SPLIT}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=list(SPLITS), default="dev")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--group", choices=["documents", "ids", "vehicles", "quiet"], help="only this group")
    options = parser.parse_args()
    for document in documents(SPLITS[options.split], options.seed, options.count):
        if options.group in {None, document.group}:
            print(json.dumps(document._asdict(), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
