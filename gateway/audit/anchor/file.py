"""Heads in a file on other media: another disk, a share, a USB stick. Append-only, synced, whole notes only.

The same file system is refused, since whoever can change the log there can change this file as well. So nothing is
written into the folder that a medium is mounted on while it is not there.

What lies there already is held against the logs, at the first delivery and whenever somebody else changed the file: a
log that was put back from a backup, whole, knows nothing of its later heads; the medium does. Nothing is brought to a
file that has seen another log, until a new one is begun.

Works where the file may only be appended to (``chattr +a``): it is opened for appending and never rewritten.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.audit.anchor.compare import disagreement_of, heads_at
from gateway.audit.anchor.door import AnchorTrouble
from gateway.audit.anchor.heads import LogHead
from gateway.audit.anchor.witnesses import Witness
from gateway.audit.log.disk import Disk
from gateway.audit.log.note import Verifier
from gateway.durable import sync_folder

NAME = "sekisho.heads"

_APART = b"\n\n"
_LONGEST_NOTE = 64 * 1024
NEWEST = 64  # heads of each log that are held against it
_log = logging.getLogger("sekisho.audit")
_ELSEWHERE = "Mount the medium, name a path on another one, or accept what this proves with same_disk: true."

_OTHER = "Run: sekisho audit verify. If the log goes on for good reasons, keep that file, and begin a new one."


class FileAnchor:
    """See :class:`gateway.audit.anchor.door.Anchor`.

    Args:
        path: the file of heads, whose folder must exist; or a folder, in which it is called :data:`NAME`.
        data: a folder on the disk that it must not be on.
        same_disk: let it be on that disk all the same: for a file that something else carries away.
        kind: ``media`` for one that a person carries.
        disk: how the file is appended to and synced.
        keys: returns the public keys that may have signed heads which lie there; of other keys nothing is believed.
    """

    def __init__(
        self,
        path: Path,
        data: Path,
        *,
        same_disk: bool = False,
        kind: str = "file",
        disk: Disk | None = None,
        keys: Callable[[], Sequence[bytes]] = tuple,
    ) -> None:
        self.kind, self.place = kind, str(path)
        self._place = path
        self._data = data
        self._same_disk = same_disk
        self._disk = disk or Disk()
        self._keys = keys
        self._left_at: tuple[int, int, int] | None = None  # device, inode and length of the file as we left it
        self._there: dict[str, int] = {}

    @property
    def _path(self) -> Path:
        return file_in(self._place)

    def deliver(self, heads: Sequence[LogHead]) -> list[tuple[LogHead, Witness]]:
        self.refuse_same_disk()
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise AnchorTrouble(f"{self._path} is no file.", "Name a file, or a folder that exists.")
            if self._state(descriptor) != self._left_at:
                self._begin_again(heads)
            new = [head for head in heads if self._there.get(head.name, 0) < head.size]
            if new:
                self._append(descriptor, b"".join(head.note + b"\n" for head in new))
                self._there |= {head.name: head.size for head in new}
            self._left_at = self._state(descriptor)
        finally:
            os.close(descriptor)
        return [(head, head.seen(self.kind, self.place)) for head in new]

    def close(self) -> None:
        """Nothing is kept open between two deliveries, so that the medium can be taken out."""

    def refuse_same_disk(self) -> None:
        """Raise AnchorTrouble where it may not be written. Raises OSError."""
        folder = self._path.parent
        try:
            device = folder.stat().st_dev
        except FileNotFoundError as error:
            raise AnchorTrouble(f"There is no folder {folder}.", _ELSEWHERE) from error
        if device == self._data.stat().st_dev and not self._same_disk:
            raise AnchorTrouble(f"{folder} is on the same disk as the log, which proves nothing.", _ELSEWHERE)

    def _begin_again(self, heads: Sequence[LogHead]) -> None:
        """Bring all heads: it is a new file, or one that somebody changed. Raises AnchorTrouble, OSError."""
        self._refuse_other_logs(heads)
        if self._left_at:
            _log.warning("%s was changed or taken away by somebody else; all heads go there again", self._path)
        self._there = {}
        sync_folder(self._path.parent)

    def _refuse_other_logs(self, heads: Sequence[LogHead]) -> None:
        """Raise AnchorTrouble where the file has heads that a log does not continue. Raises OSError."""
        keys = self._keys()
        for head in heads:
            origin = head.checkpoint.origin
            known = heads_at(self._path, [Verifier(origin, each) for each in keys], origin, newest=NEWEST)
            found = disagreement_of(head.folder, known)
            if found:
                raise AnchorTrouble(f"{head.name} was {found}.", _OTHER, conflict=True)

    def _append(self, descriptor: int, data: bytes) -> None:
        apart = self._mended_end(descriptor, os.fstat(descriptor).st_size)
        if apart:
            data = apart + data + data  # who reads may take the first for the end of what stands before it
        self._disk.append(descriptor, data, os.fstat(descriptor).st_size)
        self._disk.sync(descriptor)

    def _mended_end(self, descriptor: int, end: int) -> bytes:
        """Cut off a note that a crash left half written; where that is forbidden, return what sets it apart."""
        begin = max(0, end - _LONGEST_NOTE)
        tail = os.pread(descriptor, end - begin, begin)
        if not tail or tail.endswith(_APART):
            return b""
        whole = tail.rfind(_APART)
        if whole < 0:  # there is no head of ours before it: whatever it is, it stays
            return _APART
        with contextlib.suppress(PermissionError):
            os.ftruncate(descriptor, begin + whole + len(_APART))
            return b""
        return _APART

    @staticmethod
    def _state(descriptor: int) -> tuple[int, int, int]:
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino, found.st_size


def file_in(place: Path) -> Path:
    """Return the file of heads of a place: itself, or the one in it where it is a folder."""
    return place / NAME if place.is_dir() else place
