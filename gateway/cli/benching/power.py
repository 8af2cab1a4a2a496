"""What this machine draws while it answers, where it says so: processors by RAPL's counters, GPUs by NVML.

Each counts its energy, or is looked at ten times a second (:mod:`gateway.telemetry.gpus`), so watts are a true mean.
What other programs draw is in them. Where nothing can be read, there is no figure: none is estimated. ::

    with Power(this_machine()) as power:
        ...
    power.watts     # {"cpu": 61.2, "gpu:0": 212.0}
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from gateway.telemetry.energy import Source

EACH_SECONDS = 0.5
CANNOT = "Watts cannot be told here: there is no GPU with NVML, and no RAPL counter that this user may read."
ELSEWHERE = "Watts cannot be told: the server is on another machine."


class Power:
    """Measures from entering to leaving. ``watts`` by device, empty where nothing says it.

    Args:
        sources: by device, as :func:`gateway.telemetry.gpus.this_machine` returns them.
    """

    def __init__(self, sources: Mapping[str, Sequence[Source]], each_seconds: float = EACH_SECONDS) -> None:
        self.watts: dict[str, float] = {}
        self._sources = {name: tuple(each) for name, each in sources.items() if each}
        self._each = each_seconds
        self._microjoules = dict.fromkeys(self._sources, 0.0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        for sources in self._sources.values():
            for source in sources:
                source.wake()
        self._began = time.perf_counter()
        self._look()
        self._microjoules = dict.fromkeys(self._microjoules, 0.0)  # what was before is nobody's
        if self._sources:
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
        self.watts = {name: self._microjoules[name] / 1e6 / seconds for name in self._sources}
        for sources in self._sources.values():
            for source in sources:
                source.rest()

    def _watch(self) -> None:
        while not self._over.wait(self._each):
            self._look()

    def _look(self) -> None:
        """Add what was used since the last look: a counter begins anew after some minutes."""
        for name, sources in list(self._sources.items()):
            try:
                self._microjoules[name] += sum(source.read() for source in sources)
            except (OSError, ValueError):  # what went away tells nothing any more
                del self._sources[name]
