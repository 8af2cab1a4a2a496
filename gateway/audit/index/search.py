"""Searching the logs of a data folder: by their index where there is one, else by reading them. Blocks; reads only.

Whichever way it goes, the answer is the same: every record that was in the logs when the search began. What the index
does not have yet is read from the end of the logs; where that is too much, or the index cannot be used, the logs are
read, and the answer says so (``by``).

::

    search = AuditSearch(settings.data / "audit", settings.state / "audit-index")
    page = search.page(Query({"decision": ("denied",)}), limit=100)
    page = search.page(Query({"decision": ("denied",)}), limit=100, after=page.next)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Literal

from gateway.audit.index import bits, find, source, store
from gateway.audit.index.blocks import Key
from gateway.audit.index.build import blocks, log_names, tail
from gateway.audit.index.count import Part, tally
from gateway.audit.index.query import PARTED, Query, cursor, is_kind, place_of
from gateway.audit.index.report import Tally
from gateway.audit.index.scan import Item, is_behind, scan
from gateway.audit.index.words import Pair, Seen, glean
from gateway.audit.log import bundles, layout
from gateway.audit.persons.hidden import hidden

MOST_LOOSE = 8192
"""Records that a search reads from the ends of the logs beside the index; beyond that it reads the logs instead."""

MOST_READ = 50_000
"""Records that one page reads at most, where only they can say if they match; the cursor goes on from there."""

_BUNDLES_KEPT = 8
Spans = list[tuple[find.Span, list[list[int]]]]


@dataclass(frozen=True)
class Page:
    """Records in their canonical bytes, but for pseudonyms of persons, in the order of the query.

    ``next`` is where the next page goes on, empty at the end; a page may be empty and have a next one. ``found`` is how
    many records match in all, ``None`` where that would take reading them. ``note`` says why the logs were read.
    """

    records: list[bytes]
    next: str
    found: int | None
    by: Literal["index", "log"]
    note: str = ""


@dataclass
class _Site:
    """The opened index of one site, and what it lacks."""

    database: sqlite3.Connection
    spans: list[find.Span]
    words: find.Vocabulary
    lacking: list[tuple[str, Seen]]

    def keys(self, query: Query) -> list[Key]:
        """Return the records that may be of the request or decision that a query asks for."""
        found = {Key(seen.time_us, name, seen.sequence) for name, seen in self.lacking if query.may_be(seen)}
        names = log_names(self.database)
        select = "SELECT log, sequence FROM ident WHERE number = ?"
        for log, sequence in self.database.execute(select, (query.numbers[0],)):
            found.add(Key(0, names[log], sequence))
        return list(found)


@dataclass
class _Opened:
    sites: list[_Site]
    folders: dict[str, Path]

    def spans(self, query: Query) -> Spans:
        return [(span, groups) for spans, _, groups in self.parts(query) for span in spans]

    def parts(self, query: Query) -> list[Part]:
        """Return, for each site, its spans, its words, and what the query asks for in them."""
        return [(site.spans, site.words, site.words.wanted(query)) for site in self.sites]


class _NotByIndex(Exception):
    """The logs must be read. ``str()`` is why."""


class AuditSearch:
    """Searches all logs below one audit folder. Safe for use by several threads at once.

    Args:
        audit: the audit folder.
        folder: where the indexes lie, one for each site; it need not exist.
    """

    def __init__(self, audit: Path, folder: Path) -> None:
        self.audit = audit
        self.folder = folder

    def page(self, query: Query, limit: int, after: str = "", *, most_read: int | None = None) -> Page:
        """Return the next records that match.

        Args:
            most_read: in place of :data:`MOST_READ`.

        Raises:
            WrongQuery: ``after`` is not a cursor of this query.
            OSError: a log cannot be read.
        """
        behind = place_of(query, after) if after else None
        most = MOST_READ if most_read is None else most_read
        try:
            with self._opened() as opened:
                found = None if after else self._count(opened, query)
                items = self._items(opened, query, behind)
                records, following = _take(query, items, limit, most)
                return Page(list(map(hidden, records)), following, found, "index")
        except _NotByIndex as why:
            records, following = _take(query, scan(self._folders(), query, behind), limit, most)
            return Page(list(map(hidden, records)), following, None, "log", str(why))

    def records(self, query: Query) -> Iterator[bytes]:
        """Yield all that match, in the order of the query. Raises WrongQuery, OSError."""
        after = ""
        while True:
            page = self.page(query, 1000, after)
            if page.by == "log":  # in one go: each page of it would begin at the log's end again
                behind = place_of(query, after) if after else None
                yield from (hidden(item.data) for item in scan(self._folders(), query, behind) if item.data)
                return
            yield from page.records
            after = page.next
            if not after:
                return

    def count(self, query: Query, progress: Callable[[int], None] | None = None) -> int:
        """Return how many records match; reads them where it must. Raises OSError."""
        if not query.needs_reading:
            with suppress(_NotByIndex), self._opened() as opened:
                return self._count(opened, query) or 0
        count = 0
        for _ in self.records(query):
            count += 1
            if progress and count % 1024 == 0:
                progress(count)
        return count

    def tally(self, query: Query, zone: tzinfo = UTC, progress: Callable[[int], None] | None = None) -> Tally:
        """Return counts of the decisions that match, see :mod:`gateway.audit.index.report`. Raises OSError."""
        if not query.needs_reading:
            with suppress(_NotByIndex), self._opened() as opened:
                return tally(opened.parts(query), query, zone, progress)
        counts = Tally(zone)
        for number, data in enumerate(self.records(query)):
            seen = glean(data)
            if seen is not None:
                counts.add(seen)
            if progress and number % 1024 == 0:
                progress(number)
        return counts

    def on_record(self, query: Query) -> dict[str, Any]:
        """Return the filters of a query as they may be written into the log, see :meth:`Query.on_record`."""
        with suppress(_NotByIndex), self._opened() as opened:
            pairs = ((name, word) for name, words in query.words.items() for word in words)
            known = {pair: True for pair in pairs if any(_knows(site.words, pair) for site in opened.sites)}
            return query.on_record(known)
        return query.on_record({})

    # --- by the index -----------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[_Opened]:
        """Open the index of each site as it is now, and read what it lacks. Raises _NotByIndex, OSError."""
        with ExitStack() as stack:
            opened = _Opened([], self._folders())
            loose = MOST_LOOSE
            try:
                for site in source.sites(self.audit):
                    opened.sites.append(self._open(stack, site, loose))
                    loose -= len(opened.sites[-1].lacking)
                with store.fitness():
                    yield opened
            except store.Trouble as trouble:
                raise _NotByIndex(f"the index cannot be used now ({trouble.strerror})") from trouble
            except (store.Unfit, bits.Damaged) as unfit:
                self._discard()
                raise _NotByIndex(f"the index cannot be used: {unfit}") from unfit

    def _open(self, stack: ExitStack, site: str, most: int) -> _Site:
        try:
            database = store.open_to_read(store.path_of(self.folder, site))
        except store.NoIndex:
            database = store.in_memory()
        stack.callback(database.close)
        with store.fitness():
            database.execute("BEGIN")  # one state of the index for the whole search
            words = find.Vocabulary(database)
            lacking = [(piece.place.name, seen) for piece in self._lacking(database, site, most) for seen in piece.rows]
            loose = find.Loose([*tail(database), *(words.row(name, seen) for name, seen in lacking)])
            return _Site(database, [*blocks(database), loose], words, lacking)

    def _lacking(self, database: sqlite3.Connection, site: str, most: int) -> Iterator[source.Piece]:
        """Yield the records that an index does not have yet. Raises _NotByIndex when these are too many, Unfit."""
        rows = database.execute("SELECT name, next, digest FROM log")
        known = {name: (following, digest) for name, following, digest in rows}
        folders = source.log_folders(self.audit, site)
        if not known.keys() <= folders.keys():
            raise store.Unfit("a log is gone")
        read = 0
        try:
            places = [source.Place(folder, name, *known.get(name, (0, b""))) for name, folder in folders.items()]
            for piece in source.new_pieces(places):
                read += len(piece.rows)
                if read > most:
                    raise _NotByIndex("there is no index yet" if not known else "the index is behind")
                yield piece
        except source.Foreign as log:
            raise store.Unfit(f"the log {log} is not the one that it was made of") from log

    @staticmethod
    def _count(opened: _Opened, query: Query) -> int | None:
        if query.by_id:
            return len(_of_ids(opened, query))
        if query.text:
            return None
        return sum(
            find.matching(span, groups, query).bit_count()
            for span, groups in opened.spans(query)
            if span.count and not find.outside(span, query, None)
        )

    def _items(self, opened: _Opened, query: Query, after: Key | None) -> Iterator[Item]:
        """Yield the records that match; one without bytes where only reading could tell that it does not."""
        if query.by_id:
            yield from (item for item in _of_ids(opened, query) if is_behind(item.key, after, query))
            return
        records = Records(opened.folders)
        for key in find.keys(opened.spans(query), query, after):
            data = records.read(key)
            seen = glean(data) if data else None
            if data is None or seen is None:  # pruned a moment ago
                continue
            if not query.has_words(seen.pairs) or seen.time_us != key.time_us:
                raise bits.Damaged("it names records that do not match")
            yield Item(key, data if not query.text or query.matches(seen, data) else b"", 1)

    def _discard(self) -> None:
        """Throw the indexes away that somebody has damaged: whoever updates them next makes them anew."""
        for site in store.sites(self.folder):
            with suppress(OSError), store.locked(self.folder, site) as free:
                if free:
                    store.remove(store.path_of(self.folder, site))

    def _folders(self) -> dict[str, Path]:
        return {
            name: folder
            for site in source.sites(self.audit)
            for name, folder in source.log_folders(self.audit, site).items()
        }


class Records:
    """Reads single records, and keeps the bundles that it read last."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._kept: dict[tuple[str, int], list[bytes]] = {}

    def read(self, key: Key) -> bytes | None:
        """Return a record's bytes, ``None`` when it is not there. Raises OSError."""
        index, number = divmod(key.sequence, layout.BUNDLE_RECORDS)
        frames = self._kept.get((key.log, index))
        if frames is None:
            if len(self._kept) >= _BUNDLES_KEPT:
                del self._kept[next(iter(self._kept))]
            folder = self._folders.get(key.log)
            raw = bundles.read(folder, index) if folder else None
            frames = self._kept[key.log, index] = source.split(raw or b"")
        return frames[number] if number < len(frames) else None


def _take(query: Query, items: Iterator[Item], limit: int, most_read: int) -> tuple[list[bytes], str]:
    """Return up to ``limit`` records, and where to go on, empty when nothing is left."""
    records: list[bytes] = []
    read, last = 0, None
    for item in items:
        if last and (len(records) == limit or read >= most_read):
            return records, cursor(query, last)
        if item.data:
            records.append(item.data)
        read, last = read + item.read, item.key
    return records, ""


def _of_ids(opened: _Opened, query: Query) -> list[Item]:
    """Return the records of the request or decision that a query asks for, in its order."""
    records, items = Records(opened.folders), dict[tuple[str, int], Item]()
    for key in (key for site in opened.sites for key in site.keys(query)):
        data = records.read(key)
        seen = glean(data) if data else None
        if data and seen and query.matches(seen, data):
            items[key.log, key.sequence] = Item(key._replace(time_us=seen.time_us), data, 1)
    return sorted(items.values(), key=lambda item: item.key, reverse=not query.oldest_first)


def _knows(words: find.Vocabulary, pair: Pair) -> bool:
    name, word = pair
    if name in PARTED:
        return any(is_kind(name, known, word) for known in words.field(name))
    return words.find(pair) is not None
