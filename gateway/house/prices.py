"""What loads take of this machine, as the keeper of models counts it: MiB by device, from the fit planner."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from msgspec.structs import replace

from gateway.domain import Target
from gateway.errors import SetupError
from gateway.fleet.fit.devices import look
from gateway.fleet.fit.memory import RAM, Price
from gateway.fleet.fit.taken import spare_bytes, taken
from gateway.fleet.life.home import LifeEngine
from gateway.house.choice import manifest_of
from gateway.house.fitting import Fitting
from gateway.registry.store import ContentStore
from gateway.settings import ModelSettings, Settings

_MIB = 1024 * 1024

_log = logging.getLogger(__name__)


class Prices:
    """Prices on this machine as it was when the house opened. Takes some milliseconds for each model.

    ``fitting`` is another machine's planner, where it is not this one that is priced.
    """

    def __init__(self, settings: Settings, store: ContentStore, fitting: Fitting | None = None) -> None:
        self._settings = settings
        self._store = store
        self._fitting = fitting or Fitting(settings, store)
        self._prices: dict[str, Price] = {}  # by model
        self._running: dict[int, Price] = {}  # by process
        if self._fitting.machine.problem:
            _log.warning("GPUs are not used for models: %s", self._fitting.machine.problem)

    def budget(self) -> dict[str, int]:
        """Return what all models together may take, in MiB by device."""
        kept = self._fitting.kept_free
        budget = {each.id: max(0, each.free - kept[each.id]) // _MIB for each in self._fitting.machine.devices}
        return budget | ({RAM: self._settings.fleet.memory_mib} if self._settings.fleet.memory_mib else {})

    def of(self, model: ModelSettings) -> Mapping[str, int]:
        """Return what a load of a model will take, in MiB by device. Raises SetupError when the model is not known."""
        manifest = manifest_of(self._store, model.model)
        try:
            price = self._prices[manifest.name] = self._fitting.plan(model).price
        except SetupError:  # its file is not there, or no model's: it is refused by name when it is loaded
            return {RAM: manifest.size_bytes // _MIB}
        return price.mib

    def settled(self, model: ModelSettings) -> ModelSettings:
        """Return how a priced model is loaded: with as many layers on GPUs as its price counts there."""
        price = self._prices.get(manifest_of(self._store, model.model).name)
        if price is None or not self._fitting.uses_gpus:
            return model
        return replace(model, gpu_layers=price.gpu_layers)

    def measure(self, engine: LifeEngine, target: Target) -> Mapping[str, int]:
        """Return what an engine's process has now, in MiB by device; empty for one without its own process."""
        pid, price = getattr(engine, "pid", None), self._prices.get(target.model)
        if pid is None or price is None:
            return {}
        self._running[pid] = price
        return taken(pid, price)

    def free(self) -> Mapping[str, int]:
        """Return what could be had now without taking from anybody, in MiB by device. Takes some milliseconds.

        Pages of our own loaded models that nobody reads again count as free.
        """
        spare = {pid: spare_bytes(pid, price) for pid, price in self._running.copy().items()}
        for pid in (pid for pid, amount in spare.items() if not amount):  # ended, or nothing is left to be had
            self._running.pop(pid, None)
        free = {device.id: device.free for device in look().devices}
        free[RAM] += sum(spare.values())
        return {device: amount // _MIB for device, amount in free.items()}
