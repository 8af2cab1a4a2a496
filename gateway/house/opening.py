"""Opens all rooms in their order, and closes them in the opposite one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import msgspec
from starlette.routing import Route

from gateway import __version__, clock
from gateway.audit.anchor.build import refuse_contradicted
from gateway.audit.content.store import SideStore
from gateway.audit.door import Book
from gateway.audit.shelf import Shelf
from gateway.clock import ClockQuality
from gateway.domain import Target
from gateway.errors import AuditUnavailable, SekishoError, SetupError
from gateway.fleet.local import LocalFleet
from gateway.house import nodes, offices, several
from gateway.house.answers import content
from gateway.house.batches import kept_batches, load_of, run_batches
from gateway.house.callers import callers
from gateway.house.choice import detector_of
from gateway.house.desks import Opened, desk_routes
from gateway.house.following import taking
from gateway.house.gauges import desk_families, doorstep_families, families_of
from gateway.house.joined import Joined
from gateway.house.limiting import limiting
from gateway.house.models import ServedModels
from gateway.house.node_shown import node_families
from gateway.house.node_update import updating
from gateway.house.nodes import NodeListener
from gateway.house.residents import Residents
from gateway.house.signing import all_as_signed, model_office
from gateway.http import api
from gateway.http.admin import admin_app
from gateway.http.admin_anchor import anchor_routes
from gateway.http.admin_batches import batch_routes
from gateway.http.admin_fleet import fleet_routes
from gateway.http.admin_limits import limit_routes
from gateway.http.admin_models import model_routes
from gateway.http.admin_nodes import node_routes
from gateway.http.admin_organisation import organisation_routes
from gateway.http.admin_policy import policy_routes
from gateway.http.admin_secrets import secret_routes
from gateway.http.bounded import Doorstep
from gateway.http.crew import crew_app
from gateway.http.gate import Gate
from gateway.identity.keys import KeyRegister
from gateway.inquiry import Inquiry
from gateway.kept.batch_office import BatchOffice
from gateway.kept.batches import KeptBatches
from gateway.kept.door import Responses
from gateway.kept.responses import KeptResponses
from gateway.keys.opening import open_keyring
from gateway.organising import OrganisationOffice
from gateway.pipeline import Checkpoint
from gateway.policy.client import OpaPolicy
from gateway.policy.life.activation import PolicyLife
from gateway.ports import Rooms
from gateway.privacy.service import PrivacyRoom
from gateway.registry.store import ContentStore
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics

UNWITNESSED = "sekisho_audit_unwitnessed_seconds", "Age of the oldest record whose head nobody saw elsewhere."


class House(msgspec.Struct):
    """What one process serves: to everybody, to its operator; and whether it is open."""

    public: Any
    admin: Any
    gate: Gate
    keep_keys_current: Callable[[], Coroutine[Any, Any, None]]
    tell: Callable[[str, dict[str, str]], None]
    nodes: NodeListener | None = None
    crew: Any = None  # for the other processes of this server
    doorstep: Doorstep = msgspec.field(default_factory=Doorstep)


class Startable(Protocol):
    """A room that has something to start."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@asynccontextmanager
async def open_house(settings: Settings, *, steward: bool = False) -> AsyncGenerator[House]:
    """Build and open all rooms; close them in the opposite order.

    Args:
        steward: requests are taken by workers beside this process (:mod:`gateway.house.worker`).

    Raises:
        SetupError: keys, model, policy or log are not as they must be.
    """
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = open_keyring(settings)
    store = ContentStore(settings.manifests, settings.store, settings.state / "aliases.yaml", settings.state / "models")
    policy = OpaPolicy(settings)
    privacy = PrivacyRoom(detector_of(settings), keyring.tag_key)
    book = Shelf(settings.data / "audit", origin=settings.origin, log_key=keyring.log_keys(), settings=settings.audit)
    register = KeyRegister(settings.state / "keys.json", keyring.peppers(), settings.site)
    enrolled = nodes.enrolment(settings, book, keyring.vault, lambda: [pepper.secret for pepper in keyring.peppers()])
    joined = Joined(settings, store, book, enrolled)
    residents = Residents(settings, store, book, elsewhere=joined.any)
    async with AsyncExitStack() as stack:
        anchors = offices.anchors(stack, settings, book)  # first: they carry the head that the book signs at its end
        refuse_contradicted(settings)
        book.open()
        stack.callback(book.close)
        stack.push(partial(offices.tell_stopped, book))
        anchors.start()
        await offices.update_news(stack, settings, book)
        secrets = await offices.rotations(stack, settings, keyring, book, register)
        if steward:
            several.refuse_overlaps(secrets)
            several.close_left(settings, keyring.log_keys())
        policy.count_with(offices.counters(stack, settings, keyring, book))
        life = PolicyLife(settings, keyring, book, policy)
        await _policy_in_force(stack, life, settings)
        await start_all(stack, [residents, policy, privacy])
        fleet = residents.fleet()
        targets = fleet.targets()
        metrics = Metrics(version=__version__, models=[target.model for target in targets])
        counted = await limiting(stack, settings, register, book)
        side = SideStore.of_installation(settings, keyring.kept_tag_keys)
        kept_content = content(stack, settings, side, book, privacy, metrics)
        place, quality, counts = settings.site, ClockQuality(), counted.limits
        known = callers(stack, settings, register, keyring.peppers, book)
        rooms = Rooms(known, counts, privacy, policy, fleet, book, metrics, place, clock.now, quality, kept_content)
        await policy.push_facts(all_as_signed(store, targets))
        watch(metrics, rooms, life, anchors.unwitnessed_seconds)
        _watch_fleet(metrics, residents, fleet, joined)
        batches = kept_batches(settings, side, book, register)
        more = await desk_routes(
            stack, Opened(settings, keyring, book, policy, side), [
                *(several.not_with_workers() if steward else []),
                *policy_routes(life), *secret_routes(secrets), *anchor_routes(anchors, book),
                *fleet_routes(residents.office(fleet, partial(_announce, metrics, policy), joined, metrics.measured)),
                *model_routes(model_office(store, book, fleet, policy, joined.holders)),
                *node_routes(enrolled, joined.facts, updating(stack, book, enrolled, joined.carried, settings.state)),
                *limit_routes(counted.office), *batch_routes(BatchOffice(batches)),
                *organisation_routes(OrganisationOffice(settings, register.records, book, taking(settings, policy))),
            ],
        )  # fmt: skip
        book.event("config", **offices.what_runs(settings, policy, privacy, targets))
        kept = KeptResponses(side, settings.state / "kept-hidden", book, settings.origin, settings.responses)
        house = assemble(settings, rooms, register, store, more, kept, batches)
        run_batches(stack, settings, batches, kept, (rooms, house.gate, fleet, store), here=not steward)
        show(house, metrics, fleet)
        house.nodes = nodes.listener(stack, settings, enrolled, book)
        stack.push_async_callback(joined.stop)
        joined.open(fleet, partial(_announce, metrics, policy))
        yield house


async def start_all(stack: AsyncExitStack, rooms: Sequence[Startable]) -> None:
    """Start rooms beside each other; whatever was started is stopped at the end, also when another one failed."""
    for room in rooms:
        stack.push_async_callback(room.stop)
    try:
        async with asyncio.TaskGroup() as starting:
            for room in rooms:
                starting.create_task(room.start())
    except* (SetupError, SekishoError) as group:
        raise _as_setup_error(group.exceptions[0]) from group


def _as_setup_error(error: BaseException) -> SetupError:
    if isinstance(error, SetupError):
        return error
    if isinstance(error, SekishoError):
        return SetupError(error.message, f"Run: sekisho doctor {error.code}")
    if isinstance(error, BaseExceptionGroup):
        return _as_setup_error(error.exceptions[0])
    return SetupError("A room of the house did not open.", "Run: sekisho doctor")


async def _announce(metrics: Metrics, policy: OpaPolicy, targets: Callable[[], Sequence[Target]]) -> None:
    """Let metrics and policy know of all targets, one that was added among them."""

    def now() -> Sequence[Target]:
        found = targets()
        metrics.serve(target.model for target in found)
        return found

    await policy.push_facts(now)


def _watch_fleet(metrics: Metrics, residents: Residents, fleet: LocalFleet, joined: Joined) -> None:
    of_nodes = node_families(lambda: joined.members)
    for family in (*families_of(residents.keeper), *desk_families(fleet.desks), *of_nodes):
        metrics.watch_family(family)


def watch(metrics: Metrics, rooms: Rooms, life: PolicyLife, unwitnessed: Callable[[], float | None]) -> None:
    metrics.watch_value(*UNWITNESSED, unwitnessed)
    metrics.watch_room("engine", rooms.fleet.ready)
    metrics.watch_room("policy", rooms.policy.ready)
    metrics.watch_room("audit", rooms.book.ready)
    metrics.watch_room("privacy", rooms.privacy.ready)
    metrics.watch_value(
        "sekisho_policy_expires_timestamp_seconds", "When the policy in force expires, since 1970.", life.expires
    )


async def _policy_in_force(stack: AsyncExitStack, life: PolicyLife, settings: Settings) -> None:
    """Put on record what is in force, and warn before it expires.

    The demonstration makes itself a first policy; any other house must have one.
    """
    if settings.site.preset == "demo":
        await life.first("serve")
    await life.announce()
    stack.callback(asyncio.get_running_loop().create_task(life.warn_daily(), name="policy-expiry").cancel)


def show(house: House, metrics: Metrics, fleet: LocalFleet) -> None:
    """Let the other processes of this server see this one, and metrics what came to its address."""
    house.crew = crew_app(metrics.render, load_of(fleet))
    for family in doorstep_families(house.doorstep):
        metrics.watch_family(family)


def _tell(book: Book, type: str, details: dict[str, str]) -> None:
    with suppress(AuditUnavailable):  # then every request is refused anyway
        book.event(type, details=details)


def assemble(
    settings: Settings,
    rooms: Rooms,
    register: KeyRegister,
    store: ContentStore,
    more: Sequence[Route],
    kept: Responses,
    batches: KeptBatches,
) -> House:
    gate = Gate()
    inquiry = Inquiry(rooms, int(datetime.now(UTC).timestamp()))
    models = ServedModels(rooms.fleet, store)
    public = api.build(Checkpoint(rooms), inquiry, gate, settings.server, models, kept, batches)
    admin = admin_app(register, rooms.book, inquiry.readiness, store, more, rooms.identity)
    tell = partial(_tell, rooms.book)
    public.guard.tell = lambda source: tell("identity.guessing", {"source": source})
    if settings.server.admin_api:
        public.open_admin(admin.keyed)
    return House(public, admin, gate, register.watch, tell)
