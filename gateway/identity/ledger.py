"""What was used this day and this month, by account; it outlives the process.

One line is appended to ``state/usage/YYYY-MM.tsv`` for each settled request, in one ``write``, before the next request
is judged::

    2026-11-22	01JZ8M3V6Q4H2N0T5W7X9Y1B3D	acme/press-shop	smollm2-135m-instruct	113	46

that is: day in the site's time zone, key, tenant and project, model, tokens, micro-units of money. Whoever kills the
process loses nothing of it; a power cut may take what the kernel had not written yet, seconds at most. A last line
that was cut off is dropped; any other that is not of this form is refused, since what follows it may be wrong too.
Once it has grown, the file is replaced by one line for each day, key, project and model.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

from gateway.errors import SetupError
from gateway.identity import refusals

LINES_BEFORE_FOLDING = 100_000

_LINE = re.compile(r"(\d{4}-\d\d-\d\d)\t([^\t\n]+)\t([^\t\n/]+/[^\t\n]+)\t([^\t\n]+)\t(\d+)\t(\d+)")


class Row(NamedTuple):
    """What was used of one day by one key with one model. ``project`` is ``TENANT/PROJECT``."""

    day: str
    key: str
    project: str
    model: str

    @property
    def accounts(self) -> tuple[str, str, str, str]:
        tenant = self.project.partition("/")[0]
        return f"key:{self.key}", f"project:{self.project}", f"tenant:{tenant}", f"model:{self.model}"


class Calendar:
    """Which day and month it is at the site. Asks for the time of day with each call, for the date once a day."""

    def __init__(self, zone: tzinfo = UTC, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._zone, self._now = zone, now
        self._from = self._until = datetime.max.replace(tzinfo=UTC)
        self.day, self.month = "", ""

    def turn(self) -> bool:
        """Look at the clock; return whether another day has begun since."""
        now = self._now()
        if self._from <= now < self._until:
            return False
        local = now.astimezone(self._zone)
        start = local.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = (start.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=self._zone)
        self._from, self._until = start.astimezone(UTC), tomorrow.astimezone(UTC)
        before, self.day, self.month = self.day, f"{local:%Y-%m-%d}", f"{local:%Y-%m}"
        return before != self.day


class Ledger:
    """Sums by account. One writer: the process that holds the data folder's lock, or none with ``path`` of ``None``.

    Raises:
        SetupError: the file cannot be read, or is damaged.
    """

    def __init__(self, folder: Path | None, calendar: Calendar | None = None) -> None:
        self.calendar = calendar or Calendar()
        self._folder = folder
        self._descriptor = -1
        self._lines = 0
        self._month = ""
        self._rows: dict[Row, list[int]] = {}  # of this month: tokens, micro-units
        self._sums: dict[str, list[int]] = {}  # by account: tokens and money of the day, of the month
        self.broken = False
        self.calendar.turn()
        self._open()

    def sums(self, account: str) -> list[int]:
        """Return ``[tokens, micro] of this day`` and then of this month. The list is alive: it counts on."""
        found = self._sums.get(account)
        if found is None:
            found = self._sums[account] = [0, 0, 0, 0]
        return found

    def turn(self) -> None:
        """Begin a new day where one has begun. MUST be called before sums are compared with a bound."""
        if self.calendar.turn():
            if self.calendar.month != self._month:
                self._reopen()
            self._sum_up()

    def add(self, key: str, project: str, model: str, tokens: int, micro: int) -> None:
        """Count what a request used. A line that cannot be written marks the ledger as broken; nothing is raised."""
        self.turn()
        row = Row(self.calendar.day, key, project, model)
        self._count(row, tokens, micro)
        for account in row.accounts:
            sums = self.sums(account)
            sums[0] += tokens
            sums[1] += micro
            sums[2] += tokens
            sums[3] += micro
        self._append(f"{row.day}\t{key}\t{project}\t{model}\t{tokens}\t{micro}\n")

    def accounts(self) -> Iterator[str]:
        """Yield the accounts that used something this month."""
        return (name for name, sums in self._sums.items() if sums[2])

    def refuse_broken(self) -> None:
        """Raise Unavailable while what is used cannot be kept; tries to write again first."""
        if self.broken:
            self._fold()
        if self.broken:
            raise refusals.unavailable()

    def rows(self) -> Iterator[tuple[Row, int, int]]:
        """Yield what was used this month: row, tokens, micro-units."""
        for row, (tokens, micro) in self._rows.items():
            yield row, tokens, micro

    def take(self, path: Path) -> None:
        """Count in what a file of this month says, without ever writing there. Raises SetupError."""
        try:
            whole = read(path) if path.exists() else b""
        except OSError as error:
            raise SetupError(f"{path} cannot be read.", "Check its owner and mode (0600).") from error
        for row, tokens, micro in rows_of(path, whole):
            self._count(row, tokens, micro)
        self._sum_up()

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @property
    def _path(self) -> Path | None:
        return self._folder and self._folder / f"{self.calendar.month}.tsv"

    def _open(self) -> None:
        path, self._month = self._path, self.calendar.month
        if path is None:
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            whole = read(path)
            os.ftruncate(self._descriptor, len(whole))
        except OSError as error:
            raise SetupError(f"{path} cannot be opened.", "Check its owner and mode (0600).") from error
        self._rows = {}
        for row, tokens, micro in rows_of(path, whole):
            self._count(row, tokens, micro)
            self._lines += 1
        self._sum_up()

    def _reopen(self) -> None:
        """Go on in a new month's file; where that cannot be, nobody with a budget passes."""
        with suppress(OSError):  # of the month that is over
            self.close()
        self._rows, self._lines = {}, 0
        try:
            self._open()
        except SetupError:
            self.broken = True

    def _sum_up(self) -> None:
        for sums in self._sums.values():
            sums[:] = [0, 0, 0, 0]
        for row, (tokens, micro) in self._rows.items():
            today = row.day == self.calendar.day
            for account in row.accounts:
                sums = self.sums(account)
                sums[0] += tokens if today else 0
                sums[1] += micro if today else 0
                sums[2] += tokens
                sums[3] += micro

    def _count(self, row: Row, tokens: int, micro: int) -> None:
        used = self._rows.setdefault(row, [0, 0])
        used[0] += tokens
        used[1] += micro

    def _append(self, line: str) -> None:
        if self._folder is None or self.broken:
            return
        content = line.encode()
        try:
            if os.write(self._descriptor, content) != len(content):
                self.broken = True
        except OSError:
            self.broken = True
        self._lines += 1
        if self._lines >= LINES_BEFORE_FOLDING and self._lines > 4 * len(self._rows):
            self._fold()

    def _fold(self) -> None:
        """Replace the file by its sums, all of what is counted in memory, and go on in that."""
        path = self._path
        if path is None:
            return
        fresh, descriptor = path.with_suffix(".new"), -1
        try:
            content = "".join("\t".join((*row, str(t), str(m))) + "\n" for row, (t, m) in self._rows.items()).encode()
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            _write_whole(descriptor, content)
            os.fsync(descriptor)
            fresh.replace(path)
        except OSError:
            self.broken = True
            if descriptor >= 0:  # each request tries again while the disk is full
                os.close(descriptor)
            return
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._lines, self.broken = descriptor, len(self._rows), False


def read(path: Path) -> bytes:
    """Return a ledger file's whole lines."""
    raw = path.read_bytes()
    return raw[: raw.rfind(b"\n") + 1]


def rows_of(path: Path, whole: bytes) -> Iterator[tuple[Row, int, int]]:
    """Yield what lines say. Raises SetupError where one is not of a ledger."""
    for number, line in enumerate(whole.decode("utf-8", "replace").splitlines(), start=1):
        said = _LINE.fullmatch(line)
        if said is None:
            mend = "Restore it from a backup, or move it away: then this month counts from now on."
            raise SetupError(f"{path}, line {number}, is damaged.", mend)
        day, key, project, model, tokens, micro = said.groups()
        yield Row(day, key, project, model), int(tokens), int(micro)


def _write_whole(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
