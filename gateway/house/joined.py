"""The nodes that joined, as the house serves with them: their models, at their own devices' prices, beside this node's.

A node offers what this gateway's settings list (``fleet.models``, else ``engine.model``), as far as it fits there. Its
targets stand where the roster says. Nodes come and go while the house is open. ::

    joined = Joined(settings, store, book, enrolment)
    joined.open(fleet, announce)      # from now on its nodes are watched, and offered once they were reached
    await joined.stop()
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from gateway.audit.shelf import Shelf
from gateway.domain import Target
from gateway.engines.node import NodeEngine
from gateway.engines.node_link import NodeAway, NodeLink, NodeRefused
from gateway.engines.node_wire import PROTOCOL, NodeState, Order
from gateway.errors import SetupError
from gateway.fleet.fit.devices import Device, Machine
from gateway.fleet.fit.memory import RAM
from gateway.fleet.life.home import LifeEngine
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.loading import Hands, Wish
from gateway.fleet.local import LocalFleet
from gateway.fleet.nodes.member import NodeMember
from gateway.fleet.nodes.push import Pusher
from gateway.fleet.nodes.roster import Node
from gateway.house.choice import manifest_of, target_of, wanted_for
from gateway.house.fitting import Fitting
from gateway.house.prices import Prices
from gateway.house.residents import Announce, prove
from gateway.house.signing import all_as_signed, as_signed
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, ModelSettings, Settings

_MIB = 1024 * 1024

_log = logging.getLogger("sekisho.nodes")


class Rolls(Protocol):
    """What this needs of a roster."""

    def nodes(self) -> Sequence[Node]: ...

    def watch(self, changed: Callable[[str], None]) -> None: ...


class Enrolled(Protocol):
    """What this needs of :class:`gateway.fleet.nodes.enrol.Enrolment`."""

    @property
    def roster(self) -> Rolls: ...

    def client_context(self, name: str) -> SSLContext: ...


class NodeFitting(Fitting):
    """The fit planner before a node's machine, as the node described it."""

    def __init__(self, settings: Settings, store: ContentStore, state: NodeState) -> None:
        super().__init__(settings, store)
        self.__dict__["machine"] = machine_of(state)
        self.__dict__["kept_free"] = {each.id: max(0, state.kept_free.get(each.id, 0)) for each in state.devices}
        self._state = state

    @property
    def built_for(self) -> frozenset[str]:
        return frozenset(self._state.built_for)

    @property
    def on_gpu(self) -> bool:
        return self._state.on_gpu


def machine_of(state: NodeState) -> Machine:
    """Return a node's machine. Raises SetupError: it names no memory of its own, or a device twice."""
    devices = [
        Device(each.id, each.name, each.total, each.free, "", each.watts, each.watts_limit, each.compute)
        for each in state.devices
    ]
    rams = [each for each in devices if each.id == RAM]
    if len(rams) != 1 or len({each.id for each in devices}) != len(devices):
        raise SetupError("The node does not say what memory it has.", "Update it.")
    return Machine(rams[0], tuple(each for each in devices if each.id != RAM), frozenset(state.features))


class Joined:
    """All joined nodes of this gateway."""

    def __init__(self, settings: Settings, store: ContentStore, book: Shelf, enrolled: Enrolled) -> None:
        self._settings = settings
        self._store = store
        self._book = book
        self._enrolled = enrolled
        self._pushers: dict[str, Pusher] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._fleet: LocalFleet | None = None
        self._announce: Announce | None = None
        self._one_at_a_time = asyncio.Lock()
        self.members: dict[str, NodeMember] = {}
        self.too_big: dict[str, list[str]] = {}  # by node: what it could never hold, a line each

    @property
    def any(self) -> bool:
        """Whether a node has joined."""
        return bool(self._enrolled.roster.nodes())

    def open(self, fleet: LocalFleet, announce: Announce) -> None:
        """Watch all nodes of the roster from now on, and whoever joins or leaves.

        Args:
            fleet: where their models are offered.
            announce: lets the policy know of all targets; awaited before a new one takes requests.
        """
        self._fleet, self._announce = fleet, announce
        loop = asyncio.get_running_loop()

        def changed(name: str) -> None:
            loop.call_soon_threadsafe(self._sync)

        self._enrolled.roster.watch(changed)
        self._sync()

    async def stop(self) -> None:
        """Watch nobody any more; unload what can be reached. Safe to call twice."""
        members, self.members, self._fleet = list(self.members.values()), {}, None
        await asyncio.gather(*(member.stop() for member in members), *self._ending)

    def _sync(self) -> None:
        """Bring what is watched in line with the roster."""
        if self._fleet is None:
            return
        entries = {entry.name: entry for entry in self._enrolled.roster.nodes()}
        for name, member in list(self.members.items()):
            entry = entries.get(name)
            if entry is None or _is_another(entry, member.entry):
                del self.members[name]
                self._end(member, f"The node {name} was removed.")
        for name, entry in entries.items():
            if name not in self.members:
                self.members[name] = self._member(entry)
                self.members[name].start()
            self.members[name].drain(entry.drained is not None)

    def _end(self, member: NodeMember, why: str) -> None:
        async def end() -> None:
            await member.stop(why)
            if self._fleet is not None:
                for home in member.homes():
                    self._fleet.retire(home.target.id)

        task = asyncio.get_running_loop().create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _member(self, entry: Node) -> NodeMember:
        settings = self._settings.engine
        link = NodeLink(
            entry.name,
            entry.address,
            partial(self._enrolled.client_context, entry.name),
            read_timeout_seconds=settings.read_timeout_seconds,
        )
        self._pushers[entry.name] = Pusher(link)
        return NodeMember(
            entry,
            link,
            (NodeAway, NodeRefused),
            protocol=PROTOCOL,
            greet=partial(self._greet, link),
            tell=self._tell,
        )

    def _tell(self, type: str, said: Mapping[str, Any]) -> None:
        self._book.event(type, **said)

    # --- a node that was reached for the first time

    async def _greet(self, link: NodeLink, member: NodeMember, state: NodeState) -> Keeper:
        wishes, budget = await asyncio.to_thread(self._wishes, link, member, state)
        keeper = Keeper(
            wishes,
            budget=budget,
            hands=Hands(prove, _measured, partial(_free, member), partial(self._tell_of, member)),
            turn_seconds=self._settings.fleet.turn_seconds,
            health_seconds=self._settings.fleet.health_seconds,
            obstacle=member.obstacle,
        )
        await self._offer(keeper)
        return keeper

    def _tell_of(self, member: NodeMember, type: str, said: Mapping[str, Any]) -> None:
        self._tell(type, {**said, "node": member.entry.name})

    async def _offer(self, keeper: Keeper) -> None:
        """Let policy and callers know of a node's targets. Nobody is sent there before the node is open."""
        async with self._one_at_a_time:
            fleet, announce = self._fleet, self._announce
            if fleet is None or announce is None:
                return
            new = [home.target for home in keeper.homes.values()]
            await announce(all_as_signed(self._store, [*fleet.targets(), *new]))
            for home in keeper.homes.values():
                fleet.adopt(home, self._settings.engine.queue)

    def _wishes(self, link: NodeLink, member: NodeMember, state: NodeState) -> tuple[list[Wish], dict[str, int]]:
        """Return what a node may serve, and what its devices have for that, in MiB."""
        fitting = NodeFitting(self._settings, self._store, state)
        prices = Prices(self._settings, self._store, fitting)
        budget = {each.id: max(0, each.free - fitting.kept_free[each.id]) // _MIB for each in fitting.machine.devices}
        too_big = self.too_big[member.entry.name] = []
        wishes = []
        for model in self._models():
            wish = self._wish(link, member, model, prices)
            short = {device: need for device, need in wish.price.items() if need > budget.get(device, 0)}
            if short:
                needs = " and ".join(
                    f"{need:,} MiB of {each} (there are {budget.get(each, 0):,})" for each, need in short.items()
                )
                too_big.append(f"The model {wish.target.model} needs {needs} on {member.entry.name}.")
                _log.error("%s", too_big[-1])
            else:
                wishes.append(wish)
        return wishes, budget

    def _models(self) -> Sequence[ModelSettings]:
        settings = self._settings
        return settings.fleet.models if settings.engine.kind == "openai-http" else settings.served

    def _wish(self, link: NodeLink, member: NodeMember, model: ModelSettings, prices: Prices) -> Wish:
        manifest = manifest_of(self._store, model.model)
        wanted, price = wanted_for(self._settings, manifest, model), prices.of(model)
        layers = prices.settled(model).gpu_layers
        order = order_of(self._store, manifest, wanted, wanted.gpu_layers if layers is None else layers)
        target = target_at(member.entry.name, self._enrolled.roster.nodes(), target_of(self._settings, manifest))
        return Wish(
            target=as_signed(self._store, target),
            slots=wanted.slots,
            context_tokens=wanted.context_tokens,
            price=price,
            build=partial(self._build, link, member, manifest, order),
            pinned=model.pin,
            ttl_seconds=model.ttl_seconds,
        )

    async def _build(self, link: NodeLink, member: NodeMember, manifest: Manifest, order: Order) -> LifeEngine:
        """Return an engine on the node, not started. Raises SetupError: a file here is not what it must be."""
        files = await asyncio.to_thread(self._files, manifest, order)
        lied = partial(member.distrust, manifest.name, manifest.sha256)
        push = self._pushers[member.entry.name].push
        engine = NodeEngine(link, push, order, files, manifest.sha256, lied)
        member.building[engine.resident] = engine
        return engine

    def _files(self, manifest: Manifest, order: Order) -> list[tuple[str, Path]]:
        """Return what a load needs, hashed and inspected just now. Blocks."""
        beside = list(self._store.adapters(manifest.name))
        if order.draft is not None:
            beside.append(manifest_of(self._store, str(order.draft["name"])))
        return [(each.sha256, self._store.weights(each)) for each in (manifest, *beside)]

    def status(self) -> list[dict[str, Any]]:
        """Return how each node stands, for operators."""
        return [view(member, self._pushers[name], self.too_big.get(name, ())) for name, member in self.members.items()]


def order_of(store: ContentStore, manifest: Manifest, wanted: EngineSettings, gpu_layers: int) -> Order:
    """Return how a node is to load a model. Its name is given when it is built. Raises SetupError."""
    draft = manifest_of(store, wanted.draft) if wanted.draft else None
    return Order(
        id="",
        manifest=msgspec.to_builtins(manifest),
        context_tokens=wanted.context_tokens,
        slots=wanted.slots,
        gpu_layers=gpu_layers,
        batch_tokens=wanted.batch_tokens,
        kv_type=wanted.kv_type,
        flash_attention=wanted.flash_attention,
        adapters=tuple(msgspec.to_builtins(each) for each in store.adapters(manifest.name)),
        draft=None if draft is None else msgspec.to_builtins(draft),
        draft_tokens=wanted.draft_tokens,
    )


def target_at(name: str, nodes: Sequence[Node], own: Target) -> Target:
    """Return the target that a model is on a node. Where that stands, the roster says: never the node, never we."""
    entry = next(node for node in nodes if node.name == name)
    return replace(
        own,
        id=f"{entry.site}/{entry.name}/engine:{own.model}",
        site=entry.site,
        node=entry.name,
        jurisdiction=entry.jurisdiction,
        same_node=False,
    )


def view(member: NodeMember, pusher: Pusher, too_big: Sequence[str]) -> dict[str, Any]:
    """Return how one node stands."""
    state, entry = member.state, member.entry
    said: dict[str, Any] = {
        "node": entry.name, "site": entry.site, "jurisdiction": entry.jurisdiction, "address": entry.address,
        "state": member.word, "problem": member.problem, "too_big": list(too_big),
        "pushing": {digest[:12]: {"bytes": there, "of": total} for digest, (there, total) in pusher.progress.items()},
        "memory": {},
    }  # fmt: skip
    if state is not None:
        devices = [msgspec.to_builtins(device) for device in state.devices]
        said |= {
            "sekisho": state.sekisho, "protocol": state.protocol, "engine": state.engine, "devices": devices,
            "disk_free_bytes": state.disk_free, "files": len(state.blobs), "loaded": len(state.residents),
        }  # fmt: skip
    if member.keeper is not None:
        ledger = member.keeper.rules.ledger
        taken = ledger.taken()
        said["memory"] = {
            device: {"budget_mib": budget, "taken_mib": taken[device]} for device, budget in ledger.budget.items()
        }
    return said


def _is_another(entry: Node, before: Any) -> bool:
    """Whether a node joined anew, or listens elsewhere."""
    facts = ("address", "site", "jurisdiction", "since")
    return any(getattr(entry, fact) != getattr(before, fact) for fact in facts)


def _measured(engine: LifeEngine, target: Target) -> Mapping[str, int]:
    return dict(getattr(engine, "measured_mib", {}))


async def _free(member: NodeMember) -> Mapping[str, int]:
    """Return what the node said last that it has, in MiB by device."""
    return {device.id: device.free // _MIB for device in member.state.devices}
