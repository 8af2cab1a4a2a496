"""A machine that serves one of its models at a time, and loads another when somebody asks for it.

Who serves has a turn while others wait for its place; then it answers who is inside, and leaves. Who waits for it then
waits for its next turn: the gateway's own rule (``fleet.turn_seconds``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from fleet.asks import Ask
from fleet.engine import Done, Engine, Pace

TURN_SECONDS = 10.0


@dataclass(frozen=True)
class Build:
    """What a machine is: how fast it computes each of its models, and how long it takes to load one."""

    name: str
    paces: Mapping[str, Pace]
    load_seconds: float
    first: str  # the model that is there at the beginning


class Machine:
    """Everything that goes on in one machine. ``engines`` by model; ``resident``: whose turn it is."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.engines = {model: Engine(pace) for model, pace in build.paces.items()}
        for model, engine in self.engines.items():
            engine.admits = model == build.first
        self.resident = build.first
        self.loaded_at = inf  # when a load that goes on is over
        self.since = 0.0  # when the resident's turn began
        self.next_at = inf

    def copy(self) -> Machine:
        """Return another with the same future."""
        other = Machine.__new__(Machine)
        other.__dict__.update(self.__dict__)
        other.engines = {model: engine.copy() for model, engine in self.engines.items()}
        return other

    def put(self, ask: Ask, at: float) -> None:
        """Queue a request for its model."""
        self.engines[ask.model].put(ask, at)
        self._look(at)

    def happen(self) -> Done | None:
        """Let the next thing happen; return who is done then."""
        at, engine = self.next_at, self.engines[self.resident]
        done = None
        if at == self.loaded_at:
            self.loaded_at, self.since = inf, at
            engine.open(at)
        elif at == engine.next_at:
            done = engine.happen()
        self._look(at)
        return done

    def least(self, ask: Ask) -> float:
        """Return how long a request takes here at least: all of it cached that may be, and nobody beside it."""
        engine = self.engines[ask.model]
        cached = max((ask.shares(kept.pieces) for kept in engine.kept if kept is not None), default=0)
        if engine.inside or engine.queue:
            cached = ask.prompt - 1  # who leaves before it may leave all of it
        pace = engine.pace
        return pace.work(min(cached, ask.prompt - 1), ask.prompt) / pace.read_rate + (ask.output - 1) * pace.step

    def ends(self, ask: Ask, at: float, before: float = inf) -> float:
        """Return when a request would be done that is put here now, if nothing came after it; inf when that is not
        ``before``. Changes nothing.
        """
        if at + self.least(ask) >= before:
            return inf
        future = self.copy()
        future.put(ask, at)
        while future.next_at < before:
            done = future.happen()
            if done is not None and done.held.ask is ask:
                return done.at
        return inf

    def adds(self, ask: Ask, at: float, below: float = inf) -> float:
        """Return by how much the sum of everybody's ends here grows through a request that is put here now; inf where
        that is certainly not ``below``.
        """
        if self.least(ask) >= below:
            return inf
        return self._sum_of_ends(ask, at) - self._sum_of_ends(None, at)

    def _sum_of_ends(self, ask: Ask | None, at: float) -> float:
        future, total = self.copy(), 0.0
        if ask is not None:
            future.put(ask, at)
        while future.next_at != inf:
            done = future.happen()
            total += done.at - at if done is not None else 0.0
        return total

    def opens_in(self, model: str, at: float) -> float:
        """Return how long it takes until a model may serve, as its gateway knows it: load and turn; 0: it does."""
        if model == self.resident:
            if self.loaded_at != inf:
                return self.loaded_at - at
            if self.engines[model].admits:
                return 0.0
            return 2 * self.build.load_seconds + TURN_SECONDS  # it drains, and comes back after another's turn
        if self.loaded_at != inf:
            return self.loaded_at - at + self._turn + self.build.load_seconds
        busy = 0.0 if self.engines[self.resident].is_empty else max(0.0, self.since + self._turn - at)
        return busy + self.build.load_seconds

    def displaces(self, model: str) -> str:
        """Return the model that would be sent out for one that asks for another; "" where that is under way already."""
        under_way = model == self.resident or self.loaded_at != inf or bool(self.engines[model].queue)
        return "" if under_way else self.resident

    @property
    def away_seconds(self) -> float:
        """How long the resident would be away: another's load and turn, and its own load again."""
        return 2 * self.build.load_seconds + self._turn

    @property
    def _turn(self) -> float:
        return max(TURN_SECONDS, self.build.load_seconds)

    def _look(self, at: float) -> None:
        """See whose turn it is, and when something happens next."""
        self.next_at = self.loaded_at
        if self.loaded_at != inf:
            return
        engine = self.engines[self.resident]
        waiting = [(other.queue[0].at, model) for model, other in self.engines.items() if other.queue]
        waiting = [each for each in waiting if each[1] != self.resident]
        ends = inf
        if waiting:
            ends = self.since + self._turn
            engine.admits = engine.admits and at < ends
            if not engine.inside and not (engine.admits and engine.queue):
                self._load(min(waiting)[1], at)
                return
        elif not engine.admits:
            engine.open(at)
        self.next_at = min(engine.next_at, ends if engine.admits else inf)

    def _load(self, model: str, at: float) -> None:
        left = self.engines[self.resident]
        left.admits = False
        left.forget()
        self.resident = model
        self.next_at = self.loaded_at = at + self.build.load_seconds
