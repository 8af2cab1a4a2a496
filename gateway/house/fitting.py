"""What the models of this node take, and whether they fit: the fit planner with settings, store and engines before it.

Example::

    desk = Fitting(settings, store)
    desk.plan(ModelSettings(model="smollm2")).line   # "It takes 0.5 GiB of ram, of which 21.4 are free."
"""

from __future__ import annotations

from functools import cached_property

from gateway.engines.selection import choose
from gateway.engines.shelf import BuiltEngine, EngineShelf
from gateway.fleet.fit.devices import Machine, look
from gateway.fleet.fit.memory import Wish
from gateway.fleet.fit.plan import WHEEL, Plan, plan
from gateway.fleet.fit.shape import Shape, shape_of
from gateway.house.choice import manifest_of, mode_of, wanted_for
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, ModelSettings, Settings

KEPT_FREE = 0.05
"""Share of the machine's memory that models never get."""

_WIDE = {"avx2": "avx2", "avx512f": "avx512", "amx_int8": "amx", "asimd": "neon"}


class Fitting:
    """Plans loads on this machine as it was when the first was asked for. Reads headers of files, hashes none."""

    def __init__(self, settings: Settings, store: ContentStore) -> None:
        self._settings = settings
        self._store = store

    @cached_property
    def machine(self) -> Machine:
        return look()

    @cached_property
    def kept_free(self) -> dict[str, int]:
        """What models never get, in bytes by device."""
        return {device.id: int(device.total * KEPT_FREE) for device in self.machine.devices}

    def plan(self, model: ModelSettings) -> Plan:
        """Return what a load of a model takes beside all that runs now.

        Raises:
            SetupError: the model is not known, its file is not in the store, or no header of a model.
        """
        manifest = manifest_of(self._store, model.model)
        wanted = wanted_for(self._settings, manifest, model)
        return plan(
            self.shape(manifest),
            wish_of(manifest, wanted),
            self.machine,
            build=self._built_for,
            on_gpu=self._on_gpu,
            kept_free=self.kept_free,
            beside=self._draft(wanted),
        )

    def shape(self, manifest: Manifest) -> Shape:
        """Return a stored model's shape. Raises SetupError."""
        return shape_of(self._store.layout(manifest))

    def _draft(self, wanted: EngineSettings) -> Shape | None:
        return self.shape(manifest_of(self._store, wanted.draft)) if wanted.draft else None

    @cached_property
    def _engine(self) -> BuiltEngine | None:
        """The engine that was built here and would be taken, ``None`` for the wheel's."""
        if self._settings.engine.kind in ("openai-http", "llama-cpp-python"):
            return None
        return choose(self._settings.engine.kind, EngineShelf(self._settings.data / "engines")).program.built

    @property
    def _built_for(self) -> frozenset[str]:
        built = self._engine
        if built is None:
            return WHEEL
        return frozenset(_WIDE[name] for name in built.needs if name in _WIDE) if built.repack else frozenset()

    @property
    def _on_gpu(self) -> bool:
        return bool(self._engine and self._engine.cuda)


def wish_of(manifest: Manifest, wanted: EngineSettings) -> Wish:
    """Return how an engine with these settings loads a model."""
    return Wish(
        context_tokens=wanted.context_tokens,
        slots=wanted.slots,
        batch_tokens=wanted.batch_tokens,
        cache_type=wanted.kv_type,
        flash_attention=wanted.flash_attention != "off",
        gpu_layers=wanted.gpu_layers,
        mode=mode_of(manifest),
    )
