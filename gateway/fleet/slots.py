"""Which slot of an engine a tenant gets, and when its cached prompt may be reused. Rules only: no time, no waiting.

An engine keeps the last prompt of each slot and answers a new one faster where the two begin alike. Time to first token
would then tell a tenant what another one sent, so:

1. A cached prompt is reused only by the tenant whose prompt it is.
2. A tenant gets a free slot of its own first, else one never used, else the one that lay idle longest.
3. A slot is a tenant's only when the engine is known to have taken that tenant's prompt. When it was asked and did not
   answer, nobody knows what the slot holds, and it is nobody's.

All operations are O(1) in the number of slots.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

NOBODY = None

Use = Literal["untouched", "asked", "answered"]
"""What happened in a slot while it was held; ``asked`` means that no answer began."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A slot as a tenant gets it. ``before`` is whose prompt lies in it."""

    slot: int
    tenant: str
    before: str | None

    @property
    def reuse_cache(self) -> bool:
        return self.before == self.tenant

    def after(self, use: Use) -> str | None:
        """Return whose prompt lies in the slot afterwards (rule 3)."""
        if use == "answered":
            return self.tenant
        return self.before if use == "untouched" or self.reuse_cache else NOBODY


class Slots:
    """The slots 0 to ``count - 1`` of one engine."""

    def __init__(self, count: int) -> None:
        self._fresh = list(range(count - 1, -1, -1))  # never used; the lowest is taken first
        self._idle: OrderedDict[int, str | None] = OrderedDict()  # slot -> whose prompt, idle longest first
        self._own: dict[str, dict[int, None]] = {}  # tenant -> its idle slots, idle longest first

    @property
    def free(self) -> int:
        return len(self._fresh) + len(self._idle)

    def has_own(self, tenant: str) -> bool:
        """Return whether a free slot holds a prompt of this tenant."""
        return tenant in self._own

    def take(self, tenant: str, suits: Callable[[], int | None] | None = None) -> Lease | None:
        """Return a free slot by rule 2, ``None`` when there is none.

        Of several of its own a tenant gets the one that ``suits`` names, else the one used last.
        """
        if own := self._own.get(tenant):
            wanted = suits() if suits is not None and len(own) > 1 else None
            slot = wanted if wanted in own and wanted is not None else next(reversed(own))
        elif self._fresh:
            return Lease(self._fresh.pop(), tenant, NOBODY)
        elif self._idle:
            slot = next(iter(self._idle))
        else:
            return None
        before = self._idle.pop(slot)
        if before is not NOBODY:
            self._disown(before, slot)
        return Lease(slot, tenant, before)

    def give_back(self, lease: Lease, use: Use) -> None:
        """Free a slot. MUST be called once for each lease."""
        owner = lease.after(use)
        self._idle[lease.slot] = owner
        if owner is not NOBODY:
            self._own.setdefault(owner, {})[lease.slot] = None

    def _disown(self, tenant: str, slot: int) -> None:
        slots = self._own[tenant]
        del slots[slot]
        if not slots:
            del self._own[tenant]
