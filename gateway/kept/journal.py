"""What came of each line of a batch, on disk: frames that are only ever appended, each sealed.

Layout of a frame: four bytes, big-endian, the length of the rest; a nonce of 12 bytes; AES-256-GCM of JSON, with the
batch and the number of the frame as additional data. A process that is killed leaves the last frame whole or cut off;
a cut one is taken away when the journal is opened, and its line counts as never run.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.durable import sync_folder
from gateway.kept.sealed_file import Damaged

_LENGTH_BYTES, _NONCE_BYTES = 4, 12


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of one line. ``result`` is the line for the output file, or for the error file where it is not ok."""

    line: int
    ok: bool
    result: dict[str, Any]
    persons: tuple[str, ...] = ()  # names, for keys, of those whom the line speaks of
    days: int = 0  # for how long it may be kept; 0: as long as any file
    locked: bytes = b""  # result and persons, sealed under their keys: :mod:`gateway.kept.outcome_lock`


class Journal:
    """The journal of one batch. One writer at a time; every method blocks.

    A task that is cancelled leaves its thread behind, so an append may outlive who asked for it: closing waits for it,
    and nothing is written after.

    Raises:
        Damaged: a frame before the last one is not as it was written. OSError.
    """

    def __init__(self, path: Path, key: bytes, batch_id: str) -> None:
        self._path = path
        self._aead = AESGCM(key)
        self._batch_id = batch_id
        self.done: set[int] = set()
        self.completed = self.failed = self._frames = 0
        end = 0
        for at, outcome in self._read():
            end = at
            self._note(outcome)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(descriptor, end)
        os.lseek(descriptor, 0, os.SEEK_END)
        self._descriptor: int | None = descriptor
        self._writing = threading.Lock()
        sync_folder(path.parent)

    def append(self, outcome: Outcome) -> None:
        """MUST NOT return before the outcome is on stable storage.

        Raises:
            OSError: it is not, or the journal is closed.
        """
        with self._writing:
            if self._descriptor is None:
                raise OSError(errno.EBADF, "the journal is closed")
            nonce = secrets.token_bytes(_NONCE_BYTES)
            sealed = nonce + self._aead.encrypt(nonce, msgspec.json.encode(outcome), self._about(self._frames))
            frame = len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed
            try:
                while frame:
                    frame = frame[os.write(self._descriptor, frame) :]
                os.fdatasync(self._descriptor)
            except BaseException:
                self._close()  # opening takes half a frame away; one more behind it would be damage
                raise
            self._note(outcome)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what came of the lines that are done, in the order in which they were."""
        for _, outcome in self._read():
            yield outcome

    def close(self) -> None:
        with self._writing:
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _note(self, outcome: Outcome) -> None:
        self._frames += 1
        self.done.add(outcome.line)
        self.completed += outcome.ok
        self.failed += not outcome.ok

    def _read(self) -> Iterator[tuple[int, Outcome]]:
        """Yield where each whole frame ends, and what it says."""
        if not self._path.exists():
            return
        size, end, number = self._path.stat().st_size, 0, 0
        with self._path.open("rb") as file:
            while len(head := file.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
                length = int.from_bytes(head, "big")
                if end + _LENGTH_BYTES + length > size:
                    return
                sealed = file.read(length)
                end += _LENGTH_BYTES + length
                try:
                    nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
                    plain = self._aead.decrypt(nonce, body, self._about(number))
                except (InvalidTag, ValueError) as error:
                    if end == size:  # a power cut may leave the length, and not all of what it speaks of
                        return
                    raise Damaged(f"frame {number} is not as it was written") from error
                yield end, msgspec.json.decode(plain, type=Outcome)
                number += 1

    def _about(self, number: int) -> bytes:
        return f"{self._batch_id} {number}".encode()
