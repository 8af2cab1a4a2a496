"""The forms of an export behind one Protocol, and what those of one record a line share.

A form writes rows into files of its own in a work folder, and can be stopped anywhere: :meth:`Form.settle` brings what
was written to stable storage and says, in plain JSON, what it takes to go on from there. What was written after it is
cut off when the export goes on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Protocol

from gateway.audit.export.columns import Row

State = dict[str, Any]
"""Plain JSON."""


@dataclass(frozen=True)
class Ways:
    """How a form is to be written. ``separator`` is for CSV alone."""

    zone: tzinfo
    separator: str = ","
    program: str = ""


class Form(Protocol):
    """Writes one export. Not safe for use by several threads."""

    def write(self, row: Row) -> None:
        """Raises OSError."""

    def settle(self) -> State:
        """Bring what was written to stable storage; return what it takes to go on there. Raises OSError."""

    def finish(self) -> Path:
        """Return the whole file, closed and on stable storage, in the work folder. Raises OSError."""

    def close(self) -> None:
        """Close files. Safe to call twice, and after :meth:`finish`."""


class Lines:
    """A form that is one file with one part for each row, and perhaps a head.

    Subclasses give :meth:`head`, :meth:`line` and, where a line hangs on those before, :meth:`memory` and
    :meth:`remember`.
    """

    def __init__(self, work: Path, ways: Ways, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` says; from the beginning when it is empty. Raises OSError."""
        self.ways = ways
        self._path = work / "rows"
        self._file = self._path.open("r+b" if state else "wb")
        self.remember(dict(state.get("memory", {})))
        self._file.truncate(state.get("bytes", 0))
        self._file.seek(0, os.SEEK_END)
        if not state:
            self._file.write(self.head())

    def head(self) -> bytes:
        return b""

    def line(self, row: Row) -> bytes:
        raise NotImplementedError

    def memory(self) -> State:
        return {}

    def remember(self, memory: State) -> None:
        """Take up what :meth:`memory` gave."""

    def write(self, row: Row) -> None:
        self._file.write(self.line(row))

    def settle(self) -> State:
        self._file.flush()
        os.fsync(self._file.fileno())
        return {"bytes": self._file.tell(), "memory": self.memory()}

    def finish(self) -> Path:
        self.settle()
        self.close()
        return self._path

    def close(self) -> None:
        """What a full disk does not take here, :meth:`settle` has told of, or it is written again."""
        with contextlib.suppress(OSError):
            self._file.close()


class JsonLines(Lines):
    """The records' own bytes, a newline after each: every line is a leaf of its log's tree."""

    def line(self, row: Row) -> bytes:
        return row.data + b"\n"
