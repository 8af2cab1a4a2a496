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
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Any, Protocol

from gateway.audit.shelf import Shelf
from gateway.domain import Target
from gateway.engines.node import NodeEngine
from gateway.engines.node_link import NodeAway, NodeLink, NodeRefused
from gateway.engines.node_wire import PROTOCOL, NodeState, Order
from gateway.errors import SetupError
from gateway.fleet.life.home import LifeEngine, ResidentHome
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.loading import Hands, Wish
from gateway.fleet.local import LocalFleet
from gateway.fleet.nodes.member import NodeMember
from gateway.fleet.nodes.push import Pusher
from gateway.fleet.nodes.roster import Node
from gateway.fleet.nodes.tidying import EVERY_SECONDS, Tidying
from gateway.house.choice import manifest_of, target_of, wanted_for
from gateway.house.node_shown import facts, view
from gateway.house.node_update import CarriedNode
from gateway.house.node_wishes import NodeFitting, misfit, order_of, target_at
from gateway.house.prices import Prices
from gateway.house.residents import Announce, prove
from gateway.house.signing import all_as_signed, as_signed
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import ModelSettings, Settings

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

    async def distrust(self, name: str, lie: str) -> None: ...


class Joined:
    """All joined nodes of this gateway."""

    def __init__(self, settings: Settings, store: ContentStore, book: Shelf, enrolled: Enrolled) -> None:
        self._settings = settings
        self._store = store
        self._book = book
        self._enrolled = enrolled
        self._pushers: dict[str, Pusher] = {}
        self._links: dict[str, NodeLink] = {}
        self._carried: dict[str, tuple[NodeMember, CarriedNode]] = {}
        self._ending: set[asyncio.Task[None]] = set()  # and what else must be over before the house closes
        self._distrusted: set[str] = set()  # by the roster
        self._prices: dict[str, Prices] = {}  # by node, as it was when it was reached
        self._adopted: list[tuple[str, str]] = []  # models beyond the settings, and on which node: "" on all
        self._tidying = Tidying(self._kept, NodeAway, NodeRefused, book.event, book.durable)
        self._fleet: LocalFleet | None = None
        self._announce: Announce | None = None
        self._tidier: asyncio.Task[None] | None = None
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
        self._tidier = loop.create_task(self._tidy(), name="nodes-tidying")

    async def stop(self) -> None:
        """Watch nobody any more; unload what can be reached. Safe to call twice."""
        members, self.members, self._fleet = list(self.members.values()), {}, None
        if self._tidier is not None:
            self._tidier.cancel()
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
            if entry.distrusted or name in self._distrusted:
                self.members[name].believe(entry.distrusted)
        self._distrusted = {name for name, entry in entries.items() if entry.distrusted}

    def _end(self, member: NodeMember, why: str) -> None:
        async def end() -> None:
            await member.stop(why)
            if self._fleet is not None:
                for home in member.homes():
                    self._fleet.retire(home.target.id)

        self._do(end())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _remember(self, name: str, lie: str) -> None:
        async def remember() -> None:
            try:
                await self._enrolled.distrust(name, lie)
            except SetupError as error:
                _log.error("that the node %s lied is not in the roster, and is forgotten at a restart: %s", name, error)

        self._do(remember())

    def _member(self, entry: Node) -> NodeMember:
        settings = self._settings.engine
        link = NodeLink(
            entry.name,
            entry.address,
            partial(self._enrolled.client_context, entry.name),
            read_timeout_seconds=settings.read_timeout_seconds,
        )
        self._pushers[entry.name], self._links[entry.name] = Pusher(link), link
        return NodeMember(
            entry,
            link,
            (NodeAway, NodeRefused),
            protocol=PROTOCOL,
            greet=partial(self._greet, link),
            tell=self._tell,
            remember=partial(self._remember, entry.name),
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
        await self._offer(keeper.homes.values())
        return keeper

    def _tell_of(self, member: NodeMember, type: str, said: Mapping[str, Any]) -> None:
        self._tell(type, {**said, "node": member.entry.name})

    async def _offer(self, homes: Collection[ResidentHome]) -> None:
        """Let policy and callers know of a node's targets. Nobody is sent there before the node is open."""
        async with self._one_at_a_time:
            fleet, announce = self._fleet, self._announce
            if fleet is None or announce is None:
                return
            new = [home.target for home in homes]
            await announce(lambda: all_as_signed(self._store, [*fleet.targets(), *new]))
            for home in homes:
                fleet.adopt(home, self._settings.engine.queue)

    def _wishes(self, link: NodeLink, member: NodeMember, state: NodeState) -> tuple[list[Wish], dict[str, int]]:
        """Return what a node may serve, and what its devices have for that, in MiB."""
        fitting = NodeFitting(self._settings, self._store, state)
        prices = self._prices[member.entry.name] = Prices(self._settings, self._store, fitting)
        budget = {each.id: max(0, each.free - fitting.kept_free[each.id]) // _MIB for each in fitting.machine.devices}
        too_big = self.too_big[member.entry.name] = []
        wishes = []
        for model in self._models(member.entry.name):
            wish = self._wish(link, member, model, prices)
            problem = misfit(wish, budget, member.entry.name)
            if problem:
                too_big.append(problem)
                _log.error("%s", problem)
            else:
                wishes.append(wish)
        return wishes, budget

    def _models(self, node: str) -> Sequence[ModelSettings]:
        settings = self._settings
        listed = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
        names = {self._store.canonical(each.model) for each in listed}
        more = dict.fromkeys(model for model, where in self._adopted if where in ("", node) and model not in names)
        return *listed, *(ModelSettings(model=model) for model in more if self._store.find(model) is not None)

    # --- what an operator orders

    def keeper(self, node: str) -> Keeper:
        """Return who loads models on a node. Raises SetupError: it is not joined, or serves nobody now."""
        member = self.members.get(node)
        if member is None:
            raise SetupError(f"There is no node {node}.", "See: sekisho node list", exit_code=2)
        if member.keeper is None or member.closed():
            raise SetupError(member.closed() or f"The node {node} was not reached yet.", "See: sekisho fleet status")
        return member.keeper

    async def adopt(self, model: str, node: str = "") -> None:
        """Offer one more model, by its own name, on a node or on all: also on those that come later.

        Raises:
            SetupError: the node that was named is not there, or could never hold it.
        """
        if node:
            self.keeper(node)
        for name, member in list(self.members.items()):
            if node in ("", name) and member.keeper is not None and model not in member.keeper.homes:
                problem = await self._adopt_on(member, member.keeper, model)
                if problem and node:
                    raise SetupError(problem, "List it in fleet.models with less context or fewer slots.", exit_code=2)
        if (model, node) not in self._adopted:
            self._adopted.append((model, node))

    async def _adopt_on(self, member: NodeMember, keeper: Keeper, model: str) -> str:
        """Offer a model on a node that was reached; returns why that can never be, in one line, or ""."""
        name = member.entry.name
        link, prices = self._links[name], self._prices[name]
        wish = await asyncio.to_thread(self._wish, link, member, ModelSettings(model=model), prices)
        problem = misfit(wish, keeper.rules.ledger.budget, name)
        if not problem and model not in keeper.homes:
            home = keeper.adopt(wish)
            home.obstacle = member.closed
            await self._offer([home])
        return problem

    # --- files of models that were removed

    def _kept(self) -> frozenset[str]:
        gone = {each.name for each in self._store.missing()}
        return frozenset(each.sha256 for each in self._store.manifests() if each.name not in gone)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.tidy()

    async def tidy(self) -> None:
        """Have nodes that are there forget the files of models that were removed here."""
        here = [(name, member) for name, member in self.members.items() if member.word in ("here", "drained")]
        await self._tidying.look([HeldFiles(name, member, self._links[name]) for name, member in here])

    def holders(self, digest: str) -> list[dict[str, Any]]:
        """Return the nodes that have a file which no model here has any more, as each of them said last.

        What a gateway brought leaves there by itself, from a node that is away once it is back; a node's own stays.
        Blocks: it looks into the store.
        """
        if digest in self._kept():
            return []
        said = [(name, member, digest in _brought(member)) for name, member in list(self.members.items())]
        return [
            {"node": name, "state": member.word, "brought": brought}
            for name, member, brought in said
            if brought or (member.state is not None and digest in member.state.blobs)
        ]

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

    def facts(self, name: str) -> dict[str, Any]:
        """Return what is known of a node now, beside the roster."""
        return facts(self.members.get(name))

    def carried(self, name: str) -> CarriedNode | None:
        """Return a node as an update carries it; ``None``: none of that name is watched."""
        member = self.members.get(name)
        if member is None:
            return None
        known = self._carried.get(name)
        if known is None or known[0] is not member:
            known = self._carried[name] = member, CarriedNode(member, self._links[name])
        return known[1]

    def status(self) -> list[dict[str, Any]]:
        """Return how each node stands, for operators."""
        return [view(member, self._pushers[name], self.too_big.get(name, ())) for name, member in self.members.items()]


def _brought(member: NodeMember) -> tuple[str, ...]:
    """Return the SHA-256 of what gateways brought to a node, as it said last; whole or in part."""
    if member.state is None:
        return ()
    return (*member.state.brought, *(each.sha256 for each in member.state.partial))


class HeldFiles:
    """What a node has, for :class:`gateway.fleet.nodes.tidying.Tidying`."""

    def __init__(self, name: str, member: NodeMember, link: NodeLink) -> None:
        self.name, self.boot = name, str(member.state.boot)
        self.files: Sequence[str] = _brought(member)
        self.forget = link.forget


def _is_another(entry: Node, before: Any) -> bool:
    """Whether a node joined anew, or listens elsewhere."""
    facts = ("address", "site", "jurisdiction", "since")
    return any(getattr(entry, fact) != getattr(before, fact) for fact in facts)


def _measured(engine: LifeEngine, target: Target) -> Mapping[str, int]:
    return dict(getattr(engine, "measured_mib", {}))


async def _free(member: NodeMember) -> Mapping[str, int]:
    """Return what the node said last that it has, in MiB by device."""
    return {device.id: device.free // _MIB for device in member.state.devices}
