"""A disk that fails as a test wants."""

from __future__ import annotations

import os
import threading

from gateway.audit.log.disk import Disk


class BadDisk(Disk):
    """A disk that does as told: ``write_error`` and ``sync_error`` are error numbers, or 0; ``go`` lets syncs go on."""

    def __init__(self) -> None:
        self.write_error = self.sync_error = 0
        self.go = threading.Event()
        self.go.set()

    def append(self, descriptor: int, data: bytes, at: int) -> None:
        if self.write_error:
            raise OSError(self.write_error, os.strerror(self.write_error))
        super().append(descriptor, data, at)

    def sync(self, descriptor: int) -> None:
        self.go.wait()
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        super().sync(descriptor)
