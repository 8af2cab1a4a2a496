"""Keeps the indexes up to date, in a process of its own, at the lowest priority, until its standard input ends.

::

    python -m gateway.audit.index.follow AUDIT_FOLDER INDEX_FOLDER

It reads the log's files and nothing else, so that no request ever waits for it: it has no part in the server's
interpreter, and SCHED_IDLE gives it what time others leave. What is worth knowing goes to standard output, one line
each: an index that was made again, and trouble.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

from gateway.audit.index import build, source, store
from gateway.audit.log import layout, reader

POLL_SECONDS = 1.0
STEP_SECONDS = 5.0
_TROUBLE_SECONDS = 30.0
_NICEST = 19

Marks = dict[str, tuple[int, int]]


def main(arguments: list[str]) -> int:
    """Follow until standard input ends, which it does when the server has ended, however that ended."""
    audit, folder = map(Path, arguments)
    os.setpriority(os.PRIO_PROCESS, 0, _NICEST)
    with suppress(OSError):  # a sandbox may forbid it
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    follower = Follower(audit, folder)
    pause = 0.0
    while not select.select([sys.stdin], [], [], pause)[0]:
        pause = follower.step()
    return 0


class Follower:
    """Looks at the logs again and again."""

    def __init__(self, audit: Path, folder: Path) -> None:
        self._audit, self._folder = audit, folder
        self._seen: dict[str, Marks] = {}
        self._trouble = ""

    def step(self) -> float:
        """Add to each index what is new, for some seconds; return how long to pause before the next step."""
        pause = POLL_SECONDS
        try:
            for site in source.sites(self._audit):
                marks = _marks(source.log_folders(self._audit, site))
                if self._seen.get(site) != marks and not self._update(site):
                    pause = 0.0
                else:
                    self._seen[site] = marks
            self._trouble = ""
        except OSError as error:
            self._say_once(f"the audit log cannot be indexed: {error.strerror}")
            pause = _TROUBLE_SECONDS
        return pause

    def _update(self, site: str) -> bool:
        """Return whether the index has all that was there, or is another process's to write. Raises OSError."""
        with store.locked(self._folder, site) as free:
            if not free:
                return True
            done = build.update(self._audit, self._folder, site, seconds=STEP_SECONDS)
        if done.rebuilt:
            _say(f"the index of {site} is made from the log: {done.rebuilt}")
        return done.whole

    def _say_once(self, what: str) -> None:
        if what != self._trouble:
            _say(what)
        self._trouble = what


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _marks(logs: dict[str, Path]) -> Marks:
    """Return what changes whenever a log does: its history of heads grows, its beginning is cut. Raises OSError."""
    return {name: (_size(folder / layout.HISTORY), reader.first_record(folder)) for name, folder in logs.items()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
