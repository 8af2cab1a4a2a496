"""A log whose key is rotated: on record first, signed by both for a while, taken up again under whichever key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.log import layout, reader
from gateway.audit.log.disk import Disk
from gateway.audit.log.heads import Heads
from gateway.audit.log.note import NoteError, Signer, open_signed, parse_verifier_key
from gateway.audit.log.succession import checked, unannounced, verifiers
from gateway.audit.receipt.issue import verify_receipt
from gateway.audit.verify import parse_head, verify
from gateway.errors import SetupError
from gateway.settings import AuditSettings
from tests.audit.conftest import OpenLog
from tests.audit.rotations import Chain, vkey

FIRST, SECOND, THIRD = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
SETTINGS = AuditSettings(checkpoint_records=4, checkpoint_seconds=0.05)


@pytest.fixture
def chained(tmp_path: Path) -> Iterator[Callable[[Chain], OpenLog]]:
    """Open the log below ``tmp_path`` under a chain of keys."""
    opened: list[OpenLog] = []

    def make(chain: Chain) -> OpenLog:
        log = OpenLog(tmp_path / "audit", chain, SETTINGS)  # type: ignore[arg-type]
        opened.append(log)
        return log

    yield make
    for log in opened:
        log.book.close()


def heads(log: OpenLog, *keys: Ed25519PrivateKey) -> list[tuple[int, list[int]]]:
    """Return size, and the numbers of the keys that signed, of every head of a log."""
    known = [parse_verifier_key(vkey(key)) for key in keys]
    raw = (log.folder / layout.HISTORY).read_bytes()
    found = [open_signed(note, known) for _, note in layout.notes(raw)]
    return [(head.size, [known.index(key) for key in signed]) for head, signed in found]


def rotations(log: OpenLog) -> list[dict[str, Any]]:
    return list(reader.search(log.folder, reader.Filter(type="key.rotated")))


def write(log: OpenLog, *numbers: int) -> None:
    async def all_durable() -> None:
        for entry in [log.intent(number) for number in numbers]:
            await entry.durable()

    asyncio.run(all_durable())


def wait_for_head(log: OpenLog, size: int) -> None:
    """Wait until so many records are under a signed head."""
    until = time.monotonic() + 30
    while not any(
        parse_head(note).size >= size for _, note in layout.notes((log.folder / layout.HISTORY).read_bytes())
    ):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_every_head_that_covers_the_record_is_signed_by_the_new_key(chained: Callable[[Chain], OpenLog]) -> None:
    chain = Chain.of(FIRST)
    log = chained(chain)
    write(log, 1, 2, 3)
    log.book.change_key(chain := chain.rotated(SECOND))
    write(log, 4, 5)
    wait_for_head(log, 6)
    log.book.change_key(chain.alone())
    write(log, 6, 7)
    log.book.close()

    (record,) = rotations(log)
    at = record["sequence"]
    signed = heads(log, FIRST, SECOND)
    assert all(by == [0] for size, by in signed if size <= at)
    assert all(1 in by for size, by in signed if size > at)
    assert signed[-1][1] == [1]
    assert [0, 1] in [by for _, by in signed]


def test_hashes_alone_are_checked_through_a_rotation_under_either_key(chained: Callable[[Chain], OpenLog]) -> None:
    chain = Chain.of(FIRST)
    log = chained(chain)
    write(log, 1)
    log.book.change_key(chain := chain.rotated(SECOND))
    write(log, 2)
    log.book.change_key(chain.alone())
    write(log, 3)
    log.book.close()

    for key in (FIRST, SECOND):
        report = verify(log.folder, vkey(key), hashes_only=True)
        assert (report.problems, report.keys, report.unsigned) == ([], 2, 0)


def test_which_keys_sign_a_head_is_a_matter_of_its_size(tmp_path: Path) -> None:
    heads = Heads(tmp_path, Signer("o", FIRST), Disk(), history_bytes=0, size=0)
    heads.follow(10, Signer("o", SECOND, FIRST))
    heads.follow(20, Signer("o", SECOND))

    for size in (5, 9, 10, 19, 20, 25):  # the records were there before the heads were due
        heads.append(size, bytes(32))
    heads.close()

    known = [parse_verifier_key(vkey(key)) for key in (FIRST, SECOND)]
    notes = [note for _, note in layout.notes((tmp_path / layout.HISTORY).read_bytes())]
    signed = [[known.index(key) for key in open_signed(note, known)[1]] for note in notes]
    assert signed == [[0], [0], [0, 1], [0, 1], [1], [1]]


def test_done_again_it_changes_nothing(chained: Callable[[Chain], OpenLog]) -> None:
    chain = Chain.of(FIRST).rotated(SECOND)
    log = chained(Chain.of(FIRST))
    write(log, 1)

    for _ in range(3):
        log.book.change_key(chain)

    write(log, 2)
    assert len(rotations(log)) == 1


def test_a_log_that_was_closed_gets_the_records_when_it_is_opened_again(chained: Callable[[Chain], OpenLog]) -> None:
    log = chained(Chain.of(FIRST))
    write(log, 1, 2)
    log.book.close()
    chain = Chain.of(FIRST).rotated(SECOND).rotated(THIRD).alone()  # twice, and the overlap is over

    again = chained(chain)
    write(again, 3)
    again.book.close()
    chained(chain).book.close()

    said = [(record["details"]["old"], record["details"]["new"]) for record in rotations(again)]
    assert said == [(vkey(FIRST), vkey(SECOND)), (vkey(SECOND), vkey(THIRD))]
    assert heads(again, FIRST, SECOND, THIRD)[-1][1] == [2]


def test_a_record_that_no_head_covers_is_not_written_twice(chained: Callable[[Chain], OpenLog]) -> None:
    log = chained(Chain.of(FIRST))
    write(log, 1)
    log.book.close()
    chain = Chain.of(FIRST).rotated(SECOND)
    again = chained(chain)
    write(again, 2)
    again.book.close()
    _cut_heads_after(log.folder, size=1)  # as if the process had been killed before it signed one

    third = chained(chain)
    write(third, 3)
    third.book.close()

    assert len(rotations(third)) == 1
    assert heads(third, FIRST, SECOND)[-1][1] == [0, 1]


def _cut_heads_after(folder: Path, *, size: int) -> None:
    notes = [note for _, note in layout.notes((folder / layout.HISTORY).read_bytes())]
    kept = [note for note in notes if int(note.split(b"\n")[1]) <= size]
    (folder / layout.HISTORY).write_bytes(b"".join(note + b"\n" for note in kept))
    (folder / layout.CHECKPOINT).write_bytes(kept[-1])


def test_a_log_of_another_key_is_refused(chained: Callable[[Chain], OpenLog]) -> None:
    log = chained(Chain.of(FIRST))
    write(log, 1)
    log.book.close()

    with pytest.raises(SetupError, match="no valid signature"):
        chained(Chain.of(SECOND).rotated(THIRD))


def test_a_rotation_that_one_key_did_not_sign_is_refused(chained: Callable[[Chain], OpenLog]) -> None:
    chain = Chain.of(FIRST).rotated(SECOND)
    forged = {**chain.rotations[0], "old_signs": chain.rotations[0]["new_signs"]}

    with pytest.raises(NoteError, match="both keys"):
        checked(forged)
    with pytest.raises(SetupError, match="history of the log's keys"):
        chained(Chain(chain.signing, (forged,)))


@pytest.mark.parametrize("field", ["old", "new", "old_signs", "new_signs"])
def test_a_rotation_that_lacks_something_is_refused(field: str) -> None:
    (whole,) = Chain.of(FIRST).rotated(SECOND).rotations

    with pytest.raises(NoteError, match="not whole"):
        checked({name: value for name, value in whole.items() if name != field})


def test_a_live_log_refuses_a_forged_rotation_and_goes_on(chained: Callable[[Chain], OpenLog]) -> None:
    log = chained(Chain.of(FIRST))
    write(log, 1)
    chain = Chain.of(FIRST).rotated(SECOND)

    with pytest.raises(NoteError):
        log.book.change_key(Chain(chain.signing, ({**chain.rotations[0], "new_signs": "AAAA"},)))

    write(log, 2)
    log.book.close()
    assert rotations(log) == []
    assert {tuple(by) for _, by in heads(log, FIRST, SECOND)} == {(0,)}


def test_a_new_log_begins_with_the_rotations_before_it(chained: Callable[[Chain], OpenLog]) -> None:
    log = chained(Chain.of(FIRST).rotated(SECOND).rotated(THIRD).alone())
    write(log, 1)
    log.book.close()

    assert [record["sequence"] for record in rotations(log)] == [0, 1]
    for key in (FIRST, SECOND, THIRD):
        assert verify(log.folder, vkey(key)).ok


def test_which_rotations_a_log_lacks() -> None:
    chain = Chain.of(FIRST).rotated(SECOND).rotated(THIRD)
    known = verifiers("o", chain)
    first, second = chain.rotations

    assert [key.public for key in known] == [key.public_key().public_bytes_raw() for key in (THIRD, SECOND, FIRST)]
    assert unannounced(chain, (), ()) == [first, second]
    assert unannounced(chain, (), (known[0].public,)) == []
    assert unannounced(chain, known[2:], ()) == [first, second]
    assert unannounced(chain, known[1:], ()) == [second]
    assert unannounced(chain, known[:1], ()) == []
    assert unannounced(chain, known[2:], (known[1].public,)) == [second]


def test_a_receipt_has_one_signature_during_the_overlap_too(chained: Callable[[Chain], OpenLog]) -> None:
    chain = Chain.of(FIRST)
    log = chained(chain)

    async def fetch() -> list[bytes]:
        entry = log.intent(1)
        await entry.durable()
        log.book.change_key(chain.rotated(SECOND))
        await log.book.durable()
        receipts = [await log.book.receipt(entry.sequence)]
        while b'"included"' not in receipts[-1]:
            await asyncio.sleep(0.05)
            receipts.append(await log.book.receipt(entry.sequence))
        return receipts

    receipts = asyncio.run(asyncio.wait_for(fetch(), 10))

    assert all(verify_receipt(receipt, vkey(SECOND)).ok for receipt in receipts)
    assert not verify_receipt(receipts[-1], vkey(FIRST)).ok
    assert verify_receipt(receipts[-1], f"{vkey(FIRST)}\n{vkey(SECOND)}\n").ok
    changed = verify_receipt(
        receipts[-1].replace(b'"status":"included"', b'"status":"pendinge"'), "\n".join(chain.vkeys())
    )
    assert not changed.ok
