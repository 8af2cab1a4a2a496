"""Reads records out of a log, beside its writer too: all of them, those that match, the newest.

::

    for record in search(folder, Filter(type="denial", since="2026-01-01T00:00:00Z")):
        print(record["time"], record["code"])
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.audit.log import bundles, layout, pruned
from gateway.audit.log.note import NoteError

_LOCKS = "*/*/*/*/lock"  # site, node, worker, retention class
_DATA_REVISION = re.compile(rb'"data_revision":"([0-9a-f]{64})"')


@dataclass(frozen=True)
class Filter:
    """What a record must be; an empty field asks nothing.

    ``type`` is a record type or its first part (``key`` finds ``key.created``). ``since`` and ``until`` are RFC 3339
    times in UTC, the first included, the second not. ``text`` must occur in the record's JSON. ``model`` is the one
    that was asked for, ``data_class`` the request's, ``decision`` ``allowed`` or ``denied``, ``site`` the one that the
    request came from, of other records the log's.
    """

    type: str = ""
    request: str = ""
    tenant: str = ""
    project: str = ""
    key_id: str = ""
    code: str = ""
    since: str = ""
    until: str = ""
    text: str = ""
    model: str = ""
    data_class: str = ""
    decision: str = ""
    site: str = ""

    def matches(self, record: dict[str, Any]) -> bool:
        kind, caller, time = record["type"], record.get("caller") or {}, record["time"]
        asked = record.get("input") or {}
        return (
            (not self.type or kind == self.type or kind.startswith(f"{self.type}."))
            and all(
                not wanted or found == wanted
                for wanted, found in (
                    (self.request, record.get("request")),
                    (self.tenant, caller.get("tenant")),
                    (self.project, caller.get("project")),
                    (self.key_id, caller.get("key_id")),
                    (self.code, record.get("code")),
                    (self.model, (asked.get("request") or {}).get("model")),
                    (self.data_class, (asked.get("data") or {}).get("class")),
                    (self.decision, _decided(record)),
                    (self.site, _site(record, asked)),
                )
            )
            and (not self.since or comparable(time) >= comparable(self.since))
            and (not self.until or comparable(time) < comparable(self.until))
        )


def _decided(record: dict[str, Any]) -> str:
    if record["type"] == "preview":
        return "allowed" if (record.get("decision") or {}).get("allow") else "denied"
    return {"intent": "allowed", "denial": "denied"}.get(record["type"], "")


def _site(record: dict[str, Any], asked: dict[str, Any]) -> str:
    return str((asked.get("caller") or {}).get("site") or str(record.get("origin", "")).partition("/")[0])


def comparable(time: str) -> str:
    """Return an RFC 3339 UTC time so that text order is time order: with six digits of a second."""
    whole, _, fraction = time.rstrip("Zz").partition(".")
    return f"{whole}.{fraction:0<6}"


def logs(base: Path) -> list[Path]:
    """Return the folders of all logs below the audit folder, of all retention classes, sorted."""
    return sorted(path.parent for path in base.glob(_LOCKS) if (path.parent / "tile").is_dir())


def first_record(folder: Path) -> int:
    """Return the sequence of the first record that is still here: 0, but for a log whose beginning was pruned.

    Raises:
        OSError: its note cannot be read, or (EBADMSG) is damaged.
    """
    try:
        return pruned.begin(folder).first
    except NoteError as error:
        raise OSError(errno.EBADMSG, str(error), str(folder / layout.PRUNED)) from error


def raw_records(folder: Path, first: int = 0) -> Iterator[bytes]:
    """Yield the bytes of every whole record from sequence ``first`` on, or from :func:`first_record`, the later one.

    Beside a writer it ends with the last record that is there; call again with the next sequence to follow the log.
    """
    index, skip = divmod(max(first, first_record(folder)), layout.BUNDLE_RECORDS)
    while (raw := bundles.read(folder, index)) is not None:
        count = 0
        for frame in layout.frames(raw):
            if count >= skip:
                yield frame.data
            count += 1
        if count < layout.BUNDLE_RECORDS:
            return
        index, skip = index + 1, 0


def data_revisions(base: Path) -> set[str]:
    """Return the revisions of facts that any record of any log below the audit folder names.

    Raises:
        OSError: a log cannot be read, or (EBADMSG) ends before the head that it published.
    """
    named: set[str] = set()
    for folder in logs(base):
        records = first_record(folder)
        for data in raw_records(folder):
            named.update(match.decode() for match in _DATA_REVISION.findall(data))
            records += 1
        if records < published(folder):
            raise OSError(errno.EBADMSG, "the log's records end before its head", str(folder))
    return named


def published(folder: Path) -> int:
    """Return the size of the published head, 0 while there is none. Raises OSError."""
    path = folder / layout.CHECKPOINT
    if not path.exists():
        return 0
    try:
        return int(path.read_bytes().split(b"\n")[1])
    except (IndexError, ValueError) as error:
        raise OSError(errno.EBADMSG, "its head is damaged", str(path)) from error


def search(folder: Path, wanted: Filter | None = None, first: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the records that match, in order. A record that is no JSON is left out: the verifier names it."""
    wanted = wanted or Filter()
    text = wanted.text.encode()
    for data in raw_records(folder, first):
        if text and text not in data:
            continue
        try:
            record: dict[str, Any] = msgspec.json.decode(data, type=dict)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if "type" in record and "time" in record and wanted.matches(record):
            yield record


Events = Callable[[int], Iterator[tuple[int, dict[str, Any]]]]
"""Yields sequence and details of events of one log, from a sequence on."""


def events_by_log(base: Path, type: str) -> dict[str, Events]:
    """Return, for each log below the audit folder, what reads its events of that type."""

    def of(folder: Path) -> Events:
        wanted = Filter(type=type, text=f'"{type}"')
        return lambda first: ((r["sequence"], r["details"]) for r in search(folder, wanted, first))

    return {folder.relative_to(base).as_posix(): of(folder) for folder in logs(base)}


def newest(folder: Path, count: int, wanted: Filter | None = None) -> list[dict[str, Any]]:
    """Return the last ``count`` records that match, oldest first."""
    found: list[dict[str, Any]] = []
    for index in reversed(layout.bundle_indexes(folder)):
        first, end = index * layout.BUNDLE_RECORDS, (index + 1) * layout.BUNDLE_RECORDS
        part = [record for record in search(folder, wanted, first) if record["sequence"] < end] if count else []
        found = part + found
        if len(found) >= count:
            break
    return found[-count:] if count else []


def newest_time(base: Path) -> datetime | None:
    """Return the time of the newest record of all logs below ``base``; ``None`` where there is none.

    Raises:
        OSError: a log cannot be read.
    """
    records = [record for folder in logs(base) for record in newest(folder, 1)]
    return max((datetime.fromisoformat(str(record["time"])) for record in records), default=None)
