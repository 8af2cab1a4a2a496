"""Carries out what the rules say: starts and ends engines, proves them by a token, and keeps time. One event loop.

Nothing here decides who is loaded or sent out; that is :mod:`gateway.fleet.life.rules`, which is asked whenever
something happened that it cares about, at most once in a step of the loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gateway.errors import AuditUnavailable, EngineUnavailable, SekishoError, SetupError
from gateway.fleet.life.home import ResidentHome
from gateway.fleet.life.ledger import Amounts, Ledger
from gateway.fleet.life.loading import Hands, Loader, Wish, problem_of, unavailable
from gateway.fleet.life.resident import Resident, State
from gateway.fleet.life.rules import Rules

PROOF_SECONDS = 60.0
"""How long an idle engine may take for one token before it counts as ill."""

_log = logging.getLogger(__name__)


class Keeper:
    """All models of one node.

    Args:
        wishes: the models; the first and the pinned ones are loaded at the start.
        budget: MiB by device.
        turn_seconds: how long a model in use keeps its place while others wait for room.
        health_seconds: how long an engine may be silent until it has to prove itself.
        obstacle: why the node cannot be reached now, in one line; "" when it can. Until then nothing is carried out.
    """

    def __init__(
        self,
        wishes: Sequence[Wish],
        *,
        budget: Amounts,
        hands: Hands,
        turn_seconds: float,
        health_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        obstacle: Callable[[], str] = str,
    ) -> None:
        self._obstacle = obstacle
        self.rules = Rules(Ledger(budget), (), turn_seconds=turn_seconds)
        self.homes: dict[str, ResidentHome] = {}
        self._wishes: dict[str, Wish] = {}
        self._hands = hands
        self._loader = Loader(hands, clock)
        self._health_seconds = health_seconds
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = False
        self._timer: asyncio.TimerHandle | None = None
        self._over: dict[tuple[str, str], list[asyncio.Future[None]]] = {}  # who waits for the end of a load or unload
        self._stopped = False
        for wish in wishes:
            self.adopt(wish)

    # --- the house

    def adopt(self, wish: Wish) -> ResidentHome:
        """Take in one more model, absent at first; returns where requests for it ask."""
        name = wish.target.model
        resident = Resident(name, dict(wish.price), wish.pinned, wish.ttl_seconds)
        self._wishes[name], self.rules.residents[name] = wish, resident
        self.homes[name] = ResidentHome(
            wish.target,
            slots=wish.slots,
            context_tokens=wish.context_tokens,
            rules=self.rules,
            resident=resident,
            look=self.look,
            clock=self._clock,
        )
        self.homes[name].obstacle = self._obstacle
        return self.homes[name]

    async def start(self) -> None:
        """Load the first model and the pinned ones; return when each answered or failed.

        Raises:
            SekishoError, SetupError: none of them answers; the first one's reason.
        """
        first = next(iter(self.homes))
        wanted = [name for name, home in self.homes.items() if home.resident.pinned or name == first]
        ends = [self.ordered(name) for name in wanted]
        errors = await asyncio.gather(*ends, return_exceptions=True)
        real = [error for error in errors if isinstance(error, BaseException)]
        if len(real) == len(errors):
            await self.stop()
            raise real[0]
        self._do(self._watch_health())

    def begin(self) -> None:
        """Load the pinned models and watch all, whatever comes of it: for a node that comes and goes."""
        self._do(self._watch_health())
        self.look()

    async def stop(self) -> None:
        """End all engines. Safe to call twice."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        engines = [home.engine for home in self.homes.values() if home.engine is not None]
        for home in self.homes.values():
            home.engine = None
        await asyncio.gather(*(engine.stop() for engine in engines))

    def now(self) -> float:
        """Return what its clock says."""
        return self._clock()

    # --- operators

    async def ordered(self, name: str) -> None:
        """Load a model; returns when it answers.

        Raises:
            SekishoError, SetupError: it could not be loaded, or its node cannot be reached.
        """
        self._refuse_if_away()
        resident = self.rules.residents[name]
        if resident.state is State.SERVING:
            return
        self.rules.order(name, self._clock())
        await self._end_of("load", name)

    async def dismissed(self, name: str) -> None:
        """Send a model out; returns when those inside have left and its engine has ended.

        It comes back when somebody asks for it. Raises SetupError: its node cannot be reached.
        """
        self._refuse_if_away()
        self.rules.dismiss(name)
        state = self.rules.residents[name].state
        if state in (State.LOADING, State.WARMING, State.DRAINING):
            await self._end_of("unload", name)
        else:  # it waited for room, at most: nobody shall wait for that any more
            self._ended("load", name, EngineUnavailable("An operator does not want it loaded any more."))
            self.look()

    def pin(self, name: str, pinned: bool) -> None:
        """Keep a model from now on, or let it go when others need its room."""
        self.rules.pin(name, pinned, self._clock())
        self.look()

    def _refuse_if_away(self) -> None:
        obstacle = self._obstacle()
        if obstacle:
            raise SetupError(obstacle, "See: sekisho fleet status")

    # --- a node that comes and goes

    def went_away(self) -> None:
        """Send away all who wait: nothing can be reached (``obstacle`` says why)."""
        error = EngineUnavailable("The model's node is away.", code="fleet.node_away", retry_after_seconds=2.0)
        for name, home in self.homes.items():
            home.send_away()
            self._ended("load", name, error)
            self._ended("unload", name, error)

    def lost(self, name: str) -> None:
        """Note that a node does not have a loaded model any more; it is loaded anew when it is wanted."""
        self.rules.broke(name, "Its node does not have it any more.")
        self.look()

    async def _end_of(self, what: str, name: str) -> None:
        end = asyncio.get_running_loop().create_future()
        self._over.setdefault((what, name), []).append(end)
        self.look()
        await end

    # --- steps

    def look(self) -> None:
        """Ask the rules what is to be done, once in this step of the loop."""
        if not self._looking and not self._stopped:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._looking = False
        if self._stopped or self._obstacle():
            return
        for step in self.rules.next(self._clock()):
            self._carry_out(step.what, step.name)
        for name, home in self.homes.items():
            if home.resident.state is State.SERVING:  # perhaps it was to be sent out, and may stay
                self._ended("load", name, None)
                self._ended("unload", name, None)
                if home.resident.waiting:
                    home.reopen()
        self._set_timer()

    def _carry_out(self, what: str, name: str) -> None:
        if what == "load":
            self._do(self._load(name))
        elif what == "unload":
            self._do(self._unload(name))
        else:
            problem = self.rules.residents[name].problem
            error = EngineUnavailable("There is no room for this model now.", code="fleet.no_room")
            self._failed(name, error, problem)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self.rules.next_at()
        wait = None if at is None else max(0.0, at - self._clock())
        self._timer = None if wait is None else asyncio.get_running_loop().call_later(wait, self.look)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- loading

    async def _load(self, name: str) -> None:
        home, began = self.homes[name], self._clock()
        home.load_began_at = began
        try:
            warming = partial(self.rules.warming, name)
            engine, measured = await self._loader.started(self._wishes[name], warming)
        except (SetupError, SekishoError) as error:
            self.rules.failed(name, self._clock(), problem_of(error))
            self._failed(name, unavailable(error), problem_of(error), error)
        except Exception as error:  # the edge of a task: a model that cannot be loaded takes no other one along
            _log.exception("loading %s", name)
            self.rules.failed(name, self._clock(), "It could not be loaded; the log says why.")
            self._failed(name, EngineUnavailable(code="engine.start_failed"), type(error).__name__)
        else:
            seconds = self._clock() - began
            self.rules.loaded(name, measured, self._clock(), seconds)
            home.engine, home.measured = engine, measured
            self._ended("load", name, None)
            if self.rules.residents[name].state is State.SERVING:
                home.open(engine)
        self.look()

    def _failed(self, name: str, error: EngineUnavailable, problem: str, reason: Exception | None = None) -> None:
        _log.error("model %s is not served: %s", name, problem)
        with suppress(AuditUnavailable):  # told already, and nothing is served by this
            self._hands.tell("model.failed", {"model": name, "code": error.code, "problem": problem})
        self.homes[name].fail(error)
        self._ended("load", name, reason or error)
        self._ended("unload", name, None)

    def _ended(self, what: str, name: str, error: Exception | None) -> None:
        for end in self._over.pop((what, name), ()):
            if not end.done():
                end.set_result(None) if error is None else end.set_exception(error)

    # --- unloading

    async def _unload(self, name: str) -> None:
        home = self.homes[name]
        engine, home.engine = home.engine, None
        if engine is not None:
            await engine.stop()
        with suppress(AuditUnavailable):  # told already, and nothing is served by this
            self._hands.tell("model.unloaded", {"model": name, "digest": home.target.digest})
        self.rules.gone(name, self._clock())
        self._ended("unload", name, None)
        self.look()

    # --- health

    async def _watch_health(self) -> None:
        while True:
            await asyncio.sleep(self._health_seconds / 4)
            await self.check_health()

    async def check_health(self) -> None:
        """Ask each engine that proved itself to nobody for a while for a token."""
        for name, home in self.homes.items():
            silent = self._clock() - home.proved_at >= self._health_seconds
            if silent and home.is_open() and home.resident.idle:
                await self._prove(name, home)

    async def _prove(self, name: str, home: ResidentHome) -> None:
        """Ask for a token, with a reference held: nothing sends it out meanwhile. It does not count as use."""
        engine = home.engine
        assert engine is not None  # noqa: S101 - it is open
        self.rules.enter(name)
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await self._hands.prove(engine, home.target)
            home.proved_at = self._clock()
        except (EngineUnavailable, TimeoutError):
            if engine.ready():  # else its supervisor knows, and starts it again
                _log.error("model %s gave no token when it was asked for one", name)
                self.rules.broke(name, "It gave no token when it was asked for one.")
        finally:
            self.rules.leave(name, home.resident.used_at)
            self.look()
