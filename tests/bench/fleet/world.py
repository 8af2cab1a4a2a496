"""The fleets that are simulated, and one run: a trace, a fleet, somebody who chooses.

What a rule sees when it chooses is :class:`View`: what a gateway knows of its targets. The oracle takes the machines
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Protocol

from fleet.asks import Ask
from fleet.engine import Done, Listener, Pace
from fleet.machine import Build, Machine
from fleet.traces import CODE, GENERAL, KINDS, trace

EDGE = Pace(slots=2, read_rate=110, step=0.0209, more=0.0164, chunk=8)
"""Two cores, as measured with the demonstration model (docs/benchmarks.md): 47.8 tokens/s of one caller, 59.1 of eight.
How fast it reads is an assumption, as are all other figures here."""

SERVER = Pace(slots=8, read_rate=800, step=0.0080, more=0.0016, chunk=64)
GPU = Pace(slots=12, read_rate=6000, step=0.0055, more=0.00045, chunk=512)
SMALL_GPU = Pace(slots=8, read_rate=2500, step=0.0075, more=0.0008, chunk=512)


def _build(
    name: str, general: Pace, code: Pace | None = None, load_seconds: float = 6.0, first: str = GENERAL
) -> Build:
    paces = {GENERAL: general} | ({CODE: code} if code else {})
    return Build(name, paces, load_seconds, first)


FLEETS: dict[str, tuple[Build, ...]] = {
    "plant": (
        _build("gpu", GPU),
        _build("cpu-1", SERVER, SERVER),
        _build("cpu-2", SERVER, SERVER, first=CODE),
        _build("edge", EDGE, load_seconds=4.0),
    ),
    "site": (
        _build("gpu-1", GPU),
        _build("gpu-2", SMALL_GPU, SMALL_GPU, load_seconds=4.0),
        _build("cpu-1", SERVER),
        _build("cpu-2", SERVER, SERVER, first=CODE),
        _build("cpu-3", SERVER),
        _build("edge-1", EDGE),
        _build("edge-2", EDGE),
    ),
}
"""``plant``: one machine with a GPU, two servers with processors only, an edge box. ``site``: more of all."""


@dataclass(frozen=True)
class View:
    """What the gateway knows of a target: slots, who holds them and who waits, whether its model is there, and else
    which model would be sent out for it, and for how long.
    """

    id: str
    slots: int
    held: int
    waiting: int
    opens_in: float
    displaces: str = ""
    away: float = 0.0


class Rule(Protocol):
    """Somebody who chooses."""

    def choose(self, ask: Ask, views: Sequence[View], machines: Mapping[str, Machine], now: float) -> str:
        """Return the id of one of the views."""

    def listen(self, target: str, model: str) -> Listener | None:
        """Return who shall hear of a target, if anybody."""

    def done(self, target: str, done: Done) -> None:
        """Hear that a request was answered."""


@dataclass(frozen=True)
class Answered:
    """One request's fate, seconds after its arrival."""

    ask: Ask
    target: str
    cached: int
    waited: float
    first: float
    end: float


def capacity(fleet: Sequence[Build], sample: Sequence[Ask]) -> float:
    """Return how many requests a second all machines could answer: every slot busy, nothing cached, nothing loaded.

    A machine counts for the models that it has in proportion to what is asked; so the figure is a scale, no bound.
    """
    total = 0.0
    for build in fleet:
        own = [ask for ask in sample if ask.model in build.paces]
        seconds = 0.0
        for ask in own:
            pace = build.paces[ask.model]
            step = pace.step_seconds(pace.slots, pace.slots * ask.prompt)
            seconds += pace.work(0, ask.prompt) / pace.read_rate + ask.output * step / pace.slots
        total += len(own) / seconds if own else 0.0
    return total


def fleet_for(name: str, kind: str) -> tuple[Build, ...]:
    """Return a fleet as it stands when a trace begins: with the second model where the trace asks for it."""
    builds = FLEETS[name]
    if any(app.model != GENERAL for app in KINDS[kind].apps):
        return builds
    return tuple(replace(build, paces={GENERAL: build.paces[GENERAL]}, first=GENERAL) for build in builds)


def asks_of(fleet: Sequence[Build], kind: str, load: float, seed: int, requests: int) -> list[Ask]:
    """Return a trace that asks for ``load`` of a fleet's capacity."""
    sample = trace(kind, 0, 2000, 1.0)
    return trace(kind, seed, requests, load * capacity(fleet, sample))


def run(fleet: Sequence[Build], asks: Sequence[Ask], rule: Rule) -> list[Answered]:
    """Return what became of each request, in the order in which they were done."""
    machines = {build.name: Machine(build) for build in fleet}
    for name, machine in machines.items():
        for model, engine in machine.engines.items():
            engine.listener = rule.listen(name, model)
    found: list[Answered] = []
    for ask in asks:
        _until(ask.at, machines, rule, found)
        views = [_view(machine, ask) for machine in machines.values() if ask.model in machine.engines]
        chosen = rule.choose(ask, views, machines, ask.at)
        machines[chosen].put(ask, ask.at)
    _until(inf, machines, rule, found)
    return found


def _until(at: float, machines: Mapping[str, Machine], rule: Rule, found: list[Answered]) -> None:
    """Let everything happen that happens up to then."""
    while True:
        name, machine = min(machines.items(), key=lambda each: each[1].next_at)
        if machine.next_at > at or machine.next_at == inf:
            return
        done = machine.happen()
        if done is not None:
            rule.done(name, done)
            held, came = done.held, done.held.ask.at
            found.append(Answered(held.ask, name, held.cached, held.began - came, held.first - came, done.at - came))


def _view(machine: Machine, ask: Ask) -> View:
    engine = machine.engines[ask.model]
    opens_in = machine.opens_in(ask.model, ask.at)
    displaces = machine.displaces(ask.model)
    away = machine.away_seconds if displaces else 0.0
    return View(machine.build.name, engine.pace.slots, engine.inside, len(engine.queue), opens_in, displaces, away)
