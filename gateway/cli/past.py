"""Past records for commands that ask about decisions: read beside a running writer, and nothing left out unsaid."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.cli.session import USED_WRONGLY
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.cli.output import Output
    from gateway.settings import Settings

_AGE = re.compile(r"([0-9]{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SAY_SECONDS = 2.0

Counter = Callable[[int], None]


class Found(NamedTuple):
    """A record and what to call it; ``record`` is ``None`` where bytes of the log are no record."""

    name: str
    record: dict[str, Any] | None


def instant(text: str) -> str:
    """Return a time in RFC 3339, UTC, from ``30d``, a date or a time.

    Raises:
        SetupError: it is none of them.
    """
    age = _AGE.fullmatch(text)
    try:
        if age:
            moment = datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        mend = "Give 12h, 30d, 4w, a date, or a time such as 2030-01-31T00:00:00Z."
        raise SetupError(f"{text!r} is no time.", mend, exit_code=USED_WRONGLY) from error
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def log_folders(settings: Settings) -> list[Path]:
    """Return all logs. Raises SetupError when there is none."""
    from gateway.audit.log.reader import logs

    found = logs(settings.data / "audit")
    if not found:
        raise SetupError(f"There is no audit log in {settings.data} yet.", "The first start or change makes one.")
    return found


def since(folder: Path, first: str, until: str = "") -> Iterator[Found]:
    """Yield everything in a log from one time on, up to another, in order; also what cannot be read.

    Args:
        first: RFC 3339, UTC; included.
        until: likewise, not included; empty: to the end.
    """
    from gateway.audit.log.layout import BUNDLE_RECORDS, bundle_indexes
    from gateway.audit.log.reader import comparable

    log = _name(folder)
    indexes = bundle_indexes(folder)
    start = _start(folder, indexes, comparable(first))
    for position in range(start, len(indexes)):
        index = indexes[position]
        if position and index != indexes[position - 1] + 1:
            yield Found(f"{log}, records from {(indexes[position - 1] + 1) * BUNDLE_RECORDS}", None)
        count = 0
        for found in _bundle(folder, index):
            count += 1
            when = comparable(str(found.record["time"])) if found.record else ""
            if when and until and when >= comparable(until):
                return
            if not when or when >= comparable(first):
                yield found
        if count < BUNDLE_RECORDS and index != indexes[-1]:
            yield Found(f"{log}, records from {index * BUNDLE_RECORDS + count}", None)


def newest_first(folder: Path, text: str = "", first: str = "", until: str = "") -> Iterator[dict[str, Any]]:
    """Yield the records of a log that hold the text, the newest first; what is no record is left out.

    Args:
        first: no older bundle is looked into than the one of this time (RFC 3339, UTC).
        until: nor one that begins later than this.
    """
    from gateway.audit.log.layout import bundle_indexes
    from gateway.audit.log.reader import comparable

    indexes = bundle_indexes(folder)
    start = _start(folder, indexes, comparable(first)) if first else 0
    end = _start(folder, indexes, comparable(until)) + 1 if until else len(indexes)
    for index in reversed(indexes[start:end]):
        if until and _begins(folder, index) > comparable(until):
            return
        for found in reversed(list(_bundle(folder, index, text.encode()))):
            if found.record:
                yield found.record


def _start(folder: Path, indexes: list[int], first: str) -> int:
    """Return the position of the last bundle that begins before ``first``: nothing earlier can matter."""
    low, high = 0, max(len(indexes) - 1, 0)
    while low < high:
        middle = (low + high + 1) // 2
        if _begins(folder, indexes[middle]) < first:
            low = middle
        else:
            high = middle - 1
    return low


def _begins(folder: Path, index: int) -> str:
    """Return the time of a bundle's first readable record, ``~`` where it has none: then one looks further back."""
    from gateway.audit.log.reader import comparable

    records = (found.record for found in _bundle(folder, index))
    return next((comparable(str(record["time"])) for record in records if record), "~")


def _bundle(folder: Path, index: int, text: bytes = b"") -> Iterator[Found]:
    import msgspec

    from gateway.audit.log import bundles, layout

    for number, frame in enumerate(layout.frames(bundles.read(folder, index) or b"")):
        if text not in frame.data:
            continue
        name = f"{_name(folder)}, record {index * layout.BUNDLE_RECORDS + number}"
        try:
            record = msgspec.json.decode(frame.data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            record = {}
        yield Found(name, record if "time" in record and "type" in record else None)


def _name(folder: Path) -> str:
    """Return the origin that a log belongs to, with its retention class where that is not ``default``."""
    return "/".join(folder.parts[-4:]).removesuffix("/default")


@contextmanager
def counting(output: Output, what: str, total: int) -> Iterator[Counter]:
    """Show on stderr how far something is, now and then; nothing with ``--json``."""
    last, terminal = time.monotonic(), sys.stderr.isatty()
    if not output.as_json:
        print(f"{what}: {total} ...", file=sys.stderr, flush=True)

    def count(done: int) -> None:
        nonlocal last
        if not output.as_json and time.monotonic() - last >= (0.2 if terminal else _SAY_SECONDS):
            last = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, end="\r" if terminal else "\n", flush=True)

    yield count
    if terminal and not output.as_json:
        print(" " * 60, file=sys.stderr, end="\r", flush=True)
