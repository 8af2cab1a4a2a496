"""What the gateway says of its own stages: `sekisho_stage_seconds{stage="decide"}` in Prometheus' text format.

OPA's share is the stage `decide`. Example::

    >>> page = 'sekisho_stage_seconds_sum{stage="decide"} 0.5\\nsekisho_stage_seconds_count{stage="decide"} 250.0'
    >>> parse_stages(page).means_ms()
    {'decide': 2.0}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

_LINE = re.compile(r'^sekisho_stage_seconds_(sum|count)\{[^}]*stage="([^"]+)"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Stages:
    """(seconds, count) by stage, added up over other labels."""

    totals: Mapping[str, tuple[float, float]]

    def since(self, before: Stages) -> Stages:
        """Return what came on top of `before`."""
        passed = {}
        for stage, (seconds, count) in self.totals.items():
            first = before.totals.get(stage, (0.0, 0.0))
            passed[stage] = (seconds - first[0], count - first[1])
        return Stages(passed)

    def means_ms(self) -> dict[str, float]:
        """Return the mean time of each stage that was passed at least once."""
        return {stage: 1000 * seconds / count for stage, (seconds, count) in self.totals.items() if count > 0}


def parse_stages(page: str) -> Stages:
    """Return the stage times of a metrics page; none when it has no such lines."""
    totals: dict[str, tuple[float, float]] = {}
    for kind, stage, value in _LINE.findall(page):
        seconds, count = totals.get(stage, (0.0, 0.0))
        totals[stage] = (seconds + float(value), count) if kind == "sum" else (seconds, count + float(value))
    return Stages(totals)


def median_means_ms(rounds: Iterable[Stages]) -> dict[str, float]:
    """Return the median over rounds of each stage's mean time, in ms."""
    means = [stages.means_ms() for stages in rounds]
    names = sorted({name for mean in means for name in mean})
    return {name: median(mean[name] for mean in means if name in mean) for name in names}
