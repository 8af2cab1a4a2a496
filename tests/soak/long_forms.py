"""The long forms of all tests, the first half of ``make soak``. Parts of at most an hour; what is done stays done.

Three kinds of part: a test with a long form of its own; every property test with 5,000 examples, room by room (``make
test`` tries 100); and every test with real processes again and again for twenty minutes, to find what fails one time in
fifty. Finished parts are kept in ``.cache/soak/tests.json`` for the commit they ran on; a run that was stopped goes on
with the next part.
``LONG=--again`` begins anew, ``LONG=--list`` shows the parts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STATE = ROOT / ".cache" / "soak" / "tests.json"
PART_SECONDS = 3600
AGAIN_SECONDS = 1200
MODELS, STORMS = ROOT / "tests" / "whole" / "test_many_models_served.py", 4
PYTEST = (sys.executable, "-m", "pytest", "-q", "--timeout", str(PART_SECONDS))


@dataclass(frozen=True)
class Part:
    """``again`` repeats the tests until the time is up; else they run once."""

    name: str
    arguments: tuple[str, ...]
    again: bool = False


def parts() -> list[Part]:
    """Return every part, in order: own long forms, then one of each kind for each folder that has tests of it."""
    found = [
        Part(f"1,000 requests over three models, {part} of {STORMS}", ("-m", "real", "-k", f"part{part}", str(MODELS)))
        for part in range(1, STORMS + 1)
    ]
    for folder in sorted(path for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "soak"):
        texts = [file.read_text(encoding="utf-8") for file in folder.glob("test_*.py")]
        if any("from hypothesis import" in text for text in texts):
            found.append(Part(f"properties of {folder.name}", ("-m", "hypothesis", str(folder))))
        if any("mark.real" in text for text in texts):
            found.append(Part(f"{folder.name} again", ("-m", "real", str(folder)), again=True))
    return found


def run(part: Part) -> bool:
    """Run a part; return whether it passed. One that its time cut off has passed as far as it came."""
    ends = time.monotonic() + (AGAIN_SECONDS if part.again else PART_SECONDS)
    environment = {**os.environ, "SEKISHO_TEST_PROFILE": "default" if part.again else "soak"}
    while True:
        tests = subprocess.Popen((*PYTEST, *part.arguments), cwd=ROOT, env=environment)
        try:
            code = tests.wait(max(1.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            tests.send_signal(signal.SIGINT)  # fixtures end what they started
            tests.wait(60)
            print(f"  {part.name}: its time was up", flush=True)
            return True
        if code or not part.again:
            return code == 0


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def finished() -> set[str]:
    """Return the names of the parts that passed on this very commit."""
    if not STATE.is_file():
        return set()
    state = json.loads(STATE.read_text(encoding="utf-8"))
    return set(state["done"]) if state["commit"] == commit() else set()


def main(arguments: list[str]) -> int:
    done = set() if "--again" in arguments else finished()
    for part in parts():
        if "--list" in arguments:
            print(f"{'done' if part.name in done else '    '}  {part.name}")
        elif part.name not in done:
            print(f"== {part.name}", flush=True)
            if not run(part):
                return 1
            done.add(part.name)
            STATE.parent.mkdir(parents=True, exist_ok=True)
            STATE.write_text(json.dumps({"commit": commit(), "done": sorted(done)}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
