"""Searches the logs themselves, record by record: where there is no index, or none that is near enough to their end.

Records come in the order of their logs, the logs merged by time. Where a clock was set back, order follows the log.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.audit.index import source
from gateway.audit.index.blocks import Key
from gateway.audit.index.query import Query
from gateway.audit.index.words import glean
from gateway.audit.log import bundles, layout, reader


class Item(NamedTuple):
    """A record that matches; without bytes, only how far the search is. ``read`` is what it took, in records."""

    key: Key
    data: bytes
    read: int


def scan(folders: dict[str, Path], query: Query, after: Key | None = None) -> Iterator[Item]:
    """Yield the records that match, and, about every 256 records, an item without bytes. Raises OSError.

    Args:
        folders: logs by name.
    """
    logs = (_log(name, folder, query, after) for name, folder in folders.items())
    yield from heapq.merge(*logs, key=lambda item: item.key, reverse=not query.oldest_first)


def _log(name: str, folder: Path, query: Query, after: Key | None) -> Iterator[Item]:
    for index in _bundles(folder, query.oldest_first):
        frames = list(enumerate(source.split(bundles.read(folder, index) or b"")))
        if after and frames and not any(is_behind(key, after, query) for key in _ends(name, index, frames)):
            continue
        last: Key | None = None
        for number, data in frames if query.oldest_first else reversed(frames):
            seen = glean(data)
            if seen is None:
                continue
            last = Key(seen.time_us, name, index * layout.BUNDLE_RECORDS + number)
            if is_behind(last, after, query) and query.matches(seen, data):
                yield Item(last, data, 0)
        if last is not None and is_behind(last, after, query):
            yield Item(last, b"", len(frames))


def _ends(name: str, index: int, frames: list[tuple[int, bytes]]) -> Iterator[Key]:
    """Yield the first and the last record of a bundle."""
    for number, data in (frames[0], frames[-1]):
        seen = glean(data)
        yield Key(seen.time_us if seen else 0, name, index * layout.BUNDLE_RECORDS + number)


def _bundles(folder: Path, oldest_first: bool) -> Iterator[int]:
    """Yield the bundles of a log in order; forward, those that come meanwhile too."""
    first = reader.first_record(folder) // layout.BUNDLE_RECORDS
    if not oldest_first:
        yield from range(max(0, source.size_of(folder) - 1) // layout.BUNDLE_RECORDS, first - 1, -1)
        return
    while bundles.plain_path(folder, first).exists() or bundles.packed_path(folder, first).exists():
        yield first
        first += 1


def is_behind(key: Key, after: Key | None, query: Query) -> bool:
    """Whether a record comes behind another one in the order of a query."""
    return after is None or (key > after if query.oldest_first else key < after)
