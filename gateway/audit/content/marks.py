"""Marks of items in which others than those they hang on may be named, and in which nobody has looked for them yet.

``data_dir/content/unsearched/<item>.mark``, an empty file, is there before its item is, and goes when the item was
searched, or is destroyed. Beside it may lie what a process left that was killed while it sealed the item anew:
``<item>.new`` and ``<item>.old``. Whoever works on a mark holds a lock on it; the kernel lets go of that with the
process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.durable import overwrite, sync_folder

_MARK = ".mark"


class Marks:
    """The marks of one side store. Every method blocks; several threads and processes may work on it at once.

    Args:
        folder: made with the first mark.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mark(self, item: str) -> None:
        """Make an item's mark. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(self._place(item), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def sync(self) -> None:
        """Put marks that were made on stable storage. Raises OSError."""
        sync_folder(self.folder)

    def remove(self, item: str) -> None:
        """Take an item's mark away, where it has one. Raises OSError."""
        self._place(item).unlink(missing_ok=True)

    def has(self, item: str) -> bool:
        return self._place(item).exists()

    def waiting(self) -> list[str]:
        """Return the items that have one, oldest first: they are named by when they were made."""
        return sorted(name.removesuffix(_MARK) for name in self._names() if name.endswith(_MARK))

    def age_seconds(self, item: str) -> float:
        """Return for how long an item has had its mark; 0 where it has none."""
        try:
            return max(0.0, datetime.now(UTC).timestamp() - self._place(item).stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def hold(self, item: str) -> int | None:
        """Return a descriptor whose lock keeps others from working on this mark; ``None``: it is gone, or held."""
        try:
            descriptor = os.open(self._place(item), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.has(item):
                return descriptor
        except BlockingIOError:
            pass
        os.close(descriptor)
        return None

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """While inside, no key is destroyed by an erasure. For as long as one item takes to be sealed."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def erasing(self) -> Iterator[None]:
        """While inside, no item is sealed under further keys. Waits for those that are just being sealed."""
        if not self.folder.is_dir():
            yield
            return
        with self._locked(fcntl.LOCK_EX):
            yield

    def beside(self, item: str) -> tuple[Path, Path]:
        """Return where an item is sealed anew, and what holds its earlier bytes until they are written over."""
        return self.folder / f"{item}.new", self.folder / f"{item}.old"

    def clear(self, item: str, path: Path) -> None:
        """Take away what a killed process left beside a mark; ``path`` is the item, which stays. Raises OSError."""
        for left in self.beside(item):
            if left.exists():
                if not (path.exists() and left.samefile(path)):
                    overwrite(left, left.stat().st_size)
                left.unlink()

    def left(self) -> list[str]:
        """Return the items of which something lies here, and no mark: they were destroyed while they were sealed."""
        names = self._names()
        marked = {name.removesuffix(_MARK) for name in names if name.endswith(_MARK)}
        return sorted({name.partition(".")[0] for name in names if name.endswith((".new", ".old"))} - marked)

    def _locked(self, how: int) -> _Lock:
        return _Lock(self.folder / "lock", how)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return []

    def _place(self, item: str) -> Path:
        return self.folder / (item + _MARK)


class _Lock:
    def __init__(self, path: Path, how: int) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, how)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
