"""Energy of NVIDIA's GPUs, as their driver tells it (NVML). A :class:`gateway.telemetry.energy.Source` for each.

Rules:

1. A driver's answer may take milliseconds. So a thread asks it, ten times a second, while answers are made on that GPU
   and for a moment after; the event loop reads what it told last, carried on at the power that it told then. What was
   carried on too far or not far enough is made good with the next look: over some looks it is what the driver counted.
2. The driver's own counter of energy counts (GPUs since Volta have one). Where there is none it is power times time,
   from look to look. A GPU that tells neither is not measured.
3. While nobody is answered there, nothing is asked.
4. A GPU whose driver fails once is not measured any more. ::

    sources = nvidia()          # {"gpu:0": (Gpu(…),), "gpu:1": ()}: the second one tells nothing
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.telemetry.energy import CPU, Source, counters

EACH_SECONDS = 0.1
_AFTER_SECONDS = 1.0  # that it is looked at on, when the last answer is over: the next one often comes soon
_CARRIED_SECONDS = 3 * EACH_SECONDS  # no longer is an old power taken to go on
UNSEEN = "gpu"
"""The name of GPUs that are there, as their driver is, and cannot be seen."""


class Told(NamedTuple):
    """What a driver tells at one look."""

    microjoules: float | None  # since some moment; None: it counts no energy
    watts: float | None  # now; None: not told


class Gpu:
    """One GPU's energy. Methods are called on the event loop, but for :meth:`look`.

    Args:
        ask: asks the driver; raises OSError where it fails.
        clock: monotonic seconds.
        looks: whether a thread of its own looks; else :meth:`look` is called by somebody else.
    """

    def __init__(
        self, ask: Callable[[], Told], clock: Callable[[], float] = time.perf_counter, *, looks: bool = True
    ) -> None:
        self._ask, self._clock, self._looks = ask, clock, looks
        self._lock = threading.Lock()
        self._is_awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._rests_since: float | None = None
        self._is_lost = False
        self._total = self._read = 0.0  # microjoules since the start: as looked at, as read
        self._at = 0.0  # when it was looked at or, before the first look, when it woke
        self._last: Told | None = None  # none since it woke

    def wake(self) -> None:
        with self._lock:
            self._rests_since = None
            if self._is_awake.is_set():
                return
            self._last, self._at, self._read = None, self._clock(), self._total
            self._is_awake.set()
        if self._looks and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="gpu-energy", daemon=True)
            self._thread.start()

    def rest(self) -> None:
        with self._lock:
            self._rests_since = self._clock()

    def read(self) -> float:
        """Return the microjoules since the last call. Raises OSError: its driver failed."""
        with self._lock:
            if self._is_lost:
                raise OSError
            watts = self._last.watts if self._last is not None else None
            carried = min(self._clock() - self._at, _CARRIED_SECONDS) * (watts or 0.0) * 1e6
            used = max(0.0, self._total + carried - self._read)
            self._read += used
        return used

    def look(self) -> None:
        """Ask the driver once. For one thread."""
        try:
            told = self._ask()
        except OSError:
            with self._lock:
                self._is_lost = True
            return
        with self._lock:
            now, last = self._clock(), self._last
            self._total += _between(last, told, min(now - self._at, _AFTER_SECONDS) if last is None else now - self._at)
            self._last, self._at = told, now

    def is_wanted(self) -> bool:
        """Whether answers are made there, or were a moment ago; if not, it sleeps until :meth:`wake`."""
        with self._lock:
            rested = 0.0 if self._rests_since is None else self._clock() - self._rests_since
            if rested > _AFTER_SECONDS:
                self._is_awake.clear()
            return rested <= _AFTER_SECONDS and not self._is_lost

    def _watch(self) -> None:
        while not self._is_lost:
            self._is_awake.wait()
            while self.is_wanted():
                self.look()
                time.sleep(EACH_SECONDS)


def _between(last: Told | None, told: Told, seconds: float) -> float:
    """Return the microjoules between two looks; before the first one the power was what it is then."""
    if last is not None and last.microjoules is not None and told.microjoules is not None:
        return max(0.0, told.microjoules - last.microjoules)
    watts = [each.watts for each in (last, told) if each is not None and each.watts is not None]
    return seconds * sum(watts) / len(watts) * 1e6 if watts else 0.0


def nvidia() -> Mapping[str, Sequence[Gpu]]:
    """Return a source for each GPU that tells; GPUs are counted as :func:`gateway.fleet.fit.devices.nvidia` does.

    The driver is kept open until the process ends: to open it for each look takes longer than the look.
    """
    import pynvml  # noqa: PLC0415 - loads the driver's library

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return {}
    except pynvml.NVMLError:
        return {UNSEEN: ()}
    try:
        count = pynvml.nvmlDeviceGetCount()
        return {f"gpu:{number}": _sources(pynvml, pynvml.nvmlDeviceGetHandleByIndex(number)) for number in range(count)}
    except pynvml.NVMLError:
        return {UNSEEN: ()}


def _sources(nvml: Any, handle: Any) -> Sequence[Gpu]:
    counts, tells = (
        _is_told(nvml, question, handle)
        for question in (nvml.nvmlDeviceGetTotalEnergyConsumption, nvml.nvmlDeviceGetPowerUsage)
    )

    def ask() -> Told:
        try:
            millijoules = nvml.nvmlDeviceGetTotalEnergyConsumption(handle) if counts else None
            milliwatts = nvml.nvmlDeviceGetPowerUsage(handle) if tells else None
        except nvml.NVMLError as error:
            raise OSError from error
        return Told(
            None if millijoules is None else millijoules * 1e3, None if milliwatts is None else milliwatts / 1e3
        )

    return (Gpu(ask),) if counts or tells else ()


def _is_told(nvml: Any, question: Callable[[Any], object], handle: Any) -> bool:
    """Whether a GPU answers a question at all."""
    try:
        question(handle)
    except nvml.NVMLError:
        return False
    return True


def this_machine() -> Mapping[str, Sequence[Source]]:
    """Return what measures this machine: its processors, and its GPUs."""
    return {CPU: counters(), **nvidia()}
