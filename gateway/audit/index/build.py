"""Brings the index of one site up to date with its logs: in bounded steps, each of them whole or not at all.

::

    with locked(folder, "berlin") as free:
        done = free and update(audit, folder, "berlin", seconds=2)
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.audit.index import bits, source, store
from gateway.audit.index.bits import BLOCK_ROWS
from gateway.audit.index.blocks import Block, Key, Row, seal
from gateway.audit.index.store import PART_BITS, WORD_BITS, Unfit
from gateway.audit.index.words import Group, Pair, Seen, pairs_of
from gateway.audit.log import reader

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT_ROWS = 4 * BLOCK_ROWS
MOST_GROUPS = 100_000

Progress = Callable[[int], None]
"""Called with the rows that were added so far."""


@dataclass(frozen=True)
class Done:
    """What an update did. ``rebuilt`` is why the index was made again, empty when it was not."""

    rows: int
    whole: bool  # every record that was there when it ended is in the index
    rebuilt: str = ""


def update(
    audit: Path, folder: Path, site: str, *, seconds: float = float("inf"), progress: Progress | None = None
) -> Done:
    """Add what is new in the logs, for about so long at most. The caller holds the lock of the index.

    An index that is damaged, of another layout, or not of these logs is thrown away and begun anew.

    Raises:
        OSError: a log cannot be read, or the index cannot be written.
    """
    path = store.path_of(folder, site)
    try:
        return _update(store.open_to_write(path), audit, site, seconds, progress)
    except store.NoIndex:
        why = "there was none"
    except (Unfit, bits.Damaged) as unfit:
        why = str(unfit)
    done = _update(store.create(path), audit, site, seconds, progress)
    return Done(done.rows, done.whole, why)


def rebuild(
    audit: Path, folder: Path, site: str, *, seconds: float = float("inf"), progress: Progress | None = None
) -> Done:
    """Make the index anew, for about so long; :func:`update` goes on. The caller holds the lock. Raises OSError."""
    done = _update(store.create(store.path_of(folder, site)), audit, site, seconds, progress)
    return Done(done.rows, done.whole, "it was asked for")


def _update(database: sqlite3.Connection, audit: Path, site: str, seconds: float, progress: Progress | None) -> Done:
    with closing(database), store.fitness():
        return Builder(database, audit, site).run(seconds, progress)


class Builder:
    """Adds rows to one open index, and takes those away that were pruned from a log."""

    def __init__(self, database: sqlite3.Connection, audit: Path, site: str) -> None:
        self._database = database
        self._audit, self._site = audit, site
        self._places: list[source.Place] = []
        self._logs: dict[str, int] = {}  # numbers by name
        self._words: dict[Pair, int] = {}
        self._groups: dict[Group, tuple[int, ...]] = {}
        self._new_words: list[tuple[int, str, str]] = []
        self._fresh: list[Row] = []
        self._idents: list[tuple[int, int, int]] = []
        self._unread: dict[str, int] = {}
        self.added = 0

    def run(self, seconds: float = float("inf"), progress: Progress | None = None) -> Done:
        """Add what is new. Raises Unfit, Damaged, OSError."""
        start = time.monotonic()
        self._take_up()
        self._forget_pruned()
        whole = True
        for piece in _of_these_logs(source.new_pieces(self._places)):
            self._add(piece)
            if len(self._fresh) >= COMMIT_ROWS:
                self._commit()
                if progress:
                    progress(self.added)
            if time.monotonic() - start > seconds:
                whole = False
                break
        if self._fresh or self._unread:
            self._commit()
        return Done(self.added, whole)

    def _take_up(self) -> None:
        """Find the logs, and how far each was read. Raises Unfit when one is gone, or is another one."""
        rows = self._database.execute("SELECT name, id, next, digest FROM log")
        known = {name: (number, following, digest) for name, number, following, digest in rows}
        folders = source.log_folders(self._audit, self._site)
        gone = next((name for name in known if name not in folders), None)
        if gone is not None:
            raise Unfit(f"the log {gone} is gone")
        for name, folder in folders.items():
            number, following, digest = known.get(name, (0, 0, b""))
            place = source.Place(folder, name, following, digest)
            with _this_log():
                source.check(place)
            self._places.append(place)
            self._logs[name] = number or self._new_log(name)
        rows = self._database.execute("SELECT id, field, word FROM word")
        self._words = {(field, word): number for number, field, word in rows}
        self._last_word = max(self._words.values(), default=0)

    def _new_log(self, name: str) -> int:
        insert = "INSERT INTO log (name, first, next, digest, unread) VALUES (?, 0, 0, x'', 0)"
        return int(self._database.execute(insert, (name,)).lastrowid or 0)

    # --- adding ------------------------------------------------------------------------------------------------------

    def _add(self, piece: source.Piece) -> None:
        place, known, name = piece.place, self._groups, piece.place.name
        for seen in piece.rows:
            groups = [known.get(group) or self._new_group(group) for group in seen.groups]
            self._fresh.append(Row(Key(seen.time_us, name, seen.sequence), tuple(chain.from_iterable(groups))))
        self._idents += _idents(self._logs[place.name], piece.rows)
        if piece.unread:
            self._unread[place.name] = self._unread.get(place.name, 0) + piece.unread
        self.added += len(piece.rows)
        place.next, place.digest = piece.next, piece.digest

    def _new_group(self, group: Group) -> tuple[int, ...]:
        if len(self._groups) >= MOST_GROUPS:
            self._groups.clear()
        numbers = tuple(self._words.get(pair) or self._new_word(pair) for pair in pairs_of(group))
        self._groups[group] = numbers
        return numbers

    def _new_word(self, pair: Pair) -> int:
        self._last_word += 1
        self._words[pair] = self._last_word
        self._new_words.append((self._last_word, *pair))
        return self._last_word

    def _commit(self) -> None:
        """Write everything that was added, as one transaction."""
        with self._transaction() as database:
            database.executemany("INSERT INTO word VALUES (?, ?, ?)", self._new_words)
            database.executemany("INSERT OR IGNORE INTO ident VALUES (?, ?, ?)", sorted(self._idents))
            self._write_rows()
            for place in self._places:
                changed = (place.next, place.digest, self._unread.get(place.name, 0), self._logs[place.name])
                database.execute("UPDATE log SET next = ?, digest = ?, unread = unread + ? WHERE id = ?", changed)
        self._new_words, self._idents, self._fresh, self._unread = [], [], [], {}

    def _write_rows(self) -> None:
        """Put fresh rows into the tail, or into blocks as soon as they fill one, the oldest first."""
        (waiting,) = self._database.execute("SELECT count(*) FROM tail").fetchone()
        fresh = self._fresh
        if waiting + len(fresh) >= BLOCK_ROWS:
            fresh = sorted([*tail(self._database), *fresh], key=lambda row: row.key)
            self._database.execute("DELETE FROM tail")
            while len(fresh) >= BLOCK_ROWS:
                seal(self._database, fresh[:BLOCK_ROWS], self._logs)
                del fresh[:BLOCK_ROWS]
        self._database.executemany(
            "INSERT INTO tail VALUES (?, ?, ?, ?)",
            ((self._logs[key.log], key.sequence, key.time_us, array("I", words).tobytes()) for key, words in fresh),
        )

    # --- forgetting --------------------------------------------------------------------------------------------------

    def _forget_pruned(self) -> None:
        """Take away what the logs do not hold any more."""
        known = dict(self._database.execute("SELECT name, first FROM log"))
        begun = {place.name: reader.first_record(place.folder) for place in self._places}
        later = {name: first for name, first in begun.items() if first > known[name]}
        if not later:
            return
        with self._transaction() as database:
            for name, first in later.items():
                log = self._logs[name]
                database.execute("UPDATE log SET first = ? WHERE id = ?", (first, log))
                database.execute("DELETE FROM tail WHERE log = ? AND sequence < ?", (log, first))
                database.execute("DELETE FROM ident WHERE log = ? AND sequence < ?", (log, first))
            for block in blocks(database):
                self._forget_in(block, later)
            self._forget_words()

    def _forget_in(self, block: Block, first: dict[str, int]) -> None:
        keys = (block.key(position) for position in range(block.count))
        gone = [at for at, key in enumerate(keys) if key.sequence < first.get(key.log, 0)]
        pruned = bits.set_of(gone) | (bits.between(0, block.count) & ~block.rows)
        if pruned == bits.between(0, block.count):
            for table, low in (("posting", WORD_BITS), ("part", PART_BITS)):
                limits = (block.number << low, (block.number + 1) << low)
                self._database.execute(f"DELETE FROM {table} WHERE id >= ? AND id < ?", limits)  # noqa: S608
            self._database.execute("DELETE FROM block WHERE id = ?", (block.number,))
        elif gone:
            packed = bits.pack(list(bits.ascending(pruned)))
            self._database.execute("UPDATE block SET gone = ? WHERE id = ?", (packed, block.number))

    def _forget_words(self) -> None:
        """Take away the words that no row has any more."""
        used = {number for row in tail(self._database) for number in row.words}
        mask = (1 << WORD_BITS) - 1
        used |= {number for (number,) in self._database.execute("SELECT DISTINCT id & ? FROM posting", (mask,))}
        unused = [(number,) for number in self._words.values() if number not in used]
        self._database.executemany("DELETE FROM word WHERE id = ?", unused)
        self._words = {pair: number for pair, number in self._words.items() if number in used}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def tail(database: sqlite3.Connection) -> list[Row]:
    """Return the rows that are in no block yet, in no order. Raises Damaged."""
    names = log_names(database)
    rows = []
    for log, sequence, time_us, words in database.execute("SELECT log, sequence, time, words FROM tail"):
        if log not in names or len(words) % 4:
            raise bits.Damaged("a row is damaged")
        rows.append(Row(Key(time_us, names[log], sequence), array("I", words)))
    return rows


def blocks(database: sqlite3.Connection) -> list[Block]:
    """Return all blocks, as they are in time. Raises Damaged."""
    names = log_names(database)
    rows = database.execute("SELECT id, first, last, rows, gone FROM block ORDER BY first, id").fetchall()
    return [Block(database, names, row) for row in rows]


def log_names(database: sqlite3.Connection) -> dict[int, str]:
    """Return the logs by their numbers."""
    return dict(database.execute("SELECT id, name FROM log"))


def _idents(log: int, rows: list[Seen]) -> list[tuple[int, int, int]]:
    return [(ident, log, seen.sequence) for seen in rows for ident in seen.idents]


@contextmanager
def _this_log() -> Iterator[None]:
    try:
        yield
    except source.Foreign as log:
        raise Unfit(f"the log {log} is not the one that it was made of") from log


def _of_these_logs(pieces: Iterator[source.Piece]) -> Iterator[source.Piece]:
    with _this_log():
        yield from pieces
