"""Brings the heads of all logs to every anchor, beside the server's work: one thread for each, so that none waits.

Nothing here is on a request's way: heads are read from the files that the log publishes. An anchor that fails is tried
again after 1, 2, 4, … seconds, at most a minute; meanwhile requests are served on, and the unwitnessed time grows.

What becomes of an anchor is on record once it matters: ``admin.anchor_lost`` after a minute without it,
``admin.anchor_back`` after that, ``admin.anchor_conflict`` at once.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.audit.anchor import witnesses
from gateway.audit.anchor.door import Anchor, AnchorTrouble
from gateway.audit.anchor.heads import LogHead, log_heads, now
from gateway.audit.anchor.standing import age_seconds, unwitnessed_since
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.log.note import NoteError

Tell = Callable[[str, dict[str, Any]], None]
"""Puts an event on record: its type and details."""

LONGEST_PAUSE_SECONDS = 60.0
LOST_AFTER_SECONDS = 60.0
_STOP_SECONDS = 3.0
_WATCH_SECONDS = 5.0
_log = logging.getLogger("sekisho.audit")


@dataclass(frozen=True)
class Placed:
    """An anchor, and how often heads go there at most."""

    anchor: Anchor
    every_seconds: float = 1.0


class AnchorOffice:
    """All anchors of one data folder.

    Args:
        base: the audit folder.
        anchors: where heads go; there may be none.
        tell: where it is put on record that an anchor is lost, back, or in conflict. May raise anything.
    """

    def __init__(self, base: Path, anchors: Sequence[Placed], tell: Tell = lambda type, details: None) -> None:
        self._watch = _Watch(base)
        self._runners = [_Runner(base, each, tell) for each in anchors]

    def start(self) -> None:
        for runner in (self._watch, *self._runners):
            runner.start()

    def stop(self) -> None:
        """Bring the last heads away and end. Blocks for seconds at most; an anchor that hangs is left behind."""
        self._watch.stopping.set()
        for runner in self._runners:
            runner.stopping.set()
        deadline = time.monotonic() + _STOP_SECONDS
        threads: list[threading.Thread] = [self._watch, *self._runners]
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def unwitnessed_seconds(self) -> float | None:
        """Return how old the oldest record is that nobody saw elsewhere, as of some seconds ago; 0: there is none.

        ``None`` while that is not known. Reads no file.
        """
        since = self._watch.since
        return since if since is None else max(0.0, age_seconds(since))

    def view(self) -> list[dict[str, Any]]:
        """Return the state of each anchor, as ``sekisho audit status`` shows it."""
        return [runner.view() for runner in self._runners]


class _Watch(threading.Thread):
    """Knows since when something is unwitnessed, without a scrape's having to read files."""

    def __init__(self, base: Path) -> None:
        super().__init__(name="sekisho-unwitnessed", daemon=True)
        self.stopping = threading.Event()
        self.since: str | None = None
        self._base = base

    def run(self) -> None:
        pause = _WATCH_SECONDS / 5  # the first head takes a second
        while not self.stopping.wait(pause):
            pause = _WATCH_SECONDS
            try:
                self.since = unwitnessed_since(self._base)
            except (OSError, ValueError):  # the log itself says what is wrong with it
                self.since = None


class _Runner(threading.Thread):
    """The thread of one anchor."""

    def __init__(self, base: Path, placed: Placed, tell: Tell) -> None:
        super().__init__(name=f"sekisho-anchor-{placed.anchor.kind}", daemon=True)
        self.stopping = threading.Event()
        self._base = base
        self._anchor = placed.anchor
        self._every_seconds = placed.every_seconds
        self._tell = tell
        self._problem: AnchorTrouble | None = None
        self._failures = 0
        self._failing_since = 0.0
        self._since = self._last = ""
        self._told = ""

    def run(self) -> None:
        pause = 0.0
        while not self.stopping.wait(pause):
            pause = self._round()
        self._round()  # the last head, which the log signed when it was closed
        self._anchor.close()

    def view(self) -> dict[str, Any]:
        problem = self._problem
        return {
            "kind": self._anchor.kind,
            "place": self._anchor.place,
            "state": "ok" if problem is None else "conflict" if problem.conflict else "fails",
            "last": self._last,
            "since": self._since if problem else "",
            "problem": str(problem) if problem else "",
            "mend": problem.mend if problem else "",
        }

    def _round(self) -> float:
        """Carry what is new; return how long to wait."""
        try:
            write_down(self._anchor.deliver(log_heads(self._base)))
        except AnchorTrouble as problem:
            return self._failed(problem)
        except (NoteError, ValueError):
            return self._failed(AnchorTrouble("A log's head or tiles cannot be read.", "Run: sekisho audit verify"))
        except OSError as error:
            what = error.strerror or type(error).__name__
            return self._failed(AnchorTrouble(f"{self._anchor.place}: {what}.", "Check path, address and mode."))
        except Exception:  # the outermost edge of this thread: it must go on, and say that it does not do its work
            _log.exception("anchor %s met an error of its own", self._anchor.place)
            return self._failed(AnchorTrouble("An error of its own.", "See the server's log."))
        return self._well()

    def _failed(self, problem: AnchorTrouble) -> float:
        if self._problem is None:
            self._since, self._failing_since = now(), time.monotonic()
            _log.warning("heads cannot be brought to %s: %s %s", self._anchor.place, str(problem), problem.mend)
        self._problem = problem
        if problem.conflict:
            self._on_record("admin.anchor_conflict", problem=str(problem))
        elif time.monotonic() - self._failing_since >= LOST_AFTER_SECONDS:
            self._on_record("admin.anchor_lost", since=self._since)
        pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(self._failures, 10))
        self._failures += 1
        return max(pause, self._every_seconds)

    def _well(self) -> float:
        if self._problem is not None:
            _log.warning("heads are brought to %s again", self._anchor.place)
            if self._told:
                self._on_record("admin.anchor_back", since=self._since)
        self._problem, self._failures, self._told, self._last = None, 0, "", now()
        return self._every_seconds

    def _on_record(self, type: str, **details: str) -> None:
        if self._told == type:
            return
        with contextlib.suppress(Exception):  # the log itself may be what does not work: then it is told there
            self._tell(type, {"kind": self._anchor.kind, "place": self._anchor.place, **details})
            self._told = type
        if type == "admin.anchor_conflict":
            _log.error("%s %s", details["problem"], "Run: sekisho audit verify")


def write_down(found: Sequence[tuple[LogHead, Witness]]) -> None:
    """Append witnesses to the file of each log. Durable when it returns. Raises OSError."""
    by_log: dict[Path, list[Witness]] = defaultdict(list)
    for head, witness in found:
        by_log[head.folder].append(witness)
    for folder, seen in by_log.items():
        witnesses.append(folder, seen)
