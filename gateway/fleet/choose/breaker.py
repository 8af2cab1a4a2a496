"""When a target that fails is left alone for a while. Rules only: no clock of its own.

::

    closed --(failures in a row, or too many of the last ones)--> open --(pause over: one is let through)--> trying
       ^                                                            ^                                           |
       |                                                            +------ it failed, or nothing came: --------+
       +------------------------------ it answered -----------------------  a longer pause

A failure is the engine's: it did not take the prompt, or broke off its answer. A caller that hangs up, or asks for what
cannot be answered, says nothing of the target and is not counted. The one that is let through after a pause may be one
of those: then the next is let through after another pause of the same length. ::

    breaker = Breaker()
    breaker.failed(now=1.0)       # True: that opened it
    breaker.admits(now=1.5)       # False
    breaker.enter(now=3.5)        # True: the one
    breaker.answered()            # True: that closed it
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "trying"]


@dataclass(frozen=True)
class Limits:
    """When it opens, and for how long."""

    failures: int = 5  # in a row; 0: it never opens
    rate: float = 0.5  # of the last ones, ...
    window: int = 20  # ... as many as that, all of them seen since it closed
    pause_seconds: float = 2.0  # the first time
    longest_pause_seconds: float = 60.0  # it doubles up to that, until as many answers as ``failures`` ended well


DEFAULT = Limits()


class Breaker:
    """Of one target. ``opened`` is how often it opened since the start."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.opened = 0
        self._limits = limits
        self._is_open = self._is_trying = False
        self._row = 0  # failures since the last answer
        self._ends: deque[bool] = deque(maxlen=limits.window)  # whether each of the last ones failed
        self._pause = self._next_pause = limits.pause_seconds
        self._again_at = 0.0

    @property
    def state(self) -> State:
        if not self._is_open:
            return "closed"
        return "trying" if self._is_trying else "open"

    @property
    def failures(self) -> int:
        """How many failed in a row."""
        return self._row

    def admits(self, now: float) -> bool:
        """Whether one more may be let through now."""
        return not self._is_open or now >= self._again_at

    def again_in_seconds(self, now: float) -> float:
        """Return how long it is until the next one is let through; 0 when it may be now."""
        return max(0.0, self._again_at - now) if self._is_open else 0.0

    def enter(self, now: float) -> bool:
        """Let one through, if :meth:`admits`; return whether it was. While open, nobody else for another pause."""
        if not self.admits(now):
            return False
        if self._is_open:
            self._is_trying, self._again_at = True, now + self._pause
        return True

    def answered(self) -> bool:
        """An answer began: the target takes prompts. Return whether that closed it."""
        self._row = 0
        if not self._is_open:
            return False
        self._is_open = self._is_trying = False
        self._ends.clear()
        return True

    def ended(self) -> None:
        """An answer ended well."""
        self._ends.append(False)
        if len(self._ends) >= self._limits.failures and not any(self._ends):
            self._next_pause = self._limits.pause_seconds  # it has been well for a while

    def failed(self, now: float) -> bool:
        """A request failed there. Return whether that opened it."""
        self._row += 1
        self._ends.append(True)
        if self._is_open:
            if self._is_trying:
                self._leave_alone(now)
            return False
        if not self._has_enough():
            return False
        self._is_open, self.opened = True, self.opened + 1
        self._leave_alone(now)
        return True

    def _has_enough(self) -> bool:
        limits, ends = self._limits, self._ends
        if not limits.failures:
            return False
        full = len(ends) == limits.window
        return self._row >= limits.failures or (full and sum(ends) >= limits.rate * limits.window)

    def _leave_alone(self, now: float) -> None:
        self._is_trying = False
        self._pause, self._again_at = self._next_pause, now + self._next_pause
        self._next_pause = min(2 * self._pause, self._limits.longest_pause_seconds)
