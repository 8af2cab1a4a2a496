"""Finds the record of a decision in a log's files: bounded, newest first. Blocks; call it in a thread.

A decision's id is a ULID, so it tells when it was made, and records stand in the order of time: a bisection over the
bundles leads to the few that can hold it. Since a clock may have been set back, the newest bundles are looked through
as well. Nothing else is, however long the log is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from ulid import ULID

from gateway.audit.log import bundles, layout
from gateway.audit.log.proof import record_at
from gateway.audit.log.reader import comparable, first_record

BUNDLES_NEAR, BUNDLES_NEWEST = 8, 8
BUNDLES_OF_A_REQUEST = 4  # looked through for the other records of a request, when memory has forgotten them
_HEAD_BYTES = layout.LENGTH_BYTES + layout.MOST_RECORD_BYTES


class _Glimpse(msgspec.Struct):
    time: str


_glimpse = msgspec.json.Decoder(_Glimpse)


def find(folder: Path, decision_id: str, size: int) -> int | None:
    """Return the sequence of the record of a decision, ``None`` when it is not where this looks.

    Args:
        size: how many records the log has.
    """
    for bundle in _bundles(folder, decision_id, size):
        for sequence, data in reversed(list(_records(folder, bundle))):
            if decision_id.encode() in data and decision_of(msgspec.json.decode(data)) == decision_id:
                return sequence
    return None


def decision_of(record: dict[str, Any]) -> str:
    """Return the id of the decision that a record is about; empty when it is about none."""
    return str((record.get("decision") or {}).get("id") or record.get("decision_id") or "")


def of_request(folder: Path, request_id: str, sequence: int) -> list[dict[str, Any]]:
    """Return the records of a request that stand near ``sequence``, in order."""
    if not request_id:
        return []
    bundle = sequence // layout.BUNDLE_RECORDS
    found: list[dict[str, Any]] = []
    for near in range(max(0, bundle - 1), bundle + BUNDLES_OF_A_REQUEST):
        for _, data in _records(folder, near):
            if request_id.encode() in data:
                record: dict[str, Any] = msgspec.json.decode(data)
                found += [record] if record.get("request") == request_id else []
    return found


def of_request_at(folder: Path, request_id: str, time: str, size: int) -> list[dict[str, Any]]:
    """Return the records of a request that stand near a time, in order. ``size``: how many records the log has."""
    first = first_record(folder) // layout.BUNDLE_RECORDS
    last = max(first, max(0, size - 1) // layout.BUNDLE_RECORDS)
    bundle = _bisect(folder, comparable(time), first, last)
    return of_request(folder, request_id, bundle * layout.BUNDLE_RECORDS)


def read(folder: Path, sequence: int) -> tuple[dict[str, Any], bytes] | None:
    """Return a record and its bytes. Raises OSError."""
    data = record_at(folder, sequence)
    return None if data is None else (msgspec.json.decode(data), data)


def has_bundle(folder: Path, bundle: int) -> bool:
    """Whether there is such a bundle with a record in it. Raises OSError."""
    return next(_records(folder, bundle), None) is not None


def _bundles(folder: Path, decision_id: str, size: int) -> Iterator[int]:
    first = first_record(folder) // layout.BUNDLE_RECORDS
    last = max(first, max(0, size - 1) // layout.BUNDLE_RECORDS)
    newest = range(last, max(first - 1, last - BUNDLES_NEWEST), -1)
    yield from newest
    time = _time_of(decision_id)
    if time:
        at = _bisect(folder, time, first, last)
        near = range(min(last, at + BUNDLES_NEAR - 2), max(first - 1, at - 2), -1)
        yield from (n for n in near if n not in newest)


def _time_of(decision_id: str) -> str:
    """Return when a ULID was made, comparable; empty when it is none."""
    try:
        return comparable(ULID.from_str(decision_id).datetime.isoformat(timespec="milliseconds").split("+")[0])
    except ValueError:
        return ""


def _bisect(folder: Path, time: str, first: int, last: int) -> int:
    """Return the last bundle whose first record is not younger than ``time``; ``first`` when there is none."""
    low, high = first, last
    while low < high:
        middle = (low + high + 1) // 2
        if _begins(folder, middle) <= time:
            low = middle
        else:
            high = middle - 1
    return low


def _begins(folder: Path, bundle: int) -> str:
    try:
        first = next(layout.frames(bundles.read(folder, bundle, _HEAD_BYTES) or b""), None)
    except OSError:
        first = None
    return comparable(_glimpse.decode(first.data).time) if first else "~"  # after any time


def _records(folder: Path, bundle: int) -> Iterator[tuple[int, bytes]]:
    for number, frame in enumerate(layout.frames(bundles.read(folder, bundle) or b"")):
        yield bundle * layout.BUNDLE_RECORDS + number, frame.data
