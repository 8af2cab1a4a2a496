"""The thread that looks after a log twice a second, so that nothing of it delays a sync that somebody waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable

KEEP_SECONDS = 0.5  # what is wrong is noticed within a second, whatever a look takes


class Keeper:
    """Runs ``keep`` in its thread each ``every_seconds``. ``keep`` MUST NOT raise.

    ``alive`` says whether anybody still looks. Where a bug ends the thread even so, ``gone`` is told in what words.
    """

    def __init__(
        self, keep: Callable[[], None], gone: Callable[[str], None], every_seconds: float = KEEP_SECONDS
    ) -> None:
        self._keep = keep
        self._gone = gone
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="sekisho-audit-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread once it has done what it is at."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        return not self._ended

    def _run(self) -> None:
        orderly = False
        try:
            while not self._stopping.wait(self._every_seconds):
                self._keep()
            orderly = True
        finally:  # also when a bug ends the thread
            if not orderly:
                self._gone("the thread that looks after it ended by an error of the program")
            self._ended = True
