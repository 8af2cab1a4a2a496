"""How busy a log is: after a minute of silence it says so, and in idle seconds more of it is packed."""

from __future__ import annotations

import time

HEARTBEAT_SECONDS = 60.0
_BUSY_RECORDS = 256  # in one second
_IDLE_BUNDLES = 8


class Silence:
    """Looks at a log's size each second. Belongs to one thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._since = time.monotonic()
        self._new = 0

    def is_long(self, size: int) -> bool:
        """Whether nothing was written for a minute. A yes begins a new minute."""
        self._new, self._size = size - self._size, size
        if self._new or time.monotonic() - self._since >= HEARTBEAT_SECONDS:
            quiet, self._since = not self._new, time.monotonic()
            return quiet
        return False

    def idle_work(self) -> int:
        """Return how many bundles may be packed now: few while records come in by the hundred."""
        return 1 if self._new > _BUSY_RECORDS else _IDLE_BUNDLES
