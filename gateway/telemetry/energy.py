"""Energy of answers, where the machine measures it: the processors' own counters (Linux ``powercap``, RAPL), and GPUs'.

Rules:

1. What a device used while answers were made on it is shared equally by those that were being made at that moment; what
   it used while there were none belongs to nobody. So the shares of all answers add up to what was measured, and the
   device's own idling beside them is in them. It is the same rule for every device, here and on joined nodes.
2. An answer's energy is that of the devices that compute it, all of them: where one of these is not measured, there is
   no figure. None is estimated, and none is made of a part.
3. Processors also work for an answer that a GPU computes. That is told apart, as ``beside_mj``: what they used in the
   moments in which no answer was computed on them.
4. All answers of one target, together, are a group. What it used while one of them was open, divided by the time, is
   what that target draws: :class:`gateway.fleet.choose.power.Power` learns it.
5. Of a processor whole packages count. Their parts (``intel-rapl:0:1``) are in them or, as memory modules, are not told
   by every processor; ``psys`` is the platform, with the packages in it. Where one package cannot be read, none is.

::

    meter = EnergyMeter({"cpu": counters()})
    share = meter.begin("plant/n1/w0:m", ("cpu",))
    ...
    share.end()          # Energy(own_mj=1200, …), or None
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Protocol

from gateway.domain import Energy

POWERCAP = Path("/sys/class/powercap")
CPU = "cpu"
"""All processors of this machine together; GPUs are ``gpu:0`` and so on, as the fit planner counts them."""


class Source(Protocol):
    """Something that counts energy. ``read`` MUST be quick: it is called on the event loop."""

    def wake(self) -> None:
        """Answers are made from now on: it will be read."""

    def rest(self) -> None:
        """No answers are made any more."""

    def read(self) -> float:
        """Return the microjoules since the last call. Raises OSError, ValueError: it tells nothing any more."""


class Counter:
    """One package's counter, in microjoules; it begins anew at ``wraps_at``. Its file is kept open: it is read often.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, wraps_at: int) -> None:
        self.path, self.wraps_at, self.last = path, wraps_at, 0
        self._file = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def wake(self) -> None: ...

    def rest(self) -> None: ...

    def read(self) -> int:
        """Return what was used since the last call. Raises OSError, ValueError."""
        now = int(os.pread(self._file, 32, 0))
        used = now - self.last if now >= self.last else now - self.last + self.wraps_at
        self.last = now
        return used


def counters(folder: Path = POWERCAP) -> list[Counter]:
    """Return the counters of all packages; none where one of them cannot be read (rule 5)."""
    found = []
    for zone in sorted(folder.glob("*-rapl:[0-9]*")):
        try:
            if zone.name.count(":") > 1 or not (zone / "name").read_text(encoding="ascii").startswith("package"):
                continue
            counter = Counter(zone / "energy_uj", int((zone / "max_energy_range_uj").read_text(encoding="ascii")))
            counter.read()
        except (OSError, ValueError):
            return []
        found.append(counter)
    return found


class Draw:
    """What something draws on average from one look to the next; its sources are its own."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._at: float | None = None

    def watts(self, now: float) -> float:
        """Return watts since the last call; -1 at the first one, and where nothing tells. ``now``: monotonic."""
        try:
            used = sum(source.read() for source in self._sources)
        except (OSError, ValueError):
            self._sources = ()
        before, self._at = self._at, now
        return used / 1e6 / (now - before) if self._sources and before is not None and now > before else -1.0


class _Group:
    """The answers of one target that are open at one device, and what they used together since the first of them."""

    __slots__ = ("count", "microjoules")

    def __init__(self) -> None:
        self.count = 0
        self.microjoules = 0.0


class _Device:
    """What one device's counters said, as sums that only grow: a share is the difference of two looks at them."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.computing = self.beside = 0  # answers
        self.each = self.each_beside = 0.0  # microjoules, for one answer that was open all the time
        self.given = 0.0  # microjoules, to all answers
        self.groups: dict[str, _Group] = {}

    def settle(self) -> None:
        """Give everybody who is open a part of what was used since the last look."""
        if not self.sources:
            return
        try:
            used = sum(source.read() for source in self.sources)
        except (OSError, ValueError):  # a counter that went away: nothing is measured any more
            self.sources = ()
            return
        if self.computing:
            self.each += used / self.computing
            for group in self.groups.values():
                group.microjoules += used * group.count / self.computing
        elif self.beside:
            self.each_beside += used / self.beside
        self.given += used if self.computing or self.beside else 0.0

    def enter(self, group: str, *, computes: bool) -> None:
        if not self.computing + self.beside:
            for source in self.sources:
                source.wake()
        self.settle()
        if not computes:
            self.beside += 1
            return
        self.computing += 1
        self.groups.setdefault(group, _Group()).count += 1

    def leave(self, group: str, *, computes: bool) -> None:
        """Count out one who entered; the caller has settled."""
        if computes:
            self.computing -= 1
            self.groups[group].count -= 1
            if not self.groups[group].count:
                del self.groups[group]
        else:
            self.beside -= 1
        if not self.computing + self.beside:
            for source in self.sources:
                source.rest()


class Share:
    """One answer's part so far."""

    __slots__ = ("_began", "_beside", "_devices", "_group", "_marks")

    def __init__(self, group: str, devices: Sequence[_Device], beside: _Device | None) -> None:
        self._group, self._devices, self._beside = group, devices, beside
        for device in devices:
            device.enter(group, computes=True)
        if beside is not None:
            beside.enter(group, computes=False)
        self._began = perf_counter()
        self._marks = self._sums()

    def _sums(self) -> tuple[float, float, float]:
        own = sum(device.each for device in self._devices)
        target = sum(device.groups[self._group].microjoules for device in self._devices)
        return own, target, self._beside.each_beside if self._beside is not None else 0.0

    def end(self) -> Energy | None:
        """Return what this answer used; ``None`` where not all of it is measured. Call it once."""
        beside = self._beside
        everywhere = (*self._devices, *([beside] if beside is not None else []))
        for device in everywhere:
            device.settle()
        own, target, idly = (after - before for after, before in zip(self._sums(), self._marks, strict=True))
        for device in everywhere:
            device.leave(self._group, computes=device is not beside)
        if not self._devices or not all(device.sources for device in self._devices):
            return None
        return Energy(
            own_mj=round(own / 1000),
            target_mj=round(target / 1000),
            seconds=perf_counter() - self._began,
            beside_mj=round(idly / 1000) if beside is not None and beside.sources else None,
        )


class EnergyMeter:
    """Shares what the counters say. Synchronous, for one thread; reads them at each begin and end.

    Args:
        sources: by device; one that is there and tells nothing has none.
    """

    def __init__(self, sources: Mapping[str, Sequence[Source]]) -> None:
        self._devices = {name: _Device(tuple(each)) for name, each in sources.items()}
        self._has_gpus = any(name != CPU for name in sources)

    def begin(self, group: str = "", devices: Sequence[str] = ()) -> Share:
        """Begin to measure one answer.

        Args:
            group: whose answer it is: a target.
            devices: that compute it; none: nobody knows, so the processors where there is nothing else.
        """
        known = devices or (() if self._has_gpus else (CPU,))
        found = [self._devices.get(name, _Device(())) for name in known]
        return Share(group, found, self._devices.get(CPU) if CPU not in known else None)

    def measured(self) -> Mapping[str, bool]:
        """Return of each device of this machine whether it is measured."""
        return {name: bool(device.sources) for name, device in self._devices.items()}

    def joules(self) -> Mapping[str, float]:
        """Return what all answers used since the start, by device that is measured.

        Looks at all counters: one that begins anew every twenty minutes is followed through an answer of an hour, too,
        where somebody scrapes.
        """
        for device in self._devices.values():
            device.settle()
        return {name: device.given / 1e6 for name, device in self._devices.items() if device.sources}
