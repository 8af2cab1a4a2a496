"""Opens what a worker needs to take requests: all rooms, and none of the offices that are one process's.

A worker has its own log, its own policy engine and its own detectors; limits are counted in Redis. It follows what the
steward changes. It puts on record which persons' data left their country, and knows its own alone: whatever hangs on
those numbers is refused, as where a log cannot be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from gateway import __version__, clock
from gateway.audit.anchor.build import refuse_contradicted
from gateway.audit.content.room import ContentRoom
from gateway.audit.content.store import SideStore
from gateway.audit.siblings import SharedShelf
from gateway.clock import ClockQuality
from gateway.errors import SetupError
from gateway.house import offices
from gateway.house.answers import search_kept_answers
from gateway.house.batches import kept_batches, run_batches
from gateway.house.callers import callers
from gateway.house.choice import detector_of
from gateway.house.following import following
from gateway.house.gauges import desk_families
from gateway.house.limiting import limiting
from gateway.house.opening import House, assemble, show, start_all, watch
from gateway.house.residents import Residents
from gateway.house.signing import all_as_signed
from gateway.http.crew import CrewMetrics
from gateway.identity.keys import KeyRegister
from gateway.kept.responses import KeptResponses
from gateway.keys.opening import open_keyring
from gateway.policy.client import OpaPolicy
from gateway.policy.life.activation import PolicyLife
from gateway.ports import Rooms
from gateway.privacy.service import PrivacyRoom
from gateway.registry.store import ContentStore
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncGenerator[House]:
    """Build and open a worker's rooms; close them in the opposite order.

    Raises:
        SetupError: keys, policy or log are not as they must be.
    """
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = open_keyring(settings)
    store = ContentStore(settings.manifests, settings.store, settings.state / "aliases.yaml", settings.state / "models")
    policy, privacy = OpaPolicy(settings), PrivacyRoom(detector_of(settings), keyring.tag_key)
    folder = settings.data / "audit"
    book = SharedShelf(folder, origin=settings.origin, log_key=keyring.log_keys(), settings=settings.audit)
    register = KeyRegister(settings.state / "keys.json", keyring.peppers(), settings.site)
    residents = Residents(settings, store, book)
    async with AsyncExitStack() as stack:
        refuse_contradicted(settings)
        book.open()
        stack.callback(book.close)
        stack.push(partial(offices.tell_stopped, book))
        policy.count_with(offices.counters(stack, settings, keyring, book, of_worker=True), whole=False)
        life = PolicyLife(settings, keyring, book, policy)
        changes = following(settings, policy, store.reread_aliases)
        await life.announce()
        await start_all(stack, [residents, policy, privacy])
        fleet = residents.fleet()
        targets = fleet.targets()
        metrics = Metrics(version=__version__, models=[target.model for target in targets])
        counted = await limiting(stack, settings, register, book, usage=settings.site.worker)
        side = SideStore.of_installation(settings, keyring.kept_tag_keys)
        content = ContentRoom(side, settings.origin)
        stack.callback(content.close)
        search_kept_answers(stack, side, privacy)
        known = callers(stack, settings, register, keyring.peppers, book)
        place, quality = settings.site, ClockQuality()
        rooms = Rooms(known, counted.limits, privacy, policy, fleet, book, metrics, place, clock.now, quality, content)
        await policy.push_facts(all_as_signed(store, targets))
        watch(metrics, rooms, life, lambda: None)
        for family in desk_families(fleet.desks):
            metrics.watch_family(family)
        book.event("config", **offices.what_runs(settings, policy, privacy, targets))
        kept = KeptResponses(side, settings.state / "kept-hidden", book, settings.origin, settings.responses)
        batches = kept_batches(settings, side, book, register)
        house = assemble(settings, rooms, register, store, [], kept, batches)
        run_batches(stack, settings, batches, kept, (rooms, house.gate, fleet, store))
        show(house, metrics, fleet)
        house.public = _told_together(house, settings, metrics)
        stack.callback(asyncio.get_running_loop().create_task(changes.watch(), name="following").cancel)
        yield house


def _told_together(house: House, settings: Settings, metrics: Metrics) -> CrewMetrics:
    run: Path = settings.run
    if run.name != settings.site.worker:
        raise SetupError("A worker's sockets lie in a folder of its name.", "Start workers by: sekisho serve")
    return CrewMetrics(house.public, metrics.render, name=settings.site.worker, run=run.parent, steward="steward")
