"""Where a site's outbox stands: ``DATA/state/outbox.json``; a file and its number appear together or not at all.

A finished file lies under a hidden name beside its own; then its number is noted as under way; then it is renamed; then
its number is noted as given. Whoever was killed before the first note has given no number; after it, the next call
ends what was begun.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gateway import durable
from gateway.audit.outbox import OutboxError, digest

FILE, LOCK = "outbox.json", "outbox.lock"


@dataclass(frozen=True)
class Given:
    """The newest number that was given. ``path`` is where its file was put; ``whole`` is false while that goes on."""

    site: str = ""
    number: int = 0
    sha256: str = ""
    until: str = ""
    path: str = ""
    whole: bool = True


def hidden(path: Path) -> Path:
    """Return the name that a finished file has before its number is noted."""
    return path.with_name(f".{path.name}.new")


def clear(folder: Path, stem: str) -> None:
    """Remove what killed calls left in a folder: unfinished files and folders, of the site whose ``stem`` it is.

    The caller holds the lock and has called :func:`load`, so that nothing of them is under way. Raises OSError.
    """
    for left in folder.glob(f".{stem}*.new"):
        left.unlink() if left.is_file() else shutil.rmtree(left)


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keep others from giving a number. Raises OutboxError: another one does; OSError."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutboxError("another outbox is being made") from error
        yield


def load(state: Path) -> Given:
    """Return where the outbox stands; what a killed call began is ended first. The caller holds the lock.

    Raises:
        OutboxError: the note is damaged, or the file that was under way is gone.
        OSError: it cannot be read or written.
    """
    try:
        given = Given(**json.loads((state / FILE).read_bytes()))
    except FileNotFoundError:
        return Given()
    except (ValueError, TypeError) as error:
        raise OutboxError(f"{state / FILE} is damaged") from error
    return given if given.whole else _ended(state, given)


def publish(state: Path, given: Given) -> None:
    """Give a finished, synced file under its hidden name its own name and number. Raises OSError."""
    path = Path(given.path)
    durable.sync_folder(path.parent)
    _note(state, replace(given, whole=False))
    hidden(path).rename(path)
    durable.sync_folder(path.parent)
    _note(state, replace(given, whole=True))


def _ended(state: Path, given: Given) -> Given:
    path = Path(given.path)
    for there in (path, hidden(path)):
        if there.is_file() and digest(there) == given.sha256:
            if there != path:
                publish(state, given)
            else:
                _note(state, replace(given, whole=True))
            return replace(given, whole=True)
    raise OutboxError(f"number {given.number} was being written to {path}, and is not there")


def _note(state: Path, given: Given) -> None:
    durable.replace(state / FILE, json.dumps(asdict(given), sort_keys=True).encode() + b"\n")
