"""Every byte of the evidence counts: whatever is changed is found, and named by file and place."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log.layout import frames, tile_path
from gateway.audit.log.note import Signer
from gateway.audit.verify import verify
from gateway.domain import Outcome

Log = Any  # conftest.OpenLog
EVIDENCE = ("tile/entries/000", "tile/entries/001", "tile/0/000", "tile/1/000", "checkpoints", "checkpoint", "sizes")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def closed(open_log: Callable[..., Log]) -> Log:
    log = open_log(checkpoint_records=50, checkpoint_seconds=60.0)
    for number in range(150):
        log.intent(number).close(Outcome("done"))
    log.book.close()
    return log


@pytest.fixture
def closed_in_steps(open_log: Callable[..., Log]) -> Log:
    """A log with a dozen signed heads."""
    log = open_log()
    for number in range(12):
        log.intent(number).close(Outcome("done"))
        log.reopen()
    log.book.close()
    return log


def test_a_clean_log_gives_no_alarm(closed: Log) -> None:
    seen: list[tuple[int, int]] = []

    report = verify(closed.folder, closed.vkey, lambda done, total: seen.append((done, total)))

    assert (report.ok, report.problems, report.notes, report.live) == (True, [], [], False)
    assert (report.records, report.tree_size, report.unsigned, report.open_intents) == (300, 300, 0, 0)
    assert (report.origin, len(report.root), seen[-1]) == ("berlin/node1/w0", 64, (300, 300))


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_flipped_bit_anywhere_is_found_and_named(closed: Log, name: str) -> None:
    path, draw = closed.folder / name, random.Random(name)
    whole = path.read_bytes()
    for _ in range(10):
        at, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])

        problems = [problem for problem in verify(closed.folder, closed.vkey).problems if problem.file == name]

        assert problems, f"byte {at} of {name}, bit {bit}"
        assert problems[0].offset is not None
        assert problems[0].offset <= at
    path.write_bytes(whole)


def test_a_changed_record_is_named_exactly(closed: Log) -> None:
    path = closed.folder / tile_path("entries", 0)
    whole, frame = path.read_bytes(), list(frames(path.read_bytes()))[100]
    changed = frame.data.replace(b'"acme"', b'"evil"')
    path.write_bytes(whole[: frame.offset + 2] + changed + whole[frame.end :])

    (problem,) = verify(closed.folder, closed.vkey).problems

    assert (problem.file, problem.sequence, problem.offset) == ("tile/entries/000", 100, frame.offset)
    assert str(problem) == (
        f"tile/entries/000, record 100, byte {frame.offset}: changed: this is not the record that was signed"
    )


def test_a_changed_head_is_named_by_its_place(closed_in_steps: Log) -> None:
    path = closed_in_steps.folder / "checkpoints"
    place = path.read_bytes().index(b"berlin/node1/w0\n8\n")
    path.write_bytes(path.read_bytes().replace(b"\n8\n", b"\n9\n", 1))

    (problem,) = verify(closed_in_steps.folder, closed_in_steps.vkey).problems

    assert (problem.file, problem.offset) == ("checkpoints", place)


def remove_record(folder: Path) -> None:
    path = folder / tile_path("entries", 1)
    whole, frame = path.read_bytes(), list(frames(path.read_bytes()))[10]
    path.write_bytes(whole[: frame.offset] + whole[frame.end :])


def repeat_record(folder: Path) -> None:
    path = folder / tile_path("entries", 1)
    whole, frame = path.read_bytes(), list(frames(path.read_bytes()))[10]
    path.write_bytes(whole[: frame.end] + whole[frame.offset :])


def swap_records(folder: Path) -> None:
    path = folder / tile_path("entries", 1)
    whole = path.read_bytes()
    first, second = list(frames(whole))[10:12]
    middle = whole[second.offset : second.end] + whole[first.offset : first.end]
    path.write_bytes(whole[: first.offset] + middle + whole[second.end :])


def cut_end(folder: Path) -> None:
    path = folder / tile_path("entries", 1)
    path.write_bytes(path.read_bytes()[: list(frames(path.read_bytes()))[10].offset])


@pytest.mark.parametrize("harm", [remove_record, repeat_record, swap_records, cut_end])
def test_records_that_go_missing_double_or_change_places_are_found_where_it_begins(
    closed: Log, harm: Callable[[Path], None]
) -> None:
    offset = list(frames((closed.folder / tile_path("entries", 1)).read_bytes()))[10].offset

    harm(closed.folder)

    problems = verify(closed.folder, closed.vkey).problems
    named = [problem for problem in problems if problem.file == "tile/entries/001"]
    assert named[0].offset is not None
    assert offset <= named[0].offset <= offset + 4000


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/entries/001", "tile/0/000", "checkpoints"])
def test_a_missing_file_is_found(closed: Log, name: str) -> None:
    (closed.folder / name).unlink()

    assert not verify(closed.folder, closed.vkey).ok


def test_a_file_too_many_is_found(closed: Log) -> None:
    (closed.folder / "tile" / "entries" / "0001").write_bytes(b"")

    (problem,) = verify(closed.folder, closed.vkey).problems

    assert (problem.file, problem.what) == ("tile/entries/0001", "this file does not belong here")


def test_heads_by_another_key_are_refused(closed: Log) -> None:
    stranger = Signer("berlin/node1/w0", Ed25519PrivateKey.generate()).verifier_key()

    report = verify(closed.folder, stranger)

    assert not report.ok
    assert "no valid signature by this key" in str(report.problems[0])


def test_the_key_may_have_any_name(closed: Log, key: Ed25519PrivateKey) -> None:
    assert verify(closed.folder, Signer("sekisho-log", key).verifier_key()).ok


def test_a_running_log_verifies_beside_its_writer(log: Log) -> None:
    log.intent(0).close(Outcome("done"))
    while not (log.folder / "checkpoint").exists():
        time.sleep(0.02)
    for number in range(1, 300):
        log.intent(number).close(Outcome("done"))
        if number % 60 == 0:
            report = verify(log.folder, log.vkey)
            assert (report.problems, report.live) == ([], True)


def test_an_open_intent_is_a_note_not_a_fault(log: Log) -> None:
    log.intent(1)
    log.book.close()

    report = verify(log.folder, log.vkey)

    assert (report.ok, report.open_intents) == (True, 1)
    assert report.notes == ["1 intents have no outcome yet"]


@pytest.mark.real
def test_the_verifier_needs_the_standard_library_and_cryptography_only(closed: Log) -> None:
    program = (
        "import sys; from pathlib import Path; from gateway.audit.verify import verify\n"
        "report = verify(Path(sys.argv[1]), sys.argv[2]); assert report.ok, report\n"
        "tops = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(top for top in tops if not top.startswith('_')))\n"
        "print(sorted(name for name in sys.modules if name.startswith('gateway')))\n"
    )

    command = [sys.executable, "-S", "-c", program, closed.folder, closed.vkey]
    site = next(path for path in sys.path if path.endswith("site-packages"))
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": site}, check=False)

    assert ended.stderr == ""
    ours = ["gateway", "gateway.audit", "gateway.audit.verify"]
    assert ended.stdout.splitlines() == [str(["cryptography", "gateway"]), str(ours)]
