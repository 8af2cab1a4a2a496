"""The arithmetic of a measurement. Pure: values in, values out.

Each round of a cell gives one sample; a cell's figure is the median over rounds, so that one disturbed round changes
nothing. Latencies are microseconds in, milliseconds out. Example::

    >>> percentile([5, 1, 4, 2, 3], 50)
    3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from gateway.cli.benching.figures import percentile

__all__ = ["Figure", "Sample", "figure", "percentile", "ratio"]


@dataclass(frozen=True)
class Sample:
    """One load run: every answer's time, and what went wrong."""

    latencies_us: Sequence[int]
    first_byte_us: Sequence[int]
    seconds: float
    completion_tokens: int = 0
    errors: int = 0
    first_error: str = ""
    first_text_us: Sequence[int] = ()
    gaps_us: Sequence[int] = ()
    most_open: int = 0
    """Streams that were between their first text and their end at the same moment."""


@dataclass(frozen=True)
class Figure:
    """One cell of the table, medians over its rounds."""

    p50_ms: float
    p99_ms: float
    first_byte_p50_ms: float
    first_byte_p99_ms: float
    requests_per_second: float
    tokens_per_second: float
    answers: int
    errors: int
    spread: float
    """(highest - lowest) / median of requests per second over the rounds: how far to trust the cell."""


def figure(samples: Sequence[Sample]) -> Figure:
    """Return the medians over the rounds of one cell. Rounds without an answer count as errors only.

    Raises:
        ValueError: no round had an answer.
    """
    answered = [sample for sample in samples if sample.latencies_us]
    if not answered:
        raise ValueError("no round had an answer")

    def middle(percent: float, first_byte: bool = False) -> float:
        taken = [s.first_byte_us if first_byte else s.latencies_us for s in answered]
        return median(percentile(times, percent) for times in taken) / 1000

    rates = [len(sample.latencies_us) / sample.seconds for sample in answered]
    return Figure(
        p50_ms=middle(50),
        p99_ms=middle(99),
        first_byte_p50_ms=middle(50, first_byte=True),
        first_byte_p99_ms=middle(99, first_byte=True),
        requests_per_second=median(rates),
        tokens_per_second=median(s.completion_tokens / s.seconds for s in answered),
        answers=sum(len(s.latencies_us) for s in answered),
        errors=sum(s.errors for s in samples),
        spread=(max(rates) - min(rates)) / median(rates),
    )


def added(through: Figure, direct: Figure) -> tuple[float, float]:
    """Return what a peer adds to the engine's own time: (p50, p99) in ms. Negative means: below the noise."""
    return through.p50_ms - direct.p50_ms, through.p99_ms - direct.p99_ms


def ratio(value: float, reference: float) -> float | None:
    """Return `value / reference`, `None` where the reference is not a positive number."""
    return value / reference if reference > 0 else None
