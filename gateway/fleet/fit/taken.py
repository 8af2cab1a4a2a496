"""What a loaded model has taken, once it runs: to correct a price, and to see whether it was right.

A process's own pages are the kernel's count; a GPU's are its driver's, where that tells (not inside of containers that
hide other processes' ids). ::

    taken(pid, price)   # {"ram": 631, "gpu:0": 15012}, MiB
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.fleet.fit.memory import RAM, Price

_MIB = 1024 * 1024


def taken(pid: int, price: Price) -> Mapping[str, int]:
    """Return what an engine's process has taken, in MiB by device; empty when it has ended.

    Pages that are spare by ``price`` (:mod:`gateway.fleet.fit.memory`, rule 2) do not count.
    """
    try:
        shown = resident_bytes(pid)
    except OSError:
        return {}
    found = {RAM: max(0, shown - price.spare) // _MIB}
    if price.gpu_layers:
        found |= on_gpus(pid)
    return found


def resident_bytes(pid: int) -> int:
    """Return the memory that a process shows: its own pages, and those of files that it has mapped. Raises OSError."""
    return sum(_pages(pid).values())


def spare_bytes(pid: int, price: Price) -> int:
    """Return how much of what a loaded model has mapped could be had by others; 0 when its process has ended.

    :func:`gateway.fleet.fit.devices.ram` counts all that is mapped as in use, this too.
    """
    try:
        files = _pages(pid).get("RssFile", 0)
    except OSError:
        return 0
    return min(price.spare, max(0, files - price.mapped))


def _pages(pid: int) -> dict[str, int]:
    """Return bytes by kind, from ``/proc/PID/status``: readable also of a process that hides its memory."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    counted = {"RssAnon", "RssFile", "RssShmem"}
    found = [line.replace(":", " ").split() for line in lines if line.partition(":")[0] in counted]
    return {words[0]: int(words[1]) * 1024 for words in found}


def on_gpus(pid: int) -> dict[str, int]:
    """Return what a process has on each GPU, in MiB, where the driver tells."""
    import pynvml  # noqa: PLC0415 - loads the driver's library

    found: dict[str, int] = {}
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            used = _of_process(pynvml, number, pid)
            if used:
                found[f"gpu:{number}"] = used // _MIB
        pynvml.nvmlShutdown()
    return found


def _of_process(nvml: Any, number: int, pid: int) -> int:
    processes = nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByIndex(number))
    return sum(int(each.usedGpuMemory or 0) for each in processes if each.pid == pid)
