"""Disks that fill and fail, and people who touch the files of a running log: no record is acknowledged wrongly."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import within

from gateway.audit.log.disk import Disk
from gateway.audit.log.layout import tile_path
from gateway.audit.log.reader import search
from gateway.audit.verify import verify
from gateway.domain import Outcome
from gateway.errors import AuditFinal, AuditUnavailable, SetupError
from tests.audit.bad_disk import BadDisk

Log = Any  # conftest.OpenLog
NOTICED_WITHIN_SECONDS = 2.0  # one second is promised; a busy machine gets another


def wait_until(question: Callable[[], bool]) -> bool:
    return within(NOTICED_WITHIN_SECONDS, question)


@pytest.fixture
def disk() -> BadDisk:
    return BadDisk()


@pytest.fixture
def bad_log(open_log: Callable[..., Log], disk: BadDisk) -> Log:
    return open_log(disk)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 4 MiB in memory, where this process may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


@pytest.mark.parametrize(("number", "code"), [(errno.EIO, "audit.unavailable"), (errno.EROFS, "audit.unavailable")])
def test_a_failed_write_refuses_this_and_every_later_intent(
    bad_log: Log, disk: BadDisk, number: int, code: str
) -> None:
    disk.write_error = number
    with pytest.raises(AuditUnavailable) as refused:
        bad_log.intent(1)
    disk.write_error = 0

    assert (refused.value.code, bad_log.book.ready()) == (code, False)
    with pytest.raises(AuditUnavailable):
        bad_log.intent(2)


@pytest.mark.parametrize(
    ("number", "mend"), [(errno.EIO, "See to the disk, then restart"), (errno.ENOSPC, "Free space, then restart")]
)
async def test_a_failed_sync_tells_every_waiter_and_is_never_tried_again(
    bad_log: Log, disk: BadDisk, number: int, mend: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk.go.clear()
    entries = [bad_log.intent(count) for count in range(5)]
    waiting = asyncio.gather(*(entry.durable() for entry in entries), return_exceptions=True)
    await asyncio.sleep(0)

    disk.sync_error = number
    disk.go.set()
    told = await waiting
    disk.sync_error = 0

    assert {type(error) for error in told} == {AuditFinal}
    assert mend in caplog.text
    with pytest.raises(AuditUnavailable):
        await entries[0].durable()
    with pytest.raises(AuditUnavailable):
        bad_log.intent(9)


@pytest.mark.parametrize(("number", "code"), [(errno.EIO, "audit.unavailable"), (errno.ENOSPC, "audit.disk_full")])
def test_a_failed_sync_of_the_heads_is_never_tried_again_either(
    log: Log, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    tried: list[int] = []

    def fail() -> None:
        tried.append(number)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(log.book._writer._heads._history, "sync", fail)
    log.intent(1)

    assert wait_until(lambda: not log.book.ready())
    time.sleep(1.2)
    assert (log.book.error().code, log.book.error().retryable, len(tried)) == (code, False, 1)
    assert not (log.folder / "checkpoint").exists()


async def test_on_a_broken_log_closing_and_denying_do_not_raise(bad_log: Log, disk: BadDisk) -> None:
    entry = bad_log.intent(1)
    disk.write_error = errno.EIO

    entry.close(Outcome("done"))
    bad_log.book.denial(code="x", status=401)

    assert not bad_log.book.ready()
    with pytest.raises(AuditUnavailable):
        bad_log.book.event("config")


def test_a_full_disk_refuses_and_recovers_with_a_gap(bad_log: Log, disk: BadDisk) -> None:
    entry = bad_log.intent(1)
    disk.write_error = errno.ENOSPC
    with pytest.raises(AuditUnavailable) as refused:
        bad_log.intent(2)
    entry.close(Outcome("done"))

    disk.write_error = 0

    assert (refused.value.code, refused.value.retry_after_seconds) == ("audit.disk_full", 1.0)
    assert wait_until(bad_log.book.ready)
    bad_log.book.close()
    assert [record["type"] for record in search(bad_log.folder)] == ["intent", "gap", "outcome"]
    assert verify(bad_log.folder, bad_log.vkey).problems == []


@pytest.mark.real
def test_a_really_full_disk_lets_the_closing_records_in(small_disk: Path, new_log: Callable[..., Log]) -> None:
    log = new_log(small_disk / "audit")
    entries = []
    with pytest.raises(AuditUnavailable) as refused:
        while True:
            entries.append(log.intent(len(entries)))

    for entry in entries[-300:]:
        entry.close(Outcome("done"))

    assert refused.value.code == "audit.disk_full"
    assert sum(record["type"] == "outcome" for record in search(log.folder)) == 300
    log.book.close()
    assert verify(log.folder, log.vkey).problems == []


@pytest.mark.real
def test_room_on_a_full_disk_is_noticed_within_a_second(small_disk: Path, new_log: Callable[..., Log]) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 1_500_000)
    log = new_log(small_disk / "audit")
    with pytest.raises(AuditUnavailable):
        for number in range(10_000):
            log.intent(number)

    (small_disk / "ballast").unlink()

    assert wait_until(log.book.ready)
    assert log.intent(1).sequence > 0
    assert next(search(log.folder, first=0))["sequence"] == 0
    assert [record["type"] for record in search(log.folder)].count("gap") == 1


def delete(bundle: Path) -> None:
    bundle.unlink()


def move(bundle: Path) -> None:
    bundle.rename(bundle.with_name("moved"))


def truncate(bundle: Path) -> None:
    os.truncate(bundle, 10)


def lengthen(bundle: Path) -> None:
    with bundle.open("ab") as file:
        file.write(b"\x00\x02{}")


def replace(bundle: Path) -> None:
    content = bundle.read_bytes()
    bundle.unlink()
    bundle.write_bytes(content)


def move_the_folder(bundle: Path) -> None:
    bundle.parents[2].rename(bundle.parents[2].with_name("elsewhere"))


def delete_the_lock(bundle: Path) -> None:
    (bundle.parents[2] / "lock").unlink()


def cut_the_heads(bundle: Path) -> None:
    os.truncate(bundle.parents[2] / "checkpoints", 5)


def move_the_worker(bundle: Path) -> None:
    worker = bundle.parents[3]
    worker.rename(worker.with_name("w9"))


def move_the_whole_book(bundle: Path) -> None:
    book = bundle.parents[6]
    book.rename(book.with_name("elsewhere"))


def put_another_folder_in_its_place(bundle: Path) -> None:
    log = bundle.parents[2]
    shutil.copytree(log, log.with_name("copy"))
    log.rename(log.with_name("elsewhere"))
    log.with_name("copy").rename(log)


def publish_another_head(bundle: Path) -> None:
    head = bundle.parents[2] / "checkpoint"
    head.write_bytes(head.read_bytes().replace(b"\n1\n", b"\n0\n"))


def delete_the_published_head(bundle: Path) -> None:
    (bundle.parents[2] / "checkpoint").unlink()


HARMS = [
    delete,
    move,
    truncate,
    lengthen,
    replace,
    move_the_folder,
    move_the_worker,
    move_the_whole_book,
    put_another_folder_in_its_place,
    delete_the_lock,
    cut_the_heads,
    publish_another_head,
    delete_the_published_head,
]


@pytest.mark.parametrize("harm", HARMS)
def test_a_touched_log_stops_within_a_second(log: Log, harm: Callable[[Path], None]) -> None:
    log.intent(1)
    assert wait_until((log.folder / "checkpoint").exists)

    harm(log.folder / tile_path("entries", 0))

    assert wait_until(lambda: not log.book.ready())
    with pytest.raises(AuditUnavailable) as refused:
        log.intent(2)
    assert refused.value.code == "audit.tampered"


def overwrite(bundle: Path) -> None:
    """With as many bytes as there were."""
    bundle.write_bytes(bundle.read_bytes().replace(b'"PERSON":1', b'"PERSON":2', 1))


def put_an_older_one_of_the_same_length(bundle: Path) -> None:
    other = bundle.with_name("other")
    other.write_bytes(bundle.read_bytes().replace(b'"PERSON":1', b'"PERSON":2', 1))
    os.utime(other, (1, 1))
    other.rename(bundle)


@pytest.mark.parametrize("harm", [delete, move, truncate, overwrite, put_an_older_one_of_the_same_length])
def test_a_touched_full_bundle_stops_the_log_too(log: Log, harm: Callable[[Path], None]) -> None:
    for number in range(300):
        log.intent(number)
    assert wait_until((log.folder / "checkpoint").exists)
    time.sleep(0.6)  # a look is taken twice a second

    harm(log.folder / tile_path("entries", 0))

    assert wait_until(lambda: not log.book.ready())


@pytest.mark.real
def test_a_folder_that_becomes_read_only_stops_the_log_and_nothing_is_lost(
    small_disk: Path, new_log: Callable[..., Log]
) -> None:
    log = new_log(small_disk / "audit")
    entry = log.intent(1)
    asyncio.run(entry.durable())
    subprocess.run(["mount", "--bind", small_disk, small_disk], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", small_disk], check=True)
    try:
        assert wait_until(lambda: not log.book.ready())
        with pytest.raises(AuditUnavailable) as refused:
            log.intent(2)
        log.book.close()
        with pytest.raises(SetupError, match="cannot be opened"):
            log.reopen()
    finally:
        subprocess.run(["umount", small_disk], check=True)

    log.reopen()
    log.book.close()

    assert refused.value.code == "audit.unavailable"
    assert verify(log.folder, log.vkey).problems == []
    assert next(search(log.folder))["sequence"] == entry.sequence


async def test_a_record_in_a_deleted_file_is_not_acknowledged(log: Log) -> None:
    await log.intent(1).durable()
    (log.folder / tile_path("entries", 0)).unlink()

    with pytest.raises(AuditUnavailable) as refused:
        await log.intent(2).durable()

    assert refused.value.code == "audit.tampered"


def test_half_a_record_is_cut_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take a part of a write and refuse the rest."""
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    os.write(descriptor, b"whole")
    write, calls = os.write, iter((4, 0))
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: next(calls)]))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        Disk().append(descriptor, b" and more", 5)

    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"whole"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_bug_in_the_sync_thread_refuses_instead_of_hanging(bad_log: Log, disk: BadDisk) -> None:
    disk.sync = None  # type: ignore[assignment, method-assign]

    with pytest.raises(AuditUnavailable):
        await bad_log.intent(1).durable()

    assert not bad_log.book.ready()
    with pytest.raises(AuditUnavailable):
        bad_log.intent(2)
