"""Exports of earlier releases can still be checked; reading by what a record says."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.log.reader import Filter, comparable, logs, newest, newest_time, search
from gateway.audit.verify import check
from gateway.domain import Outcome
from tests.audit.exports import make

Log = Any  # conftest.OpenLog


@pytest.fixture
def closed(open_log: Callable[..., Log]) -> Log:
    log = open_log()
    for number in range(300):
        log.intent(number).close(Outcome("failed" if number % 100 == 0 else "done", "engine.unavailable"))
    log.book.event("key.created", key_id="k2")
    log.book.close()
    return log


def earlier(log: Log, out: Path) -> Path:
    """Return an export as releases before the manifest wrote it: leaves, their signed head and the key."""
    make(log, out)
    Path(f"{out}.manifest.json").unlink()
    return out


def sound(out: Path, *keys: str) -> bool:
    return all(report.ok for report in check(out, keys))


def test_an_export_of_an_earlier_release_still_verifies(closed: Log, tmp_path: Path) -> None:
    out = earlier(closed, tmp_path / "out.jsonl")

    (report,) = check(out, [])
    assert (report.ok, report.records, report.tree_size) == (True, 601, 601)
    assert any("came with the export" in what for what in report.not_checked)
    assert sound(out, closed.vkey)


def test_any_changed_byte_of_it_is_found(closed: Log, tmp_path: Path) -> None:
    out, draw = earlier(closed, tmp_path / "out.jsonl"), random.Random(3)
    for path in (out, Path(f"{out}.checkpoint")):
        whole = path.read_bytes()
        for _ in range(10):
            at = draw.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert not sound(out, closed.vkey)
        path.write_bytes(whole)


def test_what_the_guard_of_answers_did_is_in_an_export_and_can_be_searched_for(log: Log, tmp_path: Path) -> None:
    log.intent(1).close(Outcome("done"))
    log.intent(2).close(Outcome("failed", "privacy.output_blocked", guarded={"PERSON": 2}))
    log.book.close()

    done = make(log, tmp_path / "out")
    (record,) = search(log.folder, Filter(type="outcome", text='"guarded":{"'))

    assert (record["code"], record["guarded"]) == ("privacy.output_blocked", {"PERSON": 2})
    assert b'"guarded":{"PERSON":2}' in done.out.read_bytes()


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Filter(), 601),
        (Filter(type="intent"), 300),
        (Filter(type="key"), 1),
        (Filter(type="ke"), 0),
        (Filter(tenant="acme", project="support", key_id="k1"), 300),
        (Filter(tenant="other"), 0),
        (Filter(code="engine.unavailable"), 300),
        (Filter(request=f"01J{7:023d}"), 2),
        (Filter(since="2100-01-01T00:00:00Z"), 0),
        (Filter(until="2100-01-01T00:00:00Z"), 601),
        (Filter(text='"status":"failed"'), 3),
    ],
)
def test_records_are_found_by_what_they_say(closed: Log, wanted: Filter, count: int) -> None:
    assert len(list(search(closed.folder, wanted))) == count


def test_the_time_of_the_newest_record_bears_witness_of_the_time(closed: Log, tmp_path: Path) -> None:
    last = newest(closed.folder, 1)[0]

    assert newest_time(closed.base) == datetime.fromisoformat(last["time"])
    assert newest_time(tmp_path / "none") is None


def test_the_newest_records_come_oldest_first(closed: Log) -> None:
    assert [record["sequence"] for record in newest(closed.folder, 3)] == [598, 599, 600]
    assert [record["sequence"] for record in newest(closed.folder, 2, Filter(type="intent"))] == [596, 598]
    assert newest(closed.folder, 0) == []


def test_reading_goes_on_from_a_sequence(closed: Log) -> None:
    assert [record["sequence"] for record in search(closed.folder, first=255)][:3] == [255, 256, 257]


def test_all_logs_below_a_folder_are_found(closed: Log) -> None:
    assert logs(closed.base) == [closed.folder]


def test_times_with_and_without_fractions_compare() -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"]

    assert sorted(times, key=comparable) == times
