"""What the log says of time: a minute of silence, a clock that went back; and somebody who reads along meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.audit import record as records
from gateway.audit.log import silence
from gateway.audit.log.layout import HISTORY, notes
from gateway.audit.log.reader import raw_records, search
from gateway.audit.verify import verify
from gateway.domain import Outcome

Log = Any  # conftest.OpenLog


def types(log: Log) -> list[str]:
    return [record["type"] for record in search(log.folder)]


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    def now() -> str:
        return (datetime.now(UTC) + ahead).isoformat(timespec="microseconds")[:-6] + "Z"

    monkeypatch.setattr(records, "now", now)


def test_a_clock_gone_back_an_hour_is_on_record_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.intent(1)
    before = next(search(log.folder))["time"]
    set_clock(monkeypatch, timedelta(hours=-1))

    log.intent(2)
    log.intent(3)

    assert types(log) == ["intent", "intent", "admin.clock_went_back", "intent"]
    said = list(search(log.folder))[2]["details"]
    assert said["from"] == before > said["to"]
    log.book.close()
    assert [problem for problem in verify(log.folder, log.vkey).problems if "clock" not in problem.what] == []


def test_a_clock_that_went_back_while_nobody_wrote_is_on_record_too(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.intent(1).close(Outcome("done"))
    set_clock(monkeypatch, timedelta(hours=-1))
    log.reopen()

    log.intent(2)

    assert types(log)[2:] == ["intent", "admin.clock_went_back"]


def test_a_clock_that_goes_on_is_not_spoken_of(log: Log) -> None:
    for number in range(300):
        log.intent(number)
    log.reopen()

    assert "admin.clock_went_back" not in types(log)


def test_silence_is_broken_by_a_heartbeat_with_the_size_under_a_signed_head(
    open_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "HEARTBEAT_SECONDS", 1.0)
    log = open_log(checkpoint_seconds=0.2)
    log.intent(1)

    deadline = time.monotonic() + 8
    while types(log).count("heartbeat") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)

    beats = [record for record in search(log.folder) if record["type"] == "heartbeat"]
    assert [beat["details"]["size"] for beat in beats[:2]] == [1, 2]
    assert len(list(notes((log.folder / HISTORY).read_bytes()))) >= 2


def test_there_is_no_heartbeat_while_records_come(
    open_log: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "HEARTBEAT_SECONDS", 1.5)
    log = open_log()

    for number in range(30):
        log.intent(number)
        time.sleep(0.1)

    assert "heartbeat" not in types(log)


def test_a_reader_beside_the_writer_sees_whole_records_in_order(log: Log) -> None:
    ends, seen = threading.Event(), []

    def read() -> None:
        while not ends.is_set():
            first = len(seen)
            for number, data in enumerate(raw_records(log.folder, first), first):
                assert f'"sequence":{number},'.encode() in data
                seen.append(number)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(600):
        log.intent(number)
    time.sleep(0.2)
    ends.set()
    reader.join()

    assert seen == list(range(600))
