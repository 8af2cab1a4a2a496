"""An export is whole or not there, goes on where it was cut short, and its manifest accounts for every record."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.audit.export import forms, run
from gateway.audit.export.forms import Ways
from gateway.audit.export.kinds import NAMES
from gateway.audit.export.run import Wish, export
from gateway.audit.export.work import Work
from gateway.audit.log.layout import tile_path
from gateway.audit.log.reader import Filter, raw_records
from gateway.audit.verify import check
from gateway.domain import Outcome
from gateway.errors import SetupError
from tests.audit.exports import BERLIN, keys_of, leaves_of, make, manifest_of, proves, wish

Log = Any  # conftest.OpenLog


@pytest.fixture
def closed(open_log: Callable[..., Log]) -> Log:
    log = open_log()
    for number in range(300):
        log.intent(number, f"m{number % 3}").close(Outcome("failed" if number % 100 == 0 else "done", "engine.x"))
    log.book.event("key.created", key_id="k2")
    log.book.close()
    return log


def lines(out: Path) -> list[bytes]:
    return out.read_bytes().splitlines()


def test_a_whole_log_is_its_leaves_one_a_line(closed: Log, tmp_path: Path) -> None:
    done = make(closed, tmp_path / "out.jsonl")
    said = manifest_of(tmp_path / "out.jsonl", closed.vkey).said

    assert lines(done.out) == list(raw_records(closed.folder))
    assert said["file"] == {
        "name": "out.jsonl",
        "bytes": done.out.stat().st_size,
        "sha256": hashlib.sha256(done.out.read_bytes()).hexdigest(),
    }
    (log,) = said["logs"]
    assert (log["range"], log["rows"], log["before"], log["omitted"]) == ([0, done.rows], done.rows, [], [])
    assert proves(log, leaves_of(lines(done.out)))
    names = sorted(path.name for path in tmp_path.glob("out*"))
    assert names == ["out.jsonl", "out.jsonl.checkpoint", "out.jsonl.manifest.json", "out.jsonl.vkey"]
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (Filter(type="intent"), 300),
        (Filter(type="outcome", text='"failed"'), 3),
        (Filter(model="m1"), 100),
        (Filter(data_class="internal"), 300),
        (Filter(data_class="strict"), 0),
        (Filter(decision="allowed", tenant="acme"), 300),
        (Filter(decision="denied"), 0),
        (Filter(site="berlin"), 601),
        (Filter(site="tokyo"), 0),
        (Filter(type="key"), 1),
        (Filter(since="2100-01-01T00:00:00Z"), 0),
        (Filter(until="2100-01-01T00:00:00Z"), 601),
    ],
)
def test_the_manifest_accounts_for_what_a_filter_leaves_out(
    closed: Log, tmp_path: Path, wanted: Filter, rows: int
) -> None:
    done = make(closed, tmp_path / "out", wanted=wanted)
    said = manifest_of(done.out, closed.vkey).said
    (log,) = said["logs"]

    assert (done.rows, said["rows"], log["rows"], len(lines(done.out))) == (rows, rows, rows, rows)
    left_out = sum(count for _, count, _ in log["omitted"])
    assert log["range"][0] + rows + left_out == log["range"][1] == len(list(raw_records(closed.folder)))
    assert proves(log, leaves_of(lines(done.out)))
    assert not (tmp_path / "out.checkpoint").exists() or rows == log["range"][1]
    assert all(report.ok for report in check(done.out, [closed.vkey]))


@pytest.mark.parametrize("form", NAMES)
def test_the_stand_alone_verifier_takes_every_form(closed: Log, tmp_path: Path, form: str) -> None:
    done = make(closed, tmp_path / "out", form, Filter(model="m2"))

    assert all(report.ok for report in check(done.out, [closed.vkey]))
    whole = done.out.read_bytes()
    done.out.write_bytes(whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
    assert not all(report.ok for report in check(done.out, [closed.vkey]))


def test_a_line_that_is_missing_is_noticed(closed: Log, tmp_path: Path) -> None:
    done = make(closed, tmp_path / "out", wanted=Filter(type="intent"))
    (log,) = manifest_of(done.out, closed.vkey).said["logs"]
    leaves = leaves_of(lines(done.out))
    leaves.pop(40)

    with pytest.raises(ValueError, match="neither there nor named"):
        proves(log, leaves)
    done.out.write_bytes(b"".join(line + b"\n" for line in lines(done.out) if b'"sequence":40,' not in line))
    assert not all(report.ok for report in check(done.out, [closed.vkey]))


def test_a_log_that_holds_one_record(log: Log, tmp_path: Path) -> None:
    log.book.event("key.created", key_id="k2")
    log.book.close()
    done = make(log, tmp_path / "out")

    assert (done.rows, done.logs[0].size) == (1, 1)


@pytest.mark.parametrize("form", NAMES)
def test_an_empty_export_is_a_file_all_the_same(closed: Log, tmp_path: Path, form: str) -> None:
    done = make(closed, tmp_path / "out", form, Filter(type="nothing"))

    assert (done.rows, done.out.exists()) == (0, True)


def test_several_logs_stand_in_one_export_one_after_the_other(
    closed: Log, tmp_path: Path, new_log: Callable[..., Log]
) -> None:
    other = new_log(tmp_path / "other")
    other.intent(1).close(Outcome("done"))
    other.book.close()
    both = Wish(tmp_path / "out", "jsonl", (closed.folder, other.folder), Filter(type="outcome"), BERLIN)

    done = export(both, keys_of(closed))

    said = manifest_of(done.out, closed.vkey).said["logs"]
    assert [log["rows"] for log in said] == [300, 1]
    assert proves(said[0], leaves_of(lines(done.out)[:300]))
    assert proves(said[1], leaves_of(lines(done.out)[300:]))


def test_an_export_goes_beside_the_writer(log: Log, tmp_path: Path) -> None:
    for number in range(50):
        log.intent(number)

    done = make(log, tmp_path / "out")

    assert proves(manifest_of(done.out, log.vkey).said["logs"][0], leaves_of(lines(done.out)))


def test_a_changed_log_is_not_exported(closed: Log, tmp_path: Path) -> None:
    bundle = closed.folder / tile_path("entries", 2)
    bundle.write_bytes(bundle.read_bytes().replace(b'"acme"', b'"evil"', 1))

    with pytest.raises(SetupError, match="not those that were signed"):
        make(closed, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_head_by_another_key_is_refused(closed: Log, tmp_path: Path, new_log: Callable[..., Log]) -> None:
    keys = keys_of(closed)
    stranger = run.Keys((keys.verifiers[0].__class__("x", bytes(32)),), keys.vkey, keys.seal)

    with pytest.raises(SetupError, match="cannot be verified"):
        export(wish(closed, tmp_path / "out"), stranger)


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("at", [1, 130, 257, 600])
def test_cut_short_it_goes_on_and_gives_the_same_bytes(
    closed: Log, tmp_path: Path, form: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SETTLE_RECORDS", 64)
    monkeypatch.setattr(run, "_STEP", 64)
    whole = make(closed, tmp_path / "whole", form, Filter(text='"m'))

    def stop(read: int, of_all: int) -> None:
        if read >= at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(wish(closed, tmp_path / "out", form, Filter(text='"m')), keys_of(closed), stop)
    assert not (tmp_path / "out").exists()
    done = make(closed, tmp_path / "out", form, Filter(text='"m'))

    if form == "parquet":
        import pyarrow.parquet as pq

        assert pq.read_table(done.out).equals(pq.read_table(whole.out))
    else:
        assert done.out.read_bytes() == whole.out.read_bytes()
    assert done.logs == whole.logs
    assert done.resumed == at // 64 * 64 if at < 600 else done.resumed > 0


def test_what_was_written_after_the_last_stop_is_cut_off(
    closed: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SETTLE_RECORDS", 256)
    written = forms.JsonLines.write

    def full(self: forms.JsonLines, row: Any) -> None:
        if row.index == 500:
            self._file.write(b"half of a li")
            raise OSError(errno.ENOSPC, "No space left on device")
        written(self, row)

    with monkeypatch.context() as patched:
        patched.setattr(forms.JsonLines, "write", full)
        with pytest.raises(OSError, match="No space"):
            make(closed, tmp_path / "out")
    done = make(closed, tmp_path / "out")

    assert lines(done.out) == list(raw_records(closed.folder))


def test_another_export_in_the_way_is_refused_and_can_be_thrown_away(closed: Log, tmp_path: Path) -> None:
    def stop(read: int, of_all: int) -> None:
        raise KeyboardInterrupt

    keys = keys_of(closed)
    with pytest.raises(KeyboardInterrupt):
        export(wish(closed, tmp_path / "out", "csv"), run.Keys(keys.verifiers, keys.vkey, keys.seal), stop)
    (tmp_path / ".out.export" / "state.json").write_text('{"asked":{}}')
    with pytest.raises(SetupError, match="something else"):
        make(closed, tmp_path / "out")

    assert make(closed, tmp_path / "out", fresh=True).rows == 601


def test_two_exports_to_one_file_do_not_mix(closed: Log, tmp_path: Path) -> None:
    def second(read: int, of_all: int) -> None:
        with pytest.raises(SetupError, match="under way"):
            make(closed, tmp_path / "out")

    assert export(wish(closed, tmp_path / "out"), keys_of(closed), second).rows == 601


def test_the_head_stands_from_the_beginning_though_the_log_grows(
    open_log: Callable[..., Log], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    log.intent(1).close(Outcome("done"))
    log.book.close()
    size = len(list(raw_records(log.folder)))

    def fails(payload: bytes) -> bytes:
        raise SetupError("The key does not answer.", "Try again.")

    keys = keys_of(log)
    with pytest.raises(SetupError, match="does not answer"):
        export(wish(log, tmp_path / "out"), run.Keys(keys.verifiers, keys.vkey, fails))
    log.reopen()
    log.intent(2).close(Outcome("done"))
    log.book.close()

    assert make(log, tmp_path / "out").logs[0].size == size


def test_a_time_zone_is_part_of_what_was_asked(closed: Log, tmp_path: Path) -> None:
    tokyo = Ways(ZoneInfo("Asia/Tokyo"), program="sekisho 0")

    done = make(closed, tmp_path / "out", "csv", ways=tokyo)

    assert manifest_of(done.out, closed.vkey).said["time_zone"] == "Asia/Tokyo"
    assert b"+09:00" in done.out.read_bytes()


def test_an_export_that_was_cut_short_at_its_very_end_is_made_again(
    closed: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Work) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Work, "remove", stop)
        with pytest.raises(KeyboardInterrupt):
            make(closed, tmp_path / "out")
    assert all(report.ok for report in check(tmp_path / "out", [closed.vkey]))

    assert make(closed, tmp_path / "out").rows == 601
    assert not (tmp_path / ".out.export").exists()
