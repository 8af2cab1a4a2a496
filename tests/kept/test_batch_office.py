"""Batches as an operator sees them: whose and how far, nothing of what stands in them; and ending others'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from batch_site import BatchSite
from house import CALLER
from msgspec.structs import replace

from gateway.errors import AuditUnavailable, BadRequest, BatchNotFound
from gateway.kept.batch_office import BatchOffice, Wish

OTHER = replace(CALLER, tenant="bodyshop", project="press", key_id="k9")


@pytest.fixture
def site(tmp_path: Path) -> BatchSite:
    return BatchSite(tmp_path)


@pytest.fixture
def office(site: BatchSite) -> BatchOffice:
    return BatchOffice(site.batches)


def ids(page: dict[str, object]) -> list[str]:
    data = page["data"]
    assert isinstance(data, list)
    return [view["id"] for view in data]


async def test_all_are_shown_whoever_made_them_newest_first(site: BatchSite, office: BatchOffice) -> None:
    first, second = await site.made(2), await site.made(1, OTHER)

    page = await office.page(Wish())

    assert (ids(page), page["next"]) == ([second, first], "")
    view = page["data"][0]
    assert (view["tenant"], view["project"], view["key"]) == ("bodyshop", "press", "k9")
    assert (view["status"], view["endpoint"]) == ("validating", "/v1/embeddings")
    assert view == await office.find(second)


async def test_nothing_of_a_callers_text_is_shown(site: BatchSite, office: BatchOffice) -> None:
    await site.made(1)

    said = json.dumps(await office.page(Wish()))

    assert [word for word in ("metadata", "custom_id", "a.jsonl", "file-") if word in said] == []


async def test_pages_hold_each_batch_once(site: BatchSite, office: BatchOffice) -> None:
    made = [await site.made(1) for _ in range(5)]
    found, after = [], ""

    for count in (2, 2, 1):
        page = await office.page(Wish(limit=2, after=after))
        found += ids(page)
        assert len(page["data"]) == count
        after = page["next"]

    assert (found, after) == (made[::-1], "")


async def test_those_that_are_over_and_other_tenants_are_left_out_where_that_is_asked(
    site: BatchSite, office: BatchOffice
) -> None:
    over = await site.made(1)
    async with site.running():
        await site.over(over)
    open_, other = await site.made(1), await site.made(1, OTHER)

    assert ids(await office.page(Wish(unfinished=True))) == [other, open_]
    assert ids(await office.page(Wish(tenant="bodyshop"))) == [other]
    assert (await office.find(over))["request_counts"] == {"total": 1, "completed": 1, "failed": 0}
    assert (await office.find(over))["completed_at"] >= (await office.find(over))["created_at"]


async def test_ending_anothers_is_on_record_with_who_and_why(site: BatchSite, office: BatchOffice) -> None:
    batch_id = await site.made(3, OTHER)

    view = await office.cancel(batch_id, "key-of-an-operator", "line 4 needs the GPU")

    assert view["status"] == "cancelling"
    assert site.events[-1] == (
        "batch.cancelled",
        {
            "by": "key-of-an-operator",
            "details": {"reason": "line 4 needs the GPU"},
            "batch": {"id": batch_id, "tenant": "bodyshop", "project": "press", "key": "k9"},
        },
    )
    async with site.running():
        batch = await site.over(batch_id, OTHER)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("cancelled", 0)
    assert site.asked == []


async def test_to_end_it_again_says_so_and_writes_nothing(site: BatchSite, office: BatchOffice) -> None:
    batch_id = await site.made(1)
    first = await office.cancel(batch_id, "a", "why")
    told = len(site.events)

    assert await office.cancel(batch_id, "b", "why else") == first
    assert len(site.events) == told


async def test_without_a_log_it_goes_on(site: BatchSite, office: BatchOffice) -> None:
    batch_id = await site.made(1)
    site.broken = AuditUnavailable()

    with pytest.raises(AuditUnavailable):
        await office.cancel(batch_id, "a", "why")

    site.broken = None
    assert (await office.find(batch_id))["status"] == "validating"
    async with site.running():
        assert (await site.over(batch_id))["status"] == "completed"


async def test_one_that_is_over_is_not_ended(site: BatchSite, office: BatchOffice) -> None:
    batch_id = await site.made(1)
    async with site.running():
        await site.over(batch_id)

    with pytest.raises(BadRequest, match="completed"):
        await office.cancel(batch_id, "a", "why")


@pytest.mark.parametrize("batch_id", ["batch_01K6Z4Q1V0D3Y0V7N8R4K2T9AB", "nothing", "../../keys", ""])
async def test_what_is_not_there_is_not_found(office: BatchOffice, batch_id: str) -> None:
    with pytest.raises(BatchNotFound):
        await office.find(batch_id)


async def test_one_that_cannot_be_read_does_not_hide_the_others(site: BatchSite, office: BatchOffice) -> None:
    damaged, whole = await site.made(1), await site.made(1, OTHER)
    state = next(site.batches.folder.glob(f"*/*/{damaged.removeprefix('batch_')}/state.json"))
    state.write_text("{")

    shown = {view["id"]: view["status"] for view in (await office.page(Wish()))["data"]}

    assert shown == {damaged: "unreadable", whole: "validating"}
