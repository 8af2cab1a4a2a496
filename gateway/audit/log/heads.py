"""The signed heads of one log: every one in ``checkpoints``, the latest published as ``checkpoint``.

A head is appended to the history first, and the history is synced before the head is published: so a published head
that the history lacks means that the history was cut.
"""

from __future__ import annotations

from pathlib import Path

from gateway.audit.log import layout
from gateway.audit.log.disk import Disk, replace
from gateway.audit.log.growing import GrowingFile
from gateway.audit.log.note import Signer


class Heads:
    """Appends and publishes checkpoints. Not safe for use by several threads at once.

    Args:
        history_bytes: length of the history so far.
        size: tree size of its last checkpoint.
    """

    def __init__(self, folder: Path, signer: Signer, disk: Disk, *, history_bytes: int, size: int) -> None:
        self._signer = signer
        self._history = GrowingFile(folder / layout.HISTORY, disk, size=history_bytes)
        self._published = folder / layout.CHECKPOINT
        self._latest = b""
        self.size = size

    def append(self, size: int, root: bytes) -> None:
        """Sign the head of a tree that is on stable storage, and append it. Raises OSError."""
        note = self._signer.sign(size, root)
        self._history.append(note + b"\n")
        self._latest, self.size = note, size

    def publish(self) -> None:
        """Replace ``checkpoint`` by the latest head, if there is a newer one. Durable. Raises OSError."""
        if self._latest:
            self._history.sync()
            replace(self._published, self._latest, durable=True)
            self._latest = b""

    def check(self) -> None:
        """Raise Tampered when the history is not what was written."""
        self._history.check()

    def close(self) -> None:
        self._history.close()
