"""What each stable code means: ``codes.yaml`` beside this file, read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("codes.yaml")


@dataclass(frozen=True)
class Explanation:
    """``who`` is the one who can mend it; ``status`` is the HTTP status, 0 for codes that only stand in records."""

    what: str
    who: str
    mend: str
    status: int


@cache
def explanations() -> dict[str, Explanation]:
    """Return every code's explanation, in the file's order."""
    raw = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {code: Explanation(**{"status": 0, **fields}) for code, fields in raw.items()}
