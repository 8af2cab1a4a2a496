"""What ``sekisho doctor`` found, and the checks of the machine itself. The installation's are in ``checks_site.py``.

A check is a function that returns one :class:`Check`; it changes nothing but a scratch file that it removes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gateway.settings import Settings

State = Literal["ok", "warning", "fails"]

_GIB = 1024**3
_LEAST_DISK_BYTES = 2 * _GIB
_BESIDE_MODEL_BYTES = int(1.5 * _GIB)  # detectors and OPA
_SLOW_SYNC_SECONDS = 0.05
_EARLIEST_YEAR = 2025
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


@dataclass(frozen=True)
class Check:
    """One line of the table. ``mend`` is empty when all is well."""

    name: str
    state: State
    said: str
    mend: str = ""


def python(settings: Settings) -> Check:
    good = sys.version_info[:2] == (3, 11)
    said = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("python", "ok" if good else "fails", said, "" if good else "Install Python 3.11 and run: make deps")


def processor(settings: Settings) -> Check:
    """Engines are many times slower without wide vectors."""
    cores = len(os.sched_getaffinity(0))
    flags = _words_of("/proc/cpuinfo", ("flags", "Features"))
    wide = next((name for name in ("avx512f", "avx2", "sve", "asimd") if name in flags), "")
    said = f"{cores} cores, {wide or 'no wide vectors'}"
    mend = "" if wide else "Models will be slow: use a processor with AVX2."
    return Check("processor", "ok" if wide else "warning", said, mend)


def memory(settings: Settings) -> Check:
    """The model, its context, detectors and OPA must fit."""
    from gateway.cli.models import shelf
    from gateway.errors import SetupError

    try:
        manifest = shelf(settings).find(settings.engine.model)
    except SetupError:
        manifest = None
    ours = manifest is not None and settings.engine.kind != "openai-http"
    needed = _BESIDE_MODEL_BYTES + int(1.3 * (manifest.size_bytes if manifest and ours else 0))
    available = _memory_available()
    said = f"{available / _GIB:.1f} GiB available, about {needed / _GIB:.1f} GiB needed"
    enough = available >= needed
    mend = "" if enough else "Free memory, or choose a smaller model (engine.model) or context."
    return Check("memory", "ok" if enough else "fails", said, mend)


def disk(settings: Settings) -> Check:
    """The audit log must never run out of space."""
    free = shutil.disk_usage(_existing(settings.data)).free
    enough = free >= _LEAST_DISK_BYTES
    mend = "" if enough else "Free space, or move data_dir: a full disk stops every request."
    return Check("disk space", "ok" if enough else "fails", f"{free / _GIB:.1f} GiB free at {settings.data}", mend)


def sync(settings: Settings) -> Check:
    """Each request waits for one sync of this disk."""
    folder = _existing(settings.data)
    try:
        seconds = _sync_seconds(folder)
    except OSError as error:
        return Check("disk sync", "fails", f"{folder} cannot be written ({error.strerror})", "Check owner and mode.")
    slow = seconds > _SLOW_SYNC_SECONDS
    mend = "Answers wait for it: put data_dir on a faster disk." if slow else ""
    return Check("disk sync", "warning" if slow else "ok", f"{seconds * 1000:.1f} ms for one fdatasync", mend)


def clock(settings: Settings) -> Check:
    """Records, expiries and certificates go by the wall clock."""
    now = datetime.now(UTC)
    if now.year < _EARLIEST_YEAR:
        return Check("clock", "fails", f"It says {now:%Y-%m-%d}", "Set the clock.")
    synchronised = _clock_state() != _UNSYNCHRONISED
    said = f"{now:%Y-%m-%dT%H:%M:%SZ}, {'synchronised' if synchronised else 'not known to be synchronised'}"
    mend = "" if synchronised else "Point chrony or systemd-timesyncd at a time server of the site."
    return Check("clock", "ok" if synchronised else "warning", said, mend)


def _words_of(file: str, names: tuple[str, ...]) -> set[str]:
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {word for line in lines if line.startswith(names) for word in line.partition(":")[2].split()}


def _memory_available() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _existing(path: Path) -> Path:
    """Return the path or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _sync_seconds(folder: Path) -> float:
    """Return the median time of a small write's fdatasync."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as scratch:
        for _ in range(5):
            scratch.write(b"x" * 512)
            scratch.flush()
            begun = time.perf_counter()
            os.fdatasync(scratch.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _clock_state() -> int:
    """Return what adjtimex(2) says with no mode set (which changes nothing); -1 where it is barred."""
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.adjtimex(ctypes.create_string_buffer(512)))


MACHINE = (python, processor, memory, disk, sync, clock)
