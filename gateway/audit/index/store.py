"""The index of one site on disk: a SQLite database that may be thrown away at any time.

Rows (one for each record) lie in blocks of 16,384, sorted by time; the newest ones, which do not fill a block yet, in
``tail``. For each block and each word that occurs in it, ``posting`` has the set of its rows, so that a search takes
one lookup a block and filter, and what several filters have in common is found by ``and``. ``part`` has the rows
themselves, 256 together: time, log, sequence. ``ident`` leads from the number of a request or decision to its rows.

One process writes, under a lock (:func:`locked`); others read beside it (SQLite's WAL).
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

VERSION = 2
"""Of the layout below and of what is gleaned from a record. An index of another one is made again."""

WORD_BITS = 32
PART_ROWS = 256
PART_BITS = 16
_SUFFIX = ".sqlite"
_BUSY_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.05
_SCHEMA = """
CREATE TABLE log (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, next INTEGER NOT NULL,
                  digest BLOB NOT NULL, unread INTEGER NOT NULL);
CREATE TABLE word (id INTEGER PRIMARY KEY, field TEXT NOT NULL, word TEXT NOT NULL, UNIQUE (field, word));
CREATE TABLE block (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, rows INTEGER NOT NULL,
                    gone BLOB);
CREATE TABLE posting (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);
CREATE TABLE part (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, rows BLOB NOT NULL);
CREATE TABLE tail (log INTEGER, sequence INTEGER, time INTEGER NOT NULL, words BLOB NOT NULL,
                   PRIMARY KEY (log, sequence)) WITHOUT ROWID;
CREATE TABLE ident (number INTEGER, log INTEGER, sequence INTEGER, PRIMARY KEY (number, log, sequence)) WITHOUT ROWID;
"""


class NoIndex(Exception):
    """There is no index yet."""


class Trouble(OSError):
    """The index cannot be used now: locked, not writable, the disk is full. It may be whole."""


class Unfit(Exception):
    """The index must be made again: it is damaged, of another layout, of another log. ``str()`` is why."""


def path_of(folder: Path, site: str) -> Path:
    """Return where the index of a site lies."""
    return folder / f"{site}{_SUFFIX}"


def sites(folder: Path) -> list[str]:
    """Return the sites that have an index."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))


def create(path: Path) -> sqlite3.Connection:
    """Make an empty index in place of any other, open to write. The caller holds the lock. Raises OSError."""
    remove(path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    database.execute("PRAGMA journal_mode = WAL")
    _tune(database)
    database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    return database


def remove(path: Path) -> None:
    """Throw an index away. The caller holds the lock. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def in_memory() -> sqlite3.Connection:
    """Return an empty index that is kept nowhere."""
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.executescript(_SCHEMA)
    return database


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open an index; the caller holds the lock. Raises NoIndex, Unfit, Trouble."""
    return _checked(path, "rw")


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open an index beside its writer. Raises NoIndex, Unfit, Trouble."""
    return _checked(path, "ro")


def _checked(path: Path, mode: str) -> sqlite3.Connection:
    if not path.exists():
        raise NoIndex(str(path))
    with fitness():
        database = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
        )
        try:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if not version:  # whoever made it was killed before anything was in it
                raise NoIndex(str(path))
            if version != VERSION:
                raise Unfit(f"it is of layout {version}, this program has {VERSION}")
            if mode == "rw":
                _tune(database)
        except BaseException:
            database.close()
            raise
    return database


def _tune(database: sqlite3.Connection) -> None:
    """A power cut may cost the newest rows, never the file: what is missing is read from the log again."""
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA secure_delete = FAST")
    database.execute("PRAGMA cache_size = -16384")


@contextmanager
def fitness() -> Iterator[None]:
    """Turn what SQLite says into Unfit where the file is damaged, into Trouble where it may be whole."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # sqlite3's own errors, of text, have none
        if code & 0xFF == sqlite3.SQLITE_ERROR:  # what there must be is not there
            raise Unfit("it is damaged") from error
        raise Trouble(errno.EIO, error.sqlite_errorname) from error
    except sqlite3.DatabaseError as error:
        raise Unfit("it is damaged") from error


@contextmanager
def locked(folder: Path, site: str, *, within_seconds: float = 0.0) -> Iterator[bool]:
    """Hold the lock of the one who writes an index; yields whether it was free within so long. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{site}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _taken(descriptor, time.monotonic() + within_seconds)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, until: float) -> bool:
    """Take the lock as soon as it is free; return whether it was, before ``until``."""
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_AGAIN_SECONDS)
