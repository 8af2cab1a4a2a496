"""Files and batches, put together: who keeps them, and who runs them while this process is idle."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial

from gateway.audit.content.store import SideStore
from gateway.audit.door import Book
from gateway.fleet.local import LocalFleet
from gateway.house.models import ServedModels
from gateway.http.api import apis
from gateway.http.batch_line import LineGateway
from gateway.http.batches import parse_line
from gateway.http.crew import CrewLoad, Load
from gateway.http.gate import Gate
from gateway.identity.keys import KeyRegister
from gateway.identity.recalled import RecalledKey
from gateway.keeping import named_in
from gateway.kept.batch_runner import BatchRunner
from gateway.kept.batches import KeptBatches
from gateway.kept.door import Responses
from gateway.kept.files import KeptFiles
from gateway.pipeline import Checkpoint
from gateway.ports import Rooms
from gateway.registry.store import ContentStore
from gateway.settings import Settings


def kept_batches(settings: Settings, side: SideStore, book: Book, register: KeyRegister) -> KeptBatches:
    """Return what keeps the files and batches of a data folder."""
    hidden = settings.state / "files-hidden"
    files = KeptFiles(settings.data / "files", side, hidden, book, settings.origin, settings.files)

    def may_recall(key_id: str) -> None:
        register.identify(RecalledKey(key_id))

    return KeptBatches(settings.data / "batches", files, settings.batches, may_recall)


def load_of(fleet: LocalFleet) -> Load:
    """Return what tells how many requests hold a slot here, and how many wait for one."""

    def load() -> tuple[int, int]:
        desks = fleet.desks()
        return sum(desk.held for desk in desks), sum(desk.waiting for desk in desks)

    return load


def run_batches(
    stack: AsyncExitStack,
    settings: Settings,
    batches: KeptBatches,
    responses: Responses,
    house: tuple[Rooms, Gate, LocalFleet, ContentStore],
    *,
    here: bool = True,
) -> None:
    """Run batches from now on, until the stack's end; not where requests are taken by other processes."""
    if not here:
        return
    rooms, gate, fleet, store = house
    server, load = settings.server, load_of(fleet)
    if server.workers > 1:
        load = CrewLoad(load, name=settings.site.worker, run=settings.run.parent)
    given = (Checkpoint(rooms), gate, server)
    wait, days = settings.batches.wait_seconds, settings.files.keep_days
    names_in = partial(named_in, rooms.privacy)
    gateway = LineGateway(apis(ServedModels(fleet, store)), given, responses, names_in, load, wait, days)
    parse = partial(parse_line, most_bytes=server.max_body_bytes, max_depth=server.max_depth)
    runner = BatchRunner(batches, gateway, settings.state / "batches.lock", parse, server.max_body_bytes)
    task = asyncio.get_running_loop().create_task(runner.run(), name="batches")

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
