"""The work folder of an export: what is written so far, and what it takes to go on after it was cut short.

``.NAME.export/`` beside the file that is to come, held by one process at a time::

    state.json      what was asked for, and how far it came; replaced whole
    rows, rows-…    the form's own files
    omitted-N       of log N: what was left out so far, one canonical JSON array a line

What is asked for must be the same when it goes on: the form, the filter, the logs. The signed heads up to which logs
are read stand in the state, so that an export is of one moment, however often it was cut short.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.durable import sync_folder
from gateway.errors import SetupError

_STATE = "state.json"


class Work:
    """The folder, locked from :meth:`open` to :meth:`close`."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f".{out.name}.export")
        self._lock = -1

    def open(self, asked: Mapping[str, Any], *, fresh: bool) -> dict[str, Any]:
        """Take the folder; return what the last export left there, nothing when there is none to go on with.

        Args:
            asked: what the export is of, as plain JSON.
            fresh: throw away what was left.

        Raises:
            SetupError: another process is at it, or what was left is of another export.
            OSError: the folder cannot be made.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._take()
        if fresh:
            self._empty()
        state = self._read()
        if state and state.get("asked") != asked:
            self.close()
            raise SetupError(
                f"{self.folder} holds an export of something else, which was cut short.",
                "Give the same arguments as then, or --restart to throw it away.",
                exit_code=2,
            )
        if not state:
            self._empty()
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Write down how far it came; on stable storage when this returns. Raises OSError."""
        fresh = self.folder / f"{_STATE}.new"
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(state))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / _STATE)
        sync_folder(self.folder)

    def forget(self) -> None:
        """Let nothing go on from here: what comes next takes files out of the folder. Raises OSError."""
        (self.folder / _STATE).unlink(missing_ok=True)
        sync_folder(self.folder)

    def remove(self) -> None:
        """Remove the folder and all in it. Raises OSError."""
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Let go of the folder. Safe to call twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take(self) -> None:
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise SetupError("Another export to this file is under way.", "Wait for it, or end it.") from error

    def _read(self) -> dict[str, Any]:
        """Return the state; what is damaged counts as none, since all of it can be made again."""
        try:
            found = msgspec.json.decode((self.folder / _STATE).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()
