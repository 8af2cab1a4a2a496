"""What updates left to be told is taken into the audit log, each thing once: at the start, and while the server runs.

A kill at any moment loses nothing and doubles nothing. Before a record is written, the data folder holds its id and
how long the log was; after it, that it is done. A start that finds the first without the second looks whether the log
has the record from there on.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.log import lookup
from gateway.audit.shelf import DEFAULT, Shelf
from gateway.bundle.update.told import Spool, Taken, taken_file
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import Settings

log = logging.getLogger("sekisho.house")

LOOK_SECONDS = 10.0
_UNREADABLE = "update.unreadable"


class UpdateNews:
    """Takes what lies in a spool into a book.

    Args:
        spool: where updates leave it.
        state: ``DATA/state``.
        book: the open book.
        audit: ``DATA/audit``, where the book's logs lie.
    """

    def __init__(self, spool: Spool, state: Path, book: Shelf, audit: Path) -> None:
        self._spool, self._file = spool, taken_file(state)
        self._book, self._log, self._audit = book, book.books[DEFAULT], audit

    async def take(self) -> None:
        """Take what is not taken yet; it is durable when this returns.

        Raises:
            AuditUnavailable: the book cannot be written.
            SetupError: what updates left cannot be read; what was taken before is not known, or cannot be written down.
        """
        try:
            here = self._spool.ids()
        except OSError as problem:
            mend = "Let the user that serves read it: it has what the audit log must know of updates."
            raise SetupError(f"{self._spool.folder} cannot be read ({problem.strerror}).", mend) from problem
        if not here:
            return
        try:
            await self._take(here)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as problem:
            mend = "Check its owner and its disk; it says which updates the audit log has."
            raise SetupError(f"{self._file} cannot be read or written.", mend) from problem

    async def watch(self) -> None:
        """Take what updates leave while the server runs; for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.take()
            except (AuditUnavailable, SetupError) as problem:  # the book tells of itself; it is tried again
                log.warning("what an update did is not in the audit log yet", extra={"why": type(problem).__name__})

    async def _take(self, here: list[str]) -> None:
        known = Taken.read(self._file)
        if known.taking is not None:
            known = await asyncio.to_thread(self._resolved, known, known.taking)
            known.write(self._file)
        done = [id for id in known.taken if id in here]
        for id in [id for id in here if id not in done]:
            kind, details = self._record(id)
            beginning = (id, self._log.folder.relative_to(self._audit).as_posix(), self._log.size)
            Taken(taken=tuple(done), taking=beginning).write(self._file)
            self._book.event(kind, **details)
            await self._book.durable()
            done.append(id)
            Taken(taken=tuple(done)).write(self._file)

    def _resolved(self, known: Taken, taking: tuple[str, str, int]) -> Taken:
        """Find out whether a record that was about to be written was."""
        id, folder, sequence = taking
        written = False
        while (found := lookup.read(self._audit / folder, sequence)) is not None:
            record = found[0]
            written = written or (record["type"].startswith("update.") and record["details"].get("id") == id)
            sequence += 1
        return Taken(taken=(*known.taken, id) if written else known.taken)

    def _record(self, id: str) -> tuple[str, dict[str, Any]]:
        told = self._spool.read(id)
        if told is not None:
            return told.type, {"id": id, "at": told.at, **told.details}
        raw = (self._spool.folder / f"{id}.json").read_bytes()
        return _UNREADABLE, {"id": id[:80], "sha256": hashlib.sha256(raw).hexdigest()}


def news_of(settings: Settings, book: Shelf) -> UpdateNews | None:
    """What takes the news of the installation that this program is of; ``None``: it came not from a bundle."""
    own = Path(sys.prefix).resolve()
    if own.parent.name != "versions":
        return None
    return UpdateNews(Spool.of(own.parent.parent), settings.state, book, settings.data / "audit")
