"""A data folder with batches, a book that lists what it is told, and a gateway that answers as it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from house import CALLER

from gateway.audit.content.store import SideStore
from gateway.audit.persons.keys import PersonKeys
from gateway.domain import Caller
from gateway.http.batches import parse_line
from gateway.kept.batch_runner import Asked, BatchRunner
from gateway.kept.batches import KeptBatches
from gateway.kept.files import KeptFiles
from gateway.kept.files_door import FILE, OVER, Owner, StoredBatch, Wanted
from gateway.kept.sealed_file import lines_of
from gateway.settings import BatchSettings, FileSettings

GOOD = b'{"choices": []}'


class BatchSite:
    """``say`` is what the gateway answers next, ``events`` what the book was told; ``broken`` is raised by the book.

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
        self.broken: Exception | None = None
        self.speaks_of: list[tuple[str, ...]] = []  # persons of the next answers
        self.answer: Callable[[dict[str, Any]], tuple[int, bytes]] = lambda body: (200, GOOD)
        self.persons: Callable[[dict[str, Any]], tuple[str, ...]] = lambda body: ()

    def event(self, type: str, **details: Any) -> None:
        if self.broken is not None:
            raise self.broken
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
        try:
            await asyncio.sleep(0.01)
        finally:
            self.inside -= 1
        status, answer = self.say.pop(0) if self.say else self.answer(body)
        persons = self.speaks_of.pop(0) if self.speaks_of else self.persons(body)
        return Asked(status, answer, request_id, 0.0, persons, 3)

    async def made(self, count: int, caller: Caller = CALLER) -> str:
        owner = Owner.of(caller)
        upload = self.files.begin(owner)
        for n in range(count):
            asked = {
                "custom_id": f"c{n}",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"model": "m", "user": f"c{n}"},
            }
            upload.writer.write(json.dumps(asked).encode() + b"\n")
        file = await self.files.finish(upload, "a.jsonl", "batch")
        wanted = Wanted(input_file_id=file.id, endpoint="/v1/embeddings", window_seconds=3600, completion_window="1h")
        return str((await self.batches.make(caller, wanted))["id"])

    async def lines(self, file_id: str) -> list[dict[str, Any]]:
        """Return what stands in a file of the caller's."""
        file = await self.files.find(CALLER, file_id, "content")
        place = self.files.place(file.owner, file_id.removeprefix(FILE))
        return [json.loads(line) for line in lines_of(place, file.secret, 100_000)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        parse = partial(parse_line, most_bytes=1000, max_depth=20)
        task = asyncio.ensure_future(BatchRunner(self.batches, self, self.lock, parse, 1000).run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def over(self, batch_id: str, caller: Caller = CALLER) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while (batch := await self.batches.find(caller, batch_id))["status"] not in OVER:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return batch
