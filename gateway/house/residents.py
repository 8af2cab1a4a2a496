"""What this node serves: its own models, which come and go, and the engine that somebody else runs beside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, cast

from gateway.audit.shelf import Shelf
from gateway.domain import Capability, Chunk, Prompt, Target
from gateway.engines.door import Engine
from gateway.errors import SetupError
from gateway.fleet.life.home import LifeEngine
from gateway.fleet.life.keeper import Hands, Keeper, Wish
from gateway.fleet.life.office import FleetOffice
from gateway.fleet.local import LocalFleet
from gateway.fleet.member import Home, Member
from gateway.house.choice import engine_of, http_engine, http_target_of, manifest_of, target_of, wanted_for
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, ModelSettings, Settings

RAM = "ram"
_MIB = 1024 * 1024
_PROCESS_MIB = 200  # an engine's process without a model
_KEPT_FREE = 0.05  # share of the machine's memory that models never get


class Residents:
    """The models of this node: what the house starts, ends and shows.

    Raises:
        SetupError: a model is not known, or the other engine's address is not this machine's.
    """

    def __init__(self, settings: Settings, store: ContentStore, book: Shelf) -> None:
        self._settings = settings
        self._store = store
        self._others: list[tuple[Target, Engine]] = []
        if settings.engine.kind == "openai-http":
            self._others.append((http_target_of(settings, store), http_engine(settings)))
        own = settings.fleet.models if self._others else settings.served
        self._queues = {self._id(wish): settings.engine_for(wish).queue for wish in own}
        self.keeper = Keeper(
            [self._wish(wish) for wish in own],
            budget=_budget(settings),
            hands=Hands(prove=prove, measure=measure, free=free, tell=lambda type, said: book.event(type, **said)),
            turn_seconds=settings.fleet.turn_seconds,
            health_seconds=settings.fleet.health_seconds,
        )

    async def start(self) -> None:
        """Load the first and the pinned models. Raises SetupError or SekishoError where nothing can be served."""
        for _, engine in self._others:
            await engine.start()
        if self.keeper.homes:
            await self.keeper.start()

    async def stop(self) -> None:
        await self.keeper.stop()
        for _, engine in self._others:
            await engine.stop()

    def fleet(self) -> LocalFleet:
        """Return the fleet over all of them. Call after :meth:`start`."""
        members: list[Home] = [Member(target, engine) for target, engine in self._others]
        members += self.keeper.homes.values()
        own, store = {member.target.model for member in members}, self._store
        return LocalFleet(
            members,
            queue=self._settings.engine.queue,
            queues=self._queues,
            find_model=lambda name: name if name in own else store.canonical(name),
            model_names=lambda: sorted({*own, *store.names()}),
        )

    def office(self, fleet: LocalFleet, book: Shelf) -> FleetOffice:
        """Return who shows the models to operators, and takes their orders."""
        return FleetOffice(self.keeper, fleet.desks(), book, self._store.canonical)

    def _id(self, wish: ModelSettings) -> str:
        return target_of(self._settings, manifest_of(self._store, wish.model)).id

    def _wish(self, wish: ModelSettings) -> Wish:
        manifest = manifest_of(self._store, wish.model)
        wanted = wanted_for(self._settings, manifest, wish)
        return Wish(
            target=target_of(self._settings, manifest),
            slots=wanted.slots,
            context_tokens=wanted.context_tokens,
            price=price_of(manifest, wanted),
            build=partial(asyncio.to_thread, engine_of, self._settings, self._store, wish),
            pinned=wish.pin,
            ttl_seconds=wish.ttl_seconds,
        )


def price_of(manifest: Manifest, wanted: EngineSettings) -> Mapping[str, int]:
    """Return what a load will take, in MiB by device: the file, a fifth more, and 32 KiB a token of context."""
    weights = manifest.size_bytes * 6 // 5
    cache = 32 * 1024 * wanted.context_tokens * wanted.slots
    return {RAM: _PROCESS_MIB + (weights + cache) // _MIB}


def _budget(settings: Settings) -> Mapping[str, int]:
    return {RAM: settings.fleet.memory_mib or int(free()[RAM] * (1 - _KEPT_FREE))}


def free() -> Mapping[str, int]:
    """Return how much memory could be had now, in MiB by device."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return {RAM: int(line.split()[1]) // 1024}
    raise SetupError("The kernel does not say how much memory is available.", "Set fleet.memory_mib.")


def measure(engine: LifeEngine) -> Mapping[str, int]:
    """Return what an engine's process has in memory now, in MiB by device; empty for one without its own process."""
    pid = getattr(engine, "pid", None)
    if pid is None:
        return {}
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # it has ended
        return {}
    return {RAM: resident * os.sysconf("SC_PAGE_SIZE") // _MIB}


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
