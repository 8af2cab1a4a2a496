"""Logs that nobody writes now are told of a rotation of the log key, so that each leads to the newest key by itself.

Such are the log of the command line while a server runs, and those of workers that are no more. A log whose published
head the newest key has signed is left alone; any other is opened, which writes what it lacks, and closed.
"""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path

from gateway.audit.book import LogBook
from gateway.audit.log import layout
from gateway.audit.log.note import NoteError, Verifier, open_checkpoint
from gateway.audit.log.reader import logs
from gateway.audit.log.site import SiteHeads
from gateway.audit.log.succession import LogKeys
from gateway.errors import SetupError
from gateway.settings import AuditSettings

_log = logging.getLogger("sekisho.audit")


def catch_up(base: Path, keys: LogKeys, settings: AuditSettings) -> list[str]:
    """Bring every log below the audit folder to the newest key; blocks, longer for long logs.

    Whoever has a log open tells it himself.

    Returns:
        Names of those that could not be: they are damaged, which verifying says better.
    """
    behind = [folder for folder in logs(base) if _is_behind(folder, keys) and not _has_writer(folder)]
    return [folder.relative_to(base).as_posix() for folder in behind if not _told(base, folder, keys, settings)]


def _is_behind(folder: Path, keys: LogKeys) -> bool:
    path = folder / layout.CHECKPOINT
    newest = Verifier("", keys.signing[0].public_key().public_bytes_raw())
    try:
        open_checkpoint(path.read_bytes(), newest)
    except (OSError, NoteError):
        return path.exists()
    return False


def _has_writer(folder: Path) -> bool:
    """Whether somebody has the log open for writing now."""
    with (folder / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _told(base: Path, folder: Path, keys: LogKeys, settings: AuditSettings) -> bool:
    origin, name = folder.relative_to(base).parent.as_posix(), folder.name
    site = SiteHeads(base, origin.partition("/")[0], keys)
    book = LogBook(base, origin=origin, log_key=keys, settings=settings, retention_class=name, site=site)
    try:
        book.open()
    except SetupError as error:
        _log.warning("%s is not told of the new log key: %s", folder.relative_to(base), error.problem)
        return False
    book.close()
    return True
