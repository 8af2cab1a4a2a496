"""Exports of logs that lost their beginning or are packed, onto a disk that is full, beside a writer that writes."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.export import run
from gateway.audit.export.kinds import NAMES
from gateway.audit.export.run import export
from gateway.audit.log import bundles
from gateway.audit.log.layout import BUNDLE_RECORDS, HISTORY, notes
from gateway.audit.log.packing import pack
from gateway.audit.log.reader import Filter, raw_records
from gateway.audit.log.sealed import root_of
from gateway.audit.log.succession import OneKey
from gateway.audit.retention import RetentionOffice
from gateway.audit.verify import check, parse_head
from gateway.domain import Outcome
from gateway.errors import SetupError
from gateway.settings import AgeSettings, AuditSettings, RetentionSettings
from tests.audit.conftest import OpenLog
from tests.audit.exports import keys_of, leaves_of, make, manifest_of, proves, wish

SETTINGS = AuditSettings(checkpoint_records=50, retention=RetentionSettings(default=AgeSettings(30, 60)))
RECORDS = 3 * BUNDLE_RECORDS + 100


@pytest.fixture
def log(tmp_path: Path, key: Ed25519PrivateKey) -> Iterator[OpenLog]:
    """A log of a little more than three full bundles, open, all of it under a signed head: exports go no further."""
    made = OpenLog(tmp_path / "audit", key, SETTINGS)
    for number in range(RECORDS // 2):
        made.intent(number).close(Outcome("done"))
    history, until = made.folder / HISTORY, time.monotonic() + 30
    while not any(parse_head(note).size >= RECORDS for _, note in notes(history.read_bytes())):
        assert time.monotonic() < until
        time.sleep(0.01)
    yield made
    made.book.close()


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


def prune(log: OpenLog) -> int:
    """Prune what is too old 61 days later; return the first record that is left."""
    office = RetentionOffice(
        log.base, {"default": log.book}, lambda: OneKey(log.key), SETTINGS, lambda: datetime.now(UTC) + timedelta(61)
    )
    (said,) = asyncio.run(office.prune("ana"))
    return int(said.first)


@pytest.mark.parametrize("wanted", [Filter(), Filter(type="outcome"), Filter(type="nothing")])
def test_a_pruned_log_is_exported_from_where_it_begins(log: OpenLog, tmp_path: Path, wanted: Filter) -> None:
    first = prune(log)
    log.book.close()

    done = make(log, tmp_path / "out", wanted=wanted)
    (said,) = manifest_of(done.out, log.vkey).said["logs"]

    assert (said["pruned"], first) == (768, 768)
    assert proves(said, leaves_of(done.out.read_bytes().splitlines()))
    assert all(report.ok for report in check(done.out, [log.vkey]))
    assert not Path(f"{done.out}.checkpoint").exists()


def test_a_log_that_is_pruned_under_way_is_begun_again(
    log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SETTLE_RECORDS", 64)
    monkeypatch.setattr(run, "_STEP", 64)

    def stop(read: int, of_all: int) -> None:
        if read >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(wish(log, tmp_path / "out"), keys_of(log), stop)
    prune(log)
    with pytest.raises(SetupError, match="was pruned") as told:
        make(log, tmp_path / "out")
    assert "--restart" in told.value.mend

    assert make(log, tmp_path / "out", fresh=True).logs[0].pruned == 768


def test_packed_bundles_are_read(log: OpenLog, tmp_path: Path) -> None:
    log.book.close()
    plain = list(raw_records(log.folder))
    for index in range(2):
        raw = bundles.read(log.folder, index)
        assert raw is not None
        pack(log.folder, index, root_of(raw))
    assert list((log.folder / "tile" / "entries").glob("*.gz"))

    assert make(log, tmp_path / "out").out.read_bytes().splitlines() == plain


@pytest.mark.parametrize("form", NAMES)
def test_a_full_disk_leaves_nothing_and_it_goes_on_when_there_is_space(
    log: OpenLog, small_disk: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SETTLE_RECORDS", 64)
    monkeypatch.setattr(run, "_STEP", 64)
    log.book.close()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4000 * 1024))
    with pytest.raises(OSError, match="No space"):
        make(log, small_disk / "out", form, Filter(text='"outcome"'))
    assert not (small_disk / "out").exists()

    ballast.unlink()
    done = make(log, small_disk / "out", form, Filter(text='"outcome"'))

    assert done.rows == len([data for data in raw_records(log.folder) if b'"outcome"' in data])
    assert not (small_disk / ".out.export").exists()


def test_it_goes_beside_a_writer_that_writes_all_the_time(log: OpenLog, tmp_path: Path) -> None:
    ending = threading.Event()

    def write() -> None:
        number = RECORDS
        while not ending.is_set():
            log.intent(number).close(Outcome("done"))
            number += 1
            ending.wait(0.0005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            done = make(log, tmp_path / f"out{number}", wanted=Filter(type="intent"))
            assert proves(
                manifest_of(done.out, log.vkey).said["logs"][0], leaves_of(done.out.read_bytes().splitlines())
            )
    finally:
        ending.set()
        writer.join()
