"""The composition root: the only file that builds rooms and hands them to each other.

:func:`serve` is a whole life: open the book, load the engine, start OPA, push the facts, take requests; on SIGTERM
close the gate, let those inside finish, and close the book.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import uvloop
from starlette.routing import Route

from gateway import __version__, clock
from gateway.audit.anchor.build import anchors_of
from gateway.audit.anchor.office import AnchorOffice
from gateway.audit.catching_up import catch_up
from gateway.audit.content.ends import prune_hourly
from gateway.audit.content.room import ContentRoom
from gateway.audit.content.store import SideStore
from gateway.audit.evidence.office import EvidenceOffice
from gateway.audit.export.office import ExportOffice
from gateway.audit.index.asking import Asking
from gateway.audit.index.child import IndexFollower
from gateway.audit.index.office import SearchOffice
from gateway.audit.log import reader
from gateway.audit.retention import RetentionOffice
from gateway.audit.shelf import Shelf
from gateway.clock import ClockQuality
from gateway.domain import Capability, Target
from gateway.engines.door import Engine
from gateway.engines.kernel import PR_SET_DUMPABLE, prctl
from gateway.engines.llama_cpp_python import InProcess
from gateway.engines.openai_http import HttpEngine
from gateway.engines.xllamacpp import ManagedWorker
from gateway.errors import AuditUnavailable, SekishoError, SetupError
from gateway.fleet.local import LocalFleet, Member
from gateway.http import api
from gateway.http.admin import admin_app, admin_socket
from gateway.http.admin_anchor import anchor_routes
from gateway.http.admin_audit import audit_routes
from gateway.http.admin_break_glass import break_glass_routes
from gateway.http.admin_evidence import evidence_routes
from gateway.http.admin_exports import export_routes
from gateway.http.admin_persons import persons_routes
from gateway.http.admin_policy import policy_routes
from gateway.http.admin_retention import retention_routes
from gateway.http.admin_secrets import secret_routes
from gateway.http.admin_shadow import shadow_routes
from gateway.http.gate import Gate
from gateway.http.listener import CLOSE_SECONDS, Listener
from gateway.identity.keys import KeyRegister
from gateway.identity.limits import KeyLimits
from gateway.inquiry import Inquiry
from gateway.keys.files import FileKeyring
from gateway.keys.office import RotationOffice
from gateway.keys.opening import open_keyring
from gateway.officers import persons_office
from gateway.pipeline import Checkpoint
from gateway.policy.client import OpaPolicy
from gateway.policy.glass.office import BreakGlassOffice
from gateway.policy.life.activation import PolicyLife
from gateway.policy.persons.counters import EVENT as SUBJECTS
from gateway.policy.persons.counters import Counters
from gateway.policy.trials.shadow_office import ShadowOffice
from gateway.ports import Rooms
from gateway.privacy.detector import CascadeDetector, Detector, NoDetection
from gateway.privacy.service import PrivacyRoom
from gateway.registry.store import ContentStore
from gateway.settings import Settings
from gateway.telemetry import log as logs
from gateway.telemetry.metrics import Metrics

UNWITNESSED = "sekisho_audit_unwitnessed_seconds", "Age of the oldest record whose head nobody saw elsewhere."
GC_OBJECTS = 20_000  # between two collections of the youngest generation

OnReady = Callable[[str], None]


class House(msgspec.Struct):
    """What one process serves: to everybody, to its operator; and whether it is open."""

    public: Any
    admin: Any
    gate: Gate
    keep_keys_current: Callable[[], Coroutine[Any, Any, None]]


class Startable(Protocol):
    """A room that has something to start."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def serve(settings: Settings, *, on_ready: OnReady | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 when everything was closed in order.

    Args:
        settings: of this process.
        on_ready: called once with the base URL, when the house is ready.

    Raises:
        SetupError: something of the installation is wrong.
    """
    _forbid_cores()
    logs.configure()
    return uvloop.run(_live(settings, on_ready))


def _forbid_cores() -> None:
    """Let no crash write prompts to disk: neither as a core file nor through a program that collects cores."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(PR_SET_DUMPABLE, 0)


async def _live(settings: Settings, on_ready: OnReady | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_house(settings) as house:
        listeners = [
            Listener.on_address(house.public, settings.server),
            Listener.on_socket(house.admin, admin_socket(settings.run)),
        ]
        async with asyncio.TaskGroup() as serving:
            for listener in listeners:
                serving.create_task(listener.run_sockets())
            watching = serving.create_task(house.keep_keys_current())
            for listener in listeners:
                await listener.began()
            _settle_memory()
            if on_ready is not None:
                on_ready(base_url(settings))
            await stop.wait()
            house.gate.close()
            if not await house.gate.emptied(settings.server.grace_seconds):
                house.gate.clear()
                await house.gate.emptied(CLOSE_SECONDS)
            watching.cancel()
            for listener in listeners:
                listener.should_exit = True
    return 0


def _settle_memory() -> None:
    """Let collections look at what requests make, and less often: most of it goes by reference count."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 20)


def base_url(settings: Settings) -> str:
    scheme = "https" if settings.server.tls_certificate else "http"
    return f"{scheme}://{settings.server.listen}/v1"


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncGenerator[House]:
    """Build and open all rooms; close them in the opposite order.

    Raises:
        SetupError: keys, model, policy or log are not as they must be.
    """
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = open_keyring(settings)
    store = ContentStore(settings.manifests, settings.store, settings.state / "aliases.yaml", settings.state / "models")
    engine = _engine(settings, store)
    policy = OpaPolicy(settings)
    privacy = PrivacyRoom(_detector(settings), keyring.tag_key)
    book = Shelf(settings.data / "audit", origin=settings.origin, log_key=keyring.log_keys(), settings=settings.audit)
    register = KeyRegister(settings.state / "keys.json", keyring.peppers(), settings.site)
    async with AsyncExitStack() as stack:
        anchors = _anchors(stack, settings, book)  # first, so that they carry the head that the book signs at its end
        book.open()
        stack.callback(book.close)
        stack.push(partial(_tell_stopped, book))
        anchors.start()
        secrets = await _rotations(stack, settings, keyring, book, register)
        policy.count_with(_counters(stack, settings, keyring, book))
        life = PolicyLife(settings, keyring, book, policy)
        await _policy_in_force(life, settings)
        warning = asyncio.get_running_loop().create_task(life.warn_daily(), name="policy-expiry")
        stack.callback(warning.cancel)
        await _start_all(stack, [engine, policy, privacy])
        target = _target(settings, store, engine)
        metrics = Metrics(version=__version__, models=[target.model])
        fleet = LocalFleet(
            [Member(target, engine)],
            queue=settings.engine.queue,
            find_model=lambda name: target.model if name == target.model else store.canonical(name),
            model_names=lambda: sorted({target.model, *store.names()}),
        )
        limits = KeyLimits(settings.limits)
        side = SideStore.of_installation(settings, keyring.kept_tag_keys)
        content = _content(stack, settings, side, book)
        place = settings.site
        rooms = Rooms(
            register, limits, privacy, policy, fleet, book, metrics, place, clock.now, ClockQuality(), content
        )
        await policy.push_facts([target])
        _watch(metrics, rooms, life)
        metrics.watch_value(*UNWITNESSED, anchors.unwitnessed_seconds)
        glass = BreakGlassOffice.of(settings, book, policy.look_at_grants)
        shadow = ShadowOffice(settings, book, policy)
        stack.push_async_callback(shadow.close)
        retention = _retention(stack, settings, book, keyring)
        exports = ExportOffice(book, keyring.log_keys)
        searching = await _searching(stack, settings, book)
        more = [
            *policy_routes(life), *break_glass_routes(glass), *shadow_routes(shadow), *secret_routes(secrets),
            *export_routes(exports), *evidence_routes(EvidenceOffice(book, keyring.log_keys)),
            *anchor_routes(anchors, book), *audit_routes(searching), *retention_routes(retention),
            *persons_routes(persons_office(settings, side, book, keyring.kept_tag_keys)),
        ]  # fmt: skip
        book.event("config", **_what_runs(settings, policy, privacy, target))
        yield _assemble(settings, rooms, register, store, more)


def _anchors(stack: AsyncExitStack, settings: Settings, book: Shelf) -> AnchorOffice:
    """Return who brings the log's heads out of the machine. Raises SetupError."""
    told = lambda type, details: book.event(type, **details)  # noqa: E731
    office = AnchorOffice(settings.data / "audit", anchors_of(settings), told)
    stack.push_async_callback(asyncio.to_thread, office.stop)
    return office


def _tell_stopped(book: Shelf, kind: type[BaseException] | None, *_: object) -> None:
    """Say in the book that the house ends in order."""
    if kind is None:
        with suppress(AuditUnavailable):  # told already
            book.event("admin.stopped")


def _what_runs(settings: Settings, policy: OpaPolicy, privacy: PrivacyRoom, target: Target) -> dict[str, Any]:
    """Return the details of the record ``config``: a digest of the settings, which hold no secret, and what runs."""
    return {
        "settings_sha256": settings.digest(),
        "version": __version__,
        "opa": policy.engine,
        "detector": privacy.version,
        "engine": target.build,
        "model": target.model,
        "model_digest": target.digest,
    }


def _retention(stack: AsyncExitStack, settings: Settings, book: Shelf, keyring: FileKeyring) -> RetentionOffice:
    """Return who prunes and holds logs; each day by itself, where the settings say so."""
    office = RetentionOffice(settings.data / "audit", book.books, keyring.log_keys, settings.audit)
    if settings.audit.prune:
        pruning = asyncio.get_running_loop().create_task(office.daily(), name="audit-pruning")
        stack.callback(pruning.cancel)
    return office


async def _searching(stack: AsyncExitStack, settings: Settings, book: Shelf) -> SearchOffice:
    """Return who searches the log, in a process of its own; another one keeps the index up to date, where the settings
    say so.
    """
    audit, folder = settings.data / "audit", settings.state / "audit-index"
    if settings.audit.index:
        follower = IndexFollower(audit, folder)
        stack.push_async_callback(follower.stop)
        await follower.start()
    asking = Asking(audit, folder)
    stack.push_async_callback(asking.close)
    return SearchOffice(book, asking)


def _content(stack: AsyncExitStack, settings: Settings, side: SideStore, book: Shelf) -> ContentRoom:
    """Return the side store's room; what has ended in it is destroyed each hour."""
    room = ContentRoom(side, settings.origin)
    stack.callback(room.close)
    pruning = asyncio.get_running_loop().create_task(prune_hourly(side, book), name="content-ends")
    stack.callback(pruning.cancel)
    return room


async def _rotations(
    stack: AsyncExitStack, settings: Settings, keyring: FileKeyring, book: Shelf, register: KeyRegister
) -> RotationOffice:
    """Return who rotates secrets, with everything carried out that the last process left. Raises SetupError."""
    others = partial(catch_up, settings.data / "audit", settings=settings.audit)
    follow = SideStore.of_installation(settings, keyring.kept_tag_keys).keys.reseal
    office = RotationOffice(keyring, book, register, follow=follow, others=others)
    await office.resume()
    ending = asyncio.get_running_loop().create_task(office.run(), name="key-overlaps")
    stack.callback(ending.cancel)
    return office


def _counters(stack: AsyncExitStack, settings: Settings, keyring: FileKeyring, book: Shelf) -> Counters:
    """Return the counters of persons. They are restored from the logs beside the start; until then they count nothing,
    and so they stay where a log cannot be read: what hangs on numbers is refused.
    """
    counters = Counters(
        key=keyring.subjects_key,
        write=book.event,
        logs=lambda: reader.events_by_log(settings.data / "audit", SUBJECTS),
        snapshot=settings.state / "policy" / "subjects",
    )
    opening = asyncio.get_running_loop().create_task(asyncio.to_thread(counters.open), name="counters")

    async def close() -> None:
        with suppress(OSError, ValueError):  # a log that cannot be read; a snapshot only saves time at the next start
            await opening
            await asyncio.to_thread(counters.save)

    stack.push_async_callback(close)
    return counters


async def _start_all(stack: AsyncExitStack, rooms: Sequence[Startable]) -> None:
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


def _watch(metrics: Metrics, rooms: Rooms, life: PolicyLife) -> None:
    metrics.watch_room("engine", rooms.fleet.ready)
    metrics.watch_room("policy", rooms.policy.ready)
    metrics.watch_room("audit", rooms.book.ready)
    metrics.watch_room("privacy", rooms.privacy.ready)
    metrics.watch_value(
        "sekisho_policy_expires_timestamp_seconds", "When the policy in force expires, since 1970.", life.expires
    )


async def _policy_in_force(life: PolicyLife, settings: Settings) -> None:
    """Put on record what is in force. The demonstration makes itself a first policy; any other house must have one."""
    if settings.site.preset == "demo":
        await life.first("serve")
    await life.announce()


def _assemble(
    settings: Settings, rooms: Rooms, register: KeyRegister, store: ContentStore, more: Sequence[Route]
) -> House:
    gate = Gate()
    inquiry = Inquiry(rooms, int(datetime.now(UTC).timestamp()))
    public = api.build(Checkpoint(rooms), inquiry, gate, settings.server)
    return House(public, admin_app(register, rooms.book, inquiry.readiness, store, more), gate, register.watch)


# --- which implementation stands behind a door -----------------------------------------------------------------------


def _engine(settings: Settings, store: ContentStore) -> Engine:
    wanted = settings.engine
    if wanted.kind == "openai-http":
        return _http_engine(settings)
    manifest = store.find(wanted.model)
    if manifest is None:
        raise SetupError(
            f"There is no model {wanted.model}.", "See `sekisho models list`, or add it with `sekisho models add`."
        )
    weights = store.weights(manifest)
    template = manifest.chat_template
    if wanted.kind == "xllamacpp":
        return ManagedWorker(wanted, weights=weights, model=manifest.name, run_dir=settings.run, chat_template=template)
    return InProcess(wanted, weights=weights, model=manifest.name, chat_template=template)


def _http_engine(settings: Settings) -> HttpEngine:
    """Return an engine that somebody else runs on this machine.

    Raises:
        SetupError: the address is not this machine's.
    """
    wanted = settings.engine
    api_key = (settings.base / wanted.api_key_file).read_text().strip() if wanted.api_key_file else ""
    address = urlsplit(wanted.url)
    if address.scheme != "unix" and not is_loopback(address.hostname or ""):
        raise SetupError("engine.url is not on this machine.", "Use http://127.0.0.1:PORT or unix:/path/to.sock.")
    return HttpEngine(
        "http://engine" if address.scheme == "unix" else wanted.url,
        model=wanted.model,
        slots=wanted.slots,
        context_tokens=wanted.context_tokens,
        api_key=api_key,
        unix_socket=Path(address.path) if address.scheme == "unix" else None,
        read_timeout_seconds=wanted.read_timeout_seconds,
    )


def is_loopback(host: str) -> bool:
    """Whether an address literal, or the name ``localhost``, is this machine's loopback. Asks no resolver."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _detector(settings: Settings) -> Detector:
    if not settings.privacy.detection:
        return NoDetection()
    return CascadeDetector(settings.privacy, settings.base, settings.state / "patterns")


def _target(settings: Settings, store: ContentStore, engine: Engine) -> Target:
    manifest = store.find(settings.engine.model)
    model = manifest.name if manifest else settings.engine.model
    own = manifest is not None and settings.engine.kind != "openai-http"  # that one's bytes are not seen from here
    return Target(
        id=f"{settings.origin}:{model}",
        model=model,
        capabilities=(Capability.CHAT, Capability.COMPLETE),
        site=settings.site.name,
        node=settings.site.node,
        jurisdiction=settings.site.jurisdiction,
        same_node=True,
        digest=manifest.sha256 if manifest and own else "",
        device=engine.device,
        build=engine.build,
    )
