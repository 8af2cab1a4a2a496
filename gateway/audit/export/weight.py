"""How much a record weighs, for the forms in which every event has a severity. One table for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Weight(IntEnum):
    """``USUAL``: as it should be. ``NOTICE``: refused, or the house was changed. ``TROUBLE``: an attempt failed.
    ``GRAVE``: the log itself lost something, or rules were waived.
    """

    USUAL, NOTICE, TROUBLE, GRAVE = range(4)


_GRAVE = ("gap", "recovered", "policy.break_glass", "admin.clock_went_back")
_NOTICE = ("denial", "key", "policy", "model", "admin", "config", "erasure")
_SENT = ("done", "hung_up")


def weight(record: Mapping[str, Any]) -> Weight:
    """Return how much a record weighs."""
    kind = str(record["type"])
    if kind == "outcome":
        return Weight.USUAL if record.get("status") in _SENT else Weight.TROUBLE
    if _is(kind, _GRAVE):
        return Weight.GRAVE
    return Weight.NOTICE if _is(kind, _NOTICE) else Weight.USUAL


def _is(kind: str, families: tuple[str, ...]) -> bool:
    return any(kind == family or kind.startswith((f"{family}.", f"{family}_")) for family in families)
