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
from gateway.audit.log.disk import Disk, SyncFailed, replace
from gateway.audit.log.growing import GrowingFile, Tampered
from gateway.audit.log.note import Signer


class Heads:
    """Appends and publishes checkpoints. Not safe for use by several threads at once.

    Args:
        history_bytes: length of the history so far.
        size: tree size of its last checkpoint.
        published: tree size of the published one.
        unpublished: the last checkpoint, where it is not published: the next :meth:`publish` does it.
    """

    def __init__(
        self,
        folder: Path,
        signer: Signer,
        disk: Disk,
        *,
        history_bytes: int,
        size: int,
        published: int = 0,
        unpublished: bytes = b"",
    ) -> None:
        self._signers = deque([(0, signer)])
        self._history = GrowingFile(folder / layout.HISTORY, disk, size=history_bytes)
        self._published = folder / layout.CHECKPOINT
        self._latest, self._shown = unpublished, b""
        self.size, self.published = size, published

    def follow(self, size: int, signer: Signer) -> None:
        """Let heads of ``size`` records and more be signed by ``signer``. May be called from any thread."""
        self._signers.append((size, signer))

    def try_signing(self) -> None:
        """Return when every key signs that signs now. Raises KeySilent."""
        self._signers[-1][1].try_all()

    def append(self, size: int, root: bytes) -> None:
        """Sign the head of a tree that is on stable storage, and append it. Raises OSError."""
        while len(self._signers) > 1 and self._signers[1][0] <= size:
            self._signers.popleft()
        note = self._signers[0][1].sign(size, root)
        self._history.append(note + b"\n")
        self._latest, self.size = note, size

    @property
    def latest(self) -> tuple[int, bytes]:
        """Size and note of the last head that was appended; to be taken when nothing is appended."""
        return self.size, self._latest

    def publish(self, latest: tuple[int, bytes]) -> None:
        """Replace ``checkpoint`` by that head, unless it is there already. Durable. May go beside :meth:`append`.

        Raises:
            SyncFailed: the history may not be on stable storage. OSError: it is not published.
        """
        size, note = latest
        if note and note != self._shown:
            try:
                self._history.sync()
            except OSError as error:
                raise SyncFailed(error.errno, error.strerror) from error
            replace(self._published, note, durable=True)
            self._shown, self.published = note, size

    def check(self) -> None:
        """Raise Tampered when the history, or the published head, is not what was written. Not beside the others."""
        self._history.check()
        if self._shown and (not self._published.exists() or self._published.read_bytes() != self._shown):
            raise Tampered(f"{self._published.name} is not the head that was published")

    def close(self) -> None:
        self._history.close()
