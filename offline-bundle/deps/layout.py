"""Where set-up finds and puts things, and how it knows that nothing is to do."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ROOT / "offline-bundle" / "locks"
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
STORE = ROOT / ".sekisho" / "store"
LOGS = CACHE / "log"
DOWNLOADS = CACHE / "downloads"


def key_of(*parts: str | Path) -> str:
    """Return a hash over texts and the contents of files: equal keys mean that nothing changed."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:24]


def is_done(stamp: Path, key: str) -> bool:
    """Whether the step that owns ``stamp`` was finished with the same key."""
    return stamp.is_file() and stamp.read_text(encoding="ascii") == key


def mark_done(stamp: Path, key: str) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key, encoding="ascii")
