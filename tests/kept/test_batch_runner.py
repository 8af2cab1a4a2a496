"""When lines of batches begin, and what becomes of those that never do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from house import CALLER
from msgspec.structs import replace

from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.errors import BadRequest, BatchNotFound, QuotaExceeded
from gateway.http.batches import parse_line
from gateway.kept.batch_runner import Asked, BatchRunner
from gateway.kept.batches import KeptBatches
from gateway.kept.files import KeptFiles
from gateway.kept.files_door import OVER, Owner, StoredBatch, Wanted
from gateway.settings import BatchSettings, FileSettings

GOOD = b'{"choices": []}'


class Site:
    """A data folder with batches, a book that lists what it is told, and a gateway that answers as ``say`` says.

    ``held`` and ``waiting`` are the requests of others.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        keys = PersonKeys(folder / "persons", lambda tenant: (b"s" * 32,))
        side = SideStore(folder / "content", keys, folder / "audit")
        me: Any = self
        self.files = KeptFiles(folder / "files", side, folder / "hidden", me, "plant/n1/w0", FileSettings())
        said = BatchSettings(**{"quiet_seconds": 0, **settings})
        self.batches = KeptBatches(folder / "batches", self.files, said, lambda key: None)
        self.lock = folder / "lock"
        self.events: list[tuple[str, Any]] = []
        self.held = self.waiting = self.inside = self.most_inside = 0
        self.say: list[tuple[int, bytes]] = []
        self.asked: list[Any] = []

    def event(self, type: str, **details: Any) -> None:
        self.events.append((type, details))

    async def durable(self) -> None: ...

    def is_open(self) -> bool:
        return True

    def held_and_waiting(self) -> tuple[int, int]:
        return self.held + self.inside, self.waiting

    async def ask(self, batch: StoredBatch, request_id: str, body: dict[str, Any]) -> Asked:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.asked.append(body)
        await asyncio.sleep(0.01)
        self.inside -= 1
        status, answer = self.say.pop(0) if self.say else (200, GOOD)
        return Asked(status, answer, request_id, 0.0, (), 3)

    async def made(self, count: int) -> str:
        owner = Owner.of(CALLER)
        upload = self.files.begin(owner)
        for n in range(count):
            asked = {"custom_id": f"c{n}", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m"}}
            upload.writer.write(json.dumps(asked).encode() + b"\n")
        file = await self.files.finish(upload, "a.jsonl", "batch")
        wanted = Wanted(input_file_id=file.id, endpoint="/v1/embeddings", window_seconds=3600, completion_window="1h")
        return str((await self.batches.make(CALLER, wanted))["id"])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        parse = partial(parse_line, most_bytes=1000, max_depth=20)
        task = asyncio.ensure_future(BatchRunner(self.batches, self, self.lock, parse, 1000).run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def over(self, batch_id: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while (batch := await self.batches.find(CALLER, batch_id))["status"] not in OVER:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return batch


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("busy", ["held", "waiting"])
async def test_nothing_begins_while_others_want_the_engines(site: Site, busy: str) -> None:
    setattr(site, busy, 1)
    batch_id = await site.made(3)
    async with site.running():
        await asyncio.sleep(0.5)
        assert site.asked == []
        setattr(site, busy, 0)
        batch = await site.over(batch_id)

    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}


async def test_no_more_run_at_once_than_is_said_of_all_batches(tmp_path: Path) -> None:
    site = Site(tmp_path, parallel=2)
    ids = [await site.made(6), await site.made(6)]
    async with site.running():
        for batch_id in ids:
            await site.over(batch_id)

    assert site.most_inside == 2
    assert len(site.asked) == 12


async def test_what_passes_is_sent_again_and_what_does_not_is_an_error(tmp_path: Path) -> None:
    site = Site(tmp_path, tries=2, parallel=1)
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


async def test_cancelled_while_others_are_busy_each_line_has_an_error(site: Site) -> None:
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


@pytest.mark.parametrize("change", [{"key_id": "k2"}, {"project": "paint-shop"}, {"tenant": "other"}])
async def test_it_is_its_owners_alone(site: Site, change: dict[str, str]) -> None:
    batch_id, other = await site.made(1), replace(CALLER, **change)

    with pytest.raises(BatchNotFound):
        await site.batches.find(other, batch_id)
    assert await site.batches.listed(other) == []
    assert await site.files.listed(other) == []


async def test_unfinished_batches_are_bounded(tmp_path: Path) -> None:
    site = Site(tmp_path, most_open=1)
    await site.made(1)

    with pytest.raises(QuotaExceeded):
        await site.made(1)
