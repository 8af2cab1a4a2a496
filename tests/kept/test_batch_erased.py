"""A person who is erased while a batch runs: what came of their lines is gone, in the journal and in what it makes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from batch_site import GOOD, BatchSite
from house import CALLER
from msgspec.structs import replace

from gateway.audit.content.door import About
from gateway.audit.content.store import MOST_PERSONS
from gateway.kept.journal import Outcome
from gateway.kept.outcome_lock import OutcomeLock
from gateway.kept.sealed_file import Damaged

ANNA, BEN = "found:anna", "found:ben"
TENANT = CALLER.tenant


def frames(journal: Path) -> int:
    """Return how many lines are done, as the disk has it."""
    raw, at, count = journal.read_bytes(), 0, 0
    while len(raw) >= at + 4 and len(raw) >= (at := at + 4 + int.from_bytes(raw[at : at + 4], "big")):
        count += 1
    return count


async def stopped_after(site: BatchSite, lines: int) -> None:
    """Run a batch until so many of its lines are done, and end the process that runs it."""
    async with site.running(), asyncio.timeout(10):
        while len(site.asked) < lines:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        site.held = 1
        while frames(next(site.batches.folder.glob("*/*/*/journal"))) < lines:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    site.held = 0


def erase(site: BatchSite, name: str) -> None:
    for key in site.files.store.keys.find_all(TENANT, name):
        site.files.store.keys.destroy(TENANT, key.id)


async def test_a_line_of_an_erased_person_ends_as_erased_and_the_others_stay(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, parallel=1)
    site.speaks_of = [(ANNA,), (BEN,), ()]
    batch_id = await site.made(4)
    await stopped_after(site, 3)

    erase(site, ANNA)
    async with site.running():
        batch = await site.over(batch_id)

    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 4, "completed": 3, "failed": 1})
    done, (gone,) = await site.lines(batch["output_file_id"]), await site.lines(batch["error_file_id"])
    assert {line["custom_id"] for line in done} == {"c1", "c2", "c3"}
    assert (gone["custom_id"], gone["response"], gone["error"]["code"]) == ("c0", None, "erased")
    assert site.files.store.keys.find(TENANT, ANNA) is None  # nor was a new key made for what is left
    assert len(site.asked) == 4


async def test_who_has_a_new_key_since_is_still_erased_from_what_was_before(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, parallel=1)
    site.speaks_of = [(ANNA,), (ANNA,)]
    batch_id = await site.made(2)
    await stopped_after(site, 1)

    erase(site, ANNA)
    async with site.running():
        batch = await site.over(batch_id)

    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    assert [line["custom_id"] for line in await site.lines(batch["output_file_id"])] == ["c1"]


async def test_nobody_is_left_so_no_output_is_made(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, parallel=1)
    site.speaks_of = [(ANNA,)]
    site.say = [(200, GOOD), (400, b'{"error": {"code": "bad_request"}}')]
    batch_id = await site.made(2)  # the second keeps the batch from being over before she is erased
    await stopped_after(site, 1)

    erase(site, ANNA)
    async with site.running():
        batch = await site.over(batch_id)

    assert batch["output_file_id"] is None
    assert batch["request_counts"] == {"total": 2, "completed": 0, "failed": 2}


def lock_of(site: BatchSite) -> OutcomeLock:
    return OutcomeLock(site.files.store, About("01JBATCH", TENANT, CALLER.project, 3), "plant/n1/w0")


def outcome(*persons: str) -> Outcome:
    return Outcome(1, True, {"said": "heliotrope"}, persons, 3)


@pytest.fixture
async def site(tmp_path: Path) -> BatchSite:
    return BatchSite(tmp_path)


async def test_a_locked_one_says_nothing_and_opens_as_it_was(site: BatchSite) -> None:
    lock = lock_of(site)

    locked = lock.lock(outcome(ANNA, BEN))

    assert (locked.result, locked.persons, locked.line, locked.days) == ({}, (), 1, 3)
    assert b"heliotrope" not in locked.locked
    assert ANNA.encode() not in locked.locked
    assert lock.open(locked) == outcome(ANNA, BEN)


async def test_with_the_key_of_one_of_two_it_is_gone(site: BatchSite) -> None:
    lock = lock_of(site)
    locked = lock.lock(outcome(ANNA, BEN))

    erase(site, BEN)

    assert lock.open(locked) is None


async def test_a_key_that_a_legal_hold_keeps_opens_nothing_for_the_caller(site: BatchSite) -> None:
    lock = lock_of(site)
    locked = lock.lock(outcome(ANNA))
    key = site.files.store.keys.find(TENANT, ANNA)
    assert key is not None

    site.files.store.keys.hold(TENANT, key.id)

    assert lock.open(locked) is None


async def test_one_that_was_changed_is_damaged(site: BatchSite) -> None:
    lock = lock_of(site)
    locked = lock.lock(outcome(ANNA))

    with pytest.raises(Damaged):
        lock.open(replace(locked, locked=locked.locked[:-1] + bytes([locked.locked[-1] ^ 1])))


@pytest.mark.parametrize("count", [0, MOST_PERSONS + 1])
async def test_of_nobody_and_of_too_many_it_stays_as_it_is(site: BatchSite, count: int) -> None:
    lock, many = lock_of(site), outcome(*(f"found:{number}" for number in range(count)))

    assert lock.lock(many) == many
    assert lock.open(many) == many
