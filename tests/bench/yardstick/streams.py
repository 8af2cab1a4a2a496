"""Many streams at once on one worker: all opened, all sustained, and how much longer its gaps are than the engine's.

The mock engine sends a piece of text every so often for all of them. The same load goes to it directly and through the
gateway, in turn; a gap is the time between two pieces of one stream, as its caller sees them.
"""

from __future__ import annotations

import math
import resource
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from yardstick.gauge import Load, Mock, ask
from yardstick.machine import processor_seconds, resident_mib
from yardstick.peers import Running, start_gateway
from yardstick.stats import Sample, percentile

FEW_FILES = 1024
"""The limit of open files that shells and service managers start a program with."""


@dataclass(frozen=True)
class Plan:
    """So many streams, opened over `ramp_seconds`; each has a piece of text every `pace_ms`, and lasts until the last
    one has been open for `hold_seconds`."""

    streams: int = 512
    pace_ms: int = 500
    ramp_seconds: float = 16.0
    hold_seconds: float = 25.0

    @property
    def pieces(self) -> int:
        return math.ceil((self.ramp_seconds + self.hold_seconds) * 1000 / self.pace_ms)

    def load(self) -> Load:
        return Load(
            self.streams,
            seconds=1.0,
            stream=True,
            requests=self.streams,
            warmup_seconds=0,
            ramp_seconds=self.ramp_seconds,
            gaps=True,
        )


def measure_streams(
    program: Path, folder: Path, plan: Plan, rounds: int, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Return what was seen of the mock itself and of the gateway before it, medians over rounds."""
    with ExitStack() as stack:
        mock = Mock(program, folder)
        stack.callback(mock.stop)
        running = {"the mock engine itself": Running(mock.address), "through Sekisho": _gateway(mock, folder, plan)}
        for here in running.values():
            if here.server:
                stack.callback(here.server.stop)
        mock.pace(plan.pace_ms, plan.pieces)
        seen: dict[str, list[Seen]] = {name: [] for name in running}
        for number in range(rounds):
            for name, here in running.items():
                tell(f"{plan.streams} streams, round {number + 1} of {rounds}: {name}")
                with _Watched(here) as watched:
                    sample = ask(program, here.address, here.key, here.model, plan.load())
                seen[name].append(Seen(sample, watched.grown_mib, watched.processor_seconds))
        return rows(plan, seen)


def _gateway(mock: Mock, folder: Path, plan: Plan) -> Running:
    """Start it with the few open files that programs are given at first."""
    engine = {"kind": "openai-http", "url": f"http://{mock.address}", "model": "mock", "context_tokens": 4096}
    changes = {
        "engine": {**engine, "slots": plan.streams, "queue": plan.streams},
        "limits": {"concurrent_requests": plan.streams},
    }
    own = folder / "streams"
    own.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, FEW_FILES), hard))
    try:
        return start_gateway(own, changes, "mock")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass(frozen=True)
class Seen:
    """One round of one peer, and what its own process took: the most memory more than at the start, processor time."""

    sample: Sample
    grown_mib: float = 0.0
    processor_seconds: float = 0.0


class _Watched:
    """Looks at the gateway's own process: at its memory every second, at its processor time before and after."""

    def __init__(self, here: Running) -> None:
        self._pid = here.server.pid if here.server else 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.grown_mib = self.processor_seconds = 0.0

    def _look(self) -> float:
        return resident_mib(self._pid).get("sekisho", 0.0) if self._pid else 0.0

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.grown_mib = max(self.grown_mib, self._look() - self._first)

    def _used(self) -> float:
        return processor_seconds(self._pid) if self._pid else 0.0

    def __enter__(self) -> _Watched:
        self._first, self._used_before = self._look(), self._used()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.processor_seconds = self._used() - self._used_before


def rows(plan: Plan, seen: dict[str, list[Seen]]) -> list[dict[str, Any]]:
    """Return one row a peer. Pure."""
    found = []
    for name, taken in seen.items():
        samples = [each.sample for each in taken]
        gaps = [sample.gaps_us for sample in samples if sample.gaps_us]
        found.append(
            {
                "peer": name,
                "streams": plan.streams,
                "pace_ms": plan.pace_ms,
                "whole": min(len(sample.latencies_us) for sample in samples),
                "open_at_once": min(sample.most_open for sample in samples),
                "errors": sum(sample.errors for sample in samples),
                "first_error": next((sample.first_error for sample in samples if sample.first_error), ""),
                "gap_p99_ms": median(percentile(one, 99) / 1000 for one in gaps) if gaps else None,
                "gap_max_ms": median(max(one) / 1000 for one in gaps) if gaps else None,
                "gap_worst_ms": max(max(one) / 1000 for one in gaps) if gaps else None,
                "grown_mib": median(each.grown_mib for each in taken),
                "processor_seconds": median(each.processor_seconds for each in taken),
            }
        )
    return found


def lines(found: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return head and body of the table."""
    head = ["streams", "open at once", "whole", "errors", "gap p99 ms", "largest gap ms", "added ms", "KiB a stream"]
    head.append("processor ms a stream")
    base = found[0]["gap_max_ms"]
    body = []
    for row in found:
        largest = row["gap_max_ms"]
        added = f"{largest - base:.1f}" if largest is not None and base is not None and row is not found[0] else ""
        memory = f"{row['grown_mib'] * 1024 / row['streams']:.0f}" if row["grown_mib"] else ""
        processor = f"{row['processor_seconds'] * 1000 / row['streams']:.1f}" if row["processor_seconds"] else ""
        shown = [f"{value:.1f}" if value is not None else "" for value in (row["gap_p99_ms"], largest)]
        counts = [f"{row['open_at_once']}", f"{row['whole']}", f"{row['errors']}"]
        body.append([row["peer"], *counts, *shown, added, memory, processor])
    return head, body
