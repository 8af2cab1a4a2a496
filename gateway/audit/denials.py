"""Refusals before identity, counted instead of written: nobody without a key can fill the disk."""

from __future__ import annotations

from gateway.audit.record import LONGEST_WORD, DenialCount

MOST_SOURCES = 64
"""Distinct (source, code, status) kept apart in one record; the rest share one line per code and status."""

OTHER = "(other)"
_MOST_CODES = 32


class DenialCounts:
    """Counts of one interval. Not safe for use by several threads at once."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}

    def add(self, source: str, code: str, status: int) -> None:
        key = (source[:LONGEST_WORD], code[:LONGEST_WORD], status)
        if key not in self._counts and len(self._counts) >= MOST_SOURCES:
            key = (OTHER, key[1], status)
            if key not in self._counts and len(self._counts) >= MOST_SOURCES + _MOST_CODES:
                key = (OTHER, OTHER, 0)
        self._counts[key] = self._counts.get(key, 0) + 1

    def take(self) -> list[DenialCount]:
        """Return the counts, sorted, and begin anew."""
        counts, self._counts = self._counts, {}
        return [DenialCount(*key, count) for key, count in sorted(counts.items())]
