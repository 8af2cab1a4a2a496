"""Which rows of a block have a word: sets of positions as integers, one bit each, and how they are kept on disk.

On disk few positions are a list (two bytes each), many are a bitmap; before either stand its form and a CRC-32 of it,
so that a damaged set is noticed and never answers a search.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Sequence

BLOCK_ROWS = 16_384
"""Rows of a full block. Positions fit into two bytes."""

_BITMAP_BYTES = BLOCK_ROWS // 8
_LIST, _BITMAP = 0, 1
_HEAD_BYTES = 5


class Damaged(Exception):
    """A part of the index is not what was written."""


def pack(positions: Sequence[int]) -> bytes:
    """Return ascending positions as they stand on disk."""
    if 2 * len(positions) < _BITMAP_BYTES:
        return _sealed(_LIST, array("H", positions).tobytes())
    return _sealed(_BITMAP, _bitmap(positions))


def unpack(data: bytes) -> int:
    """Return the set that :func:`pack` wrote. Raises Damaged."""
    body = data[_HEAD_BYTES:]
    if len(data) < _HEAD_BYTES or zlib.crc32(body) != int.from_bytes(data[1:_HEAD_BYTES], "little"):
        raise Damaged("a set of rows is damaged")
    if data[0] == _BITMAP:
        return int.from_bytes(body, "little")
    return int.from_bytes(_bitmap(array("H", body)), "little")


def set_of(positions: Sequence[int]) -> int:
    """Return a set of ascending positions, of any number."""
    return int.from_bytes(_bitmap(positions, positions[-1] // 8 + 1 if positions else 0), "little")


def between(first: int, end: int) -> int:
    """Return the set of ``first`` to ``end``, the end not included."""
    return (1 << end) - (1 << first) if end > first else 0


def ascending(rows: int) -> Iterator[int]:
    """Yield the positions of a set, the first one first."""
    while rows:
        low = rows & -rows
        yield low.bit_length() - 1
        rows ^= low


def descending(rows: int) -> Iterator[int]:
    """Yield the positions of a set, the last one first."""
    while rows:
        position = rows.bit_length() - 1
        yield position
        rows ^= 1 << position


def _sealed(form: int, body: bytes) -> bytes:
    return bytes((form,)) + zlib.crc32(body).to_bytes(4, "little") + body


def _bitmap(positions: Sequence[int], size: int = _BITMAP_BYTES) -> bytes:
    rows = bytearray(size)
    for position in positions:
        rows[position >> 3] |= 1 << (position & 7)
    return bytes(rows)
