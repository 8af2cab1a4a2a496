"""Bytecode for all packages of a version, on all processors: pip compiles on one, and that is most of its time.

Each share is a process of its own, bound to this one, so that a killed updater leaves none behind; a pool of processes
would. What cannot be compiled (a template, a file for another Python) is passed over, as pip does.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from gateway.bundle.install.child import bound
from gateway.bundle.refusal import BundleRefused

_MOST_AT_ONCE = 16
_MOST_SECONDS = 1800


def shares(packages: Path, count: int) -> list[list[Path]]:
    """Return the entries of a folder of packages in ``count`` shares of about the same size in bytes of source.

    The largest goes first, each to the share that is smallest then (Graham 1969: at most 4/3 of the best). Empty shares
    are left out.
    """
    sized = sorted(((_source_bytes(entry), entry) for entry in packages.iterdir()), reverse=True)
    loads, found = [0] * count, [[] for _ in range(count)]  # type: tuple[list[int], list[list[Path]]]
    for size, entry in sized:
        if size:
            least = loads.index(min(loads))
            loads[least] += size
            found[least].append(entry)
    return [share for share in found if share]


def compile_all(python: Path, packages: Path, environment: dict[str, str]) -> None:
    """Compile everything below ``packages`` with that Python.

    Raises:
        BundleRefused: a compiler was ended, or took over half an hour.
    """
    running: list[subprocess.Popen[bytes]] = []
    began = monotonic()
    try:
        for share in shares(packages, min(os.cpu_count() or 1, _MOST_AT_ONCE)):
            running.append(_started(python, share, environment))
        for one in running:
            if one.wait(_MOST_SECONDS - (monotonic() - began)) not in (0, 1):  # 1: something could not be compiled
                raise BundleRefused(
                    "bundle.malformed", f"The packages could not be compiled: ended by {one.returncode}."
                )
    except subprocess.TimeoutExpired:
        raise BundleRefused("bundle.busy", f"To compile took over {_MOST_SECONDS} s.", "Try again later.") from None
    finally:
        for one in running:
            one.kill()
            one.wait()


def _started(python: Path, share: Sequence[Path], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603  words of ours
        [str(python), "-I", "-m", "compileall", "-qq", *map(str, share)],
        env=environment,
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        preexec_fn=bound(),  # noqa: PLW1509  the installer has one thread
    )


def _source_bytes(entry: Path) -> int:
    """What there is to compile, and 1 for each file: an empty one is compiled, too."""
    if entry.is_dir() and not entry.is_symlink():
        return sum(1 + path.stat().st_size for path in entry.rglob("*.py"))
    return 1 + entry.stat().st_size if entry.suffix == ".py" else 0
