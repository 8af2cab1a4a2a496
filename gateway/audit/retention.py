"""How long records are kept: legal holds, and pruning; each step on record, durably, in the log that it changes.

The running server (through its admin socket, and once a day by itself) and the command line (when there is no server)
both come here. A log is pruned from its beginning, by whole bundles, never below the least age of its class, and not at
all while it is held. Logs that no process writes are opened for the moment; one that another process writes is left to
that process, and said.

Pruning by age, without anybody who asks for it, hangs on the clock: it is refused where the clock has leapt, by more
than an hour since the start or by more than a month before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.audit.book import LogBook
from gateway.audit.log import hold as holds
from gateway.audit.log.hold import Hold
from gateway.audit.log.pruning import plan
from gateway.audit.log.reader import comparable, first_record, logs
from gateway.audit.log.site import SiteHeads
from gateway.audit.log.succession import LogKeys
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AuditSettings

State = Literal["pruned", "would be pruned", "nothing is due", "held", "the clock has leapt", "cannot be opened"]
_DAY_SECONDS, _FIRST_SECONDS = 24 * 3600.0, 60.0


class Pruning(msgspec.Struct, frozen=True):
    """What became of one log. ``newest`` is the time of the last record that went, or would go."""

    log: str
    state: State
    records: int = 0
    first: int = 0
    newest: str = ""
    why: str = ""


class Held(msgspec.Struct, frozen=True):
    """A legal hold on one log."""

    log: str
    since: str
    by: str
    reason: str


def now() -> datetime:
    return datetime.now(UTC)


class RetentionOffice:
    """Prunes and holds the logs of an installation.

    Args:
        base: the audit folder.
        books: those that this process has open.
        keys: for those that it opens for the moment.
        clock: the wall clock's time, in UTC.
        after: called in a thread once records are gone: what only they named may go too.
    """

    def __init__(
        self,
        base: Path,
        books: Mapping[str, LogBook],
        keys: Callable[[], LogKeys],
        settings: AuditSettings,
        clock: Callable[[], datetime] = now,
        after: Callable[[], object] = bool,
    ) -> None:
        self._base = base
        self._open = {book.folder: book for book in books.values()}
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._after = after
        self._one_at_a_time = asyncio.Lock()

    async def prune(self, by: str, before: str = "", *, asked: bool = True, dry_run: bool = False) -> list[Pruning]:
        """Prune every log; return what became of each.

        Args:
            before: RFC 3339, UTC: records of that time and younger stay; empty: those within their longest age do.
            asked: whether a person asks for it.
            dry_run: say what would go, and change nothing.

        Raises:
            AuditUnavailable: a log cannot be read, or could not be put on record.
        """
        async with self._one_at_a_time:
            said = [await self._prune(folder, by, before, asked, dry_run) for folder in logs(self._base)]
            if any(each.state == "pruned" for each in said):
                await asyncio.to_thread(self._after)
            return said

    async def daily(self) -> None:
        """Prune by age, a minute from now and then each day, for ever; what cannot be done waits for the next day."""
        await asyncio.sleep(_FIRST_SECONDS)
        while True:
            with suppress(AuditUnavailable):  # the log is not well, and that is told already
                await self.prune("server", asked=False)
            await asyncio.sleep(_DAY_SECONDS)

    async def _prune(self, folder: Path, by: str, before: str, asked: bool, dry_run: bool) -> Pruning:
        name, latest = self._name(folder), self._latest(folder.name, before)
        if self._hold(folder):
            return Pruning(name, "held")
        if not latest or not await self._is_due(folder, latest):
            return Pruning(name, "nothing is due", first=first_record(folder))
        try:
            async with self._book(folder) as book:
                if not asked and book.clock_leapt(self._clock()):
                    return Pruning(name, "the clock has leapt")
                return await self._cut(book, name, latest, by, dry_run)
        except SetupError as error:
            return Pruning(name, "cannot be opened", why=error.problem)

    async def _is_due(self, folder: Path, latest: str) -> bool:
        """Whether the first bundle, at least, may go: looked at before a log is opened for it."""
        begin = first_record(folder)
        cut = await asyncio.to_thread(plan, folder, begin, begin + 256, latest)
        return cut.first > begin

    async def _cut(self, book: LogBook, name: str, latest: str, by: str, dry_run: bool) -> Pruning:
        begin = book.begin
        try:
            cut = await asyncio.to_thread(plan, book.folder, begin, await book.prunable(), latest)
            held = cut.first > begin and await asyncio.to_thread(holds.is_on_record, book.folder)
        except OSError as error:
            raise AuditUnavailable.because(error, "The log's records cannot be read.") from error
        said = Pruning(name, "would be pruned" if dry_run else "pruned", cut.first - begin, cut.first, cut.newest)
        if cut.first == begin:
            return Pruning(name, "nothing is due", first=begin)
        if held:
            return Pruning(
                name, "held", why="Its file hold is gone, and no record ends that hold. See: sekisho audit hold clear"
            )
        if not dry_run:
            details = {"by": by, "log": name, "begin": begin, "first": cut.first, "newest": cut.newest}
            details["before"] = latest
            await _on_record(book, "admin.pruned", details)
            try:
                await book.prune(cut.first)
            except AuditUnavailable:
                book.event("admin.pruned.failed", **details)
                raise
        return said

    def _latest(self, retention_class: str, before: str) -> str:
        """Return from which time on records stay; empty: all of them do."""
        age, moment = self._settings.age(retention_class), self._clock()
        least = _text(moment - timedelta(days=age.least_days))
        if before:
            return min(comparable(before), least)
        return _text(moment - timedelta(days=age.longest_days)) if age.longest_days else ""

    # --- holds -----------------------------------------------------------------------------------------------------

    def held(self) -> list[Held]:
        """Return all holds. Raises AuditUnavailable."""
        found = ((folder, self._hold(folder)) for folder in logs(self._base))
        return [Held(self._name(folder), hold.since, hold.by, hold.reason) for folder, hold in found if hold]

    async def hold(self, by: str, reason: str, log: str = "") -> list[Held]:
        """Hold one log, or all; return all holds.

        Raises:
            SetupError: there is no such log, or it cannot be opened.
            AuditUnavailable: it could not be put on record, or written: then nothing is held.
        """
        hold = Hold(_text(self._clock()), by, reason)
        async with self._one_at_a_time:
            for folder in self._named(log):
                async with self._book(folder) as book:
                    await _on_record(book, holds.SET, {"by": by, "log": self._name(folder), "reason": reason})
                    await _carried_out(lambda folder=folder: holds.write(folder, hold))  # type: ignore[misc]
        return self.held()

    async def release(self, by: str, reason: str, log: str = "") -> list[Held]:
        """End the hold on one log, or all holds; return those that are left. Raises as :meth:`hold`."""
        async with self._one_at_a_time:
            for folder in [folder for folder in self._named(log) if await self._is_held(folder)]:
                async with self._book(folder) as book:
                    details = {"by": by, "log": self._name(folder), "reason": reason}
                    await _on_record(book, holds.CLEARED, details)
                    await _carried_out(lambda folder=folder: holds.clear(folder))  # type: ignore[misc]
        return self.held()

    async def _is_held(self, folder: Path) -> bool:
        """Whether there is a hold, or the log says so. Raises AuditUnavailable."""
        try:
            return bool(self._hold(folder)) or await asyncio.to_thread(holds.is_on_record, folder)
        except OSError as error:
            raise AuditUnavailable.because(error, "The log's records cannot be read.") from error

    def _hold(self, folder: Path) -> Hold | None:
        try:
            return holds.read(folder)
        except OSError as error:
            message = "A legal hold cannot be read; so nothing is pruned."
            raise AuditUnavailable.because(error, message) from error

    # --- logs ------------------------------------------------------------------------------------------------------

    def _named(self, log: str) -> list[Path]:
        found = [folder for folder in logs(self._base) if log in ("", self._name(folder))]
        if not found:
            raise SetupError(f"There is no log {log}.", "See: sekisho audit hold list", exit_code=2)
        return found

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self._base).as_posix()

    @asynccontextmanager
    async def _book(self, folder: Path) -> AsyncIterator[LogBook]:
        """Return the book of a log: ours, or one that is opened for the moment. Raises SetupError."""
        if folder in self._open:
            yield self._open[folder]
            return
        origin, keys = self._name(folder).rpartition("/")[0], self._keys()
        site = SiteHeads(self._base, origin.partition("/")[0], keys)
        book = LogBook(
            self._base,
            origin=origin,
            log_key=keys,
            settings=self._settings,
            retention_class=folder.name,
            site=site,
        )
        await asyncio.to_thread(book.open)
        try:
            yield book
        finally:
            await asyncio.to_thread(book.close)


async def _on_record(book: LogBook, type: str, details: dict[str, Any]) -> None:
    book.event(type, **details)
    await book.durable()


async def _carried_out(change: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(change)
    except OSError as error:
        raise AuditUnavailable.because(error, "The hold could not be changed.") from error


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
