"""Energy of answers, where the machine measures it: the processor's own counters (Linux ``powercap``, RAPL).

What a package used while answers were made is shared equally by those that were being made at that moment; what it used
while there were none belongs to nobody. So the shares of all answers add up to what was measured, and the machine's own
idling is in them. Where there is no counter, or this user may not read it, there is no figure: none is estimated.

::

    meter = EnergyMeter()
    share = meter.begin()
    ...
    share.end()          # millijoules, or None
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


@dataclass
class Counter:
    """One package's counter, in microjoules; it begins anew at ``wraps_at``."""

    path: Path
    wraps_at: int
    last: int = 0

    def read(self) -> int:
        """Return what was used since the last call. Raises OSError, ValueError."""
        now = int(self.path.read_text(encoding="ascii"))
        used = now - self.last if now >= self.last else now - self.last + self.wraps_at
        self.last = now
        return used


def counters(folder: Path = POWERCAP) -> list[Counter]:
    """Return the packages' counters that can be read; parts of a package (``intel-rapl:0:1``) are in it already."""
    found = []
    for zone in sorted(folder.glob("*-rapl:[0-9]*")):
        if zone.name.count(":") == 1:
            try:
                counter = Counter(zone / "energy_uj", int((zone / "max_energy_range_uj").read_text(encoding="ascii")))
                counter.read()
            except (OSError, ValueError):
                continue
            found.append(counter)
    return found


@dataclass(eq=False)
class Share:
    """One answer's part so far."""

    meter: EnergyMeter
    microjoules: float = 0.0

    def end(self) -> int | None:
        """Return this answer's millijoules; ``None`` where nothing is measured. Call it once."""
        return self.meter.end(self)


@dataclass
class EnergyMeter:
    """Shares what the counters say. Synchronous, for one thread; reads each counter at each begin and end."""

    counters: Sequence[Counter] = field(default_factory=counters)
    _open: set[Share] = field(default_factory=set)

    def begin(self) -> Share:
        self._settle()
        share = Share(self)
        self._open.add(share)
        return share

    def end(self, share: Share) -> int | None:
        self._settle()
        self._open.discard(share)
        return round(share.microjoules / 1000) if self.counters else None

    def _settle(self) -> None:
        """Give everybody who is open a part of what was used since the last look."""
        if not self.counters:
            return
        try:
            used = sum(counter.read() for counter in self.counters)
        except (OSError, ValueError):  # a counter that went away: nothing is measured any more
            self.counters = ()
            return
        for share in self._open:
            share.microjoules += used / len(self._open)
