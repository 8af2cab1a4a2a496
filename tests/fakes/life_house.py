"""A node of scripted engines that are really started and stopped, and a fleet over it.

A tour: :class:`Node` holds ``engines`` by model, newest last. What an engine shall do wrong is set on the node before:
``node.faults["a"] = error`` is raised by the next starts of model ``a`` (a list: by each in turn; ``None``: works).
``node.gates["a"]`` is an event that a start waits for. ``node.diary`` has every start, stop and record, in order;
``node.took`` is what a load is measured to have taken. The clock is the test's own: ``node.clock[0] = 5.0``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from gateway.domain import Caller, Capability, Choice, Chunk, Decision, Grant, Prompt, Role, Target
from gateway.errors import EngineUnavailable
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.loading import Hands, Wish
from gateway.fleet.local import LocalFleet
from gateway.fleet.placement import HeldSlot

CALLER = Caller("k1", "acme", "p", (Role.APP,), "", "site", "DE", "DE", "DE")
PROMPT = Prompt("r1", Capability.CHAT, {}, stream=True)
NONE: frozenset[str] = frozenset()


class Engine:
    """One started engine. ``mute``: it gives no token any more."""

    device, build = "cpu: scripted", "scripted/1"

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name
        self.up = self.mute = False
        self.answering = self.answered = 0

    async def start(self) -> None:
        self.node.diary.append(f"start {self.name}")
        gate = self.node.gates.get(self.name)
        if gate is not None:
            await gate.wait()
        await asyncio.sleep(0)
        fault = self.node.fault(self.name)
        if fault is not None:
            raise fault
        self.up = True

    async def stop(self) -> None:
        assert not self.answering, f"{self.name} was stopped in an answer"
        self.node.diary.append(f"stop {self.name}")
        self.up = False
        await asyncio.sleep(0)

    def ready(self) -> bool:
        return self.up

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        if not self.up or self.mute:
            raise EngineUnavailable
        self.answering += 1
        self.answered += 1
        try:
            for text in "ab":
                await asyncio.sleep(0)
                assert self.up, f"{self.name} went away in an answer"
                yield Chunk((Choice(0, content=text),))
        finally:
            self.answering -= 1


async def prove(engine: Any, target: Target) -> None:
    async for _ in engine.answer(PROMPT):
        pass


class Node:
    """See the module's tour. Model names are single letters."""

    def __init__(self, prices: Mapping[str, int], *, budget: int = 100, slots: int = 1, queue: int = 8, **said: Any):
        self.prices, self.slots = prices, slots
        self.engines: dict[str, list[Engine]] = {name: [] for name in prices}
        self.faults: dict[str, Exception | list[Exception | None]] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.diary: list[str] = []
        self.records: list[tuple[str, Mapping[str, Any]]] = []
        self.took: dict[str, int] = {}
        self.free: dict[str, int] = {}
        self.clock = [0.0]
        self.keeper = Keeper(
            [self._wish(name, price, said.pop(name, {})) for name, price in prices.items()],
            budget={"ram": budget},
            hands=Hands(prove, lambda engine, target: self.took, self._free, self._tell),
            turn_seconds=said.pop("turn_seconds", 10.0),
            health_seconds=said.pop("health_seconds", 60.0),
            clock=lambda: self.clock[0],
        )
        self.fleet = LocalFleet(
            list(self.keeper.homes.values()),
            queue=queue,
            find_model=lambda name: name if name in prices else None,
            model_names=lambda: sorted(prices),
        )

    def _wish(self, name: str, price: int, said: Mapping[str, Any]) -> Wish:
        async def build() -> Engine:
            self.engines[name].append(Engine(self, name))
            return self.engines[name][-1]

        target = Target(f"s/n/w:{name}", name, (Capability.CHAT,), "s", "n", "DE", True)
        return Wish(target, self.slots, 512, {"ram": price}, build, **said)

    async def adopt(self, name: str) -> None:
        """Serve one more model, of a price of 30."""
        self.engines[name] = []
        self.fleet.adopt(self.keeper.adopt(self._wish(name, 30, {})), 8)

    async def _free(self) -> Mapping[str, int]:
        return self.free

    def _tell(self, type: str, details: Mapping[str, Any]) -> None:
        self.diary.append(f"{type} {details['model']}")
        self.records.append((type, details))

    def fault(self, name: str) -> Exception | None:
        fault = self.faults.get(name)
        if isinstance(fault, list):
            return fault.pop(0) if fault else None
        return fault

    def decision(self, *names: str) -> Decision:
        grants = tuple(Grant(id=f"s/n/w:{name}") for name in names)
        return Decision("d1", True, grants, (), "r", "b", "f", "opa/0")

    async def choose(self, *names: str, failed: Sequence[str] = ()) -> HeldSlot:
        return await self.fleet.choose(self.decision(*names), CALLER, frozenset(failed))

    async def ask(self, name: str) -> str:
        """Be served by a model, as a request is; returns its answer."""
        placement = await self.choose(name)
        try:
            return "".join([chunk.choices[0].content or "" async for chunk in placement.answer(PROMPT)])
        finally:
            placement.release()

    def state(self, name: str) -> str:
        return str(self.keeper.rules.residents[name].state)

    async def settle(self) -> None:
        """Let everything that can happen without the clock happen."""
        for _ in range(30):
            await asyncio.sleep(0)
