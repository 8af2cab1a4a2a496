"""Counters and histograms for one thread: plain numbers, turned into Prometheus' families only at a scrape.

prometheus_client's own metrics take a lock and walk every bucket: about 2.5 µs an observation here, 27 µs a request.
These take about 0.3 µs; its registry, families and text format are used as they are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

_SAFE = re.compile(r"[A-Za-z0-9_./:-]{1,64}")

OTHER = "other"


class Names:
    """The values that one label may take, so that no caller can make the number of time series grow.

    Args:
        known: values that are always taken as they are.
        room: how many further values are taken, first come; they must look like names. All others become ``other``.
    """

    def __init__(self, known: Iterable[str], *, room: int = 0) -> None:
        self._known = {name: name for name in ("", *known)}
        self._room = room

    def __call__(self, name: str) -> str:
        known = self._known.get(name)
        return self._admit(name) if known is None else known

    def know(self, names: Iterable[str]) -> None:
        """Take these as they are, too, from now on. They MUST be ours, not a caller's."""
        self._known |= {name: name for name in names}

    def _admit(self, name: str) -> str:
        if self._room <= 0 or not _SAFE.fullmatch(name):
            return OTHER
        self._room -= 1
        self._known[name] = name
        return name


class Tally:
    """A counter with labels. Not safe for threads."""

    def __init__(self, name: str, help: str, labels: Sequence[str]) -> None:
        self._name, self._help, self._labels = name, help, labels
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, values: tuple[str, ...], amount: int = 1) -> None:
        """Count ``amount`` for these label values, in the order of ``labels``."""
        counts = self._counts
        counts[values] = counts.get(values, 0) + amount

    def family(self) -> CounterMetricFamily:
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for values, count in sorted(self._counts.items()):
            family.add_metric(values, count)
        return family


class Times:
    """A histogram of seconds with one label. Not safe for threads.

    Args:
        bounds: upper bounds of the buckets in seconds, ascending, inclusive; one without a bound is added.
    """

    def __init__(self, name: str, help: str, label: str, bounds: Sequence[float]) -> None:
        self._name, self._help, self._label = name, help, label
        self._bounds = tuple(bounds)
        self._series: dict[str, list[float]] = {}  # per label value: a count for each bucket, then the sum

    def observe(self, value: str, seconds: float) -> None:
        series = self._series.get(value)
        if series is None:
            series = self._series[value] = [0.0] * (len(self._bounds) + 2)
        series[bisect_left(self._bounds, seconds)] += 1
        series[-1] += seconds

    def family(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(self._name, self._help, labels=(self._label,))
        bounds = [*map(str, self._bounds), "+Inf"]
        for value, series in sorted(self._series.items()):
            family.add_metric((value,), list(zip(bounds, accumulate(series[:-1]), strict=True)), series[-1])
        return family
