"""What the models of this node take, and whether they fit: the fit planner with settings, store and engines before it.

Example::

    desk = Fitting(settings, store)
    desk.plan(ModelSettings(model="smollm2")).line   # "It takes 0.5 GiB of ram, of which 21.4 are free."
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gateway.engines.selection import choose, wheel
from gateway.engines.shelf import BuiltEngine, EngineShelf
from gateway.fleet.fit.devices import Machine, look
from gateway.fleet.fit.memory import RAM, Wish
from gateway.fleet.fit.plan import WHEEL, Plan, plan
from gateway.fleet.fit.shape import Shape, shape_of
from gateway.house.choice import manifest_of, mode_of, wanted_for
from gateway.registry.manifest import Manifest
from gateway.registry.store import ContentStore
from gateway.settings import EngineSettings, ModelSettings, Settings

_KEPT_FREE, _LEAST_KEPT_BYTES = 0.05, 256 * 1024 * 1024
"""What models never get: a share of what is free, and of the machine's own memory at least that."""

_MOST_SLOTS = 64  # more are not looked for

_WIDE = {"avx2": "avx2", "avx512f": "avx512", "amx_int8": "amx", "asimd": "neon"}


@dataclass(frozen=True)
class Place:
    """One way to hold a model. The longest context is with the wish's slots, and no more than it was trained for; the
    most slots are with the wish's context, and no more than 64."""

    name: str  # ram, gpu
    plan: Plan
    longest_context: int
    most_slots: int
    trained_tokens: int  # the context that the model was trained for; 0: its header does not say

    @property
    def is_too_long(self) -> bool:
        """Whether more context is wished for than the model understands, whatever there is room for."""
        return 0 < self.trained_tokens < self.plan.wish.context_tokens

    @property
    def fits(self) -> bool:
        """Whether there is room, for a context that is of use."""
        return self.plan.fits and not self.is_too_long

    def line(self, model: str) -> str:
        """Say in one line what it takes, or what is missing and what would fit."""
        wished, trained = self.plan.wish.context_tokens, self.trained_tokens
        told = f"{model} was trained for {trained:,} tokens, so it understands no context of {wished:,}."
        if not self.is_too_long:
            return self.plan.line
        if self.plan.fits:
            return f"{told} It fits with context_tokens {trained}."
        most = min(self.plan.most_context, trained)
        return f"{told} {replace(self.plan, most_context=most).line}"


class Fitting:
    """Plans loads on this machine as it was when the first was asked for. Reads headers of files, hashes none."""

    def __init__(self, settings: Settings, store: ContentStore) -> None:
        self._settings = settings
        self._store = store
        self._shapes: dict[str, Shape] = {}

    @cached_property
    def machine(self) -> Machine:
        return look()

    @cached_property
    def kept_free(self) -> dict[str, int]:
        """What models never get, in bytes by device; all but ``fleet.memory_mib`` of the machine's own where set."""
        kept = {device.id: int(device.free * _KEPT_FREE) for device in self.machine.devices}
        allowed = self._settings.fleet.memory_mib * 1024 * 1024
        kept[RAM] = self.machine.ram.free - allowed if allowed else max(kept[RAM], _LEAST_KEPT_BYTES)
        return {device: max(0, amount) for device, amount in kept.items()}

    def plan(self, model: ModelSettings, **wanted: Any) -> Plan:
        """Return what a load of a model takes beside all that runs now.

        Args:
            model: as the settings have it.
            wanted: what to ask for in place of the settings, by the names of :class:`Wish`.

        Raises:
            SetupError: the model is not known, its file is not in the store, or no header of a model.
        """
        manifest = manifest_of(self._store, model.model)
        settings = wanted_for(self._settings, manifest, model)
        adapters = sum(adapter.size_bytes for adapter in self._store.adapters(manifest.name))
        wish = replace(wish_of(manifest, settings), beside_bytes=adapters, **wanted)
        return plan(
            self.shape(manifest),
            wish,
            self.machine,
            build=self.built_for,
            on_gpu=self.on_gpu,
            kept_free=self.kept_free,
            beside=self._draft(settings),
        )

    def places(self, model: ModelSettings, **wanted: Any) -> list[Place]:
        """Return how a model fits in the machine's own memory, and with GPUs where the engine can use them."""
        found = [self._place("ram", model, **{**wanted, "gpu_layers": 0})]
        if self.uses_gpus:
            found.append(self._place("gpu", model, **wanted))
        return found

    def _place(self, name: str, model: ModelSettings, **wanted: Any) -> Place:
        found = self.plan(model, **wanted)
        trained = self.trained_tokens(model)
        longest = self.plan(model, **{**wanted, "context_tokens": trained or found.wish.context_tokens}).most_context
        widest = self.plan(model, **{**wanted, "slots": _MOST_SLOTS}).most_slots
        return Place(name, found, longest, widest, trained)

    def trained_tokens(self, model: ModelSettings) -> int:
        """Return the context that a model was trained for; 0: its header does not say. Raises SetupError."""
        return self.shape(manifest_of(self._store, model.model)).trained_tokens

    def shape(self, manifest: Manifest) -> Shape:
        """Return a stored model's shape, whose header is read once. Raises SetupError."""
        if manifest.sha256 not in self._shapes:
            self._shapes[manifest.sha256] = shape_of(self._store.layout(manifest))
        return self._shapes[manifest.sha256]

    def _draft(self, wanted: EngineSettings) -> Shape | None:
        return self.shape(manifest_of(self._store, wanted.draft)) if wanted.draft else None

    @cached_property
    def _engine(self) -> BuiltEngine | None:
        """The engine that was built here and would be taken, ``None`` for the wheel's."""
        if self._settings.engine.kind in ("openai-http", "llama-cpp-python"):
            return None
        return choose(self._settings.engine.kind, EngineShelf(self._settings.data / "engines")).program.built

    @property
    def engine_name(self) -> str:
        """Which program that is, as records name it."""
        return self._engine.build if self._engine else wheel().name

    @property
    def built_for(self) -> frozenset[str]:
        """What the engine that would be taken was built for, of what processors can."""
        built = self._engine
        if built is None:
            return WHEEL
        return frozenset(_WIDE[name] for name in built.needs if name in _WIDE) if built.repack else frozenset()

    @property
    def uses_gpus(self) -> bool:
        """Whether this machine has GPUs that the engine can compute on."""
        return bool(self.machine.gpus) and self.on_gpu

    @property
    def on_gpu(self) -> bool:
        """Whether that engine can compute on GPUs at all."""
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
