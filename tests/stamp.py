"""Whether the unit tests have passed on this very tree, so that `make test` after `make check` does not run them twice.

    python tests/stamp.py write      they passed: keep a digest of everything that they depend on
    python tests/stamp.py holds      leaves with 0 if nothing has changed since, else with 1

The digest covers each file of the tree (not what was built, cached or served from it), the interpreter and the machine.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = ROOT / ".cache" / "check" / "unit-tests-passed"
NOT_OURS = {".git", ".venv", ".cache", ".sekisho", "site", "build", "__pycache__"}


def files(folder: Path) -> Iterator[Path]:
    """Yield the files of the tree, in order."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in NOT_OURS or (entry.name.startswith(".") and entry.name.endswith("_cache")):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name != ".hypothesis":
                yield from files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def digest() -> str:
    found = hashlib.sha256(f"{sys.version} {platform.platform()}".encode())
    for path in files(ROOT):
        found.update(f"\0{path.relative_to(ROOT)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def main(verb: str) -> int:
    if verb == "write":
        STAMP.parent.mkdir(parents=True, exist_ok=True)
        STAMP.write_text(digest(), encoding="ascii")
        return 0
    return 0 if STAMP.is_file() and STAMP.read_text(encoding="ascii") == digest() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
