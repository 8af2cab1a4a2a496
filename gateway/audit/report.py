"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where: the file below the log's folder, the record, the byte."""

    file: str
    what: str
    sequence: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        record = "" if self.sequence is None else f", record {self.sequence}"
        byte = "" if self.offset is None else f", byte {self.offset}"
        return f"{self.file}{record}{byte}: {self.what}"


@dataclass
class Report:
    """The result of :func:`gateway.audit.verify.verify`. ``notes`` are true and no fault.

    ``tree_size`` and ``root`` (hex) are those of the last checkpoint with a valid signature; ``unsigned`` counts the
    records after it, ``open_intents`` those still without an outcome.
    """

    folder: str
    origin: str = ""
    records: int = 0
    checkpoints: int = 0
    tree_size: int = 0
    root: str = ""
    unsigned: int = 0
    open_intents: int = 0
    live: bool = False
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, file: str, what: str, *, sequence: int | None = None, offset: int | None = None) -> None:
        """Add a problem; of several at one record, the first stands."""
        known = any(p.file == file and p.sequence == sequence for p in self.problems) if sequence is not None else False
        if not known:
            self.problems.append(Problem(file, what, sequence, offset))
