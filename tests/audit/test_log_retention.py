"""How long records are kept: what is pruned, what is not, what is left, and that all of it is on record."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from patience import within

from gateway.audit.log import packing, pruning
from gateway.audit.log.layout import BUNDLE_RECORDS, tile_path
from gateway.audit.log.lookup import find
from gateway.audit.log.pruned import begin
from gateway.audit.log.reader import events_by_log, first_record, newest, raw_records, search
from gateway.audit.log.succession import OneKey
from gateway.audit.retention import RetentionOffice
from gateway.audit.verify import verify
from gateway.cli.past import since
from gateway.domain import Outcome
from gateway.errors import AuditUnavailable, SetupError
from gateway.settings import AgeSettings, AuditSettings, RetentionSettings

Log = Any  # conftest.OpenLog
DAYS = 30
SETTINGS = AuditSettings(checkpoint_records=50, retention=RetentionSettings(default=AgeSettings(DAYS, 2 * DAYS)))


def fill(log: Log, records: int) -> None:
    for number in range(log.book._writer.size // 2, records // 2):
        log.intent(number).close(Outcome("done"))


@pytest.fixture
def log(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[Log]:
    """A log of a little more than three full bundles."""
    from tests.audit.conftest import OpenLog

    log = OpenLog(tmp_path / "audit", key, SETTINGS)
    fill(log, 3 * BUNDLE_RECORDS + 100)
    yield log
    log.book.close()


def office(log: Log, later_days: float = 0) -> RetentionOffice:
    """Return the office, so many days later, beside the open book."""
    books = {"default": log.book} if log.book._writer else {}
    at = lambda: datetime.now(UTC) + timedelta(days=later_days)  # noqa: E731
    return RetentionOffice(log.base, books, lambda: OneKey(log.key), SETTINGS, at)


def prune(log: Log, later_days: float, **asked: Any) -> Any:
    (said,) = asyncio.run(office(log, later_days).prune("ana", **asked))
    return said


def bundles(log: Log) -> list[str]:
    return sorted(path.name for path in (log.folder / "tile" / "entries").iterdir())


def test_records_beyond_their_longest_age_go_and_the_rest_verifies(log: Log) -> None:
    said = prune(log, 2 * DAYS + 1)

    assert (said.state, said.first, said.records) == ("pruned", 768, 768)
    assert bundles(log) == ["003"]
    log.book.close()
    report = verify(log.folder, log.vkey)
    assert (report.problems, report.tree_size) == ([], 869)


@pytest.mark.parametrize(
    ("later_days", "before_days", "first"),
    [(DAYS - 1, 0, 0), (DAYS + 1, 0, 768), (DAYS + 1, -1, 0), (2 * DAYS - 1, None, 0), (2 * DAYS + 1, None, 768)],
)
def test_nothing_below_the_least_age_goes_whatever_is_asked(
    log: Log, later_days: float, before_days: float | None, first: int
) -> None:
    """``before_days``: up to so many days from now; ``None``: by age."""
    asked = {} if before_days is None else {"before": text(before_days)}

    prune(log, later_days, **asked)

    assert first_record(log.folder) == first


def text(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days, minutes=1)).isoformat().replace("+00:00", "Z")


def test_an_intent_without_outcome_keeps_itself_and_what_follows(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    from tests.audit.conftest import OpenLog

    log = OpenLog(tmp_path / "audit", key, SETTINGS)
    fill(log, BUNDLE_RECORDS)
    waiting = log.intent(999)
    fill(log, 3 * BUNDLE_RECORDS)

    assert prune(log, 99).first == BUNDLE_RECORDS
    waiting.close(Outcome("done"))
    assert prune(log, 99).first > BUNDLE_RECORDS
    log.book.close()


def test_a_dry_run_says_what_would_go(log: Log) -> None:
    before = bundles(log)

    said = prune(log, 99, dry_run=True)

    assert (said.state, said.records) == ("would be pruned", 768)
    assert (bundles(log), first_record(log.folder)) == (before, 0)
    assert not list(events(log, "admin.pruned"))


def events(log: Log, type: str) -> list[dict[str, Any]]:
    return [record["details"] for record in search(log.folder) if record["type"] == type]


def test_pruning_is_on_record_in_the_log_itself(log: Log) -> None:
    prune(log, 99)

    (said,) = events(log, "admin.pruned")
    assert (said["by"], said["log"], said["begin"], said["first"]) == ("ana", "berlin/node1/w0/default", 0, 768)


def test_a_pruned_log_goes_on_after_a_restart_and_is_pruned_again(log: Log) -> None:
    prune(log, 99)
    log.reopen()
    fill(log, 6 * BUNDLE_RECORDS + 10)
    log.reopen()

    said = prune(log, 99)

    assert (said.first, begin(log.folder).bundles) == (6 * BUNDLE_RECORDS, 6)
    log.reopen()
    log.book.close()
    assert verify(log.folder, log.vkey).problems == []


@pytest.mark.parametrize("step", ["note", "one bundle", "bundles", "all but a tile"])
def test_pruning_that_a_crash_cut_short_is_finished_at_the_next_start(
    log: Log, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(folder: Path, first: int) -> None:
        gone = {"note": 0, "one bundle": 1, "bundles": 3, "all but a tile": 3}[step]
        for index in range(gone):
            (folder / tile_path("entries", index)).unlink()
            if step == "all but a tile" and index:
                (folder / tile_path(0, index)).unlink()

    from gateway.audit.log import writer

    monkeypatch.setattr(writer, "clear", cut_short)
    prune(log, 99)
    monkeypatch.undo()

    log.reopen()
    log.book.close()

    assert bundles(log) == ["003"]
    assert not (log.folder / tile_path(0, 0)).exists()
    assert verify(log.folder, log.vkey).problems == []


def test_readers_begin_where_the_log_does(log: Log) -> None:
    log.book.event("model.added", name="m")
    fill(log, 5 * BUNDLE_RECORDS)
    prune(log, 99)
    first = first_record(log.folder)

    assert next(search(log.folder))["sequence"] == first > 0
    assert len(list(raw_records(log.folder))) == log.book._writer.size - first
    assert newest(log.folder, 5000)[0]["sequence"] == first
    assert all(found.record for found in since(log.folder, "2020-01-01T00:00:00Z"))
    assert find(log.folder, "01JNOWHERE", log.book._writer.size) is None
    (read,) = events_by_log(log.base, "model.added").values()
    assert list(read(0)) == []


async def test_a_receipt_of_what_is_left_still_proves(log: Log) -> None:
    await office(log, 99).prune("ana")

    receipt = json.loads(await log.book.receipt(800))

    assert receipt["inclusion"]["status"] == "included"


def test_a_log_that_lost_its_note_is_not_taken_up(log: Log) -> None:
    prune(log, 99)
    log.book.close()
    (log.folder / "pruned").unlink()

    with pytest.raises(SetupError, match=r"tile/entries/000 is gone"):
        log.reopen()


def test_a_note_that_is_touched_stops_the_running_log(log: Log) -> None:
    prune(log, 99)
    assert log.book.ready()

    (log.folder / "pruned").unlink()

    deadline = time.monotonic() + 2
    while log.book.ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not log.book.ready()


def test_a_note_of_another_key_is_not_taken_up(log: Log) -> None:
    prune(log, 99)
    log.book.close()
    note = (log.folder / "pruned").read_bytes()
    (log.folder / "pruned").write_bytes(note.replace(b"\n768\n", b"\n512\n"))

    with pytest.raises(SetupError, match="pruned: no valid signature"):
        log.reopen()


def test_bundles_that_still_count_persons_this_year_stay(log: Log) -> None:
    log.book.event("policy.subjects", year=2026)
    fill(log, 6 * BUNDLE_RECORDS)
    until = pruning.plan(log.folder, 0, 6 * BUNDLE_RECORDS, datetime.now(UTC).isoformat().replace("+00:00", "Z"))
    next_year = f"{datetime.now(UTC).year + 1}-02-01T00:00:00Z"

    assert until.first == 3 * BUNDLE_RECORDS
    assert pruning.plan(log.folder, 0, 6 * BUNDLE_RECORDS, next_year).first == 6 * BUNDLE_RECORDS


def test_packed_bundles_are_pruned_too(log: Log) -> None:
    assert within(8.0, lambda: log.book._writer._heads.published >= 2 * BUNDLE_RECORDS)  # before that, none is packed
    for index in range(2):
        packing.pack(log.folder, index, roots(log)[index])

    assert prune(log, 99).first == 768
    assert bundles(log) == ["003"]


def roots(log: Log) -> dict[int, bytes]:
    from gateway.audit.log.sealed import read, root_of

    return {index: root_of(read(log.folder, index)) for index in range(3)}


# --- by itself


def test_pruning_by_age_needs_a_clock_that_did_not_leap(log: Log) -> None:
    assert prune(log, 99, asked=False).state == "the clock has leapt"
    assert prune(log, 0, asked=False).state == "nothing is due"
    assert first_record(log.folder) == 0


def test_a_server_prunes_by_age_each_day(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.audit import retention

    monkeypatch.setattr(retention, "_FIRST_SECONDS", 0.0)
    asked: list[tuple[Any, Any]] = []

    class Office(RetentionOffice):
        async def prune(self, *what: Any, **how: Any) -> Any:
            asked.append((what, how))
            raise AuditUnavailable  # not well: tomorrow again

    async def a_moment() -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(Office(log.base, {}, lambda: OneKey(log.key), SETTINGS).daily(), 0.2)

    asyncio.run(a_moment())

    assert asked == [(("server",), {"asked": False})]


# --- holds


def test_a_held_log_is_not_pruned_until_the_hold_is_cleared(log: Log) -> None:
    (held,) = asyncio.run(office(log).hold("ana", "case 12 O 345/26"))
    assert prune(log, 99).state == "held"
    log.reopen()
    assert prune(log, 99).state == "held"

    assert asyncio.run(office(log).release("ben", "closed")) == []

    assert (held.by, held.reason) == ("ana", "case 12 O 345/26")
    assert prune(log, 99).state == "pruned"
    assert [said["reason"] for said in events(log, "admin.hold_set")] == ["case 12 O 345/26"]
    assert [said["by"] for said in events(log, "admin.hold_cleared")] == ["ben"]


def test_a_hold_whose_file_was_deleted_holds_until_it_is_cleared(log: Log) -> None:
    asyncio.run(office(log).hold("ana", "case 12 O 345/26"))
    (log.folder / "hold").unlink()

    said = prune(log, 99)
    assert (said.state, said.records) == ("held", 0)
    assert "hold is gone" in said.why
    assert first_record(log.folder) == 0

    assert asyncio.run(office(log).release("ben", "closed")) == []
    assert prune(log, 99).state == "pruned"


def test_a_hold_that_cannot_be_read_holds(log: Log) -> None:
    (log.folder / "hold").write_text("?")

    with pytest.raises(AuditUnavailable):
        prune(log, 99)

    assert first_record(log.folder) == 0


def test_a_log_that_nobody_writes_is_opened_for_the_moment(log: Log) -> None:
    log.book.close()

    assert prune(log, 99).state == "pruned"
    assert verify(log.folder, log.vkey).problems == []


def test_a_log_that_another_process_writes_is_left_to_it(log: Log) -> None:
    others = RetentionOffice(log.base, {}, lambda: OneKey(log.key), SETTINGS, lambda: datetime.now(UTC) + timedelta(99))

    (said,) = asyncio.run(others.prune("ana"))

    assert said.state == "cannot be opened"
    assert "Another process writes" in said.why


def test_what_hangs_on_pruned_records_is_told_once_they_are_gone(log: Log) -> None:
    called: list[int] = []
    at = lambda: datetime.now(UTC) + timedelta(days=3 * DAYS)  # noqa: E731
    after = lambda: called.append(first_record(log.folder))  # noqa: E731
    pruning_office = RetentionOffice(
        log.base, {"default": log.book}, lambda: OneKey(log.key), SETTINGS, at, after=after
    )

    asyncio.run(pruning_office.prune("ana", dry_run=True))
    assert called == []
    asyncio.run(pruning_office.prune("ana"))
    assert called == [first_record(log.folder)] != [0]
