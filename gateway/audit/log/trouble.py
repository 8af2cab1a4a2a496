"""Stable codes of what is wrong with a log, which errors of the system mean what, and what is told of it to whom.

What is wrong is said in one line of the server's log, with the log's name and what to do. It is kept in a note outside
the audit folder, ``state/audit-trouble/<log>``, for as long as it lasts: ``sekisho audit status`` and ``doctor`` read
it, and the next start, which puts into the log for how long nothing could be written, and how much was refused.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit import record as records
from gateway.audit.log.disk import replace
from gateway.errors import AuditFinal, AuditUnavailable

UNAVAILABLE, TAMPERED, DISK_FULL = "audit.unavailable", "audit.tampered", "audit.disk_full"
KEY_SILENT = "audit.key_silent"
RECORD_REFUSED = "audit.record_refused"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
GONE = (errno.ENOENT, errno.ESTALE)
"""What was written into is not there any more."""
FOLDER = "audit-trouble"
MENDS = {
    DISK_FULL: "Free space: requests are taken again within a second.",
    KEY_SILENT: "See that the key's token answers: it is asked each second.",
    UNAVAILABLE: "See to the disk, then restart the server: it looks at the log first.",
    TAMPERED: "Keep a copy of the log's folder, run: sekisho audit verify, and find out who did it. Then restart the "
    "server: it starts where no record is missing, else it says what to do.",
}

_SECOND = 1.0
_log = logging.getLogger("sekisho.audit")


class Note(msgspec.Struct, frozen=True):
    """What is wrong with a log, since when (RFC 3339, UTC), how many records were refused until it was written.

    ``passing``: it ends by itself.
    """

    code: str
    what: str
    since: str
    refused: int = 0
    passing: bool = False

    @property
    def mend(self) -> str:
        """What to do. A full disk that stopped the log at a sync is no longer waited for."""
        if self.code == UNAVAILABLE and self.passing:
            return "See what holds so many files open, or the memory: it is tried again each second."
        if self.code == DISK_FULL and not self.passing:
            return "Free space, then restart the server: it looks at the log first."
        return MENDS.get(self.code, "Run: sekisho audit verify")

    def details(self) -> dict[str, Any]:
        """Return the details of the ``gap`` record that tells of it."""
        return {"code": self.code, "since": self.since, "refused": self.refused}


class Trouble:
    """Whether a log may be written; the caller keeps threads apart.

    Args:
        log: the log's name, for those who read of it.
        note: where it is kept while it lasts. One that is there already is of an earlier process.

    ``passing``: it ends by itself, and is tried again; else nothing more is written until a restart has looked.
    """

    def __init__(self, log: str, note: Path) -> None:
        self._log, self._file = log, note
        self._now: Note | None = None
        self.earlier = read(note)
        self.passing = False

    def __bool__(self) -> bool:
        return self._now is not None

    def error(self) -> AuditUnavailable:
        """Return what a caller is told now."""
        code = self._now.code if self._now else UNAVAILABLE
        if self._now and not self.passing:
            return AuditFinal(code=code)
        return AuditUnavailable(code=code, retry_after_seconds=_SECOND if self.passing else None)

    def refuse(self) -> AuditUnavailable:
        """Count a record that is not written, and return what its caller is told."""
        if self._now:
            self._now = msgspec.structs.replace(self._now, refused=self._now.refused + 1)
        return self.error()

    def wait(self, code: str, what: str) -> None:
        """Something is wrong that may pass; what is wrong already stays."""
        if not self:
            self._begin(code, what, passing=True)

    def stop(self, code: str, what: str) -> None:
        """Nothing more is written. What stopped the log first stays, unless somebody touched its files."""
        if not self._now or self.passing or (code == TAMPERED != self._now.code):
            self._begin(code, what, passing=False)

    def over(self) -> None:
        """It has passed, and that is on record."""
        self._now, self.earlier, self.passing = None, None, False
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
        _log.warning("the audit log %s can be written again", self._log)

    def since(self) -> Note | None:
        """Return what the ``gap`` record is to tell: what an earlier process left goes on where this one began."""
        now, earlier = self._now, self.earlier
        if now and earlier:
            return msgspec.structs.replace(now, since=earlier.since, refused=now.refused + earlier.refused)
        return now or earlier

    def keep(self) -> None:
        """Write the note with what was refused until now. Never raises."""
        note = self.since()
        if self._now and note:
            with contextlib.suppress(OSError):
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace(self._file, msgspec.json.encode(note), durable=False)

    def _begin(self, code: str, what: str, *, passing: bool) -> None:
        before = self._now
        since, refused = (before.since, before.refused) if before else (records.now(), 0)
        self._now, self.passing = Note(code, what, since, refused, passing), passing
        _log.error("audit log %s: %s (%s). New requests are refused. %s", self._log, what, code, self._now.mend)
        self.keep()


def place(base: Path, log: str) -> Path:
    """Return where the note of a log lies, by its name, with the audit folder's place."""
    return base.parent / "state" / FOLDER / log.replace("/", ".")


def read(path: Path) -> Note | None:
    """Return a note, ``None`` where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError):
        return None


def notes(base: Path) -> Iterator[tuple[str, Note]]:
    """Yield name and note of every log that cannot be written, or could not when its server ended."""
    for path in sorted((base.parent / "state" / FOLDER).glob("*")):
        note = None if path.name.startswith(".") else read(path)
        if note:
            yield path.name.replace(".", "/"), note
