"""Brings a file to a node in ranges, from where the last attempt ended; the node hashes the whole before it counts.

A range is as long as half a second takes on that link, so that the node's answers to them are signs of life also on a
slow one, and no cut costs more than that. One file goes once at a time, whoever wants it. ::

    pusher = Pusher(link)
    await pusher.push(digest, path)   # returns when it is whole there
    pusher.progress                   # {digest: (bytes there, bytes in all)}
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.errors import SetupError

LEAST_BYTES, MOST_BYTES = 64 * 1024, 16 * 1024 * 1024
_AIM_SECONDS = 0.5
_FIRST_BYTES = 1024 * 1024


class Took(Protocol):
    @property
    def held(self) -> int: ...

    @property
    def whole(self) -> bool: ...


class Files(Protocol):
    """What this needs of a link to a node."""

    def held(self, digest: str) -> Awaitable[tuple[int, bool]]: ...

    def put(self, digest: str, offset: int, total: int, piece: bytes) -> Awaitable[Took]: ...


def next_bytes(length: int, seconds: float) -> int:
    """Return how long the next range is to be, when one of ``length`` bytes took so long; at most twice as long."""
    wanted = length * _AIM_SECONDS / max(seconds, 1e-6)
    return int(min(MOST_BYTES, 2 * length, max(LEAST_BYTES, wanted)))


class Pusher:
    """Pushes files to one node.

    Args:
        what: what a file is, for messages; ``mend``: what to do when it cannot be brought.
    """

    def __init__(
        self,
        files: Files,
        clock: Callable[[], float] = time.monotonic,
        *,
        what: str = "file of a model",
        mend: str = "Run: sekisho models verify",
    ) -> None:
        self._what, self._mend = what, mend
        self._files = files
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.progress: dict[str, tuple[int, int]] = {}
        self.sent_bytes = 0

    async def push(self, digest: str, path: Path) -> None:
        """Bring a file there; does nothing where it is whole.

        Raises:
            SetupError: the file cannot be read here.
            NodeAway, NodeRefused: as the link; what is there stays, and the next push goes on behind it.
        """
        async with self._locks[digest]:
            held, whole = await self._files.held(digest)
            if whole:
                return
            try:
                with path.open("rb") as file:
                    await self._send(digest, file, os.fstat(file.fileno()).st_size, held)
            except OSError as error:
                problem = f"The {self._what} cannot be read ({error.strerror}): {path}."
                raise SetupError(problem, self._mend) from error
            finally:
                self.progress.pop(digest, None)

    async def _send(self, digest: str, file: BinaryIO, total: int, held: int) -> None:
        length, whole = _FIRST_BYTES, False
        while not whole:
            self.progress[digest] = (held, total)
            file.seek(held)
            piece = await asyncio.to_thread(file.read, min(length, total - held))
            if not piece:  # all is there, and it does not count: it is another file than was announced
                raise SetupError(f"A pushed {self._what} did not become whole.", self._mend)
            began = self._clock()
            took = await self._files.put(digest, held, total, piece)
            length = next_bytes(len(piece), self._clock() - began)
            self.sent_bytes += len(piece)
            held, whole = held + len(piece), took.whole
            if not whole and took.held != held:
                raise SetupError("The node does not count what it is sent.", "Look at its service, and update it.")
