"""What is wrong with a log is told: in the server's log, in a note beside the state, and in the book afterwards."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from patience import within

from gateway.audit.log.layout import tile_path
from gateway.audit.log.reader import search
from gateway.audit.log.trouble import MENDS, Note, notes
from gateway.audit.verify import verify
from gateway.domain import Outcome
from gateway.errors import AuditUnavailable
from tests.audit.bad_disk import BadDisk

Log = Any  # conftest.OpenLog
NAME = "berlin/node1/w0/default"


def wait_until(question: Callable[[], bool]) -> bool:
    return within(2.0, question)  # one second is promised; a busy machine gets another


@pytest.fixture
def disk() -> BadDisk:
    return BadDisk()


@pytest.fixture
def bad_log(open_log: Callable[..., Log], disk: BadDisk) -> Log:
    return open_log(disk)


def told(log: Log) -> dict[str, Note]:
    return dict(notes(log.folder.parents[3]))


def gaps(log: Log) -> list[dict[str, Any]]:
    return [record["details"] for record in search(log.folder) if record["type"] == "gap"]


def refuse(log: Log, times: int) -> None:
    for number in range(times):
        with pytest.raises(AuditUnavailable):
            log.intent(100 + number)


def test_the_line_of_a_failed_write_names_the_log_and_what_to_do(
    bad_log: Log, disk: BadDisk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.write_error = errno.EIO
    with caplog.at_level(logging.ERROR, "sekisho.audit"):
        refuse(bad_log, 1)

    (line,) = caplog.messages
    assert NAME in line
    assert "Input/output error" in line
    assert MENDS["audit.unavailable"] in line


def test_what_stopped_a_log_is_said_once(bad_log: Log, disk: BadDisk, caplog: pytest.LogCaptureFixture) -> None:
    disk.write_error = disk.sync_error = errno.EIO
    with caplog.at_level(logging.ERROR, "sekisho.audit"):
        refuse(bad_log, 3)
        bad_log.book.close()

    assert len(caplog.messages) == 1


def test_what_was_refused_on_a_failed_disk_is_on_record_after_the_restart(bad_log: Log, disk: BadDisk) -> None:
    bad_log.intent(1).close(Outcome("done"))
    disk.write_error = errno.EIO
    refuse(bad_log, 3)
    (before,) = told(bad_log).values()
    disk.write_error = 0

    bad_log.reopen()
    bad_log.book.close()

    assert gaps(bad_log) == [{"code": "audit.unavailable", "since": before.since, "refused": 2}]  # the first broke it
    assert told(bad_log) == {}
    assert verify(bad_log.folder, bad_log.vkey).problems == []


def test_a_full_disk_leaves_its_gap_also_when_the_server_is_restarted_meanwhile(bad_log: Log, disk: BadDisk) -> None:
    bad_log.intent(1).close(Outcome("done"))
    disk.write_error = errno.ENOSPC
    refuse(bad_log, 2)
    since = told(bad_log)[NAME].since
    bad_log.book.close()
    disk.write_error = 0

    bad_log.reopen()
    bad_log.book.close()

    assert [(gap["code"], gap["since"], gap["refused"]) for gap in gaps(bad_log)] == [("audit.disk_full", since, 1)]


def test_a_passing_trouble_is_told_once_and_its_note_goes(bad_log: Log, disk: BadDisk) -> None:
    disk.write_error = errno.ENOSPC
    refuse(bad_log, 1)
    assert told(bad_log)[NAME].code == "audit.disk_full"

    disk.write_error = 0

    assert wait_until(bad_log.book.ready)
    assert told(bad_log) == {}
    bad_log.reopen()
    bad_log.book.close()
    assert len(gaps(bad_log)) == 1


def test_a_changed_tile_is_made_again_at_the_start_after_it_was_noticed(log: Log) -> None:
    for number in range(300):
        log.intent(number).close(Outcome("done"))
    asyncio.run(log.book.durable())
    tile = log.folder / tile_path(0, 0)
    assert wait_until(lambda: tile.exists() and tile.stat().st_size == 8192)
    assert wait_until(lambda: bool(log.book._writer._journal.tile_watch._looks))
    flip(tile)
    assert wait_until(lambda: not log.book.ready() and NAME in told(log))
    assert told(log)[NAME].what == "tile/0/000 is not what was written"

    log.reopen()
    log.book.close()

    assert verify(log.folder, log.vkey).problems == []
    assert [gap["code"] for gap in gaps(log)] == ["audit.tampered"]


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)


def delete(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", [tile_path(0, 0), tile_path(0, 1), tile_path(1, 0), "sizes", "reserve"])
@pytest.mark.parametrize("harm", [delete, move, cut])
def test_every_file_that_a_log_lost_stops_it(log: Log, name: str, harm: Callable[[Path], None]) -> None:
    for number in range(300):
        log.intent(number)
    asyncio.run(log.book.durable())  # else what is still to be written makes the file anew
    tile = log.folder / tile_path(0, 1)
    assert wait_until(lambda: tile.exists() and tile.stat().st_size == 44 * 32 and (log.folder / "sizes").exists())

    harm(log.folder / name)

    assert wait_until(lambda: not log.book.ready() and NAME in told(log))
    assert told(log)[NAME].code == "audit.tampered"


def test_a_mark_that_is_gone_stops_the_log(log: Log) -> None:
    log.intent(1)
    assert wait_until((log.folder / "open").exists)

    (log.folder / "open").unlink()

    assert wait_until(lambda: not log.book.ready())
