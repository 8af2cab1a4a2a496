"""Facts about the machine, read from it: nothing here is a setting."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryFile

from yardstick.stats import percentile


def facts() -> dict[str, str | int | float]:
    """Return what a reader of the numbers needs to know of the machine. No host name, no paths."""
    return {
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": int(_field(Path("/proc/meminfo"), "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "system": _field(Path("/etc/os-release"), "PRETTY_NAME", "=").strip('"'),
        "python": platform.python_version(),
        "busy_before": round(busy_share(), 2),
    }


def _field(path: Path, name: str, separator: str = ":") -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip()
    return "unknown"


def busy_share(seconds: float = 1.0) -> float:
    """Return the share of all cores that something used during the next `seconds` (0 to 1)."""
    first = _cpu_times()
    time.sleep(seconds)
    second = _cpu_times()
    passed = [b - a for a, b in zip(first, second, strict=True)]
    idle = passed[3] + passed[4]  # proc_stat(5): user nice system idle iowait ...
    return 1 - idle / max(1, sum(passed))


def _cpu_times() -> list[int]:
    return [int(n) for n in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]


def sync_ms(folder: Path, count: int = 100) -> tuple[float, float]:
    """Return how long the disk under `folder` takes to make 1 KiB more durable: fdatasync p50 and p99, in ms."""
    times: list[float] = []
    with TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(count):
            file.write(b"\x2e" * 1024)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return percentile(times, 50), percentile(times, 99)


def family(pid: int) -> list[int]:
    """Return `pid` and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def resident_mib(pid: int) -> dict[str, float]:
    """Return resident memory of `pid` and its descendants, summed by command name, in MiB.

    Shared pages count in each process that maps them (RSS), as `ps` shows it.
    """
    total: dict[str, float] = {}
    for member in family(pid):
        try:
            name = Path(f"/proc/{member}/comm").read_text(encoding="utf-8").strip()
            pages = int(Path(f"/proc/{member}/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            continue
        total[name] = total.get(name, 0.0) + pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return total


def processor_seconds(pid: int) -> float:
    """Return what one process has used of processors so far, its threads included (proc_stat(5): utime, stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_line(*command: str) -> str:
    """Return the first line that a program says of itself, standard error included; "" when it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""
