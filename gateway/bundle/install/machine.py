"""Does a release fit this machine, and can this machine take it now? Looked at before anything is changed."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.release import Release

#: What a wheel's bytes become once installed, with compiled modules; measured, rounded up.
WHEEL_GROWS = 4
SPARE_BYTES = 200 << 20
#: What wheels leave to the system, and Debian's package of it: OpenMP's runtime.
LIBRARIES = {"libgomp.so.1": "libgomp1"}
_CLOCK_SLACK = timedelta(days=1)


@dataclass(frozen=True)
class Machine:
    """What of this machine matters."""

    processor: str  # x86_64
    glibc: tuple[int, ...]  # () on another C library
    python: str  # 3.11
    now: datetime

    @staticmethod
    def this() -> Machine:
        try:
            said = os.confstr("CS_GNU_LIBC_VERSION") or ""
        except (ValueError, OSError):
            said = ""
        found = re.search(r"(\d+)\.(\d+)", said)
        glibc = tuple(int(number) for number in found.groups()) if found else ()
        return Machine(platform.machine(), glibc, "{}.{}".format(*sys.version_info[:2]), datetime.now(UTC))


def check_fit(release: Release, machine: Machine) -> None:
    """Refuse what cannot run here.

    Raises:
        BundleRefused: ``bundle.platform``, ``bundle.python``, ``bundle.glibc``, ``bundle.clock``.
    """
    if not release.platform.endswith(f"_{machine.processor}"):
        raise BundleRefused("bundle.platform", f"It is for {release.platform}, this machine is {machine.processor}.")
    if release.python != machine.python:
        raise BundleRefused("bundle.python", f"It is for Python {release.python}, this one is {machine.python}.")
    least = tuple(int(number) for number in release.glibc.split("."))
    if not machine.glibc:
        raise BundleRefused("bundle.glibc", "This machine's C library is not glibc.")
    if machine.glibc < least:
        has = ".".join(str(number) for number in machine.glibc)
        raise BundleRefused("bundle.glibc", f"It needs glibc {release.glibc}, this machine has {has}.")
    if machine.now < datetime.fromisoformat(release.built_at) - _CLOCK_SLACK:
        raise BundleRefused(
            "bundle.clock",
            f"The clock says {machine.now:%Y-%m-%d}, before the release was built ({release.built_at[:10]}).",
        )


def check_libraries(load: Callable[[str], object] = ctypes.CDLL) -> None:
    """Refuse a machine without a library of the system that inference needs and no wheel brings.

    Raises:
        BundleRefused: ``bundle.platform``.
    """
    for name, package in LIBRARIES.items():
        try:
            load(name)
        except OSError:
            mend = f"Install it (Debian: {package})."
            raise BundleRefused("bundle.platform", f"This machine has no {name}.", mend) from None


def check_room(release: Release, prefix: Path, has: frozenset[str] = frozenset()) -> None:
    """Refuse where the disk has no room for the release, or the folder is not ours to write.

    Raises:
        BundleRefused: ``bundle.disk_full``, ``bundle.permission``.
    """
    there = prefix
    while not there.exists():
        there = there.parent
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise BundleRefused("bundle.permission", f"{there} cannot be written by user {os.geteuid()}.")
    kept = sum(part.length for part in release.parts if part.sha256 not in has)
    wheels = sum(part.length for part in release.parts if part.name.endswith(".whl"))
    needed = kept + WHEEL_GROWS * wheels + SPARE_BYTES
    free = shutil.disk_usage(there).free
    if free < needed:
        raise BundleRefused(
            "bundle.disk_full", f"{there} has {free >> 20:,} MiB free, {needed >> 20:,} MiB are needed."
        )


def check_python_for_all(python: Path = Path(sys.executable)) -> None:
    """Refuse an interpreter that lies where another user cannot reach it, as one in root's home does.

    Raises:
        BundleRefused: ``bundle.python``.
    """
    real = python.resolve()
    for folder in real.parents:
        if not folder.stat().st_mode & 0o001:
            problem = f"{real} lies in {folder}, which other users cannot enter."
            raise BundleRefused("bundle.python", problem, "Give a Python for all users: PYTHON=/usr/bin/python3.")
