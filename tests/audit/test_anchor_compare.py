"""A log against what others saw of it: cut back, rolled back, forked, rewritten are told apart, and nothing else is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.anchor.compare import disagreements, heads_at
from gateway.audit.anchor.cosign import Cosigner
from gateway.audit.anchor.file import FileAnchor
from gateway.audit.anchor.witnesses import Witness, append
from gateway.domain import Outcome
from tests.audit.anchor_parts import TileLog, head_of

Log = Any  # conftest.OpenLog
BEFORE, AFTER = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


@pytest.fixture
def history(open_log: Callable[..., Log], tmp_path: Path) -> tuple[Log, list[Witness]]:
    """A log of 300 records, closed, that a file saw at 100, 200 and 300; a copy of each state lies beside."""
    log, seen = open_log(), []
    for size in (100, 200, 300):
        for number in range(size - 100, size, 2):
            log.intent(number).close(Outcome("done"))
        log.book.close()
        shutil.copytree(log.base, tmp_path / f"backup-{size}")
        seen.append(head_of(log.folder, log.base).seen("file", "/mnt/heads"))
        log.reopen()
    log.book.close()
    return log, seen


def restore(log: Log, tmp_path: Path, size: int) -> None:
    """Put a backup in the log's place, whole: what the machine itself knew of later heads goes with it."""
    shutil.rmtree(log.base)
    shutil.copytree(tmp_path / f"backup-{size}", log.base)


def write_on(log: Log, records: int, begin: int = 5000) -> None:
    log.reopen()
    for number in range(begin, begin + records // 2):
        log.intent(number, "other").close(Outcome("done"))
    log.book.close()


def found(log: Log, seen: list[Witness], time: str = "") -> list[tuple[str, int, int]]:
    heads = [Witness(w.kind, w.place, w.size, w.root, time or w.time) for w in seen]
    return [(each.kind, each.witness.size, each.agreed) for each in disagreements(log.folder, elsewhere=heads)]


def test_a_log_that_only_grew_fits_what_was_seen(history: tuple[Log, list[Witness]]) -> None:
    log, seen = history
    append(log.folder, seen)
    write_on(log, 50)

    assert disagreements(log.folder) == []
    assert found(log, seen) == []


@pytest.mark.parametrize("size", [100, 200])
def test_a_log_that_was_cut_back_is_named(history: tuple[Log, list[Witness]], tmp_path: Path, size: int) -> None:
    log, seen = history
    restore(log, tmp_path, size)

    assert found(log, seen, AFTER) == [("cut_back", 300, size)]
    (told,) = disagreements(log.folder, elsewhere=seen)
    assert str(told).startswith("cut back: 300 records were seen by file /mnt/heads at 20")
    assert str(told).endswith(f"; the log has {size}")


@pytest.mark.parametrize("more", [50, 100, 150])
def test_a_log_that_went_back_and_was_written_on_is_rolled_back(
    history: tuple[Log, list[Witness]], tmp_path: Path, more: int
) -> None:
    log, seen = history
    restore(log, tmp_path, 200)
    write_on(log, more)

    assert found(log, seen, BEFORE) == [("rolled_back", 300, 200)]


@pytest.mark.parametrize("more", [100, 150])
def test_another_log_from_some_head_on_that_claims_to_be_as_old_is_forked(
    history: tuple[Log, list[Witness]], tmp_path: Path, more: int
) -> None:
    log, seen = history
    restore(log, tmp_path, 200)
    write_on(log, more)

    assert found(log, seen, AFTER) == [("forked", 300, 200)]


def test_another_log_from_the_beginning_is_rewritten(
    history: tuple[Log, list[Witness]], new_log: Callable[..., Log], tmp_path: Path
) -> None:
    _, seen = history
    other = new_log(tmp_path / "other")
    for number in range(200):
        other.intent(number, "other").close(Outcome("done"))
    other.book.close()

    assert found(other, seen, AFTER) == [("rewritten", 100, 0)]


def test_a_log_that_is_gone_is_cut_back_to_nothing(history: tuple[Log, list[Witness]], tmp_path: Path) -> None:
    _, seen = history
    (tmp_path / "empty").mkdir()

    (told,) = disagreements(tmp_path / "empty", elsewhere=seen)

    assert (told.kind, told.now) == ("cut_back", 0)


def test_each_place_is_compared_for_itself(history: tuple[Log, list[Witness]], tmp_path: Path) -> None:
    log, seen = history
    restore(log, tmp_path, 200)
    paper = Witness("paper", "safe", 200, seen[1].root, AFTER)

    told = disagreements(log.folder, elsewhere=[*seen, paper])

    assert [(each.kind, each.witness.place) for each in told] == [("cut_back", "/mnt/heads")]


def test_a_place_that_saw_both_branches_tells_of_the_one_that_is_gone(
    history: tuple[Log, list[Witness]], tmp_path: Path
) -> None:
    log, seen = history
    restore(log, tmp_path, 200)
    write_on(log, 150)
    later = head_of(log.folder, log.base).seen("file", "/mnt/heads")

    assert found(log, [*seen, later], BEFORE) == [("rolled_back", 300, 200)]


def test_a_cosignature_that_does_not_hold_is_named(tmp_path: Path) -> None:
    cosigner = Cosigner("witness.example/w1", Ed25519PrivateKey.generate())
    log = TileLog(tmp_path)
    head = log.grow(5)
    line = cosigner.cosign(head.checkpoint.text(), 1_795_347_000).rstrip()
    append(log.folder, [head.seen("node", cosigner.key.name, line)])
    assert disagreements(log.folder, [cosigner.key]) == []

    log.grow(5)
    append(log.folder, [log.grow(0).seen("node", cosigner.key.name, line)])

    (told,) = disagreements(log.folder, [cosigner.key])
    assert (told.kind, told.witness.size, told.agreed) == ("cosignature", 10, 5)


def test_heads_are_read_where_they_lie(tmp_path: Path) -> None:
    log, other = TileLog(tmp_path / "audit"), TileLog(tmp_path / "audit", "berlin/node2/w0")
    anchor = FileAnchor(tmp_path / "heads", tmp_path, same_disk=True)
    for _ in range(3):
        anchor.deliver([log.grow(5), other.grow(1)])
    with (tmp_path / "heads").open("ab") as file:
        file.write(TileLog(tmp_path / "forged", key=Ed25519PrivateKey.generate()).grow(99).note + b"\n")

    heads = list(heads_at(tmp_path / "heads", [log.signer.verifier], log.origin))

    assert [head.size for head in heads] == [5, 10, 15]
    assert disagreements(log.folder, elsewhere=heads) == []
    log.cut(12)
    assert [each.kind for each in disagreements(log.folder, elsewhere=heads)] == ["cut_back"]
