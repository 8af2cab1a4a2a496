"""Cuts the beginning of a log: what may go, and how it goes. Whole bundles only, oldest first.

A bundle may go when every record in it is older than asked, no intent in it waits for its outcome, it is under a
published head, and nobody counts persons by it any more. First the signed note ``pruned`` stands on stable storage,
then files go; a crash in between is finished at the next start. A legal hold (the file ``hold``) stops all of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.log import bundles, layout
from gateway.audit.log.proof import Tiles
from gateway.audit.log.pruned import Pruned
from gateway.audit.log.reader import comparable

_TIME = re.compile(rb'"time":"([0-9TZ:.-]{20,32})"')
_COUNTED = b'"type":"policy.subjects"'
_TILE_LEVELS = 8


@dataclass(frozen=True)
class Cut:
    """What may go: everything below record ``first``. ``newest`` is the time of the last of it; empty: nothing."""

    first: int
    newest: str = ""


def plan(folder: Path, begin: int, end: int, before: str) -> Cut:
    """Return how much of a log may go. Reads the bundles that may, and one more.

    Args:
        begin: the first record that is here.
        end: no record from here on may go.
        before: RFC 3339 in UTC; records of that time and younger stay.

    Raises:
        OSError: a bundle cannot be read.
    """
    before = comparable(before)
    first, newest = begin // layout.BUNDLE_RECORDS, ""
    while (first + 1) * layout.BUNDLE_RECORDS <= end:
        raw = bundles.read(folder, first)
        times = [_time(frame.data) for frame in layout.frames(raw or b"")]
        if not all(times) or max(times, default="~") >= before or _still_counts(raw or b"", before):
            break
        first, newest = first + 1, max(times)
    return Cut(first * layout.BUNDLE_RECORDS, newest)


def _time(record: bytes) -> str:
    """Return a record's own time: the last that stands in it, since nothing with a time follows in canonical order."""
    found = _TIME.findall(record)
    return comparable(found[-1].decode()) if found else ""


def _still_counts(raw: bytes, before: str) -> bool:
    """Whether persons are counted in it for a calendar year that has not ended at ``before``."""
    return any(_COUNTED in frame.data and _time(frame.data)[:4] >= before[:4] for frame in layout.frames(raw))


def beginning(folder: Path, first: int) -> Pruned:
    """Return the beginning of a log that is cut at ``first``, from its hash tiles. Raises OSError, ValueError."""
    tiles, roots, start = Tiles(folder), [], 0
    for level in range(first.bit_length() - 1, -1, -1):
        if first >> level & 1:
            roots.append(tiles.root(start, start + (1 << level)))
            start += 1 << level
    return Pruned(first, tuple(roots))


def clear(folder: Path, first: int) -> None:
    """Take away the bundles and hash tiles that lie wholly below record ``first``. Raises OSError."""
    if not first:
        return
    for base in (folder / "tile").iterdir():
        level = 0 if base.name == "entries" else int(base.name)
        records = layout.BUNDLE_RECORDS << (_TILE_LEVELS * level)
        for path in [path for path in base.rglob("*") if path.is_file()]:
            index = layout.bundle_index(path, base)
            if index is not None and (index + 1) * records <= first:
                path.unlink()
        for emptied in sorted((path for path in base.rglob("*") if path.is_dir()), reverse=True):
            if not any(emptied.iterdir()):
                emptied.rmdir()
