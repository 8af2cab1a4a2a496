"""The order of a measurement: all peers run side by side, and every round asks each of them in turn.

Interleaving is what makes the ratios honest: a machine that slows down for a minute slows every peer.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from yardstick.gauge import Load, Mock, ask
from yardstick.machine import resident_mib, sync_ms
from yardstick.peers import Peer, Running
from yardstick.processes import NotStarted
from yardstick.stages import Stages, parse_stages
from yardstick.stats import Figure, Sample, figure


@dataclass(frozen=True)
class Cell:
    """One column of the measurement. `think_ms` is how long the mock engine waits before its first byte."""

    name: str
    load: Load
    think_ms: int


CELLS = (
    Cell("1 caller, engine at once", Load(1, 2.0), 0),
    Cell("1 caller, engine 20 ms", Load(1, 4.0), 20),
    Cell("16 callers, engine at once", Load(16, 3.0), 0),
    Cell("16 callers, engine 20 ms", Load(16, 2.0), 20),
    Cell("1 stream, engine 20 ms", Load(1, 3.0, stream=True), 20),
    Cell("16 streams, engine at once", Load(16, 3.0, stream=True), 0),
)


@dataclass
class Seen:
    """Everything measured of one peer."""

    peer: Peer
    version: str = ""
    missing: str = ""
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    stages: dict[str, list[Stages]] = field(default_factory=dict)
    memory_mib: dict[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, Figure]:
        """Return one figure per cell; cells without a single answer are left out."""
        return {name: figure(samples) for name, samples in self.samples.items() if any(s.latencies_us for s in samples)}


@dataclass
class Measurement:
    seen: list[Seen]
    syncs_ms: list[tuple[float, float]]
    """The disk's own fdatasync, (p50, p99) of each round."""


Progress = Callable[[str], None]


def scaled(cells: Iterable[Cell], factor: float) -> list[Cell]:
    """Return the same cells with shorter runs."""
    return [
        Cell(c.name, Load(c.load.callers, c.load.seconds * factor, c.load.stream, warmup_seconds=0.2), c.think_ms)
        for c in cells
    ]


def measure(
    program: Path, folder: Path, peers: Sequence[Peer], cells: Sequence[Cell], rounds: int, tell: Progress
) -> Measurement:
    """Start every peer, run all rounds, stop every peer. Peers that do not start are told and left out."""
    with ExitStack() as stack:
        mock = Mock(program, folder)
        stack.callback(mock.stop)
        seen = [Seen(peer) for peer in peers]
        running = _start_all(seen, mock, folder, stack, tell)
        syncs = []
        for number in range(1, rounds + 1):
            syncs.append(sync_ms(folder))
            for cell in cells if running else ():
                tell(f"round {number} of {rounds}: {cell.name}")
                mock.think(cell.think_ms)
                for one in seen:
                    if one.peer.name in running:
                        _ask_one(program, one, running[one.peer.name], cell)
        for one in seen:
            here = running.get(one.peer.name)
            one.memory_mib = resident_mib(here.server.pid) if here and here.server else {}
        return Measurement(seen, syncs)


def _start_all(
    seen: Sequence[Seen], mock: Mock, folder: Path, stack: ExitStack, tell: Progress
) -> Mapping[str, Running]:
    running: dict[str, Running] = {}
    for one in seen:
        own = folder / one.peer.name
        own.mkdir()
        tell(f"starting {one.peer.title}")
        try:
            here = one.peer.start(mock.address, own)
        except NotStarted as problem:
            one.missing = str(problem)
            tell(f"{one.peer.title}: not measured: {problem}")
            continue
        running[one.peer.name] = here
        one.version = here.version
        if here.server:
            stack.callback(here.server.stop)
    return running


def _ask_one(program: Path, one: Seen, here: Running, cell: Cell) -> None:
    before = read_stages(here.metrics)
    sample = ask(program, here.address, here.key, here.model, cell.load)
    one.samples.setdefault(cell.name, []).append(sample)
    if here.metrics:
        one.stages.setdefault(cell.name, []).append(read_stages(here.metrics).since(before))


def read_stages(url: str) -> Stages:
    """Return the stage times that a gateway reports of itself; none for a peer that has no such page."""
    if not url:
        return Stages({})
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (loopback)
        return parse_stages(answer.read().decode())
