"""The models that this node has loaded for its gateway: who is inside each, and how they come and go.

Guarantees: nothing is loaded twice under one name; a load that is cancelled leaves nothing; who drains lets nobody in;
every engine has ended when :meth:`Residents.close` returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from gateway.domain import Capability, Chunk, Prompt
from gateway.engines.door import Engine
from gateway.engines.node_wire import Loaded, NodeResident, Order
from gateway.errors import EngineUnavailable
from gateway.fleet.life.home import computing
from gateway.telemetry.energy import EnergyMeter

_PROOFS = {
    "chat": Prompt(
        "health", Capability.COMPLETE, {"prompt": "1", "max_tokens": 1, "temperature": 0}, stream=True, slot=0
    ),
    "embed": Prompt("health", Capability.EMBED, {"input": "1"}, stream=False),
    "rerank": Prompt("health", Capability.RERANK, {"query": "1", "documents": ["1"]}, stream=False),
}


@dataclass(frozen=True)
class Built:
    """An engine that is not started. ``digest`` is of the bytes that were read for it, just now."""

    engine: Engine
    model: str
    digest: str
    mode: str = "chat"
    price_mib: Mapping[str, int] = field(default_factory=dict)  # what it is expected to take, by device
    measured_mib: Callable[[], Mapping[str, int]] = dict  # what it has taken
    spare_bytes: Callable[[], int] = int  # of what it has mapped, what others could have
    clear: Callable[[], None] = lambda: None  # takes away what it left on disk


Build = Callable[[Order], Awaitable[Built]]


class Unknown(Exception):
    """There is no resident of that name."""


@dataclass
class _Resident:
    built: Built
    files: frozenset[str]
    devices: Sequence[str] = ()  # that compute it
    held: int = 0
    leaving: bool = False
    empty: asyncio.Event = field(default_factory=asyncio.Event)


class Residents:
    """All loads of this node, by the gateway's names for them.

    Args:
        build: returns an engine for an order.
        meter: of the energy of answers.
    """

    def __init__(self, build: Build, meter: EnergyMeter | None = None) -> None:
        self._build = build
        self._meter = meter or EnergyMeter({})
        self._loaded: dict[str, _Resident] = {}
        self._loading: dict[str, frozenset[str]] = {}  # and the files of each

    def all(self) -> tuple[NodeResident, ...]:
        return tuple(
            NodeResident(name, each.built.model, each.built.digest, _is_open(each), each.held)
            for name, each in self._loaded.items()
        )

    def spare_bytes(self) -> int:
        """Return what loaded models have mapped and others could have; see :mod:`gateway.fleet.fit.taken`."""
        return sum(each.built.spare_bytes() for each in self._loaded.values())

    def files(self) -> frozenset[str]:
        """Return the SHA-256 of every file that a loaded model reads, or one that is being loaded."""
        return frozenset().union(*self._loading.values(), *(each.files for each in self._loaded.values()))

    async def load(self, order: Order) -> Loaded:
        """Load a model; returns once it answered. Cancelled, it leaves nothing.

        Raises:
            EngineUnavailable, SetupError: it cannot be loaded.
        """
        if order.id in self._loaded or order.id in self._loading:
            raise EngineUnavailable("That load was begun already.", code="fleet.model_unfit")
        self._loading[order.id] = _files_of(order)
        try:
            built = await self._build(order)
            try:
                await built.engine.start()
            except BaseException:
                await _end(built)
                raise
        finally:
            files = self._loading.pop(order.id)
        engine, measured = built.engine, dict(built.measured_mib())
        self._loaded[order.id] = _Resident(built, files, computing(engine.device, {**built.price_mib, **measured}))
        return Loaded(order.id, built.digest, engine.device, engine.build, measured)

    async def unload(self, name: str, *, drain: bool = False) -> None:
        """Send a model out; does nothing where there is none. With ``drain`` those inside finish first."""
        resident = self._loaded.get(name)
        if resident is None:
            return
        resident.leaving = True
        if drain and resident.held:
            await resident.empty.wait()
        if self._loaded.pop(name, None) is not None:
            await _end(resident.built)

    async def prove(self, name: str) -> None:
        """Get a real token, vector or score out of a model. Raises Unknown, EngineUnavailable."""
        mode = self._of(name).built.mode
        async with aclosing(self.answer(name, _PROOFS[mode])) as chunks:
            async for _ in chunks:
                pass

    async def answer(self, name: str, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """As :meth:`gateway.engines.door.Engine.answer`. Raises Unknown, too.

        A whole answer's last chunk holds nothing but the energy that it used, where that is measured.
        """
        resident = self._of(name)
        if resident.leaving:
            raise EngineUnavailable("The model is on its way out.", code="engine.restarting")
        resident.held += 1
        share = self._meter.begin(name, resident.devices)
        try:
            try:
                async with aclosing(resident.built.engine.answer(prompt)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            finally:
                energy = share.end()
            if energy is not None:
                yield Chunk((), energy=energy)
        finally:
            resident.held -= 1
            if not resident.held:
                resident.empty.set()
                resident.empty = asyncio.Event()

    async def close(self) -> None:
        """End all engines."""
        residents, self._loaded = list(self._loaded.values()), {}
        await asyncio.gather(*(_end(each.built) for each in residents))

    def _of(self, name: str) -> _Resident:
        try:
            return self._loaded[name]
        except KeyError:
            raise Unknown from None


def _files_of(order: Order) -> frozenset[str]:
    beside = (*order.adapters, *((order.draft,) if order.draft is not None else ()))
    return frozenset(str(each.get("sha256", "")) for each in (order.manifest, *beside))


def _is_open(resident: _Resident) -> bool:
    return not resident.leaving and resident.built.engine.ready()


async def _end(built: Built) -> None:
    await built.engine.stop()
    built.clear()
