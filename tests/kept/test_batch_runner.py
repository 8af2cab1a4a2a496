"""When lines of batches begin, and what becomes of those that never do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from batch_site import GOOD, BatchSite
from house import CALLER
from msgspec.structs import replace

from gateway.errors import BadRequest, BatchNotFound, QuotaExceeded
from gateway.kept.files_door import Owner


@pytest.fixture
def site(tmp_path: Path) -> BatchSite:
    return BatchSite(tmp_path)


@pytest.mark.parametrize("busy", ["held", "waiting"])
async def test_nothing_begins_while_others_want_the_engines(site: BatchSite, busy: str) -> None:
    setattr(site, busy, 1)
    batch_id = await site.made(3)
    async with site.running():
        await asyncio.sleep(0.5)
        assert site.asked == []
        setattr(site, busy, 0)
        batch = await site.over(batch_id)

    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}


async def test_no_more_run_at_once_than_is_said_of_all_batches(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, parallel=2)
    ids = [await site.made(6), await site.made(6)]
    async with site.running():
        for batch_id in ids:
            await site.over(batch_id)

    assert site.most_inside == 2
    assert len(site.asked) == 12


async def test_what_passes_is_sent_again_and_what_does_not_is_an_error(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, tries=2, parallel=1)
    site.say = [
        (429, b'{"error": {"type": "requests"}}'),
        (200, GOOD),
        (503, b'{"error": {}}'),
        (503, b'{"error": {}}'),
    ]
    site.say += [(429, b'{"error": {"type": "insufficient_quota"}}')]
    batch_id = await site.made(3)
    async with site.running():
        batch = await site.over(batch_id)

    assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    assert len(site.asked) == 5


async def test_cancelled_while_others_are_busy_each_line_has_an_error(site: BatchSite) -> None:
    site.held = 1
    batch_id = await site.made(4)
    async with site.running():
        await asyncio.sleep(0.2)
        await site.batches.cancel(CALLER, batch_id)
        batch = await site.over(batch_id)

    assert (batch["status"], site.asked, batch["output_file_id"]) == ("cancelled", [], None)
    assert batch["error_file_id"]
    with pytest.raises(BadRequest):
        await site.batches.cancel(CALLER, batch_id)


async def test_one_that_is_cancelled_says_so_until_it_is_over(site: BatchSite) -> None:
    batch_id = await site.made(1)
    batch, state = await asyncio.to_thread(site.batches._load, Owner.of(CALLER), batch_id)
    await site.batches.cancel(CALLER, batch_id)

    for status in ("in_progress", "finalizing", "cancelled"):
        site.batches.write(batch, replace(state, status=status))
        shown = await site.batches.find(CALLER, batch_id)
        assert shown["status"] == ("cancelled" if status == "cancelled" else "cancelling")


@pytest.mark.parametrize("change", [{"key_id": "k2"}, {"project": "paint-shop"}, {"tenant": "other"}])
async def test_it_is_its_owners_alone(site: BatchSite, change: dict[str, str]) -> None:
    batch_id, other = await site.made(1), replace(CALLER, **change)

    with pytest.raises(BatchNotFound):
        await site.batches.find(other, batch_id)
    assert await site.batches.listed(other) == []
    assert await site.files.listed(other) == []


async def test_unfinished_batches_are_bounded(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, most_open=1)
    await site.made(1)

    with pytest.raises(QuotaExceeded):
        await site.made(1)


@pytest.mark.parametrize("code", ["audit.unavailable", "policy.unavailable", "privacy.detector_not_ready"])
async def test_while_a_room_is_not_there_no_line_is_burnt(tmp_path: Path, code: str) -> None:
    site = BatchSite(tmp_path, tries=2, parallel=1)
    site.say = [(503, json.dumps({"error": {"code": code}}).encode())] * 4
    batch_id = await site.made(1)
    async with site.running():
        batch = await site.over(batch_id)

    assert batch["request_counts"] == {"total": 1, "completed": 1, "failed": 0}


@pytest.mark.parametrize(("seconds", "status"), [(3599, "completed"), (3601, "expired")])
async def test_at_the_windows_end_what_never_ran_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, status: str
) -> None:
    site = BatchSite(tmp_path, parallel=1)
    batch_id = await site.made(3)
    made_at = (await site.batches.find(CALLER, batch_id))["created_at"]
    async with site.running():
        async with asyncio.timeout(10):
            while not site.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            site.held = 1
            while not (await site.batches.find(CALLER, batch_id))["request_counts"]["completed"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        monkeypatch.setattr("gateway.kept.batch_runner.now_seconds", lambda: made_at + seconds)
        site.held = 0 if status == "completed" else 1
        batch = await site.over(batch_id)

    assert batch["status"] == status
    ran = 3 if status == "completed" else 1
    assert batch["request_counts"] == {"total": 3, "completed": ran, "failed": 3 - ran}
    done = await site.lines(batch["output_file_id"])
    assert len(done) == len(site.asked) == ran
    if status == "expired":
        left = await site.lines(batch["error_file_id"])
        assert [line["error"]["code"] for line in left] == ["batch_expired"] * 2
        assert {line["custom_id"] for line in done + left} == {"c0", "c1", "c2"}
        assert all(line["response"] is None for line in left)


async def test_an_input_file_that_goes_leaves_the_results_of_lines_that_ran(tmp_path: Path) -> None:
    site = BatchSite(tmp_path, parallel=1)
    batch_id = await site.made(3)
    batch = await site.batches.find(CALLER, batch_id)
    async with site.running():
        async with asyncio.timeout(10):
            while not site.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            site.held = 1
            while not (await site.batches.find(CALLER, batch_id))["request_counts"]["completed"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await site.files.delete(CALLER, batch["input_file_id"])
    async with site.running():
        batch = await site.over(batch_id)

    assert (batch["status"], batch["errors"]["data"][0]["code"]) == ("failed", "input_file_gone")
    assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    assert (await site.files.find(CALLER, batch["output_file_id"])).size > 0
