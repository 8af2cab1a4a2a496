"""Blocks of rows: how they are written, once, and read. A row is a time, a log, a sequence; rows are sorted by these.

Logs sort by name, everywhere: their numbers are only this index's own.
"""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from gateway.audit.index import bits
from gateway.audit.index.bits import Damaged
from gateway.audit.index.store import PART_BITS, PART_ROWS, WORD_BITS

_LEVEL = 1
_PARTS_KEPT = 4


class Key(NamedTuple):
    """Which record: when, in which log, its sequence. Keys sort as records are shown, oldest first."""

    time_us: int
    log: str
    sequence: int


class Row(NamedTuple):
    """One row and the numbers of its words."""

    key: Key
    words: Sequence[int]


def seal(database: sqlite3.Connection, rows: list[Row], logs: Mapping[str, int]) -> None:
    """Write sorted rows, at most :data:`~gateway.audit.index.bits.BLOCK_ROWS`, as the next block."""
    first, last = rows[0].key.time_us, rows[-1].key.time_us
    cursor = database.execute("INSERT INTO block (first, last, rows) VALUES (?, ?, ?)", (first, last, len(rows)))
    block = int(cursor.lastrowid or 0)
    positions: defaultdict[int, list[int]] = defaultdict(list)
    for position, (_, words) in enumerate(rows):
        for word in words:
            positions[word].append(position)
    postings = ((block << WORD_BITS | word, bits.pack(positions[word])) for word in sorted(positions))
    database.executemany("INSERT INTO posting VALUES (?, ?)", postings)
    parts = (rows[at : at + PART_ROWS] for at in range(0, len(rows), PART_ROWS))
    database.executemany(
        "INSERT INTO part VALUES (?, ?, ?)",
        ((block << PART_BITS | n, part[0].key.time_us, _pack(part, logs)) for n, part in enumerate(parts)),
    )


def _pack(rows: list[Row], logs: Mapping[str, int]) -> bytes:
    """Return rows as three columns: times and, by log, sequences as differences; logs as numbers."""
    times, numbers, sequences = array("q"), array("I"), array("q")
    before, last = 0, dict[str, int]()
    for (time_us, log, sequence), _ in rows:
        times.append(time_us - before)
        numbers.append(logs[log])
        sequences.append(sequence - last.get(log, 0))
        before, last[log] = time_us, sequence
    return zlib.compress(times.tobytes() + numbers.tobytes() + sequences.tobytes(), _LEVEL)


class _Part:
    """Some rows of a block, as :func:`_pack` wrote them. Raises Damaged."""

    def __init__(self, data: bytes, names: Mapping[int, str]) -> None:
        try:
            raw = zlib.decompress(data)
            self._count = count = len(raw) // 20
            self._times = list(accumulate(array("q", raw[: 8 * count])))
            self._logs, steps = array("I", raw[8 * count : 12 * count]), array("q", raw[12 * count :])
            last, self._sequences = dict[int, int](), list[int]()
            for log, step in zip(self._logs, steps, strict=True):
                last[log] = sequence = last.get(log, 0) + step
                self._sequences.append(sequence)
            self._names = {log: names[log] for log in last}
        except (zlib.error, ValueError, KeyError) as error:
            raise Damaged("a part of the rows is damaged") from error

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> Key:
        return Key(self._times[at], self._names[self._logs[at]], self._sequences[at])


class Block:
    """One block, read as far as it is asked for."""

    def __init__(self, database: sqlite3.Connection, names: Mapping[int, str], row: tuple[int, int, int, int, bytes]):
        self.number, self.first, self.last, self.count, gone = row
        self._database = database
        self._names = names
        self._gone = bits.unpack(gone) if gone else 0
        self._parts: dict[int, _Part] = {}

    @property
    def rows(self) -> int:
        """All rows that were not pruned."""
        return bits.between(0, self.count) & ~self._gone

    def having(self, words: Iterable[int]) -> int:
        """Return the rows that have any of the words; pruned ones may be among them. Raises Damaged."""
        found = 0
        for word in words:
            row = self._database.execute(
                "SELECT rows FROM posting WHERE id = ?", (self.number << WORD_BITS | word,)
            ).fetchone()
            if row:
                found |= bits.unpack(row[0])
        return found

    def key(self, position: int) -> Key:
        """Return which record a row is. Raises Damaged."""
        number, at = divmod(position, PART_ROWS)
        part = self._part(number)
        if at >= len(part):
            raise Damaged("a part of the rows is too short")
        return part[at]

    def before(self, key: Key) -> int:
        """Return how many rows sort before a key. Raises Damaged."""
        if key.time_us > self.last:
            return self.count
        if key.time_us < self.first:
            return 0
        number = self._part_before(key.time_us)
        while True:
            part = self._part(number)
            at = bisect_left(part, key)
            if at < len(part) or (number + 1) * PART_ROWS >= self.count:
                return number * PART_ROWS + at
            number += 1

    def _part_before(self, time_us: int) -> int:
        """Return the last part that begins before a time; the first one when none does."""
        low, high = self.number << PART_BITS, (self.number + 1) << PART_BITS
        (found,) = self._database.execute(
            "SELECT max(id) FROM part WHERE id >= ? AND id < ? AND first < ?", (low, high, time_us)
        ).fetchone()
        return 0 if found is None else int(found) - low

    def _part(self, number: int) -> _Part:
        part = self._parts.get(number)
        if part is None:
            row = self._database.execute(
                "SELECT rows FROM part WHERE id = ?", (self.number << PART_BITS | number,)
            ).fetchone()
            if row is None:
                raise Damaged("a part of the rows is missing")
            if len(self._parts) >= _PARTS_KEPT:
                del self._parts[next(iter(self._parts))]
            part = self._parts[number] = _Part(row[0], self._names)
        return part
