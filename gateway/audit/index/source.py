"""New records of the logs of one site, oldest first as far as that goes, in pieces of a bundle."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.index.words import Seen, glean
from gateway.audit.log import bundles, layout, reader

DIGEST_BYTES = 16


@dataclass
class Place:
    """How far one log was read. ``digest`` is of the last record that was read; empty before the first."""

    folder: Path
    name: str  # origin and retention class: berlin/node1/w0/default
    next: int = 0
    digest: bytes = b""


@dataclass(frozen=True)
class Piece:
    """Records of one bundle: ``rows`` are those that can be read, ``unread`` how many cannot."""

    place: Place
    rows: list[Seen]
    next: int
    digest: bytes
    unread: int


class Foreign(Exception):
    """The log is not the one that was read before: its records are gone or others. ``str()`` says which log."""


def log_folders(audit: Path, site: str) -> dict[str, Path]:
    """Return the folders of a site's logs by name."""
    return {
        folder.relative_to(audit).as_posix(): folder for folder in reader.logs(audit) if _site(audit, folder) == site
    }


def sites(audit: Path) -> list[str]:
    """Return the sites that have logs below the audit folder."""
    return sorted({_site(audit, folder) for folder in reader.logs(audit)})


def _site(audit: Path, folder: Path) -> str:
    return folder.relative_to(audit).parts[0]


def check(place: Place) -> None:
    """Raise Foreign unless the log still has the last record that was read of it. Raises OSError."""
    if not place.next or place.next <= reader.first_record(place.folder):
        return
    frames = _frames(place.folder, (place.next - 1) // layout.BUNDLE_RECORDS)
    at = (place.next - 1) % layout.BUNDLE_RECORDS
    if at >= len(frames) or digest_of(frames[at]) != place.digest:
        raise Foreign(place.name)


def digest_of(record: bytes) -> bytes:
    return hashlib.sha256(record).digest()[:DIGEST_BYTES]


def new_pieces(places: list[Place]) -> Iterator[Piece]:
    """Yield what follows in the logs, the piece that begins earliest first; ``place`` is not moved.

    Ends with the last records that are there. Raises Foreign, OSError.
    """
    waiting: list[tuple[int, int, Piece]] = []
    for number, place in enumerate(places):
        piece = _after(place, place.next, place.digest)
        if piece:
            heapq.heappush(waiting, (_begins(piece), number, piece))
    while waiting:
        _, number, piece = heapq.heappop(waiting)
        yield piece
        following = None
        if piece.next % layout.BUNDLE_RECORDS == 0:
            following = _after(piece.place, piece.next, piece.digest)
        if following:
            heapq.heappush(waiting, (_begins(following), number, following))


def _begins(piece: Piece) -> int:
    return piece.rows[0].time_us if piece.rows else 0


def _after(place: Place, following: int, digest: bytes) -> Piece | None:
    """Return the next piece of a log from a sequence on."""
    first = max(following, reader.first_record(place.folder))
    index, skip = divmod(first, layout.BUNDLE_RECORDS)
    frames = _frames(place.folder, index)
    if first == following and skip > 0 and (len(frames) < skip or digest_of(frames[skip - 1]) != digest):
        raise Foreign(place.name)
    if len(frames) <= skip:
        return None
    start = index * layout.BUNDLE_RECORDS
    seen = [glean(data) for data in frames[skip:]]
    rows = [one._replace(sequence=first + number) for number, one in enumerate(seen) if one is not None]
    return Piece(place, rows, start + len(frames), digest_of(frames[-1]), len(seen) - len(rows))


def _frames(folder: Path, index: int) -> list[bytes]:
    return split(bundles.read(folder, index) or b"")


def split(bundle: bytes) -> list[bytes]:
    """Return the whole records of a bundle, as :func:`gateway.audit.log.layout.frames` does, three times as fast."""
    records: list[bytes] = []
    at, end = 0, len(bundle)
    while at + 2 <= end and len(records) < layout.BUNDLE_RECORDS:
        start = at + 2
        at = start + (bundle[at] << 8 | bundle[at + 1])
        if not start < at <= end or at - start > layout.MOST_RECORD_BYTES:
            break
        records.append(bundle[start:at])
    return records


def size_of(folder: Path, at_least: int = 0) -> int:
    """Return how many records a log has; quick where ``at_least`` is near. Raises OSError."""
    index = max(at_least, reader.first_record(folder)) // layout.BUNDLE_RECORDS
    step = 1
    while _exists(folder, index + step):
        index, step = index + step, step * 2
    while step > 1:
        step //= 2
        if _exists(folder, index + step):
            index += step
    return index * layout.BUNDLE_RECORDS + len(_frames(folder, index))


def _exists(folder: Path, index: int) -> bool:
    return bundles.plain_path(folder, index).exists() or bundles.packed_path(folder, index).exists()
