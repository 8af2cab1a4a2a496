"""Finds rows that have the words of a query: block by block, newest or oldest first, as far as they are asked for."""

from __future__ import annotations

import heapq
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Protocol

from gateway.audit.index import bits
from gateway.audit.index.blocks import Key, Row
from gateway.audit.index.query import PARTED, Query, is_kind
from gateway.audit.index.words import Pair, Seen

_FIRST_LOG = ""  # sorts before every log's name


class Span(Protocol):
    """Rows that are sorted by their keys: a block, or those that are in none yet."""

    first: int
    last: int
    count: int

    @property
    def rows(self) -> int: ...

    def having(self, words: Sequence[int]) -> int: ...

    def key(self, position: int) -> Key: ...

    def before(self, key: Key) -> int: ...


class Loose:
    """Rows that are in no block yet: those of the tail, and those that were only read from the log just now."""

    def __init__(self, rows: list[Row]) -> None:
        rows.sort(key=lambda row: row.key)
        self._keys = [row.key for row in rows]
        self._words = [row.words for row in rows]
        self.count = len(rows)
        self.first = self._keys[0].time_us if rows else 0
        self.last = self._keys[-1].time_us if rows else 0
        self.rows = bits.between(0, self.count)

    def having(self, words: Sequence[int]) -> int:
        if len(words) == 1:
            (word,) = words
            return bits.set_of([position for position, of_row in enumerate(self._words) if word in of_row])
        wanted = set(words)
        return bits.set_of([at for at, of_row in enumerate(self._words) if not wanted.isdisjoint(of_row)])

    def key(self, position: int) -> Key:
        return self._keys[position]

    def before(self, key: Key) -> int:
        return bisect_left(self._keys, key)


class Vocabulary:
    """The words of one index by number; what the log says and the index does not know yet gets a number for now."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._numbers: dict[Pair, int] = {}
        self._new = 1 << 31

    def number(self, pair: Pair) -> int:
        """Return the number of a word, a new one for one that is not known."""
        known = self.find(pair)
        if known is None:
            known = self._numbers[pair] = self._new
            self._new += 1
        return known

    def find(self, pair: Pair) -> int | None:
        """Return the number of a word, ``None`` when it is not known."""
        if pair not in self._numbers:
            row = self._database.execute("SELECT id FROM word WHERE field = ? AND word = ?", pair).fetchone()
            if row is None:
                return None
            self._numbers[pair] = int(row[0])
        return self._numbers[pair]

    def field(self, name: str) -> dict[str, int]:
        """Return all words of a field."""
        stored = dict(self._database.execute("SELECT word, id FROM word WHERE field = ?", (name,)))
        return {**stored, **{word: number for (of, word), number in self._numbers.items() if of == name}}

    def row(self, log: str, seen: Seen) -> Row:
        """Return a record that is not in the index as a row."""
        return Row(Key(seen.time_us, log, seen.sequence), [self.number(pair) for pair in seen.pairs])

    def wanted(self, query: Query) -> list[list[int]]:
        """Return the numbers of the words that a query asks for: one list a field, of which a row must have one."""
        groups = []
        for name, words in query.words.items():
            if name in PARTED:
                known = self.field(name).items()
                groups.append([number for of, number in known if any(is_kind(name, of, word) for word in words)])
            else:
                numbers = (self.find((name, word)) for word in words)
                groups.append([number for number in numbers if number is not None])
        return groups


def matching(span: Span, groups: list[list[int]], query: Query, after: Key | None = None) -> int:
    """Return the rows of a span that match, behind ``after`` in the order of the query. Raises Damaged."""
    found = span.rows & _within(span, query, after)
    for words in sorted(groups, key=len):
        if not found:
            return 0
        found &= span.having(words)
    return found


def _within(span: Span, query: Query, after: Key | None) -> int:
    first, end = 0, span.count
    if query.since_us is not None and query.since_us > span.first:
        first = span.before(Key(query.since_us, _FIRST_LOG, -1))
    if query.until_us is not None and query.until_us <= span.last:
        end = span.before(Key(query.until_us, _FIRST_LOG, -1))
    if after is not None and query.oldest_first:
        first = max(first, span.before(after._replace(sequence=after.sequence + 1)))
    elif after is not None:
        end = min(end, span.before(after))
    return bits.between(first, end)


def outside(span: Span, query: Query, after: Key | None) -> bool:
    """Whether no row of a span can be asked for, as its first and last time tell."""
    low = max(query.since_us or 0, after.time_us if after and query.oldest_first else 0)
    if span.last < low:
        return True
    return (query.until_us is not None and span.first >= query.until_us) or (
        after is not None and not query.oldest_first and span.first > after.time_us
    )


def keys(spans: Sequence[tuple[Span, list[list[int]]]], query: Query, after: Key | None = None) -> Iterator[Key]:
    """Yield the records that match, in the order of the query; looks into a span only when its time has come.

    Args:
        spans: each with what :meth:`Vocabulary.wanted` says in its index.
    """
    sign = 1 if query.oldest_first else -1
    left = [(span, groups) for span, groups in spans if span.count and not outside(span, query, after)]
    left.sort(key=lambda one: sign * (one[0].first if query.oldest_first else one[0].last), reverse=True)
    heap: list[_Head] = []
    while left or heap:
        while left and (not heap or _may_begin(left[-1][0], heap[0].key, query)):
            span, groups = left.pop()
            head = _Head(span, matching(span, groups, query, after), query.oldest_first)
            if head.step():
                heapq.heappush(heap, head)
        if heap:
            head = heap[0]
            yield head.key
            if head.step():
                heapq.heapreplace(heap, head)
            else:
                heapq.heappop(heap)


def _may_begin(span: Span, key: Key, query: Query) -> bool:
    """Whether a span may have a row that comes before, or with, a key."""
    return span.first <= key.time_us if query.oldest_first else span.last >= key.time_us


class _Head:
    """The next row of one span."""

    def __init__(self, span: Span, rows: int, oldest_first: bool) -> None:
        self._span = span
        self._oldest_first = oldest_first
        self._positions = bits.ascending(rows) if oldest_first else bits.descending(rows)
        self.key = Key(0, "", 0)

    def step(self) -> bool:
        position = next(self._positions, None)
        if position is None:
            return False
        self.key = self._span.key(position)
        return True

    def __lt__(self, other: _Head) -> bool:
        return self.key < other.key if self._oldest_first else self.key > other.key
