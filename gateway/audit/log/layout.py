"""Where everything of one log lies, and how records are framed: C2SP ``tlog-tiles``. Opens no file.

One log is one folder, ``<data_dir>/audit/<site>/<node>/<worker>/<retention class>/``::

    checkpoint            the latest signed head, replaced whole
    checkpoints           every signed head, appended; an empty line after each
    pruned                signed: the first record that is still here, and the roots of what came before it
    hold                  why nothing may be pruned, while there is a legal hold
    witnesses.jsonl       heads that were seen elsewhere, one a line
    tile/entries/x001/234 256 records ("entry bundle"), each after its length in 2 bytes, big-endian
    tile/entries/….gz     the same once it is full, under a signed head, and was packed
    tile/0/x001/234       their leaf hashes, 32 bytes each
    tile/1/004            one hash for each full tile of the level below, and so on
    sizes                 plain length in bytes of every full bundle from the first on, 8 bytes each, big-endian
    packing               a bundle that is being packed
    open                  signed: no intent below this sequence still lacks its outcome
    lock                  held by the one writer
    reserve               space that is given back when the disk is full

The **entry bundles are the truth**: records are appended to the last one in place, it is final at 256, and its records
are never written twice. Everything else but the checkpoint files and ``pruned`` can be made again from them. Canonical
JSON has no raw control characters, so ``grep -a`` works on a plain bundle, ``zgrep -a`` on a packed one. Hashes are of
records, so packing changes none. What lies below ``pruned`` is gone, but for ``sizes`` and those tiles that reach
beyond. Partial tiles differ from ``tlog-tiles`` in one point: they have
their final name from the start, and grow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BUNDLE_RECORDS = 256
HASH_BYTES = 32
LENGTH_BYTES = 2
MOST_RECORD_BYTES = 60 * 1024
CHECKPOINT = "checkpoint"
HISTORY = "checkpoints"
PRUNED = "pruned"
HOLD = "hold"
WITNESSES = "witnesses.jsonl"
PACKING = "packing"
PACKED = ".gz"

_SIGNATURE = "\u2014 ".encode()
_length = struct.Struct(">H")


@dataclass(frozen=True)
class Frame:
    """One record in a bundle. ``offset`` is where its length stands; ``data`` its canonical JSON."""

    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + LENGTH_BYTES + len(self.data)


def tile_path(level: int | str, index: int) -> str:
    """Return a tile's path: ``tile_path("entries", 1234067)`` is ``tile/entries/x001/x234/067``."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03d}")
    return "/".join(("tile", str(level), *parts))


def tile_index(path: Path, base: Path) -> int | None:
    """Return the index of a tile file below ``base``, ``None`` when it is not named as a tile is."""
    parts = path.relative_to(base).parts
    digits = [part.removeprefix("x") for part in parts]
    if not all(len(part) == 3 and part.isdecimal() and part.isascii() for part in digits):
        return None
    index = int("".join(digits))
    return index if (base / Path(*parts)) == base / Path(*Path(tile_path("-", index)).parts[2:]) else None


def frame(data: bytes) -> bytes:
    """Return a record as it stands in a bundle."""
    return _length.pack(len(data)) + data


def frames(bundle: bytes) -> Iterator[Frame]:
    """Yield the whole records of a bundle; stops before the first one that is cut off or has no length."""
    offset = 0
    while offset + LENGTH_BYTES <= len(bundle):
        (length,) = _length.unpack_from(bundle, offset)
        end = offset + LENGTH_BYTES + length
        if not 0 < length <= MOST_RECORD_BYTES or end > len(bundle):
            return
        yield Frame(offset, bundle[offset + LENGTH_BYTES : end])
        offset = end


def notes(history: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield ``(offset, note)`` of a checkpoint history; what follows the last whole note is not yielded.

    A note ends with the empty line after a signature line. So a damaged one costs itself, or the next one too, and not
    all that follow.
    """
    start = offset = 0
    while (end := history.find(b"\n\n", offset)) >= 0:
        last_line = history[history.rfind(b"\n", start, end) + 1 : end]
        if last_line.startswith(_SIGNATURE):
            yield start, history[start : end + 1]
            start = end + 2
        offset = end + 2


def bundle_index(path: Path, base: Path) -> int | None:
    """Return the index of an entry bundle below ``base``, plain or packed; ``None`` when it is not named as one."""
    return tile_index(path.with_name(path.name.removesuffix(PACKED)), base)


def bundle_indexes(folder: Path) -> list[int]:
    """Return the indexes of all bundles that exist, plain or packed, in order."""
    base = folder / "tile" / "entries"
    found = {bundle_index(path, base) for path in base.rglob("*") if path.is_file()}
    return sorted(index for index in found if index is not None)
