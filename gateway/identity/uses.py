"""When each key was last used, without slowing a request: a request adds a word to a set, and nothing else.

The register's watcher makes times of them twice a second, and writes those that changed once in :data:`WRITE_SECONDS`,
to ``state/keys-used/WORKER.json`` (``sekisho.uses/1``), one file a worker. A crash loses at most that long of them; a
file that cannot be read or written is told in the process's own log and lets nobody in or out.

A key is marked by its id, the text before its rotation by ``ID/former``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from gateway.errors import SetupError
from gateway.identity.record import Instant, write_state

log = logging.getLogger("sekisho.identity")

WRITE_SECONDS = 60.0
FORMER = "/former"


class UsesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of one worker's file: the last use by mark."""

    uses: dict[str, Instant] = {}
    version: Literal["sekisho.uses/1"] = "sekisho.uses/1"


class KeyUses:
    """What one worker saw of keys.

    Args:
        folder: ``state/keys-used``; it need not exist.
        worker: whose file this process writes.
        now: wall clock in UTC.
        clock: seconds that only grow.
    """

    def __init__(
        self, folder: Path, worker: str, now: Callable[[], datetime], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._path = folder, folder / f"{worker}.json"
        self._now, self._clock = now, clock
        self._uses = dict(_read(self._path))
        self._written = clock()
        self._changed = False
        self.touched: set[str] = set()  # a request adds its key's mark here

    def settle(self) -> None:
        """Give a time to what was used since; write where that is due. Blocks for the disk where it writes."""
        self._note()
        if self._changed and self._clock() - self._written >= WRITE_SECONDS:
            self.write()

    def _note(self) -> None:
        touched, self.touched = self.touched, set()
        if touched:
            self._uses.update(dict.fromkeys(touched, self._now()))
            self._changed = True

    def write(self) -> None:
        """Write what is known now, where something changed."""
        self._written = self._clock()
        try:
            if self._changed:
                write_state(self._path, UsesFile(dict(sorted(self._uses.items()))))
                self._changed = False
        except SetupError as error:
            log.warning("%s When keys were last used is not kept.", error.problem)

    def all(self) -> dict[str, datetime]:
        """Return the last use by mark, as all workers have written it and this one knows it. Reads files."""
        self._note()
        return latest(uses_in(self._folder), self._uses)

    def forget(self, marks: set[str]) -> None:
        """Let go of what no key is behind any more."""
        for mark in marks & self._uses.keys():
            del self._uses[mark]
            self._changed = True


def uses_in(folder: Path) -> dict[str, datetime]:
    """Return the last use by mark, as all workers have written it."""
    return latest(*(_read(path) for path in sorted(folder.glob("*.json"))))


def latest(*each: dict[str, datetime]) -> dict[str, datetime]:
    """Return the latest time of each mark."""
    found: dict[str, datetime] = {}
    for uses in each:
        for mark, when in uses.items():
            found[mark] = max(when, found.get(mark, when))
    return found


def _read(path: Path) -> dict[str, datetime]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=UsesFile).uses
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        log.warning("%s cannot be read: when keys were last used before is not known.", path)
        return {}
