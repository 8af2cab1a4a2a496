"""What this machine draws while it answers, where it says so: processors by RAPL's counters, GPUs by NVML.

RAPL (Linux ``powercap``) counts energy, so its watts are a true mean; GPUs are looked at twice a second. What other
programs draw is in both. Where neither can be read, there is no figure: none is estimated. ::

    with Power() as power:
        ...
    power.watts     # {"cpu": 61.2, "gpu:0": 212.0}
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self

from gateway.fleet.fit.devices import Device, nvidia
from gateway.telemetry.energy import Counter, counters

EACH_SECONDS = 0.5
CANNOT = "Watts cannot be told here: there is no GPU with NVML, and no RAPL counter that this user may read."
ELSEWHERE = "Watts cannot be told: the server is on another machine."


class Draws(Protocol):
    """What this needs of a GPU."""

    @property
    def id(self) -> str: ...

    @property
    def watts(self) -> float:
        """-1 where its driver does not say."""


def _gpus() -> tuple[Device, ...]:
    return nvidia()[0]


class Power:
    """Measures from entering to leaving. ``watts`` by source, empty where nothing says it."""

    def __init__(
        self,
        packages: Callable[[], list[Counter]] = counters,
        gpus: Callable[[], Iterable[Draws]] = _gpus,
        each_seconds: float = EACH_SECONDS,
    ) -> None:
        self.watts: dict[str, float] = {}
        self._packages, self._gpus, self._each = packages(), gpus, each_seconds
        self._microjoules = 0
        self._looks: dict[str, list[float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        for package in self._packages:
            package.read()
        self._began = time.perf_counter()
        self._look()
        if self._packages or self._looks:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._look()
        seconds = time.perf_counter() - self._began
        if self._packages:
            self.watts["cpu"] = self._microjoules / 1e6 / seconds
        self.watts.update({name: sum(seen) / len(seen) for name, seen in self._looks.items()})

    def _watch(self) -> None:
        while not self._over.wait(self._each):
            self._look()

    def _look(self) -> None:
        """Add what was used since the last look: a counter begins anew after some minutes."""
        try:
            self._microjoules += sum(package.read() for package in self._packages)
        except (OSError, ValueError):  # a counter that went away tells nothing any more
            self._packages = []
        for gpu in self._gpus():
            if gpu.watts >= 0:
                self._looks.setdefault(gpu.id, []).append(gpu.watts)
