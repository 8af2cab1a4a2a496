"""Exports that can be checked without the log, and reading by what a record says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.export.lines import export, verify_export
from gateway.audit.log.layout import tile_path
from gateway.audit.log.reader import Filter, comparable, logs, newest, raw_records, search
from gateway.domain import Outcome
from gateway.errors import SetupError

Log = Any  # conftest.OpenLog


@pytest.fixture
def closed(open_log: Callable[..., Log]) -> Log:
    log = open_log()
    for number in range(300):
        log.intent(number).close(Outcome("failed" if number % 100 == 0 else "done", "engine.unavailable"))
    log.book.event("key.created", key_id="k2")
    log.book.close()
    return log


def test_an_export_verifies_with_nothing_but_its_files(closed: Log, tmp_path: Path) -> None:
    out, seen = tmp_path / "out.jsonl", list[tuple[int, int]]()

    done = export(closed.folder, out, closed.vkey, progress=lambda *step: seen.append(step))
    report = verify_export(out)

    assert out.read_bytes().split(b"\n")[:-1] == list(raw_records(closed.folder))
    assert (done.records, done.bytes, seen[-1]) == (601, out.stat().st_size, (601, 601))
    assert (report.ok, report.records, report.root) == (True, 601, done.root)
    assert any("came with the export" in what for what in report.not_checked)
    assert verify_export(out, closed.vkey).ok
    assert sorted(path.name for path in tmp_path.glob("*out*")) == [
        "out.jsonl",
        "out.jsonl.checkpoint",
        "out.jsonl.vkey",
    ]


def test_any_changed_byte_of_an_export_is_found(closed: Log, tmp_path: Path) -> None:
    out, draw = tmp_path / "out.jsonl", random.Random(3)
    export(closed.folder, out, closed.vkey)
    for path in (out, Path(f"{out}.checkpoint")):
        whole = path.read_bytes()
        for _ in range(10):
            at = draw.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert not verify_export(out, closed.vkey).ok
        path.write_bytes(whole)


def test_an_export_goes_beside_the_writer(log: Log, tmp_path: Path) -> None:
    for number in range(50):
        log.intent(number)

    done = export(log.folder, tmp_path / "out", log.vkey)

    assert verify_export(tmp_path / "out", log.vkey).ok
    assert done.records > 0


def test_what_the_guard_of_answers_did_is_in_an_export_and_can_be_searched_for(log: Log, tmp_path: Path) -> None:
    log.intent(1).close(Outcome("done"))
    log.intent(2).close(Outcome("failed", "privacy.output_blocked", guarded={"PERSON": 2}))
    log.book.close()

    export(log.folder, tmp_path / "out", log.vkey)
    (record,) = search(log.folder, Filter(type="outcome", text='"guarded":{"'))

    assert (record["code"], record["guarded"]) == ("privacy.output_blocked", {"PERSON": 2})
    assert b'"guarded":{"PERSON":2}' in (tmp_path / "out").read_bytes()
    assert verify_export(tmp_path / "out", log.vkey).ok


def test_a_changed_log_is_not_exported(closed: Log, tmp_path: Path) -> None:
    bundle = closed.folder / tile_path("entries", 0)
    bundle.write_bytes(bundle.read_bytes().replace(b'"acme"', b'"evil"', 1))

    with pytest.raises(SetupError, match="not those that were signed"):
        export(closed.folder, tmp_path / "out.jsonl", closed.vkey)

    assert not list(tmp_path.glob("*out.jsonl*"))


def test_an_unknown_format_is_refused(closed: Log, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no export format csv"):
        export(closed.folder, tmp_path / "out", closed.vkey, format="csv")  # type: ignore[arg-type]


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
