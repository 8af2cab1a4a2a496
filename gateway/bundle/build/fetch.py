"""Wheels of the target, through pip: the index is whatever pip is set to, the hashes are those of the locks.

What was fetched is kept in the cache, by what was asked for: a second build needs no network.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.bundle.build import glibc
from gateway.errors import SetupError

_MOST_SECONDS = 3600
_OLD = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_MEND = "Is a package index within reach? pip's own settings count: PIP_INDEX_URL, pip.conf, HTTPS_PROXY."


@dataclass(frozen=True)
class Target:
    """What the wheels are for: the version of CPython, the processor, and the newest glibc that they may ask for."""

    python: str  # "3.11"
    machine: str  # "x86_64"
    glibc: glibc.Version

    def tags(self) -> tuple[str, ...]:
        """Platform tags from the newest to the oldest (PEP 600), as pip takes them."""
        major, newest = self.glibc
        tags: list[str] = []
        for minor in range(newest, 4, -1):
            tags.append(f"manylinux_{major}_{minor}_{self.machine}")
            if (major, minor) in _OLD:
                tags.append(f"{_OLD[major, minor]}_{self.machine}")
        return tuple(tags)


def download(lock: Path, target: Target, cache: Path) -> tuple[Path, ...]:
    """Return the wheels of a lock, sorted by name.

    Raises:
        SetupError: pip could not have them all.
    """
    told = "\n".join([target.python, *target.tags(), lock.read_text(encoding="utf-8")])
    folder = cache / f"wheels-{lock.stem}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    done = folder / ".done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run_pip(lock, target, folder)
        done.touch()
    return tuple(sorted(folder.glob("*.whl")))


def _run_pip(lock: Path, target: Target, folder: Path) -> None:
    version = target.python.replace(".", "")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
    options += ["--python-version", target.python]
    options += [word for tag in target.tags() for word in ("--platform", tag)]
    options += [word for tag in (f"cp{version}", "abi3", "none") for word in ("--abi", tag)]
    _run([*pip, *options, "--dest", str(folder), "--requirement", str(lock)], f"The wheels of {lock.name}")


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(  # noqa: S603  our own interpreter, and words of ours
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise SetupError(f"{what} cannot be fetched: {(said or ['pip failed'])[-1][:300]}", _MEND)
