"""The records on disk and the tree over them: append, sync, check. Not safe for use by several threads at once.

Order that everything rests on: a record is in its bundle before it is in the tree; a bundle is synced, and the folder
that names it, before its records count as durable; hash tiles are in their files before a checkpoint covers them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.audit.log import layout
from gateway.audit.log.disk import Disk, sync_files
from gateway.audit.log.growing import GrowingFile
from gateway.audit.log.merkle import CompactRange, leaf_hash
from gateway.audit.log.sealed import SealedBundles
from gateway.audit.log.tile_watch import TileWatch
from gateway.audit.log.tiles import BundleSizes, HashTiles
from gateway.durable import sync_folder


@dataclass
class Tail:
    """Where a log stands: what :mod:`gateway.audit.log.recovery` found.

    ``sizes`` are the plain lengths of all full bundles, of which ``first`` were pruned; ``bytes`` is the length of the
    one after them.
    """

    tiles: HashTiles
    tree: CompactRange = field(default_factory=CompactRange)
    sizes: list[int] = field(default_factory=list)
    bytes: int = 0
    first: int = 0


@dataclass(frozen=True)
class Batch:
    """What is to be synced in one go."""

    files: list[GrowingFile]
    folders: list[Path]


class Journal:
    """Entry bundles and hash tiles of one log folder, whose lock the caller holds."""

    def __init__(self, folder: Path, tail: Tail, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._tree = tail.tree
        self._tiles = tail.tiles
        self._sizes = tail.sizes
        self._sizes_file = BundleSizes(folder)
        self._leaves: list[bytes] = []
        self._full: list[GrowingFile] = []  # to be synced once more, then closed
        self._folders: list[Path] = []
        self.watch = SealedBundles(folder, tail.first, tail.sizes, tail.tiles.roots)
        self.tile_watch = TileWatch(folder, tail.tiles, tail.first)
        self._bundle: GrowingFile | None = None
        if tail.bytes:
            self._bundle = GrowingFile(self._path(len(tail.sizes)), disk, size=tail.bytes)

    @property
    def size(self) -> int:
        """Records written: also the sequence of the next one."""
        return self._tree.size

    @property
    def sealed(self) -> int:
        """How many full bundles there are."""
        return len(self._sizes)

    def append(self, data: bytes) -> None:
        """Write one record. It is the kernel's when this returns. Raises OSError, and then nothing was written."""
        bundle = self._bundle or self._new_bundle()
        bundle.append(layout.frame(data))
        leaf = leaf_hash(data)
        self._tree.append(leaf)
        self._leaves.append(leaf)
        if self._tree.size % layout.BUNDLE_RECORDS == 0:
            self._sizes.append(bundle.size)
            self._full.append(bundle)
            self._bundle = None

    def take(self) -> Batch:
        """Return what is to be synced for everything up to now."""
        files, folders = self._full, self._folders
        self._full, self._folders = [], []
        if self._bundle:
            files = [*files, self._bundle]
        return Batch(files, folders)

    @staticmethod
    def sync(batch: Batch) -> None:
        """Put a batch on stable storage: data, then names. Touches nothing that :meth:`append` does. Raises OSError."""
        for file in batch.files if len(batch.files) > 1 else ():  # a bundle became full: one commit, not one for each
            file.begin_writing()
        for file in batch.files:
            file.sync()
        for folder in batch.folders:
            sync_folder(folder)

    def settle(self, batch: Batch) -> None:
        """After the sync: check the synced files against what was written, and close the full ones. Raises Tampered."""
        for file in batch.files:
            file.check()
            if file is not self._bundle and file not in self._full:
                file.close()

    def head(self) -> tuple[int, bytes, list[bytes]]:
        """Return ``(size, root, leaf hashes since the last call)``."""
        leaves, self._leaves = self._leaves, []
        return self.size, self._tree.root(), leaves

    def write_tiles(self, leaves: list[bytes]) -> None:
        """Write the hash tiles up to a head's leaves. Touches nothing that :meth:`append` does. Raises OSError."""
        for leaf in leaves:
            self._tiles.add(leaf)
        self._tiles.flush()

    def take_tiles(self) -> set[Path]:
        """Return the hash tiles that are to be synced. Not beside :meth:`write_tiles`."""
        return self._tiles.take_unsynced()

    def put_back_tiles(self, paths: set[Path]) -> None:
        """These could not be synced. Not beside :meth:`write_tiles`."""
        self._tiles.put_back(paths)

    def sync_tiles(self, paths: set[Path]) -> None:
        """Put these, and the sizes of bundles that became full, on stable storage. Raises OSError."""
        sync_files(paths)
        self._sizes_file.flush(self._sizes[: self.sealed])

    def check(self) -> None:
        """Compare the current bundle with what was written. Raises Tampered."""
        if self._bundle:
            self._bundle.check()

    def check_tiles(self) -> None:
        """Compare hash tiles and sizes with what was written. Not beside :meth:`write_tiles`. Raises Tampered."""
        self.tile_watch.check()
        self._sizes_file.check()

    def prune(self, bundles: int) -> None:
        """Let go of what is about to be pruned."""
        self.watch.prune(bundles)
        self.tile_watch.prune(bundles)

    def close(self) -> None:
        for file in {id(file): file for file in (*self._full, *([self._bundle] if self._bundle else []))}.values():
            file.close()
        self._full, self._bundle = [], None

    def _path(self, index: int) -> Path:
        return self._folder / layout.tile_path("entries", index)

    def _new_bundle(self) -> GrowingFile:
        path = self._path(self.sealed)
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
            self._folders.extend((path.parent.parent, path.parent.parent.parent))
        self._bundle = GrowingFile(path, self._disk)
        self._folders.append(path.parent)
        return self._bundle
