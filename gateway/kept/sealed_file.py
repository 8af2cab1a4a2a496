"""A large file on disk, sealed in chunks, so that none of it need lie in memory as a whole, nor readable on the disk.

Layout: chunks of :data:`CHUNK_BYTES` of content, each AES-256-GCM under the file's own random key with the number of
the chunk as nonce (a key seals one file, once); the last one says so in its additional data, so that a file which was
cut off, put in another order or put together from two is told from a whole one (the STREAM construction, Hoang,
Reyhanitabar, Rogaway, Vizar 2015)::

    with SealedWriter(path, key) as writer:
        writer.write(b"…")
        writer.close()
    b"".join(chunks_of(path, key))
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.durable import sync_folder

KEY_BYTES = 32
CHUNK_BYTES = 256 * 1024
_TAG_BYTES = 16
_MORE, _LAST = b"more", b"last"


class Damaged(ValueError):
    """The file is not as it was written."""


class SealedWriter:
    """Writes one file. What is not closed has no end, and is no file to a reader.

    Raises:
        OSError: there is one of that name, or the disk failed.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._aead = AESGCM(key)
        self._waiting = bytearray()
        self._number = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self.size = 0  # bytes of content

    def write(self, content: bytes) -> None:
        self._waiting += content
        self.size += len(content)
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), _MORE)
            del self._waiting[:CHUNK_BYTES]

    def close(self) -> None:
        """End the file. MUST NOT return before it is on stable storage. Raises OSError."""
        self._seal(bytes(self._waiting), _LAST)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sync_folder(self._path.parent)

    def drop(self) -> None:
        """Take away what was written. Safe after :meth:`close`, too."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _seal(self, content: bytes, which: bytes) -> None:
        self._file.write(self._aead.encrypt(_nonce(self._number), content, which))
        self._number += 1


def chunks_of(path: Path, key: bytes) -> Iterator[bytes]:
    """Yield the content, chunk by chunk. What was yielded before an error is as it was written.

    Raises:
        Damaged: it is not as it was written. OSError: it cannot be read.
    """
    aead, number = AESGCM(key), 0
    with path.open("rb") as file:
        sealed = file.read(CHUNK_BYTES + _TAG_BYTES)
        while True:
            after = file.read(CHUNK_BYTES + _TAG_BYTES)
            try:
                yield aead.decrypt(_nonce(number), sealed, _MORE if after else _LAST)
            except InvalidTag as error:
                raise Damaged(f"chunk {number} is not as it was written") from error
            if not after:
                return
            sealed, number = after, number + 1


def lines_of(path: Path, key: bytes, most_bytes: int) -> Iterator[bytes]:
    """Yield the lines of the content, without their ends; a line that is longer than ``most_bytes`` is cut off there.

    Raises as :func:`chunks_of`.
    """
    rest = bytearray()
    cut = False  # whether the line at hand is too long, and was told
    for chunk in chunks_of(path, key):
        rest += chunk
        *whole, last = rest.split(b"\n")
        for line in whole:
            if not cut:
                yield bytes(line[: most_bytes + 1])
            cut = False
        rest = bytearray(last)
        if len(rest) > most_bytes:
            if not cut:
                yield bytes(rest[: most_bytes + 1])
            cut, rest = True, bytearray()
    if rest and not cut:
        yield bytes(rest)


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
