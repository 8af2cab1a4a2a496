"""One model on one node: what it wants, and where it stands in its life. Data only; the rules are in ``rules``.

::

    absent -> reserved -> loading -> warming -> serving -> draining -> absent
                 |           |          |          |
                 +-----------+----------+----------+--> failed: price given back, tried again after a pause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    ABSENT = "absent"
    RESERVED = "reserved"  # its price is claimed; perhaps somebody has to leave first
    LOADING = "loading"
    WARMING = "warming"  # loaded, and asked for its first token
    SERVING = "serving"
    DRAINING = "draining"  # nobody comes in, those inside finish
    FAILED = "failed"


@dataclass
class Resident:
    """Times are seconds of a monotonic clock.

    Invariants: ``held`` is above 0 only while it serves or drains; the ledger has its price from reserved to the end
    of draining, and at no other time.
    """

    name: str
    price: Mapping[str, int]  # MiB by device
    pinned: bool = False
    ttl_seconds: float = 0.0  # 0: none
    state: State = State.ABSENT
    held: int = 0  # requests that were told "yes, here" and have not given that back
    waiting: int = 0
    ordered: bool = False  # an operator, or the start, wants it loaded
    leaving: bool = False  # sent out whether or not anybody needs its room
    stopping: bool = False  # its engine is being ended
    asked_at: float | None = None  # since when somebody wants it while it is not there
    used_at: float = 0.0
    serving_since: float = 0.0
    load_seconds: float = 0.0  # the last load's; 0 before the first
    again_at: float = 0.0  # not tried before, after a failure
    loads: int = 0
    failures: int = 0  # in a row
    failed: int = 0  # ever
    problem: str = ""  # of the last failure: one line, for operators
    reasons: dict[str, int] = field(default_factory=dict)  # how often it was sent out, by reason

    @property
    def wanted(self) -> bool:
        """Whether it is to be loaded: somebody waits for it, or it is to be kept."""
        return self.waiting > 0 or self.ordered or self.pinned

    @property
    def idle(self) -> bool:
        return not self.held and not self.waiting
