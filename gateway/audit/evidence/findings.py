"""Everything that a report is written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gateway.audit.evidence.continuity import Continuity
from gateway.audit.evidence.counts import Counts
from gateway.audit.evidence.crossings import Crossings
from gateway.audit.evidence.door import Revision
from gateway.audit.evidence.few import Told
from gateway.audit.evidence.history import History
from gateway.audit.evidence.manifest import About, PackedLog


@dataclass
class Tally:
    """One pass over all records of a pack."""

    counts: Counts = field(default_factory=Counts)
    crossings: Crossings = field(default_factory=Crossings)
    continuity: Continuity = field(default_factory=Continuity)
    history: History = field(default_factory=History)

    def begin(self, log: str) -> None:
        """The records that follow are those of that log, in order."""
        self.continuity.begin(log)
        self.history.log = log

    def read(self, record: Mapping[str, Any]) -> None:
        self.counts.read(record)
        self.crossings.read(record)
        self.continuity.read(record)
        self.history.read(record)


@dataclass(frozen=True)
class Seen:
    """Where heads of a log were seen, the newest of each place."""

    log: str
    kind: str
    place: str
    size: int
    time: str


@dataclass(frozen=True)
class Findings:
    """``revisions`` has ``None`` for one that is no longer kept; ``models`` are manifests as plain data."""

    about: About
    key: str
    logs: Sequence[PackedLog]
    tally: Tally
    revisions: Mapping[str, Revision | None]
    models: Sequence[Mapping[str, Any]]
    witnesses: Sequence[Seen] = ()

    @cached_property
    def told(self) -> Told:
        """The counts as they may be told."""
        return Told(self.tally.counts, self.tally.crossings, self.tally.history, self.partial)

    @property
    def records(self) -> int:
        return sum(log.records for log in self.logs)

    @property
    def unwitnessed(self) -> int:
        """Records of the pack under signed heads of which none was seen elsewhere."""
        return sum(log.unwitnessed for log in self.logs)

    @property
    def partial(self) -> bool:
        """Whether some that the logs hold are not in the pack."""
        return any(log.records < log.tree_size - log.pruned for log in self.logs)
