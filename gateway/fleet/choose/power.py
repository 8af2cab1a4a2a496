"""What a target draws while it answers: as the settings say, or as it was measured. Pure.

Rules:

1. Each answer tells how many joules its target used, all its answers together, while it was open, and for how long that
   was. Watts are all of these joules over all of these seconds: a counter that moves in steps of 100 ms tells one short
   answer too much and the next one nothing, and is right over both.
2. What is measured counts from :data:`ENOUGH_ANSWERS` answers and :data:`ENOUGH_SECONDS` on; before, the settings do.
3. The newest weigh most: after :data:`MOST` answers the first ones are forgotten.
4. Another device is another target: measuring begins anew. ::

    power = Power(configured=350.0)
    power.see("gpu: Large GPU", joules=620.0, seconds=2.0)
    power.watts                         # 350.0, and after five of these 310.0
"""

from __future__ import annotations

import math
from typing import Literal

ENOUGH_ANSWERS, ENOUGH_SECONDS = 5, 2.0
MOST = 32
_MOST_WATTS = 1e6  # beyond that something is wrong

Source = Literal["measured", "configured", "unknown"]


class Power:
    """Of one target. ``configured``: watts, 0 where nothing is said. ``answers`` that were measured since the start."""

    __slots__ = ("_device", "_joules", "_seconds", "answers", "configured")

    def __init__(self, configured: float = 0.0) -> None:
        self.configured = configured
        self.answers = 0
        self._device = ""
        self._joules = self._seconds = 0.0

    def see(self, device: str, joules: float, seconds: float) -> None:
        """Take in one answer; ignored where it cannot be."""
        if not (math.isfinite(joules) and 0.0 < seconds < math.inf and 0.0 <= joules <= _MOST_WATTS * seconds):
            return
        if device != self._device:
            self._device, self.answers, self._joules, self._seconds = device, 0, 0.0, 0.0
        if self.answers >= MOST:
            self._joules -= self._joules / MOST
            self._seconds -= self._seconds / MOST
        self.answers += 1
        self._joules += joules
        self._seconds += seconds

    @property
    def measured(self) -> float:
        """Watts as they were measured; 0 while that was not enough."""
        is_enough = self.answers >= ENOUGH_ANSWERS and self._seconds >= ENOUGH_SECONDS
        return self._joules / self._seconds if is_enough else 0.0

    @property
    def watts(self) -> float:
        """What counts; 0: not known."""
        return self.measured or self.configured

    @property
    def source(self) -> Source:
        return "measured" if self.measured else "configured" if self.configured else "unknown"
