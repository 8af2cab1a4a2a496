"""Entry bundles as readers see them: plain while they grow, gzip once they were sealed, and the same bytes either way.

A sealed bundle's gzip is on stable storage before the plain file goes, so a reader that finds no plain file finds the
other. What unpacks to more than a bundle can hold, or not wholly, is damaged, never cut short in silence.
"""

from __future__ import annotations

import errno
import gzip
import zlib
from pathlib import Path

from gateway.audit.log import layout

MOST_BYTES = layout.BUNDLE_RECORDS * (layout.LENGTH_BYTES + layout.MOST_RECORD_BYTES)
"""No bundle is longer than this when it is plain."""

_LEVEL = 6
_GZIP = 31  # zlib's window bits for gzip with its header and trailer
_TRAILER_BYTES = 4  # ISIZE, RFC 1952 2.3.1: length of what was packed


def plain_path(folder: Path, index: int) -> Path:
    """Return where a bundle lies while it grows, and until it was packed."""
    return folder / layout.tile_path("entries", index)


def packed_path(folder: Path, index: int) -> Path:
    """Return where a sealed bundle lies once it was packed."""
    path = plain_path(folder, index)
    return path.with_name(path.name + layout.PACKED)


def read(folder: Path, index: int, most: int = MOST_BYTES) -> bytes | None:
    """Return a bundle's plain bytes, or the first ``most`` of them; ``None`` when it is not there.

    Raises:
        OSError: it cannot be read, or (EBADMSG) its gzip is damaged.
    """
    try:
        with plain_path(folder, index).open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        path = packed_path(folder, index)
    try:
        return unpack(path, most)
    except FileNotFoundError:
        return None


def pack(plain: bytes) -> bytes:
    """Return gzip without name and time: equal bundles make equal files."""
    return gzip.compress(plain, _LEVEL, mtime=0)


def packed_size(path: Path) -> int:
    """Return the plain length that a packed bundle says it has, without unpacking it. Raises OSError."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TRAILER_BYTES))
        return int.from_bytes(file.read(_TRAILER_BYTES), "little")


def unpack(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return what a packed bundle holds. Raises OSError as :func:`read`."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(path.read_bytes(), most + 1)
    except zlib.error as error:
        raise _damaged(path) from error
    if most < MOST_BYTES:
        return plain[:most]
    if not unpacker.eof or unpacker.unused_data or len(plain) > most:
        raise _damaged(path)
    return plain


def _damaged(path: Path) -> OSError:
    return OSError(errno.EBADMSG, "not a whole bundle", str(path))
