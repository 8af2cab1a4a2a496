"""Full bundles become gzip in idle time: what cuts that short is repaired, whatever else touches one is noticed."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import within

from gateway.audit.log import bundles, packing
from gateway.audit.log.growing import Tampered
from gateway.audit.log.layout import BUNDLE_RECORDS, MOST_RECORD_BYTES, PACKING, frame
from gateway.audit.log.packing import Packer, pack, settle_packing
from gateway.audit.log.reader import newest, raw_records
from gateway.audit.log.sealed import SealedBundles, read, root_of
from gateway.audit.log.tiles import BundleSizes
from gateway.audit.verify import verify
from gateway.domain import Outcome
from gateway.errors import SetupError

Log = Any  # conftest.OpenLog


@pytest.fixture
def closed(open_log: Callable[..., Log]) -> Log:
    """A log of three full bundles and a little more."""
    log = open_log(checkpoint_records=100)
    for number in range(400):
        log.intent(number).close(Outcome("done"))
    log.book.close()
    return log


def pack_all(folder: Path) -> None:
    for index in range(3):
        pack(folder, index, root_of(read(folder, index)))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "tile" / "entries").iterdir())


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch, open_log: Callable[..., Log]) -> Iterator[Log]:
    """An open log whose bundles are packed as soon as they are under a published head."""
    monkeypatch.setattr(packing, "PACK_AFTER_SECONDS", 0.0)
    log = open_log(checkpoint_records=100)
    for number in range(400):
        log.intent(number).close(Outcome("done"))
    yield log
    log.book.close()


def wait_for(is_so: Callable[[], bool], seconds: float = 8.0) -> bool:
    return within(seconds, is_so)


def test_full_bundles_are_packed_and_nothing_else_changes(busy: Log) -> None:
    before = list(raw_records(busy.folder))

    assert wait_for(lambda: names(busy.folder) == ["000.gz", "001.gz", "002.gz", "003"])

    assert list(raw_records(busy.folder)) == before
    assert len(newest(busy.folder, 800)) == 800
    busy.reopen()
    busy.book.close()
    report = verify(busy.folder, busy.vkey)
    assert (report.problems, report.records) == ([], 800)


def test_a_packed_bundle_says_neither_name_nor_time(closed: Log) -> None:
    pack_all(closed.folder)

    header = bundles.packed_path(closed.folder, 0).read_bytes()[:10]

    assert header[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_young_bundles_stay_plain(closed: Log) -> None:
    roots = {index: root_of(read(closed.folder, index)) for index in range(3)}

    assert Packer(closed.folder, 0, roots).pack_next(3) is None
    assert names(closed.folder) == ["000", "001", "002", "003"]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("call", ["fsync", "rename", "sync_folder", "unlink"])
def test_a_crash_at_any_step_is_repaired(closed: Log, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [read(closed.folder, index) for index in range(4)]

    def crash(*_: object, **__: object) -> None:
        raise Crash

    place = {"fsync": (os, "fsync"), "sync_folder": (packing, "sync_folder")}.get(call, (Path, call))
    with monkeypatch.context() as crashing, pytest.raises(Crash):
        crashing.setattr(*place, crash)
        pack_all(closed.folder)

    closed.reopen()
    closed.book.close()

    assert [read(closed.folder, index) for index in range(3)] == plain[:3]
    assert len(names(closed.folder)) == 4
    assert not (closed.folder / PACKING).exists()
    assert verify(closed.folder, closed.vkey).problems == []


def test_a_full_disk_keeps_the_plain_bundle_and_gets_its_room_back(
    closed: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    root = root_of(read(closed.folder, 0))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        pack(closed.folder, 0, root)

    assert names(closed.folder)[0] == "000"
    assert not (closed.folder / PACKING).exists()


def test_two_forms_that_differ_are_refused(closed: Log) -> None:
    bundles.packed_path(closed.folder, 0).write_bytes(bundles.pack(b"something else"))

    with pytest.raises(Tampered, match="is there twice, and differs"):
        settle_packing(closed.folder, range(3))
    with pytest.raises(SetupError, match="is there twice"):
        closed.reopen()


def test_what_was_changed_on_the_disk_is_not_packed(closed: Log) -> None:
    root = root_of(read(closed.folder, 0))
    path = bundles.plain_path(closed.folder, 0)
    path.write_bytes(path.read_bytes().replace(b'"PERSON":1', b'"PERSON":2', 1))

    with pytest.raises(Tampered, match="tile/entries/000 is not what was written"):
        pack(closed.folder, 0, root)

    assert names(closed.folder)[0] == "000"


def test_a_log_of_both_forms_goes_on(closed: Log) -> None:
    pack(closed.folder, 1, root_of(read(closed.folder, 1)))

    closed.reopen()
    closed.intent(999).close(Outcome("done"))
    closed.book.close()

    assert verify(closed.folder, closed.vkey).problems == []


@pytest.mark.parametrize("lost", ["tile/0/000", "tile/1/000", "sizes", "checkpoint", "open"])
def test_what_follows_from_packed_records_is_made_again(closed: Log, lost: str) -> None:
    pack_all(closed.folder)
    (closed.folder / lost).unlink()

    closed.reopen()
    closed.book.close()

    assert verify(closed.folder, closed.vkey).problems == []


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def another(path: Path) -> None:
    path.write_bytes(bundles.pack(gzip.decompress(path.read_bytes()).replace(b'"PERSON":1', b'"PERSON":2', 1)))


@pytest.mark.parametrize("harm", [Path.unlink, cut, flip, another])
def test_a_touched_packed_bundle_stops_the_running_log(busy: Log, harm: Callable[[Path], None]) -> None:
    assert wait_for(lambda: len(names(busy.folder)) == 4 and "002.gz" in names(busy.folder))
    time.sleep(1.2)  # looked at once

    harm(bundles.packed_path(busy.folder, 1))

    assert wait_for(lambda: not busy.book.ready(), 2.0)


def test_a_packed_bundle_may_be_linked_by_a_backup(busy: Log, tmp_path: Path) -> None:
    assert wait_for(lambda: "002.gz" in names(busy.folder))
    time.sleep(1.2)

    os.link(bundles.packed_path(busy.folder, 1), tmp_path / "backup.gz")
    time.sleep(1.2)

    assert busy.book.ready()


def watch(folder: Path) -> SealedBundles:
    sizes = BundleSizes(folder).load()
    found = SealedBundles(folder, 0, sizes, {index: root_of(read(folder, index)) for index in range(len(sizes))})
    found.check()
    return found


def test_a_plain_bundle_of_the_same_length_in_its_place_is_noticed(closed: Log) -> None:
    watching, path = watch(closed.folder), bundles.plain_path(closed.folder, 0)
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"PERSON":1', b'"PERSON":2', 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(Tampered, match="tile/entries/000 is not what was written"):
        watching.check()


def test_a_copy_with_the_same_records_is_no_harm(closed: Log) -> None:
    watching, path = watch(closed.folder), bundles.plain_path(closed.folder, 0)
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)

    watching.check()


def test_a_bomb_is_no_bundle(tmp_path: Path) -> None:
    path = bundles.packed_path(tmp_path, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"\0" * (BUNDLE_RECORDS * (MOST_RECORD_BYTES + 2) + 1)))

    with pytest.raises(OSError, match="not a whole bundle"):
        bundles.read(tmp_path, 0)


@pytest.mark.parametrize("tail", [b"more", gzip.compress(b"more", mtime=0)], ids=["plain", "packed"])
def test_what_follows_a_packed_bundle_makes_it_damaged(tmp_path: Path, tail: bytes) -> None:
    path = bundles.packed_path(tmp_path, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(bundles.pack(frame(b"{}")) + tail)

    with pytest.raises(OSError, match="not a whole bundle"):
        bundles.read(tmp_path, 0)
