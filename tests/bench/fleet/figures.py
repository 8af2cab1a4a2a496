"""What the simulation found, as figures: means over seeds with their confidence, ratios, the excess over the oracle.

Every seed is a trace that all choose on, so ratios are taken seed by seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

ORACLE, KIND, OURS = "oracle", "kind oracle", "sekisho"
SIMPLE_RULES = ("round-robin", "least-busy", "prefix-hash")

_T95 = (
    12.71,
    4.30,
    3.18,
    2.78,
    2.57,
    2.45,
    2.36,
    2.31,
    2.26,
    2.23,
    2.20,
    2.18,
    2.16,
    2.14,
    2.13,
    2.12,
    2.11,
    2.10,
    2.09,
)
"""Student's t for 95 %, two-sided, by degrees of freedom from 1."""

Seconds = Mapping[str, Sequence[float]]
"""Mean time from arrival to the last token, by who chose, one for each seed."""


@dataclass(frozen=True)
class Mean:
    """A mean over seeds; ``within`` is half of its 95 % interval."""

    value: float
    within: float


@dataclass(frozen=True)
class Row:
    """One trace at one load. ``times`` are by who chose; ratios are to the oracle's."""

    kind: str
    load: float
    seeds: int
    times: Mapping[str, Mean]
    ratio: Mean  # ours
    best_rule: str
    best_ratio: Mean
    kind_ratio: Mean  # ours to the kind oracle's
    seconds: Seconds

    @property
    def excess(self) -> float:
        """Our excess over the oracle as a part of the best simple rule's; below 0: we need less time than it."""
        return part(self.times[OURS].value, self.times[self.best_rule].value, self.times[ORACLE].value)

    @property
    def is_reached(self) -> bool:
        """At most a tenth above the oracle, and at most a third of the best simple rule's excess."""
        return self.ratio.value <= 1.10 and self.excess <= 1 / 3


def part(ours: float, rule: float, oracle: float) -> float:
    """Return our excess over the oracle as a part of a rule's. Where the rule has none, ours is to be none either."""
    if ours <= oracle:
        return min(0.0, (ours - oracle) / (rule - oracle)) if rule > oracle else 0.0
    return (ours - oracle) / (rule - oracle) if rule > oracle else float("inf")


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of at least one value, with its 95 % interval (0 where there is one alone)."""
    count = len(values)
    middle = sum(values) / count
    if count < 2:
        return Mean(middle, 0.0)
    deviation = sqrt(sum((value - middle) ** 2 for value in values) / (count - 1))
    return Mean(middle, _T95[min(count - 2, len(_T95) - 1)] * deviation / sqrt(count))


def row(kind: str, load: float, seconds: Seconds) -> Row:
    """Return what was found of one trace at one load."""
    times = {name: mean(values) for name, values in seconds.items()}
    simple = [name for name in seconds if name in SIMPLE_RULES]
    best = min(simple, key=lambda name: times[name].value)
    return Row(
        kind=kind,
        load=load,
        seeds=len(seconds[OURS]),
        times=times,
        ratio=_ratio(seconds, OURS, ORACLE),
        best_rule=best,
        best_ratio=_ratio(seconds, best, ORACLE),
        kind_ratio=_ratio(seconds, OURS, KIND),
        seconds=seconds,
    )


def _ratio(seconds: Seconds, one: str, other: str) -> Mean:
    return mean([a / b for a, b in zip(seconds[one], seconds[other], strict=True)])


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of the docs."""
    head = "| trace | load | seeds | oracle, s | Sekisho | kind oracle | best simple rule | of its excess |"
    lines = [head, "| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |"]
    for each in rows:
        kind = each.times[KIND].value / each.times[ORACLE].value
        best = f"{each.best_rule} {each.best_ratio.value:.2f} ± {each.best_ratio.within:.2f}"
        ours = f"{each.ratio.value:.2f} ± {each.ratio.within:.2f}"
        excess = "none" if each.excess <= 0 else f"{each.excess:.0%}"
        seconds = f"{each.times[ORACLE].value:.2f}"
        cell = f"{each.kind} | {each.load:.0%} | {each.seeds}"
        lines.append(f"| {cell} | {seconds} | {ours} | {kind:.2f} | {best} | {excess} |")
    return "\n".join(lines) + "\n"


def from_data(data: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the rows that :func:`as_data` wrote."""
    return [row(each["kind"], each["load"], each["seconds"]) for each in data]


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the same for JSON, four places after the point."""
    return [_rounded({**asdict(each), "excess": each.excess, "reached": each.is_reached}) for each in rows]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value
