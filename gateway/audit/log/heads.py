"""The signed heads of one log: every one in ``checkpoints``, the latest published as ``checkpoint``.

A head is appended to the history first, and the history is synced before the head is published: so a published head
that the history lacks means that the history was cut.

Which keys sign a head is a matter of its size: a record says that a key follows another, and every head that covers
that record is signed by the new one.
"""

from __future__ import annotations

from collections import deque
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
        self._signers = deque([(0, signer)])
        self._history = GrowingFile(folder / layout.HISTORY, disk, size=history_bytes)
        self._published = folder / layout.CHECKPOINT
        self._latest = b""
        self.size = size

    def follow(self, size: int, signer: Signer) -> None:
        """Let heads of ``size`` records and more be signed by ``signer``. May be called from any thread."""
        self._signers.append((size, signer))

    def append(self, size: int, root: bytes) -> None:
        """Sign the head of a tree that is on stable storage, and append it. Raises OSError."""
        while len(self._signers) > 1 and self._signers[1][0] <= size:
            self._signers.popleft()
        note = self._signers[0][1].sign(size, root)
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
