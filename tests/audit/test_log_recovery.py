"""A log after its writer was killed, and after somebody was at it while nobody looked."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.layout import tile_path
from gateway.audit.log.reader import search
from gateway.audit.verify import verify
from gateway.domain import Outcome
from gateway.errors import SetupError

Log = Any  # conftest.OpenLog
WRITER = Path(__file__).with_name("writer_process.py")


def closed_log(open_log: Callable[..., Log], pairs: int = 200) -> Log:
    log = open_log(checkpoint_records=50)
    for number in range(pairs):
        log.intent(number).close(Outcome("done"))
    log.book.close()
    return log


def kill_a_writer(folder: Path, after: int) -> list[int]:
    """Run the writing process, kill it after so many records, return the sequences that it says it wrote."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, WRITER, folder], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        written = [int(process.stdout.readline()) for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        written += [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
    return written


@pytest.mark.real
@pytest.mark.parametrize("after", [1, 40, 300])
def test_a_killed_writer_loses_nothing_and_its_intents_are_interrupted(
    tmp_path: Path, open_log: Callable[..., Log], after: int
) -> None:
    written = kill_a_writer(tmp_path / "audit", after)

    log = open_log()
    log.book.close()

    found = list(search(log.folder))
    intents = {record["sequence"] for record in found if record["type"] == "intent"}
    outcomes = {record["intent"]: record["status"] for record in found if record["type"] == "outcome"}
    interrupted = [sequence for sequence, status in outcomes.items() if status == "interrupted"]
    assert set(written) <= intents == set(outcomes)
    assert len(interrupted) >= len(intents) // 3
    assert found[-1]["type"] == "recovered"
    assert found[-1]["details"]["interrupted"] == len(interrupted)
    assert verify(log.folder, log.vkey).problems == []


def test_a_torn_tail_is_cut_and_reported(open_log: Callable[..., Log]) -> None:
    log = closed_log(open_log)
    bundle = log.folder / tile_path("entries", 1)
    with bundle.open("ab") as file:
        file.write(b"\x05\xdc{half a record")

    log.reopen()
    log.book.close()

    last = list(search(log.folder))[-1]
    assert (last["type"], last["sequence"], last["details"]["torn_bytes"]) == ("recovered", 400, 16)
    assert verify(log.folder, log.vkey).ok


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\x00\x05{...}", b"\xff\xff", b"\x05"])
def test_whatever_a_power_cut_leaves_behind_the_signed_head_is_cut(open_log: Callable[..., Log], tail: bytes) -> None:
    log = closed_log(open_log)
    with (log.folder / tile_path("entries", 1)).open("ab") as file:
        file.write(tail)
    with (log.folder / "checkpoints").open("ab") as file:
        file.write(b"berlin/node1/w0\n40")

    log.reopen()
    log.book.close()

    assert verify(log.folder, log.vkey).problems == []


def test_a_first_head_that_was_cut_off_is_cut_whole(open_log: Callable[..., Log]) -> None:
    """Killed while the very first head was written: the next one must not stand behind its remains."""
    log = closed_log(open_log, pairs=20)
    (log.folder / "checkpoint").unlink()
    (log.folder / "checkpoints").write_bytes(b"berlin/node1/w0\n9")

    log.reopen()
    log.reopen()
    log.intent(999).close(Outcome("done"))
    log.book.close()

    assert (log.folder / "checkpoints").read_bytes().count(b"berlin/node1/w0\n9") == 0
    assert verify(log.folder, log.vkey).problems == []


def test_a_bundle_after_one_that_is_not_full_is_cut(open_log: Callable[..., Log]) -> None:
    log = closed_log(open_log)
    (log.folder / tile_path("entries", 2)).write_bytes(b"\x00\x05{...}")

    log.reopen()
    log.book.close()

    assert not (log.folder / tile_path("entries", 2)).exists()
    assert verify(log.folder, log.vkey).problems == []


@pytest.mark.parametrize("lost", ["tile/0/000", "tile/1/000", "tile/0/001", "sizes", "open", "checkpoint"])
def test_what_follows_from_records_is_made_again(open_log: Callable[..., Log], lost: str) -> None:
    log = closed_log(open_log)
    (log.folder / lost).unlink()

    log.reopen()
    log.intent(999).close(Outcome("done"))
    log.book.close()

    report = verify(log.folder, log.vkey)
    assert (report.records, report.tree_size) == (402, 402)
    assert report.problems == []


def cut_records(folder: Path) -> None:
    bundle = folder / tile_path("entries", 1)
    os.truncate(bundle, bundle.stat().st_size // 2)


def cut_a_full_bundle(folder: Path) -> None:
    os.truncate(folder / tile_path("entries", 0), 1000)


def delete_the_last_bundle(folder: Path) -> None:
    (folder / tile_path("entries", 1)).unlink()


def delete_a_full_bundle(folder: Path) -> None:
    (folder / tile_path("entries", 0)).unlink()


def delete_all_records(folder: Path) -> None:
    for path in (folder / "tile" / "entries").iterdir():
        path.unlink()


def change_a_record(folder: Path) -> None:
    bundle = folder / tile_path("entries", 1)
    bundle.write_bytes(bundle.read_bytes().replace(b'"PERSON":1', b'"PERSON":2', 1))


def damage_an_old_record(folder: Path) -> None:
    """Behind what a start reads, unless it has to look for open intents from the beginning."""
    (folder / "open").unlink()
    bundle = folder / tile_path("entries", 0)
    bundle.write_bytes(bundle.read_bytes().replace(b'"sequence":7,', b'"sequence":x,', 1))


def cut_the_heads(folder: Path) -> None:
    history = folder / "checkpoints"
    os.truncate(history, history.read_bytes().rfind(b"\n\n", 0, -2) + 2)
    os.truncate(history, history.read_bytes().rfind(b"\n\n", 0, -2) + 2)


def change_a_head(folder: Path) -> None:
    for name in ("checkpoints", "checkpoint"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n400\n", b"\n399\n"))


@pytest.mark.parametrize(
    "harm",
    [
        cut_records,
        cut_a_full_bundle,
        delete_the_last_bundle,
        delete_a_full_bundle,
        delete_all_records,
        change_a_record,
        damage_an_old_record,
        cut_the_heads,
        change_a_head,
    ],
)
def test_a_log_that_is_not_as_it_was_written_is_not_taken_up(
    open_log: Callable[..., Log], harm: Callable[[Path], None]
) -> None:
    log = closed_log(open_log)
    harm(log.folder)
    before = {path: path.read_bytes() for path in log.folder.rglob("*") if path.is_file()}

    with pytest.raises(SetupError, match="is not as it was written: ") as refused:
        log.reopen()

    assert "sekisho audit verify" in refused.value.mend
    assert {path: path.read_bytes() for path in log.folder.rglob("*") if path.is_file()} == before


def test_another_log_key_is_refused(open_log: Callable[..., Log]) -> None:
    log = closed_log(open_log)
    log.key = Ed25519PrivateKey.generate()

    with pytest.raises(SetupError, match="no valid signature by this key"):
        log.reopen()


def test_another_log_in_the_same_folder_is_refused(open_log: Callable[..., Log]) -> None:
    """Two logs, the older one's records under the newer one's heads: a fork."""
    log = closed_log(open_log)
    bundle = (log.folder / tile_path("entries", 0)).read_bytes()
    (log.folder / tile_path("entries", 0)).write_bytes(bundle.replace(b'"acme"', b'"evil"'))

    report = verify(log.folder, log.vkey)

    assert len([problem for problem in report.problems if "changed" in problem.what]) == 128


def test_recovery_finds_open_intents_far_back(open_log: Callable[..., Log]) -> None:
    log = open_log()
    early = log.intent(0)
    for number in range(1, 400):
        log.intent(number).close(Outcome("done"))
    log.book.close()

    log.reopen()
    log.book.close()

    (record,) = [found for found in search(log.folder) if found.get("status") == "interrupted"]
    assert record["intent"] == early.sequence == 0


def test_every_cut_of_the_unsigned_tail_is_survived(open_log: Callable[..., Log], tmp_path: Path) -> None:
    """The tail behind the head, cut at many places: what is whole stays, the log goes on."""
    log = open_log(checkpoint_records=1000, checkpoint_seconds=60.0)
    for number in range(10):
        log.intent(number)
    bundle = log.folder / tile_path("entries", 0)
    asyncio.run(log.book.durable())
    whole = bundle.read_bytes()
    log.book.close()
    for name in ("checkpoint", "checkpoints", "open"):
        (log.folder / name).unlink(missing_ok=True)
    for cut in random.Random(5).sample(range(1, len(whole)), 12):
        (log.folder / "checkpoint").unlink(missing_ok=True)
        (log.folder / "checkpoints").unlink(missing_ok=True)
        bundle.write_bytes(whole[:cut])
        log.reopen()
        log.book.close()
        assert verify(log.folder, log.vkey).problems == []
