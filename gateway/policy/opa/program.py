"""The ``opa`` program: finding one that is new enough, and running its subcommands.

Versions before 1.21.3 are refused (GHSA-g2pf-6v5v-qcc8, bundle signatures). The one that ``make deps`` builds has one
subcommand more, ``opa decide`` (``engine/main.go``), and says so in ``opa version``; any other decides by ``opa run``.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import SetupError
from gateway.settings import Settings, opa_candidates

OLDEST = (1, 21, 3)
MEND = "Run: make deps, or set policy.opa_binary to an opa of at least 1.21.3."
_VERSION = re.compile(r"^Version: v?(\d+)\.(\d+)\.(\d+)(\S*)", re.MULTILINE)
_DECIDE = re.compile(r"^Sekisho: decide/1$", re.MULTILINE)
_VERSION_SECONDS = 60.0


@dataclass(frozen=True)
class Opa:
    """An ``opa`` program that answered. ``version`` is its own word, as in ``1.22.2``.

    ``limit_seconds`` is how long each of its subcommands may take; large bundles on busy machines take long.
    ``decides`` is whether it has our ``opa decide``.
    """

    path: Path
    version: str
    limit_seconds: float = 60.0
    decides: bool = False

    def run(self, *args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a subcommand to its end, with no environment; the exit status is the caller's to judge.

        Raises:
            SetupError: it could not be started, or took longer than its limit.
        """
        return _run(self.path, args, cwd, self.limit_seconds)


def find_opa(settings: Settings) -> Opa:
    """Return the first program of :func:`gateway.settings.opa_candidates` that is new enough.

    Raises:
        SetupError: there is none; says which were too old.
    """
    unfit: list[str] = []
    for path in opa_candidates(settings):
        if not path.is_file():
            continue
        said = _said(path)
        version = _version(said)
        if version and tuple(version[:3]) >= OLDEST:
            name = ".".join(map(str, version[:3])) + str(version[3])
            return Opa(path.absolute(), name, settings.policy.command_seconds, _DECIDE.search(said) is not None)
        unfit.append(f"{path} is {'.'.join(map(str, version[:3])) if version else 'not a working opa'}")
    found = f" ({'; '.join(unfit)})" if unfit else ""
    raise SetupError(f"There is no opa of at least {'.'.join(map(str, OLDEST))}{found}.", MEND)


def _said(path: Path) -> str:
    try:
        return _run(path, ["version"], None, _VERSION_SECONDS).stdout
    except SetupError:
        return ""


def _version(said: str) -> tuple[int, int, int, str] | None:
    match = _VERSION.search(said)
    return (int(match[1]), int(match[2]), int(match[3]), match[4]) if match else None


def _run(
    path: Path, args: Sequence[str | Path], cwd: Path | None, limit_seconds: float
) -> subprocess.CompletedProcess[str]:
    command = [str(path.absolute()), *map(str, args)]
    try:
        return subprocess.run(  # noqa: S603  a program the operator chose, no shell
            command,
            cwd=cwd,
            env={"HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"`opa {args[0]}` took longer than {limit_seconds:g} s and was ended."
        raise SetupError(problem, "Try again on a quieter machine, or raise policy.command_seconds.") from error
    except OSError as error:
        raise SetupError(f"{path} could not be run.", MEND) from error
