"""How ``gateway/privacy/names/chinese-words.json.gz`` was made: words that look like names, and firms.

    python models/detect/recipe/chinese.py dict.txt

``dict.txt`` is the dictionary in the package ``jieba`` 0.42.1 (MIT): word, how often, part of speech. Kept are words of
two and three characters that begin with a surname's, were counted at least ``LEAST`` times and are no names of persons.
``chinese.txt`` beside this file adds what plants and offices write, and firms that are called like somebody.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from gateway.privacy.names.chinese_names import SURNAMES  # noqa: E402

TARGET = ROOT / "gateway" / "privacy" / "names" / "chinese-words.json.gz"
OWN = Path(__file__).with_suffix(".txt")
LEAST = 10


def main(path: str) -> None:
    rows = (line.split() for line in Path(path).read_text("utf-8").splitlines())
    words = {
        word
        for word, often, kind in rows
        if word[0] in SURNAMES and len(word) in (2, 3) and int(often) >= LEAST and not kind.startswith("nr")
    }
    _, own, firms = (part.partition("\n")[2].split() for part in ("\n" + OWN.read_text("utf-8")).split("\n#"))
    tables = {"ordinary": " ".join(sorted(words | set(own))), "brands": " ".join(sorted(set(firms)))}
    TARGET.write_bytes(gzip.compress(json.dumps(tables, ensure_ascii=False).encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
