"""What a load takes of this machine: the fleet's plan, for the registry's files, the settings and the engine."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property

from gateway.domain import Target
from gateway.engines.selection import Chosen, choose
from gateway.engines.shelf import EngineShelf
from gateway.errors import SetupError
from gateway.fleet.fit import plan as fit
from gateway.fleet.fit.devices import Machine, look
from gateway.fleet.fit.memory import RAM, Price
from gateway.fleet.fit.memory import Wish as Load
from gateway.fleet.fit.shape import Shape, shape_of
from gateway.fleet.fit.taken import taken
from gateway.fleet.life.home import LifeEngine
from gateway.house.choice import mode_of
from gateway.registry.gguf import read_layout
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, Settings

_MIB = 1024 * 1024
_KEPT_FREE, _LEAST_KEPT_MIB = 0.05, 256
"""What models never get: a share of what is free at the start, and of the machine's own memory at least that."""
_WIDTHS = {"avx2": "avx2", "avx512": "avx512", "amx": "amx", "asimd": "neon"}  # as the kernel's words begin: as ours

_log = logging.getLogger(__name__)


class Prices:
    """Prices on this machine as it was when the house opened. Takes some milliseconds for each model."""

    def __init__(self, settings: Settings, store: ContentStore) -> None:
        self._settings = settings
        self._store = store
        self._machine: Machine = look()
        self._prices: dict[str, Price] = {}  # by model
        if self._machine.problem:
            _log.warning("GPUs are not used for models: %s", self._machine.problem)

    def budget(self) -> dict[str, int]:
        """Return what all models together may take, in MiB by device."""
        free = {device.id: device.free // _MIB for device in self._machine.devices}
        budget = {device: int(amount * (1 - _KEPT_FREE)) for device, amount in free.items()}
        budget[RAM] = self._settings.fleet.memory_mib or max(0, min(budget[RAM], free[RAM] - _LEAST_KEPT_MIB))
        return budget

    def of(self, manifest: Manifest, wanted: EngineSettings) -> Mapping[str, int]:
        """Return what a load will take, in MiB by device."""
        shape = self._shape(manifest)
        if shape is None:
            return {RAM: manifest.size_bytes // _MIB}  # it will be refused by name when it is loaded
        load = Load(
            context_tokens=wanted.context_tokens,
            slots=wanted.slots,
            batch_tokens=wanted.batch_tokens,
            cache_type=wanted.kv_type,
            flash_attention=wanted.flash_attention != "off",
            gpu_layers=wanted.gpu_layers,
            mode=mode_of(manifest),
            beside_bytes=self._beside(wanted),
        )
        found = fit.plan(shape, load, self._machine, build=self._build, on_gpu=self._on_gpu)
        self._prices[manifest.name] = found.price
        return found.price.mib

    def measure(self, engine: LifeEngine, target: Target) -> Mapping[str, int]:
        """Return what an engine's process has now, in MiB by device; empty for one without its own process."""
        pid, price = getattr(engine, "pid", None), self._prices.get(target.model)
        return {} if pid is None or price is None else taken(pid, price)

    def _shape(self, manifest: Manifest) -> Shape | None:
        try:
            return shape_of(read_layout(self._settings.store / "sha256" / manifest.sha256))
        except SetupError:
            return None

    def _beside(self, wanted: EngineSettings) -> int:
        draft = self._store.find(wanted.draft) if wanted.draft else None
        return draft.size_bytes if draft else 0

    @cached_property
    def _chosen(self) -> Chosen | None:
        kind = self._settings.engine.kind
        if kind not in ("auto", "llama-server", "xllamacpp"):
            return None
        return choose(kind, EngineShelf(self._settings.data / "engines"))

    @property
    def _on_gpu(self) -> bool:
        built = self._chosen.program.built if self._chosen else None
        return built is not None and bool(built.cuda)

    @property
    def _build(self) -> frozenset[str]:
        """What the engine was built for, in the plan's words; a build without copies is built for nothing."""
        built = self._chosen.program.built if self._chosen else None
        if built is None:
            return fit.WHEEL
        if not built.repack:
            return frozenset()
        return frozenset(ours for word, ours in _WIDTHS.items() if any(need.startswith(word) for need in built.needs))


def free() -> Mapping[str, int]:
    """Return what could be had now without taking from anybody, in MiB by device. Takes some milliseconds."""
    return {device.id: device.free // _MIB for device in look().devices}
