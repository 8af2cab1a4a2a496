"""One joined node as the fleet has it: its models come and go by the rules of this machine's own (`fleet.life`).

::

    unknown -> here <-> away          by its heartbeat
                 |        |
                 +--> out +           another protocol (until it was updated); it lied (until an operator trusts it)

Rules:

1. A node that is away or out serves nobody. What had not begun to answer there goes elsewhere; what had ends.
2. What a node has loaded and nobody here remembers is sent out: it takes room that the ledger does not know of.
3. A node that loaded other bytes than it was told to is out with all its models, until an operator trusts it again;
   both are on record.
4. A node that is drained lets nobody in; those inside finish, and its models leave after them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from gateway.errors import AuditUnavailable, EngineUnavailable
from gateway.fleet.life.home import LifeEngine, ResidentHome
from gateway.fleet.life.keeper import Keeper
from gateway.fleet.life.resident import State as Stage
from gateway.fleet.nodes.watch import Watch

_log = logging.getLogger("sekisho.nodes")


class Entry(Protocol):
    """What the roster says of a node."""

    @property
    def name(self) -> str: ...

    @property
    def site(self) -> str: ...

    @property
    def jurisdiction(self) -> str: ...

    @property
    def address(self) -> str: ...


class Resident(Protocol):
    @property
    def id(self) -> str: ...


class Device(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def total(self) -> int: ...

    @property
    def free(self) -> int: ...

    @property
    def watts(self) -> float: ...


class State(Protocol):
    """What a node says of itself: :class:`gateway.engines.node_wire.NodeState`."""

    @property
    def protocol(self) -> int: ...

    @property
    def sekisho(self) -> str: ...

    @property
    def boot(self) -> str: ...

    @property
    def engine(self) -> str: ...

    @property
    def problem(self) -> str: ...

    @property
    def disk_free(self) -> int: ...

    @property
    def blobs(self) -> Sequence[str]: ...

    @property
    def devices(self) -> Sequence[Device]: ...

    @property
    def residents(self) -> Sequence[Resident]: ...


class Link(Protocol):
    """What this needs of :class:`gateway.engines.node_link.NodeLink`."""

    heard_at: float

    def open(self) -> None: ...

    async def close(self) -> None: ...

    async def cut(self) -> None: ...

    def state(self) -> Awaitable[State]: ...

    def unload(self, resident: str) -> Awaitable[None]: ...


class NodeEngine(LifeEngine, Protocol):
    """What this needs of :class:`gateway.engines.node.NodeEngine`."""

    resident: str
    is_over: bool

    def look(self, state: Any, asked_at: float) -> bool: ...


Greet = Callable[["NodeMember", Any], Awaitable[Keeper]]
"""Makes the keeper of a node that was reached for the first time, and lets its models be asked for."""


class NodeMember:
    """One node.

    Args:
        entry: from the roster.
        link: to the node; this opens and closes it.
        silent: what the link raises when the node cannot be reached or read, or refuses.
        protocol: the one that is spoken here.
        greet: see above.
        tell: writes into the audit log.
        remember: keeps the line that says what it lied about, beyond this process.
    """

    def __init__(
        self,
        entry: Entry,
        link: Link,
        silent: type[Exception] | tuple[type[Exception], ...],
        *,
        protocol: int,
        greet: Greet,
        tell: Callable[[str, Mapping[str, Any]], object],
        remember: Callable[[str], None] = lambda lie: None,
    ) -> None:
        self.entry = entry
        self.state: Any = None  # the last one
        self.keeper: Keeper | None = None
        self.building: dict[str, NodeEngine] = {}  # engines that are not stopped, by their loads' names
        self.lie = ""
        self.is_drained = False
        self._link = link
        self._silent = silent
        self._protocol = protocol
        self._greet = greet
        self._tell = tell
        self._remember = remember
        self._obstacle = f"The node {entry.name} was not reached yet."
        self._was_here = self._is_out = False
        self._boot = ""
        self._task: asyncio.Task[None] | None = None
        self._pinned: tuple[str, ...] = ()
        self.watch: Watch[State] = Watch(link, silent, seen=self._seen, lost=self._lost)

    # --- the house

    def start(self) -> None:
        """Watch it from now on."""
        self._link.open()
        self._task = asyncio.get_running_loop().create_task(self.watch.run(), name=f"node-{self.entry.name}")

    async def stop(self, why: str = "") -> None:
        """Watch it no more; its models are unloaded where it can be reached. Safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self.keeper is not None:
            await self.keeper.stop()
        self._obstacle = why or f"The node {self.entry.name} is not watched any more."
        if self.keeper is not None:
            self.keeper.went_away()
        await self._link.close()

    def obstacle(self) -> str:
        """Return why nothing there can be reached now, in one line; "" when it can."""
        return self._obstacle

    def closed(self) -> str:
        """Return why nobody is let in now; "" when they are."""
        return self._obstacle or (f"The node {self.entry.name} is drained." if self.is_drained else "")

    def homes(self) -> Iterable[ResidentHome]:
        return self.keeper.homes.values() if self.keeper is not None else ()

    @property
    def word(self) -> str:
        """Return how it stands: here, drained, away, out, or unknown while it was never reached."""
        if self.lie or (self.watch.is_here and self._obstacle):
            return "out"
        if not self.watch.is_here:
            return "away" if self._was_here else "unknown"
        return "drained" if self.is_drained else "here"

    @property
    def problem(self) -> str:
        """Return why it serves nobody, in one line; "" when it does."""
        never = not (self.watch.is_here or self._was_here or self.lie)
        return f"{self._obstacle} {self.watch.problem}" if never and self._task is not None else self.closed()

    def drain(self, drained: bool) -> None:
        """Let nobody in and send its models out once those inside have left; or let them in again."""
        if drained == self.is_drained:
            return
        self.is_drained = drained
        keeper = self.keeper
        if keeper is None:
            return
        if drained:
            self._pinned = tuple(name for name, home in keeper.homes.items() if home.resident.pinned)
        for name in self._pinned:
            keeper.pin(name, not drained)
        if drained:
            for name, home in keeper.homes.items():
                home.send_away()
                keeper.rules.dismiss(name)
        keeper.look()

    def distrust(self, model: str, wanted: str, said: str) -> None:
        """Take it out with all its models (rule 3): it said that it loaded other bytes."""
        if self.lie:
            return
        self.lie = self._obstacle = f"The node {self.entry.name} says that it loaded other bytes as {model}."
        _log.error("node out: %s", self.lie)
        self._note("node.distrusted", {"model": model, "digest": wanted, "said": said})
        self._remember(self.lie)

    def believe(self, lie: str) -> None:
        """Take up what the roster says: ``lie`` is what it once lied about; "" that it is trusted again."""
        self.lie, before = lie, self.lie
        if lie or before:  # of one that is trusted again its next state says how it stands
            self._obstacle = lie or f"The node {self.entry.name} is trusted again, and was not reached since."

    # --- its heartbeat

    async def _seen(self, state: State, asked_at: float) -> None:
        self.state = state
        problem = self._judge(state)
        if problem:
            await self._take_out(problem)
            return
        came_back, self._obstacle, self._is_out = bool(self._obstacle), "", False
        if self.keeper is None:
            await self._welcome(state)
        elif came_back or state.boot != self._boot:
            _log.warning("node in: %s is back", self.entry.name)
            self._note("node.back", {"anew": state.boot != self._boot})
        self._boot, self._was_here = state.boot, True
        await self._compare(state, asked_at)
        if self.keeper is not None and (came_back or self._changed()):
            self.keeper.look()

    def _judge(self, state: State) -> str:
        name = self.entry.name
        if self.lie:
            return self.lie
        if state.protocol != self._protocol:
            said = f"Sekisho {state.sekisho}" if state.sekisho else "another release"
            mend = "Update it" if state.protocol < self._protocol else "Update this gateway"
            return f"The node {name} runs {said}, whose protocol is {state.protocol}, not {self._protocol}. {mend}."
        return f"The node {name} can load nothing: {state.problem}" if state.problem else ""

    async def _take_out(self, problem: str) -> None:
        """It is there, and serves nobody."""
        was, self._obstacle = self._obstacle, problem
        if self._is_out and was == problem:
            return
        self._is_out = True
        if not self.lie:
            _log.error("node out: %s", problem)
            self._note("node.out", {"problem": problem})
        if self.keeper is not None:
            await self._link.cut()
            self.keeper.went_away()

    async def _lost(self, problem: str) -> None:
        _log.error("node away: %s: %s", self.entry.name, problem)
        if not self.lie:
            self._obstacle = f"The node {self.entry.name} is away. {problem}"
        await self._link.cut()
        if self.keeper is not None:
            self.keeper.went_away()
        self._note("node.lost", {"problem": problem})

    async def _welcome(self, state: State) -> None:
        """The first time: what an earlier gateway left there goes (rule 2), then its models are offered."""
        if state.residents:
            await self._send_out(each.id for each in state.residents)
            with suppress(*self._errors()):
                state = self.state = await self._link.state()
        self.keeper = await self._greet(self, state)
        for home in self.keeper.homes.values():
            home.obstacle = self.closed
        self.keeper.begin()
        _log.warning("node in: %s", self.entry.name)
        self._note("node.reached", {"sekisho": state.sekisho, "engine": state.engine})

    async def _compare(self, state: State, asked_at: float) -> None:
        """Compare what it has with what is remembered here: rule 2, and what it lost."""
        self.building = known = {name: engine for name, engine in self.building.items() if not engine.is_over}
        gone = {name for name, engine in known.items() if not engine.look(state, asked_at)}
        await self._send_out(each.id for each in state.residents if each.id not in known)
        for home in self.homes():
            resident = getattr(home.engine, "resident", None)
            if resident in gone and home.resident.state is Stage.SERVING and self.keeper is not None:
                self.keeper.lost(home.resident.name)

    def _changed(self) -> bool:
        """Whether somebody waits at a model that is open: its engine was away for a moment."""
        return any(home.resident.waiting and home.is_open() for home in self.homes())

    async def _send_out(self, residents: Iterable[str]) -> None:
        for resident in residents:
            with suppress(*self._errors()):
                async with asyncio.timeout(5.0):
                    await self._link.unload(resident)

    def _errors(self) -> tuple[type[Exception], ...]:
        silent = self._silent if isinstance(self._silent, tuple) else (self._silent,)
        return (*silent, TimeoutError, EngineUnavailable)

    def _note(self, type: str, said: Mapping[str, Any]) -> None:
        with suppress(AuditUnavailable):  # it happened already, and nothing is served by this
            self._tell(type, {"node": self.entry.name, **said})
