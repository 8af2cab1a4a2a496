"""Which head is to be signed next: handed by the thread that syncs to the one that signs, never before it is synced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.settings import AuditSettings

Head = tuple[int, bytes, list[bytes]]
"""Size, root, and the leaf hashes since the head before."""


class DueHead:
    """One head at a time. :meth:`draw` and :meth:`hand_over` belong to one thread, :meth:`taken` to another.

    ::

        if due.is_due(new):
            due.draw(journal.head())
        sync()                      # raises: the head stays where it is, and is never signed
        due.hand_over()
    """

    def __init__(self, settings: AuditSettings) -> None:
        self._settings = settings
        self._drawn: Head | None = None
        self._ready: Head | None = None
        self._last_at = time.monotonic()

    def is_due(self, new: int) -> bool:
        """Whether a head over ``new`` more records is to be drawn now: not while there is another one."""
        if self._drawn or self._ready or not new:
            return False
        late = time.monotonic() - self._last_at >= self._settings.checkpoint_seconds
        return late or new >= self._settings.checkpoint_records

    @property
    def is_ready(self) -> bool:
        """Whether there is a head that may be signed."""
        return self._ready is not None

    def hurry(self) -> None:
        """Let the next one be due at once."""
        self._last_at = float("-inf")

    def draw(self, head: Head) -> None:
        """Keep a head whose records are about to be synced."""
        self._drawn = head

    def hand_over(self) -> None:
        """The records of the head that was drawn are on stable storage: it may be signed."""
        if self._drawn:
            self._ready, self._drawn = self._drawn, None

    @contextmanager
    def taken(self) -> Iterator[Head | None]:
        """Give the head that may be signed; afterwards it is gone, whatever became of it, and the next one may come."""
        head = self._ready
        if head:
            self._last_at = time.monotonic()
        try:
            yield head
        finally:
            if head:
                self._ready = None
