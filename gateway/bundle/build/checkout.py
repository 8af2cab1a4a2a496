"""What is made out of the checkout: the program's wheel, the documentation, the detectors' models, and its commit.

All of it in child processes of this interpreter with ``SOURCE_DATE_EPOCH``, so that the same tree gives the same bytes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.bundle.build.provenance import Source
from gateway.errors import SetupError

_MOST_SECONDS = 1800


@dataclass(frozen=True)
class Checkout:
    """A checkout of Sekisho, and the one time that everything in the bundle has."""

    root: Path
    epoch: int

    def wheel(self, folder: Path) -> Path:
        """Build the program's own wheel. Raises SetupError."""
        self._python("The program's wheel", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
        (wheel,) = folder.glob("sekisho-*.whl")
        return wheel

    def site(self, folder: Path) -> None:
        """Write the documentation into a folder. Raises SetupError."""
        self._python("The documentation", "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder))

    def detectors(self, folder: Path) -> None:
        """Write the detectors' models into a folder, from the wheels of the lock ``detect``. Raises SetupError."""
        self._python("The detectors' models", "-m", "gateway.privacy.names.prepare", str(folder))

    def source(self) -> Source:
        """The commit, and whether files differ from it; without git, neither."""
        commit = self._git("rev-parse", "HEAD")
        return Source(commit, bool(self._git("status", "--porcelain", "--untracked-files=no")))

    def _git(self, *words: str) -> str:
        return git(self.root, *words)

    def _python(self, what: str, *words: str) -> None:
        run([f"SOURCE_DATE_EPOCH={self.epoch}", "PYTHONHASHSEED=0", sys.executable, *words], what, self.root)


def committed_at(root: Path) -> int:
    """The time of the checkout's commit, Unix seconds.

    Raises:
        SetupError: it is no clone.
    """
    said = git(root, "log", "-1", "--format=%ct")
    if not said:
        raise SetupError(f"{root} has no commit, so the bundle has no time.", "Give --source-date-epoch SECONDS.")
    return int(said)


def git(root: Path, *words: str) -> str:
    """What git says, ``""`` where it cannot."""
    try:
        done = subprocess.run(  # noqa: S603  words of ours
            ["git", "-C", str(root), *words],  # noqa: S607  of the builder's PATH, as for every developer
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run(words: Sequence[str], what: str, folder: Path) -> None:
    """Run one step, ``env`` before it: words may begin with ``NAME=value``. Raises SetupError."""
    try:
        done = subprocess.run(  # noqa: S603  words of ours
            ["/usr/bin/env", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise SetupError(f"{what} took more than {_MOST_SECONDS} s.", "Try again on a quieter machine.") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise SetupError(f"{what} could not be made: {said[:300]}", "Run: make deps")
