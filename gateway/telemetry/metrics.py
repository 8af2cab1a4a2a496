"""Everything that `/metrics` shows, around a Prometheus registry of its own. Implements the door of ``telemetry``.

No label ever holds a text of a request: endpoints and models are those this process serves, codes and finding types
are names from our own code and the operator's policy, and beyond a fixed number of each every further one is `other`.

All methods belong to the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.domain import Outcome
from gateway.telemetry.accumulate import Names, Tally, Times
from gateway.telemetry.door import Share, Stage
from gateway.telemetry.energy import EnergyMeter
from gateway.telemetry.gpus import this_machine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ENDPOINTS = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/models",
    "chat.completions",
    "completions",
    "decisions.preview",
    "embeddings",
    "models",
    "rerank",
)
"""What an API may call itself in ``left``; all others count as ``other``."""

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
STAGE_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

MORE_CODES = 256
MORE_TYPES = 256


class Metrics(Collector):
    """Implements :class:`gateway.telemetry.door.Telemetry`.

    Args:
        version: Sekisho's own.
        models: own names of the models this process serves: with those of :meth:`serve` the only values of the label
            ``model``.
        endpoints: the only values of the label ``endpoint``.
        meter: of the energy of answers; none given: what this machine has and tells.
    """

    def __init__(
        self,
        *,
        version: str,
        models: Iterable[str],
        endpoints: Iterable[str] = ENDPOINTS,
        meter: EnergyMeter | None = None,
    ) -> None:
        self._version = version
        self._models = Names(models)
        self._endpoints = Names(endpoints)
        self._codes = Names((), room=MORE_CODES)
        self._types = Names((), room=MORE_TYPES)
        self._in_flight = 0
        self._meter = meter or EnergyMeter(this_machine())
        self._rooms: dict[str, Callable[[], bool]] = {}
        self._values: dict[str, tuple[str, Callable[[], float | None]]] = {}
        self._families: list[Family] = []
        labels = ("endpoint", "model", "outcome", "code")
        self._requests = Tally("sekisho_requests", "Requests that are over.", labels)
        self._tokens = Tally("sekisho_tokens", "Tokens, by the engine's own count.", ("model", "direction"))
        self._findings = Tally("sekisho_findings", "Personal data found in requests.", ("type",))
        self._guarded = Tally(
            "sekisho_guarded", "Personal data in answers that callers did not send: masked, or their end.", ("type",)
        )
        self._refusals = Tally("sekisho_refusals", "Refusals, by stable code.", ("code",))
        self._request_times = Times(
            "sekisho_request_seconds", "From arrival to the end of the answer.", "endpoint", REQUEST_SECONDS
        )
        self._first_bytes = Times(
            "sekisho_first_byte_seconds", "From arrival to the answer's first byte.", "endpoint", REQUEST_SECONDS
        )
        self._stages = Times("sekisho_stage_seconds", "Within one stage of a request.", "stage", STAGE_SECONDS)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def entered(self) -> None:
        self._in_flight += 1

    def stage(self, name: Stage, parts: MutableMapping[str, float]) -> _Stopwatch:
        return _Stopwatch(self._stages, name, parts)

    def energy(self, target: str, devices: Sequence[str]) -> Share:
        return self._meter.begin(target, devices)

    def measured(self) -> Mapping[str, bool]:
        """Return of each device of this machine whether its energy is measured."""
        return self._meter.measured()

    def found(self, counts: Mapping[str, int]) -> None:
        for kind, count in counts.items():
            self._findings.add((self._types(kind),), count)

    def left(self, endpoint: str, model: str, outcome: Outcome, *, refused: bool = False) -> None:
        self._in_flight -= 1
        endpoint, model, code = self._endpoints(endpoint), self._models(model), self._codes(outcome.code)
        self._requests.add((endpoint, model, "refused" if refused else outcome.status, code))
        self._request_times.observe(endpoint, outcome.total_seconds)
        if refused:
            self._refusals.add((code,))
        if outcome.first_byte_seconds is not None:
            self._first_bytes.observe(endpoint, outcome.first_byte_seconds)
        if outcome.usage is not None:
            self._tokens.add((model, "in"), outcome.usage.prompt_tokens)
            self._tokens.add((model, "out"), outcome.usage.completion_tokens)
        for kind, count in outcome.guarded.items():
            self._guarded.add((self._types(kind),), count)

    def refused(self, code: str) -> None:
        self._refusals.add((self._codes(code),))

    def watch_room(self, name: str, ready: Callable[[], bool]) -> None:
        self._rooms[name] = ready

    def serve(self, models: Iterable[str]) -> None:
        """Take in the own names of models that an operator added while the house is open."""
        self._models.know(models)

    def watch_value(self, name: str, said: str, read: Callable[[], float | None]) -> None:
        self._values[name] = (said, read)

    def watch_family(self, family: Family) -> None:
        """Show what others count themselves, by names of their own; read at each scrape."""
        self._families.append(family)

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every family. Called by the registry at a scrape."""
        build = GaugeMetricFamily("sekisho_build_info", "Always 1; the version is the label.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build
        yield GaugeMetricFamily("sekisho_in_flight", "Requests that are not over.", value=self._in_flight)
        ready = GaugeMetricFamily("sekisho_ready", "1 when the room would take a request now.", labels=("room",))
        for name, is_ready in self._rooms.items():
            ready.add_metric((name,), float(is_ready()))
        yield ready
        for name, (said, read) in self._values.items():
            if (value := read()) is not None:
                yield GaugeMetricFamily(name, said, value=value)
        energy = CounterMetricFamily(
            "sekisho_energy_joules",
            "What answers used of devices of this machine that are measured.",
            labels=("device",),
        )
        for device, joules in self._meter.joules().items():
            energy.add_metric((device,), joules)
        yield energy
        for each in self._families:
            yield each.shown()
        for tally in (self._requests, self._tokens, self._findings, self._guarded, self._refusals):
            yield tally.family()
        for times in (self._request_times, self._first_bytes, self._stages):
            yield times.family()


class Family(NamedTuple):
    """One metric with labels. Their values MUST be names from our own code or configuration."""

    name: str
    said: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    counts: bool = False  # it only grows

    def shown(self) -> Metric:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        family = kind(self.name, self.said, labels=self.labels)
        for values, amount in self.read():
            family.add_metric(values, amount)
        return family


class _Stopwatch:
    """Times one ``with`` block."""

    __slots__ = ("_name", "_parts", "_started", "_times")

    def __init__(self, times: Times, name: str, parts: MutableMapping[str, float]) -> None:
        self._times, self._name, self._parts = times, name, parts

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._started
        self._times.observe(self._name, seconds)
        self._parts[self._name] = self._parts.get(self._name, 0.0) + seconds
