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

A prompt that breaks engines is one tenant's, and must take no target from the others: see :class:`Guard`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

State = Literal["closed", "open", "trying"]
ALL = ""
"""Whom a target is left alone for when it is not one tenant."""


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
        self._row = 0  # failures since the last answer that count
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

    def failed(self, now: float, enough: bool | None = None) -> bool:
        """A request failed there. Return whether that opened it; ``enough``: whether it is to, as others count."""
        self._row += 1
        self._ends.append(True)
        if self._is_open:
            if self._is_trying:
                self._leave_alone(now)
            return False
        if not (self._has_enough() if enough is None else enough):
            return False
        self._is_open, self.opened = True, self.opened + 1
        self._leave_alone(now)
        return True

    def is_well(self) -> bool:
        """Whether it is closed and as if nothing had failed, so that it may be forgotten."""
        return not (self._is_open or self._row or any(self._ends)) and self._next_pause == self._limits.pause_seconds

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


class Guard:
    """Of one target: whom it is left alone by. One tenant's failures count against that tenant alone.

    1. It is left alone by everybody once requests of at least two tenants failed there; no tenant counts for more than
       half of the failures that this takes. An answer to anybody ends the row.
    2. It is left alone by one tenant once that one's requests failed often enough. Who else asks there notices nothing.
    3. Where no other target can serve, it is asked all the same: see :meth:`yields`.

    Memory: a tenant whose requests failed is forgotten once its last ones were all answered.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._all = Breaker(limits)
        self._own: dict[str, Breaker] = {}
        self._row: Counter[str] = Counter()  # failures since the last answer, by tenant
        self._ends: deque[tuple[str, bool]] = deque(maxlen=limits.window)  # of whom, and whether it failed
        self._opened = 0

    @property
    def opened(self) -> int:
        """How often it was left alone since the start, by all or by one."""
        return self._opened

    @property
    def state(self) -> State:
        """For everybody; where it is closed for everybody, for the tenant for whom it is not."""
        return self._shown().state

    @property
    def failures(self) -> int:
        """How many failed in a row, of all or of one."""
        return max(self._row.total(), self._shown().failures)

    @property
    def tenants(self) -> Sequence[str]:
        """Those by whom alone it is left alone."""
        return [tenant for tenant, own in self._own.items() if own.state != "closed"]

    def admits(self, tenant: str, now: float) -> bool:
        """Whether one more of a tenant may be let through now."""
        own = self._own.get(tenant)
        return self._all.admits(now) and (own is None or own.admits(now))

    def yields(self, tenant: str, now: float) -> bool:
        """Whether one more may be let through though the target is left alone, since no other can serve.

        Not one of a tenant whose requests alone fail there, while others ask there too.
        """
        own = self._own.get(tenant)
        return own is None or own.admits(now) or all(who == tenant for who, _ in self._ends)

    def again_in_seconds(self, tenant: str, now: float) -> float:
        """Return how long it is until one of a tenant is let through; with :data:`ALL`, as :attr:`state` is."""
        own = self._own.get(tenant) if tenant else self._shown()
        return max(self._all.again_in_seconds(now), own.again_in_seconds(now) if own else 0.0)

    def enter(self, tenant: str, now: float) -> bool:
        """Let one through, if it is admitted; return whether it was."""
        if not self.admits(tenant, now):
            return False
        own = self._own.get(tenant)
        return self._all.enter(now) and (own is None or own.enter(now))

    def answered(self, tenant: str) -> Sequence[str]:
        """An answer to a tenant began. Return for whom that ended the pause: :data:`ALL`, the tenant, both, nobody."""
        self._row.clear()
        own, well = self._own.get(tenant), []
        if self._all.answered():
            self._ends.clear()
            well.append(ALL)
        if own is not None and own.answered():
            well.append(tenant)
        return well

    def ended(self, tenant: str) -> None:
        """An answer to a tenant ended well."""
        self._ends.append((tenant, False))
        self._all.ended()
        own = self._own.get(tenant)
        if own is not None:
            own.ended()
            if own.is_well():
                del self._own[tenant]

    def failed(self, tenant: str, now: float) -> str | None:
        """A tenant's request failed there. Return by whom it is left alone from now on; ``None``: by nobody more."""
        self._row[tenant] += 1
        self._ends.append((tenant, True))
        was_open = self._all.state != "closed"
        if self._all.failed(now, enough=self._is_shared()):
            self._opened += 1
            return ALL
        if was_open:
            return None
        own = self._own.setdefault(tenant, Breaker(self._limits))
        if not own.failed(now):
            return None
        self._opened += 1
        return tenant

    def _shown(self) -> Breaker:
        shut = [own for own in self._own.values() if own.state != "closed"]
        return self._all if self._all.state != "closed" or not shut else shut[0]

    def _is_shared(self) -> bool:
        limits = self._limits
        if not limits.failures:
            return False
        if _are_enough(self._row, limits.failures):
            return True
        by_tenant = Counter(who for who, is_failure in self._ends if is_failure)
        return len(self._ends) == limits.window and _are_enough(by_tenant, limits.rate * limits.window)


def _are_enough(by_tenant: Mapping[str, int], needed: float) -> bool:
    """Whether these are failures enough of several tenants (rule 1)."""
    most = ceil(needed / 2.0)
    return len(by_tenant) > 1 and sum(min(count, most) for count in by_tenant.values()) >= needed
