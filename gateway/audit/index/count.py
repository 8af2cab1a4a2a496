"""Counts by word and by day from the index, without reading one record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from gateway.audit.index import bits, find
from gateway.audit.index.blocks import Key
from gateway.audit.index.query import Query
from gateway.audit.index.report import COUNTED, TABLES, Tally

Part = tuple[Sequence[find.Span], find.Vocabulary, list[list[int]]]
"""The spans of one site, its words, and the numbers of those that a query asks for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECISIONS = ("allowed", "denied")


def tally(parts: Sequence[Part], query: Query, zone: tzinfo, progress: Callable[[int], None] | None = None) -> Tally:
    """Return the counts of the decisions that match. Raises Damaged.

    Args:
        progress: called with the rows that were looked at so far.
    """
    counts, looked = Tally(zone), 0
    for spans, words, groups in parts:
        tables = {name: words.field(name) for name in TABLES}
        kinds = [number for kind in COUNTED if (number := words.find(("type", kind))) is not None]
        for span in spans:
            if span.count and not find.outside(span, query, None):
                rows = find.matching(span, [*groups, kinds], query)
                counts.add_span(rows.bit_count(), _by_word(span, tables, rows), _by_day(span, words, rows, zone))
            looked += span.count
            if progress:
                progress(looked)
    return counts


def _by_word(span: find.Span, tables: Mapping[str, Mapping[str, int]], rows: int) -> Iterator[tuple[str, str, int]]:
    for name, words in tables.items() if rows else ():
        for word, number in words.items():
            count = (rows & span.having([number])).bit_count()
            if count:
                yield name, word, count


def _by_day(span: find.Span, words: find.Vocabulary, rows: int, zone: tzinfo) -> Iterator[tuple[str, str, int]]:
    if not rows:
        return
    decided = [(how, span.having([words.find(("decision", how)) or 0]) & rows) for how in _DECISIONS]
    day, last = _day_of(span.first, zone), _day_of(span.last, zone)
    first = 0
    while day <= last:
        end = span.count if day == last else span.before(Key(_begin(day + timedelta(days=1), zone), "", -1))
        within = bits.between(first, end)
        for how, of in decided:
            count = (of & within).bit_count()
            if count:
                yield day.isoformat(), how, count
        day, first = day + timedelta(days=1), end


def _day_of(time_us: int, zone: tzinfo) -> date:
    return (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone).date()


def _begin(day: date, zone: tzinfo) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight - _EPOCH) // timedelta(microseconds=1)
