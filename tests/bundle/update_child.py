"""One update in a process of its own, on real files. It stops where the test says, and waits there to be killed.

    python update_child.py PREFIX MOMENT HEALTHY

A moment is the name of a step, with ``:before`` or ``:after``; the step's name is the journal's at that time.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.update import order
from gateway.bundle.update.journal import Entry, Journal
from gateway.bundle.update.told import Happened, Kind, Spool

FRESH = "2-1.1.0"


class FileSteps:
    """Steps that do to a small installation what real ones do to a large one: folders, a store, a file that serves."""

    def __init__(self, prefix: Path, moment: str = "", healthy: bool = True) -> None:
        self.prefix, self.moment, self.is_healthy = prefix, moment, healthy

    def store(self) -> None:
        self._pause("store:before")
        (self.prefix / "store" / "2").write_text("2", encoding="utf-8")
        self._pause("store:after")

    def stage(self, folder: str) -> None:
        self._pause("stage:before")
        (self.prefix / "versions" / folder).mkdir()
        self._pause("stage:half")
        (self.prefix / "versions" / folder / "program").write_text("new", encoding="utf-8")
        self._pause("stage:after")

    def trials(self, folder: str) -> None:
        self._pause("trials:before")
        assert (self.prefix / "versions" / folder / "program").read_text(encoding="utf-8") == "new"
        self._pause("trials:after")

    def restart(self) -> None:
        self._pause("restart:before")
        program = (self.prefix / "current" / "program").read_text(encoding="utf-8")
        (self.prefix / "serving").write_text(program, encoding="utf-8")
        self._pause("restart:after")

    def watch(self) -> None:
        self._pause("watch:before")
        if not self.is_healthy:
            raise BundleRefused("bundle.unhealthy", "It serves nobody.")

    def accept(self, folder: str, snapshot: int) -> None:
        self._pause("accept:before")
        (self.prefix / "accepted").write_text(f"{folder} {snapshot}", encoding="utf-8")
        self._pause("accept:after")

    def sweep(self, folder: str) -> None:
        self._pause("sweep:before")
        shutil.rmtree(self.prefix / "versions" / folder, ignore_errors=True)
        (self.prefix / "store" / "2").unlink(missing_ok=True)
        self._pause("sweep:after")

    def tell(self, entry: Entry, kind: Kind, why: str = "") -> None:
        self._pause("tell:before")
        Spool.of(self.prefix).tell(Happened(id=entry.id, type=kind, details={"why": why}))
        self._pause("tell:after")

    def _pause(self, moment: str) -> None:
        if moment == self.moment:
            print(moment, flush=True)
            time.sleep(600)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    with Journal(where).held():
        order.update(where, FileSteps(where, sys.argv[2], sys.argv[3] == "healthy"), FRESH, 7)
