"""What a machine has: its memory within the limits of its control groups, its GPUs, what its processor can.

Rules:

1. Free is what could be had without taking from anybody: pages that some process has mapped count as in use, though
   the kernel would take a file's pages back. A loaded model's weights are such pages.
2. A limit of any control group above this process counts (v1 and v2, nested): the narrowest one decides.
3. A GPU's figures are its driver's own (NVML). No driver: no GPU. A driver that fails is said in ``problem``.

Example::

    machine = look()
    machine.ram.free   # bytes
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.fleet.fit.memory import RAM

_KIB = 1024
_NO_LIMIT = 1 << 60  # version 1 says a number above this when there is no limit


@dataclass(frozen=True)
class Device:
    """Where a model can lie. ``free`` and ``total`` are bytes; ``watts`` is -1 where nothing says it."""

    id: str  # "ram", "gpu:0"
    name: str
    total: int
    free: int
    limit: str = ""  # what narrows it: a control group's folder
    watts: float = -1.0
    watts_limit: float = -1.0
    compute: str = ""  # of a GPU: its compute capability, "9.0"


@dataclass(frozen=True)
class Machine:
    ram: Device
    gpus: tuple[Device, ...]
    features: frozenset[str]  # avx2, avx512, amx, neon
    problem: str = ""  # why GPUs cannot be seen

    @property
    def devices(self) -> tuple[Device, ...]:
        return (self.ram, *self.gpus)


def look(root: Path = Path("/")) -> Machine:
    """Return what this machine has now; takes some milliseconds. ``root`` is another one's file system, for tests."""
    gpus, problem = nvidia()
    return Machine(ram(root), gpus, features(root), problem)


# --- the machine's own memory


def ram(root: Path = Path("/")) -> Device:
    """Return the memory that this process may use. Raises OSError when the kernel does not tell."""
    facts = _numbers(root / "proc/meminfo", scale=_KIB)
    total = facts["MemTotal"]
    available = facts.get("MemAvailable", facts.get("MemFree", 0)) - facts.get("Mapped", 0)
    limit = ""
    for folder, allowed, left in _groups(root):
        total = min(total, allowed)
        if left < available:
            available, limit = left, folder
    return Device(RAM, _processor(root), total, max(0, available), limit)


def _numbers(path: Path, scale: int = 1) -> dict[str, int]:
    """Return the numbers of a file of ``name: value`` or ``name value`` lines."""
    found = {}
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        words = line.replace(":", " ").split()
        if len(words) > 1 and words[1].isdigit():
            found[words[0]] = int(words[1]) * scale
    return found


def _groups(root: Path) -> list[tuple[str, int, int]]:
    """Return each control group of this process that limits memory: folder, limit, what is left of it (rule 2)."""
    try:
        memberships = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        old = "memory" in controllers.split(",")
        if not (old or not controllers):
            continue
        for folder in _chain(root, mounts, path, old=old):
            read = _old_group(folder) if old else _group(folder)
            if read is not None:
                found.append((str(folder), *read))
    return found


def _chain(root: Path, mounts: list[str], path: str, *, old: bool) -> list[Path]:
    """Return a group's folder and those above it, as far as they are mounted here."""
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        named = kind[:1] == ["cgroup"] and "memory" in kind[-1].split(",") if old else kind[:1] == ["cgroup2"]
        if not named:
            continue
        top, mount = fields[3], root / fields[4].lstrip("/")
        inside = path[len(top) :] if top != "/" and path.startswith(top) else path
        folder = mount / inside.strip("/")
        if ".." in Path(inside).parts or not folder.is_dir():
            folder = mount  # another namespace's view: what is mounted is all that can be seen
        return [each for each in (folder, *folder.parents) if each == mount or mount in each.parents]
    return []


def _group(folder: Path) -> tuple[int, int] | None:
    """Version 2. ``memory.high`` is where the kernel begins to slow a group down: as good as a limit here."""
    try:
        said = [(folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.high")]
        limits = [int(text) for text in said if text != "max"]
        if not limits:
            return None
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        facts = _numbers(folder / "memory.stat")
    except (OSError, ValueError):
        return None
    return min(limits), min(limits) - used + _taken_back(facts, "", "file_mapped")


def _old_group(folder: Path) -> tuple[int, int] | None:
    try:
        limit = int((folder / "memory.limit_in_bytes").read_text(encoding="ascii"))
        used = int((folder / "memory.usage_in_bytes").read_text(encoding="ascii"))
        facts = _numbers(folder / "memory.stat")
    except (OSError, ValueError):
        return None
    return (limit, limit - used + _taken_back(facts, "total_", "total_mapped_file")) if limit < _NO_LIMIT else None


def _taken_back(facts: Mapping[str, int], prefix: str, mapped: str) -> int:
    """Return a group's file pages that nobody has mapped (rule 1)."""
    cached = facts.get(f"{prefix}inactive_file", 0) + facts.get(f"{prefix}active_file", 0)
    return max(0, cached - facts.get(mapped, 0))


# --- the processor


def features(root: Path = Path("/")) -> frozenset[str]:
    """Return what this processor can, of what engines are built for."""
    words = _flags(root)
    named = {"avx2": {"avx2"}, "avx512": {"avx512f"}, "amx": {"amx_int8", "amx_tile"}, "neon": {"asimd"}}
    return frozenset(name for name, needed in named.items() if needed <= words)


def _flags(root: Path) -> set[str]:
    return {word for name, value in _cpu_lines(root) if name in {"flags", "Features"} for word in value.split()}


def _processor(root: Path) -> str:
    names = (value for name, value in _cpu_lines(root) if name in {"model name", "Model"})
    return next(names, platform.machine())


def _cpu_lines(root: Path) -> list[tuple[str, str]]:
    try:
        lines = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    parted = (line.partition(":") for line in lines)
    return [(name.strip(), value.strip()) for name, _, value in parted]


# --- GPUs


def nvidia() -> tuple[tuple[Device, ...], str]:
    """Return NVIDIA's GPUs as their driver counts them, and why there are none to be seen; "" where there is no driver.

    Memory that other processes have, and what the driver keeps for itself, is not free.
    """
    import pynvml  # noqa: PLC0415 - loads the driver's library

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return (), ""
    except pynvml.NVMLError as error:
        return (), f"The NVIDIA driver does not answer (NVML error {error.value})."
    try:
        return tuple(_gpu(pynvml, number) for number in range(pynvml.nvmlDeviceGetCount())), ""
    except pynvml.NVMLError as error:
        return (), f"The NVIDIA driver does not describe its GPUs (NVML error {error.value})."
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _gpu(nvml: Any, number: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    name = nvml.nvmlDeviceGetName(handle)
    major_minor = _asked(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle)
    watts = _asked(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    most = _asked(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    return Device(
        id=f"gpu:{number}",
        name=name.decode() if isinstance(name, bytes) else name,
        total=int(memory.total),
        free=int(memory.free),
        watts=watts / 1000 if watts is not None else -1.0,
        watts_limit=most / 1000 if most is not None else -1.0,
        compute=".".join(map(str, major_minor)) if major_minor else "",
    )


def _asked(nvml: Any, question: Any, handle: Any) -> Any:
    """Return a fact that not every GPU or driver tells; ``None`` then."""
    try:
        return question(handle)
    except nvml.NVMLError:
        return None
