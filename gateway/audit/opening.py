"""What a book does before it can be written: its folders, what was seen of it, what the last process left behind."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from gateway.audit import record as records
from gateway.audit import rollback
from gateway.audit.log import copied_heads, succession
from gateway.audit.log.growing import Tampered
from gateway.audit.log.note import Signer
from gateway.audit.log.recovery import Found
from gateway.audit.log.succession import LogKeys
from gateway.audit.log.writer import Writer
from gateway.domain import Outcome
from gateway.durable import sync_folder
from gateway.errors import AuditUnavailable, SetupError

_log = logging.getLogger("sekisho.audit")


def require_copied(base: Path, keys: LogKeys) -> None:
    """Raise SetupError when a copy of a site's heads is gone or was changed. Raises NoteError, OSError."""
    try:
        copied_heads.require(base, lambda site: succession.verifiers(site, keys))
    except Tampered as problem:
        mend = "Put it back from a backup of the data folder, or, by two approvers: sekisho audit recover --reason …"
        raise SetupError(f"In {copied_heads.place(base)}, {problem}.", mend) from problem


def require_here(base: Path, folder: Path, *, all_logs: bool) -> None:
    """Raise SetupError when a log is gone that once was: a new one in its place would look like the beginning.

    Args:
        all_logs: look for every log of this data folder, not for this one alone.
    """
    name = folder.relative_to(base).as_posix()
    try:
        gone = {lost: size for lost, size in rollback.gone(base).items() if all_logs or lost == name}
    except Tampered as problem:
        mend = "Put it back from a backup of the data folder, and look into what did that."
        raise SetupError(f"In {copied_heads.place(base)}, {problem}.", mend) from problem
    if gone:
        lost, size = min(gone.items())
        others = f", and {len(gone) - 1} more with it" if len(gone) > 1 else ""
        mend = "Put it back from a backup, or, by two approvers: sekisho audit recover --reason …"
        raise SetupError(f"The audit log {lost} is gone{others}; it had {size} records.", mend)


def require_newest(base: Path, folder: Path, found: Found) -> None:
    """Raise SetupError when a newer head of this log was seen than it has."""
    try:
        rollback.require_newest(base, folder, found.head, found.begin.first)
    except Tampered as problem:
        mend = "If a backup was put back, or records are lost: sekisho audit recover --reason …"
        raise SetupError(f"The audit log {folder} is not what was seen of it: {problem}.", mend) from problem


def bind_nothing() -> None:
    """A log by itself: no site binds its heads."""


def log_folder(base: Path, origin: str, retention_class: str) -> Path:
    """Return where a log lies below the audit folder."""
    return base / origin / retention_class


def make_folders(base: Path, folder: Path) -> None:
    """Make the log's folders, mode 0700, with their names on stable storage. Raises OSError."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in reversed((folder / "tile" / "entries", *(folder / "tile" / "entries").parents)):
        if part.is_relative_to(base) and not part.exists():
            part.mkdir(mode=0o700)
            sync_folder(part.parent)


def tell_rotated(writer: Writer, signer: Signer, rotations: Sequence[succession.Rotation]) -> None:
    """Say which keys followed each other since this log was last open. Raises SetupError: it cannot be said."""
    if not rotations:
        return
    try:
        writer.change_key([rotated(each) for each in rotations], signer)
    except AuditUnavailable as error:
        problem = "The log key was rotated, and that cannot be written into the audit log."
        raise SetupError(problem, "Make room on its disk, and start again.") from error


def rotated(rotation: succession.Rotation) -> records.Event:
    return records.Event(type=succession.RECORD, details=dict(rotation))


def tell_recovered(writer: Writer, found: Found) -> None:
    """Close what the last process left open, and say what was repaired. The disk may be full: then they wait."""
    size = writer.size
    interrupted = dict(found.open_intents)
    for sequence, request in interrupted.items():
        writer.write_closing(records.outcome_record(request, sequence, Outcome("interrupted")))
    if found.touched:
        _log.error("audit log %s: others changed %s; it is made again", writer.origin, ", ".join(found.touched))
    if interrupted or found.torn or found.touched:
        details = {
            "records": size,
            "interrupted": len(interrupted),
            "torn_bytes": found.torn_bytes,
            "torn_sha256": found.torn_sha256,
        }
        if found.touched:
            details["touched"] = list(found.touched)
        with contextlib.suppress(AuditUnavailable):
            writer.write(records.Event(type="recovered", details=details))
