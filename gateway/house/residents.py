"""What this node serves: its own models, which come and go, and the engines that others run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from gateway.audit.shelf import Shelf
from gateway.domain import Capability, Chunk, Prompt, Target
from gateway.engines.door import Engine
from gateway.engines.provider import ProviderEngine
from gateway.engines.remote import remote_engine
from gateway.errors import SetupError
from gateway.fleet.choose.breaker import Limits
from gateway.fleet.desk import Terms, Version
from gateway.fleet.life.home import LifeEngine
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.loading import Hands, Wish
from gateway.fleet.life.office import FleetOffice, Nodes
from gateway.fleet.local import LocalFleet
from gateway.fleet.member import Home, Member
from gateway.fleet.ranking import Ranking
from gateway.house.choice import (
    engine_of,
    http_engine,
    http_target_of,
    manifest_of,
    remote_target_of,
    target_of,
    wanted_for,
)
from gateway.house.prices import Prices
from gateway.house.routes import objectives_of, places_of
from gateway.house.signing import all_as_signed, as_signed
from gateway.registry.store import ContentStore
from gateway.settings import ModelSettings, RemoteEngineSettings, Settings

_log = logging.getLogger(__name__)

Announce = Callable[[Callable[[], Sequence[Target]]], Awaitable[None]]
"""What awaits it must adopt at once, before it awaits anything else: so two who adopt know of each other."""


class Residents:
    """The models of this node: what the house starts, ends and shows.

    ``elsewhere``: models are served by joined nodes, too.

    Raises:
        SetupError: a model is not known, none of them could ever fit, or another engine's address cannot be used.
    """

    def __init__(self, settings: Settings, store: ContentStore, book: Shelf, *, elsewhere: bool = False) -> None:
        self._settings = settings
        self._store = store
        self._book = book
        self._others = _others(settings, store)
        self._queues = {target.id: queue for target, _, queue in self._others}
        self._too_big: dict[str, str] = {}
        self._prices = Prices(settings, store)
        self._budget = self._prices.budget()
        own = settings.fleet.models if settings.engine.kind == "openai-http" else settings.served
        wishes = [self._wish(wish) for wish in own]
        self.keeper = Keeper(
            [wish for wish in wishes if self._fits(wish)],
            budget=self._budget,
            hands=Hands(prove, self._prices.measure, partial(asyncio.to_thread, self._prices.free), self._tell),
            turn_seconds=settings.fleet.turn_seconds,
            health_seconds=settings.fleet.health_seconds,
        )
        if self._too_big and not self.keeper.homes and not self._others and not elsewhere:
            problem = " ".join(self._too_big.values())
            raise SetupError(problem, "Give it less context or fewer slots, or choose a smaller model.")

    async def start(self) -> None:
        """Load the first and the pinned models. Raises SetupError or SekishoError where nothing can be served."""
        for name, problem in self._too_big.items():
            self._tell("model.failed", {"model": name, "code": "fleet.no_room", "problem": problem})
        for _, engine, _ in self._others:
            await engine.start()
        if self.keeper.homes:
            await self.keeper.start()

    async def stop(self) -> None:
        await self.keeper.stop()
        for _, engine, _ in self._others:
            await engine.stop()

    def fleet(self) -> LocalFleet:
        """Return the fleet over all of them. Call after :meth:`start`."""
        members: list[Home] = [Member(target, engine) for target, engine, _ in self._others]
        members += self.keeper.homes.values()
        own, store = {member.target.model for member in members}, self._store
        places = places_of(self._settings, store)
        return LocalFleet(
            members,
            queue=self._settings.engine.queue,
            queues=self._queues,
            find_model=lambda name: name if name in own else store.canonical(name),
            model_names=lambda: sorted({*own, *store.names()}),
            find_adapter=store.adapter_of,
            terms=self._terms({target: place.watts for target, place in places.items()}),
            ranking=Ranking(places, objectives_of(self._settings.fleet.routes)),
        )

    def office(
        self,
        fleet: LocalFleet,
        announce: Announce,
        nodes: Nodes | None = None,
        measured: Callable[[], Mapping[str, bool]] = dict,
    ) -> FleetOffice:
        """Return who shows the models to operators, and takes their orders.

        Args:
            fleet: as :meth:`fleet` returned it.
            nodes: the joined ones.
            measured: of each device of this machine, whether its energy is.
            announce: lets the policy know of all targets; awaited before a new one takes requests.
        """
        find, adopt = self._store.canonical, partial(self._adopt, fleet, announce)
        desks, too_big = fleet.desks, self._too_big
        return FleetOffice(self.keeper, desks, self._book, find, adopt, too_big, nodes, measured=measured)

    async def _adopt(self, fleet: LocalFleet, announce: Announce, name: str) -> None:
        """Serve one more model until the house closes, with the engine's own settings. Raises SetupError."""
        if any(target.model == name for target, _, _ in self._others):
            raise SetupError(f"The model {name} is served by an engine that others run.", "", exit_code=2)
        if any(each.name == name for each in await asyncio.to_thread(self._store.missing)):
            raise SetupError(f"The model {name} is not in the store.", "Run: sekisho models add FILE", exit_code=2)
        wish = await asyncio.to_thread(self._wish, ModelSettings(model=name))
        problem = self._misfit(wish)
        if problem:
            raise SetupError(problem, "List it in fleet.models with less context or fewer slots.", exit_code=2)
        await announce(lambda: all_as_signed(self._store, [*fleet.targets(), wish.target]))
        fleet.adopt(self.keeper.adopt(wish), self._queues[wish.target.id])

    def _terms(self, watts: Mapping[str, float]) -> Terms:
        wanted = self._settings.fleet
        breaker = Limits(failures=wanted.failures, longest_pause_seconds=wanted.longest_pause_seconds)
        canaries = {remote_target_of(self._settings, each).id: each.canary for each in wanted.engines if each.canary}
        return Terms(
            wanted.wait_seconds,
            wanted.shares,
            breaker,
            canaries,
            self._settings.nodes.canaries,
            self._versions(),
            watts,
            self._tell,
        )

    def _versions(self) -> Mapping[str, Version]:
        """Return the new versions by their own names. Raises SetupError: one is of no model that there is."""
        there = {target.model for target, _, _ in self._others}
        known = {name: name if name in there else self._store.canonical(name) for name in self._version_names()}
        for name, own in known.items():
            if own is None:
                problem, mend = (
                    f"fleet.versions names {name}, and there is no such model.",
                    "Look at: sekisho models list",
                )
                raise SetupError(problem, mend)
        found = {
            str(known[each.model]): Version(str(known[each.of]), each.share) for each in self._settings.fleet.versions
        }
        if {*found} & {each.of for each in found.values()}:
            raise SetupError("fleet.versions names one model as a version of itself.", "Two names may be one's alias.")
        return found

    def _version_names(self) -> set[str]:
        return {name for each in self._settings.fleet.versions for name in (each.model, each.of)}

    def _tell(self, type: str, said: Mapping[str, Any]) -> None:
        self._book.event(type, **said)

    def _misfit(self, wish: Wish) -> str:
        """Return why this machine could never hold it, in one line; "" when it could."""
        budget = self._budget
        short = {device: amount for device, amount in wish.price.items() if amount > budget.get(device, 0)}
        needs = " and ".join(
            f"{amount:,} MiB of {each} (there are {budget.get(each, 0):,})" for each, amount in short.items()
        )
        return f"The model {wish.target.model} needs {needs}." if short else ""

    def _fits(self, wish: Wish) -> bool:
        """Whether it is offered: what could never be loaded is not, and operators see why."""
        problem = self._misfit(wish)
        if problem:
            self._too_big[wish.target.model] = problem
            _log.error("%s", problem)
        return not problem

    def _wish(self, wish: ModelSettings) -> Wish:
        manifest = manifest_of(self._store, wish.model)
        wanted, target = wanted_for(self._settings, manifest, wish), target_of(self._settings, manifest)
        target = as_signed(self._store, target)
        self._queues[target.id] = wanted.queue
        return Wish(
            target=target,
            slots=wanted.slots,
            context_tokens=wanted.context_tokens,
            price=self._prices.of(wish),
            build=partial(asyncio.to_thread, engine_of, self._settings, self._store, self._prices.settled(wish)),
            pinned=wish.pin,
            ttl_seconds=wish.ttl_seconds,
        )


def _others(settings: Settings, store: ContentStore) -> list[tuple[Target, Engine, int]]:
    """Return the engines that others run, with how many may wait for each. Raises SetupError."""
    found: list[tuple[Target, Engine, int]] = []
    if settings.engine.kind == "openai-http":
        found.append((http_target_of(settings, store), http_engine(settings), settings.engine.queue))
    found += [(remote_target_of(settings, each), _other(settings, each), each.queue) for each in settings.fleet.engines]
    return found


def _other(settings: Settings, each: RemoteEngineSettings) -> Engine:
    """Return one of ``fleet.engines``, not started. Raises SetupError."""
    if each.kind == "openai-http":
        return remote_engine(each, settings.base)
    python, sandbox = settings.fleet.providers_python, settings.engine.sandbox
    return ProviderEngine(each, base=settings.base, run_dir=settings.run, python=python, sandbox=sandbox)


_PROOFS: Sequence[tuple[Capability, dict[str, Any], bool]] = (
    (Capability.COMPLETE, {"prompt": "1", "max_tokens": 1, "temperature": 0}, True),
    (Capability.EMBED, {"input": "1"}, False),
    (Capability.RERANK, {"query": "1", "documents": ["1"]}, False),
)


async def prove(engine: LifeEngine, target: Target) -> None:
    """Get a real token out of an engine, or a vector or score where it makes no tokens. Raises EngineUnavailable."""
    generates = Capability.CHAT in target.capabilities
    usable = (proof for proof in _PROOFS if proof[0] in target.capabilities)
    capability, body, stream = _PROOFS[0] if generates else next(usable, _PROOFS[0])
    prompt = Prompt("health", capability, dict(body), stream=stream, slot=0 if stream else None)
    async with aclosing(cast(AsyncGenerator[Chunk, None], engine.answer(prompt))) as chunks:
        async for _ in chunks:
            pass
