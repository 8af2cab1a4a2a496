"""What brings heads out of the machine: the door of every kind of anchor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.witnesses import Witness


class AnchorTrouble(Exception):
    """Heads could not be brought there. ``str()`` is one line, ``mend`` says what to do.

    ``conflict``: the place has seen something that is no prefix of this log. That is no outage: one of both is wrong.
    """

    def __init__(self, problem: str, mend: str = "", *, conflict: bool = False) -> None:
        super().__init__(problem)
        self.mend = mend
        self.conflict = conflict


class Anchor(Protocol):
    """One place. Used by one thread at a time."""

    @property
    def kind(self) -> str:
        """``file``, ``syslog``, ``node``, ``media`` or ``paper``."""

    @property
    def place(self) -> str:
        """Where it is, as ``witnesses.jsonl`` and people name it."""

    def deliver(self, heads: Sequence[LogHead]) -> list[tuple[LogHead, Witness]]:
        """Bring the newest heads of all logs there, and return those that are there now and were not before.

        MUST NOT return a head before the place has it on stable storage, or, where the place cannot say so, before it
        left this machine. Blocks, for seconds at most.

        Raises:
            AnchorTrouble: what is wrong and how to mend it. Heads that were brought there before it may be lost from
                the answer; they are brought there again.
            OSError: the place cannot be reached.
        """

    def close(self) -> None:
        """Let go of it. Safe to call twice. Never raises."""
